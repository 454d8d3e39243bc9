// SPDX-License-Identifier: Apache-2.0
// Reading the messages of version 2. What a peer may leave out is read as absent; what it sends is
// of the right type or an error that names the member (x402 V2 5, 7). Writing is in
// codec_write.cpp.
#include "x402/protocol/codec.hpp"

#include <array>
#include <limits>

#include "x402/protocol/codec_detail.hpp"

namespace x402 {
namespace {

using detail::join_path;
using detail::members_beside;
using detail::read_optional;
using detail::read_optional_object;
using Names = std::string_view;

constexpr std::array<Names, 6> kResourceMembers = {"url",         "description", "mimeType",
                                                   "serviceName", "tags",        "iconUrl"};
constexpr std::array<Names, 7> kRequirementsMembers = {
    "scheme", "network", "amount", "asset", "payTo", "maxTimeoutSeconds", "extra"};
constexpr std::array<Names, 5> kRequiredMembers = {"x402Version", "error", "resource", "accepts",
                                                   "extensions"};
constexpr std::array<Names, 5> kPayloadMembers = {"x402Version", "resource", "accepted", "payload",
                                                  "extensions"};
constexpr std::array<Names, 6> kVerifyMembers = {"isValid", "invalidReason", "invalidMessage",
                                                 "payer",   "extra",         "extensions"};
constexpr std::array<Names, 3> kSupportedMembers = {"kinds", "extensions", "signers"};

Result<std::vector<std::string>> read_texts(const json::Object& object, Names key, Names path) {
    std::vector<std::string> texts;
    if (json::find(object, key) == nullptr) return texts;
    X402_TRY(const json::Array values, json::get_array(object, key, path));
    for (const auto& value : values) {
        const auto* text = value.if_string();
        if (text == nullptr)
            return fail_field(Errc::invalid, join_path(path, key), "expected an array of strings");
        texts.emplace_back(text->data(), text->size());
    }
    return texts;
}

Result<ResourceInfo> read_resource(const json::Object& object, Names path) {
    ResourceInfo resource;
    X402_TRY(resource.url, read_optional(object, "url", path));
    X402_TRY(resource.description, read_optional(object, "description", path));
    X402_TRY(resource.mime_type, read_optional(object, "mimeType", path));
    X402_TRY(resource.service_name, read_optional(object, "serviceName", path));
    X402_TRY(resource.tags, read_texts(object, "tags", path));
    X402_TRY(resource.icon_url, read_optional(object, "iconUrl", path));
    resource.unknown = members_beside(object, kResourceMembers);
    return resource;
}

Result<void> demand_version2(const json::Object& object) {
    X402_TRY(const std::int64_t version, json::get_int(object, "x402Version"));
    if (version != kVersion2) return detail::wrong_version({}, version, kVersion2);
    return {};
}

Result<SupportedKind> read_kind(const json::Object& object, Names path) {
    SupportedKind kind;
    X402_TRY(const std::int64_t version, json::get_int(object, "x402Version", path));
    if (version < 0 || version > std::numeric_limits<int>::max()) {
        return fail_field(Errc::invalid, join_path(path, "x402Version"), "out of range");
    }
    kind.version = static_cast<int>(version);
    X402_TRY(kind.scheme, detail::read_filled(object, "scheme", path));
    X402_TRY(kind.network_text, detail::read_filled(object, "network", path));
    // A short name of version 1 stays text here; the caller who knows the names maps it.
    if (auto network = ChainId::parse(kind.network_text)) kind.network = std::move(*network);
    X402_TRY(kind.extra, read_optional_object(object, "extra", path));
    return kind;
}

Result<ChainId> parse_network(std::string_view text) {
    return ChainId::parse(text);
}

}  // namespace

Result<PaymentRequirements> read_requirements(const json::Object& object, std::string_view path) {
    X402_TRY(PaymentRequirements terms, detail::read_common_terms(object, path));
    X402_TRY(const std::string network, json::get_string(object, "network", path));
    auto id = ChainId::parse(network);
    if (!id) return detail::fail_under(join_path(path, "network"), std::move(id).error());
    terms.network = std::move(*id);
    X402_TRY(terms.amount, detail::read_amount(object, "amount", path));
    terms.unknown = members_beside(object, kRequirementsMembers);
    return terms;
}

Result<PaymentRequired> read_payment_required(std::string_view text) {
    X402_TRY(const json::Object object, json::parse_object(text));
    X402_TRY_VOID(demand_version2(object));
    PaymentRequired required;
    X402_TRY(required.error, read_optional(object, "error", {}));
    X402_TRY(const json::Object resource, read_optional_object(object, "resource", {}));
    X402_TRY(required.resource, read_resource(resource, "resource"));
    X402_TRY_VOID(detail::read_offers(object, required, read_requirements));
    X402_TRY(required.extensions, read_optional_object(object, "extensions", {}));
    required.unknown = members_beside(object, kRequiredMembers);
    return required;
}

Result<PaymentPayload> read_payment_payload(std::string_view text) {
    X402_TRY(const json::Object object, json::parse_object(text));
    X402_TRY_VOID(demand_version2(object));
    PaymentPayload payload;
    X402_TRY(const auto resource, json::opt_object(object, "resource"));
    if (resource) {
        X402_TRY(payload.resource, read_resource(*resource, "resource"));
    }
    X402_TRY(const json::Object accepted, json::get_object(object, "accepted"));
    X402_TRY(payload.accepted, read_requirements(accepted, "accepted"));
    X402_TRY(payload.payload, json::get_object(object, "payload"));
    X402_TRY(payload.extensions, read_optional_object(object, "extensions", {}));
    payload.unknown = members_beside(object, kPayloadMembers);
    const auto accepted_text = json::raw_member(text, "accepted");
    if (!accepted_text)
        return fail_field(Errc::invalid, "accepted", "could not be found in the text");
    payload.text = text;
    payload.accepted_text = *accepted_text;
    return payload;
}

Result<VerifyResponse> read_verify_response(std::string_view text) {
    X402_TRY(const json::Object object, json::parse_object(text));
    VerifyResponse response;
    X402_TRY(response.is_valid, json::get_bool(object, "isValid"));
    X402_TRY(response.invalid_reason, read_optional(object, "invalidReason", {}));
    X402_TRY(response.invalid_message, read_optional(object, "invalidMessage", {}));
    X402_TRY(response.payer, read_optional(object, "payer", {}));
    X402_TRY(response.extra, read_optional_object(object, "extra", {}));
    X402_TRY(response.extensions, read_optional_object(object, "extensions", {}));
    response.unknown = members_beside(object, kVerifyMembers);
    return response;
}

Result<SettleResponse> read_settle_response(std::string_view text) {
    X402_TRY(const json::Object object, json::parse_object(text));
    return detail::read_settle(object, parse_network);
}

Result<Supported> read_supported(std::string_view text) {
    X402_TRY(const json::Object object, json::parse_object(text));
    Supported supported;
    X402_TRY(const json::Array kinds, json::get_array(object, "kinds"));
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const std::string path = "kinds[" + std::to_string(i) + "]";
        const auto* kind = kinds[i].if_object();
        if (kind == nullptr) return fail_field(Errc::invalid, path, "expected an object");
        X402_TRY(SupportedKind read, read_kind(*kind, path));
        supported.kinds.push_back(std::move(read));
    }
    X402_TRY(supported.extensions, read_texts(object, "extensions", {}));
    X402_TRY(supported.signers, read_optional_object(object, "signers", {}));
    supported.unknown = members_beside(object, kSupportedMembers);
    return supported;
}

}  // namespace x402
