// SPDX-License-Identifier: Apache-2.0
// Writing the messages: known members first in the specification's order, empty optional ones left
// out, then the members that we do not know (x402 V2 5, 7).
#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/codec_detail.hpp"

namespace x402 {
namespace {

void set_if_filled(json::Object& object, std::string_view key, const std::string& value) {
    if (!value.empty()) object[key] = value;
}
void set_if_filled(json::Object& object, std::string_view key, const json::Object& value) {
    if (!value.empty()) object[key] = value;
}

json::Array write_texts(const std::vector<std::string>& texts) {
    json::Array array;
    for (const std::string& text : texts) array.emplace_back(text);
    return array;
}

bool is_hex_address(std::string_view text) {
    return text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') &&
           text.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
}

// Hex addresses name the same account in either case; base58 and role names do not.
std::string comparable(std::string_view text) {
    std::string out(text);
    if (is_hex_address(text)) {
        std::transform(out.begin(), out.end(), out.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
    }
    return out;
}

}  // namespace

json::Object write(const ResourceInfo& resource) {
    json::Object object;
    object["url"] = resource.url;
    set_if_filled(object, "description", resource.description);
    set_if_filled(object, "mimeType", resource.mime_type);
    set_if_filled(object, "serviceName", resource.service_name);
    if (!resource.tags.empty()) object["tags"] = write_texts(resource.tags);
    set_if_filled(object, "iconUrl", resource.icon_url);
    detail::append_unknown(object, resource.unknown);
    return object;
}

json::Object write(const PaymentRequirements& requirements) {
    json::Object object;
    object["scheme"] = requirements.scheme;
    object["network"] = requirements.network.text();
    object["amount"] = requirements.amount.to_decimal();
    object["asset"] = requirements.asset;
    object["payTo"] = requirements.pay_to;
    object["maxTimeoutSeconds"] = requirements.max_timeout_seconds;
    if (requirements.has_extra || !requirements.extra.empty()) object["extra"] = requirements.extra;
    detail::append_unknown(object, requirements.unknown);
    return object;
}

json::Object write(const PaymentRequired& required) {
    json::Object object;
    object["x402Version"] = kVersion2;
    set_if_filled(object, "error", required.error);
    object["resource"] = write(required.resource);
    json::Array accepts;
    for (const PaymentRequirements& offer : required.accepts) accepts.emplace_back(write(offer));
    object["accepts"] = std::move(accepts);
    set_if_filled(object, "extensions", required.extensions);
    detail::append_unknown(object, required.unknown);
    return object;
}

json::Object write(const PaymentPayload& payload) {
    json::Object object;
    object["x402Version"] = kVersion2;
    if (payload.resource) object["resource"] = write(*payload.resource);
    object["accepted"] = write(payload.accepted);
    object["payload"] = payload.payload;
    set_if_filled(object, "extensions", payload.extensions);
    detail::append_unknown(object, payload.unknown);
    return object;
}

json::Object write(const VerifyResponse& response) {
    json::Object object;
    object["isValid"] = response.is_valid;
    set_if_filled(object, "invalidReason", response.invalid_reason);
    set_if_filled(object, "invalidMessage", response.invalid_message);
    set_if_filled(object, "payer", response.payer);
    set_if_filled(object, "extra", response.extra);
    set_if_filled(object, "extensions", response.extensions);
    detail::append_unknown(object, response.unknown);
    return object;
}

json::Object write(const SettleResponse& response) {
    json::Object object;
    object["success"] = response.success;
    set_if_filled(object, "errorReason", response.error_reason);
    set_if_filled(object, "errorMessage", response.error_message);
    set_if_filled(object, "payer", response.payer);
    object["transaction"] = response.transaction;
    object["network"] = response.network.text();
    if (response.amount) object["amount"] = response.amount->to_decimal();
    set_if_filled(object, "extra", response.extra);
    set_if_filled(object, "extensions", response.extensions);
    detail::append_unknown(object, response.unknown);
    return object;
}

json::Object write(const Supported& supported) {
    json::Array kinds;
    for (const SupportedKind& kind : supported.kinds) {
        json::Object object;
        object["x402Version"] = kind.version;
        object["scheme"] = kind.scheme;
        object["network"] = kind.network_text.empty() ? kind.network.text() : kind.network_text;
        set_if_filled(object, "extra", kind.extra);
        kinds.emplace_back(std::move(object));
    }
    json::Object object;
    object["kinds"] = std::move(kinds);
    object["extensions"] = write_texts(supported.extensions);
    object["signers"] = supported.signers;
    detail::append_unknown(object, supported.unknown);
    return object;
}

std::string text_of(const PaymentPayload& payload) {
    return payload.text.empty() ? json::dump(write(payload)) : payload.text;
}

std::string write_facilitator_request(const FacilitatorRequest& request) {
    // Version 1 has other shapes, which version.hpp writes because it knows the short names of
    // networks.
    X402_CHECK(request.version == kVersion2 || !request.payload.text.empty());
    X402_CHECK(request.version == kVersion2 || !request.requirements_text.empty());
    std::string text = R"({"x402Version":)" + std::to_string(request.version);
    text += R"(,"paymentPayload":)" + text_of(request.payload);
    text += R"(,"paymentRequirements":)";
    text += request.requirements_text.empty() ? json::dump(write(request.requirements))
                                              : request.requirements_text;
    text += '}';
    return text;
}

bool same_terms(const PaymentRequirements& left, const PaymentRequirements& right) {
    return left.amount == right.amount && left.scheme == right.scheme &&
           left.network == right.network && comparable(left.asset) == comparable(right.asset) &&
           comparable(left.pay_to) == comparable(right.pay_to);
}

// A JSON array: no text of a peer can pose as two members.
std::string terms_text(const PaymentRequirements& requirements) {
    json::Array terms;
    terms.emplace_back(requirements.scheme);
    terms.emplace_back(requirements.network.text());
    terms.emplace_back(comparable(requirements.asset));
    terms.emplace_back(comparable(requirements.pay_to));
    terms.emplace_back(requirements.amount.to_decimal());
    return json::dump(json::Value(std::move(terms)));
}

}  // namespace x402
