// SPDX-License-Identifier: Apache-2.0
#include "x402/transports/http/payment_http.hpp"

#include <algorithm>
#include <array>

#include "x402/base/base64.hpp"
#include "x402/base/limits.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"

namespace x402::transports {
namespace {

constexpr std::array<std::string_view, 8> kLayerHeaders = {
    headers::kPaymentSignature,    headers::kPaymentV1,         headers::kPaymentRequired,
    headers::kPaymentResponse,     headers::kPaymentResponseV1, headers::kSignInWithX,
    headers::kSettlementOverrides, headers::kExtensionResponses};
// The second is how people write the first.
constexpr std::array<std::string_view, 2> kOwnPrefixes = {"X402-", "X-402-"};

constexpr char folded(char c) noexcept {
    if (c == '_') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool same_folded(std::string_view left, std::string_view right) noexcept {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char a, char b) { return folded(a) == folded(b); });
}

// Our own words about the error; what the client wrote is not repeated.
Refusal refusal_of(const Error& error, Reason otherwise) {
    Reason reason = otherwise;
    if (error.code == Errc::too_large) reason = Reason::payload_too_large;
    if (error.code == Errc::unsupported && error.field.ends_with("x402Version"))
        reason = Reason::invalid_x402_version;
    if (error.code == Errc::unsupported && error.field.ends_with("network"))
        reason = Reason::invalid_network;
    Refusal refusal = refuse(reason, {error.field, {}, {}});
    if (!error.next.empty()) refusal.next = error.next;
    return refusal;
}

RequestPayment read_v2(std::string_view value) {
    auto payload = headers::decode_payment(value);
    if (!payload) return refusal_of(payload.error(), Reason::malformed_payment);
    return std::move(*payload);
}

Result<PaymentV1> read_v1(std::string_view value, const NetworkNames& names) {
    PaymentV1 payment;
    X402_TRY(payment.text, headers::decode_text(value));
    X402_TRY(payment.network, network_of_v1_payment(payment.text, names));
    X402_TRY(const json::Object object, json::parse_object(payment.text));
    X402_TRY(payment.scheme, json::get_string(object, "scheme"));
    X402_TRY(const json::Object scheme_payload, json::get_object(object, "payload"));
    if (scheme_payload.empty()) return fail_field(Errc::invalid, "payload", "must not be empty");
    return payment;
}

Result<PaymentRequired> read_required_body(std::string_view body, const NetworkNames& names) {
    const auto object = json::parse_object(body);
    if (!object)
        return fail(Errc::not_found,
                    "the answer has no PAYMENT-REQUIRED header and no JSON object as body");
    if (json::find(*object, "x402Version") == nullptr) {
        return fail(Errc::not_found,
                    "the answer has no PAYMENT-REQUIRED header and its body no x402Version");
    }
    X402_TRY(const std::int64_t version, json::get_int(*object, "x402Version"));
    if (version == kVersion1) return read_payment_required_v1(body, names);
    return read_payment_required(body);
}

Result<std::optional<SettleResponse>> read_settlement_header(const net::Headers& all,
                                                             std::string_view name,
                                                             const NetworkNames& names) {
    const std::size_t count = all.count(name);
    if (count == 0) return std::optional<SettleResponse>{};
    if (count > 1)
        return fail(Errc::invalid, "the answer has more than one " + std::string(name) + " header");
    X402_TRY(const std::string text, headers::decode_text(all.get(name)));
    X402_TRY(SettleResponse response, read_settle_response_v1(text, names));
    return std::optional<SettleResponse>(std::move(response));
}

}  // namespace

RequestPayment read_request_payment(const net::Headers& all, const NetworkNames& names) {
    const std::size_t v2 = all.count(headers::kPaymentSignature);
    const std::size_t v1 = all.count(headers::kPaymentV1);
    if (v1 + v2 == 0) return std::monostate{};
    if (v1 + v2 > 1) return refuse(Reason::ambiguous_payment);
    const std::string_view value =
        all.get(v2 == 1 ? headers::kPaymentSignature : headers::kPaymentV1);
    // A proxy may have joined two headers into a list (RFC 9110 5.3); base64 has no comma of its
    // own.
    if (value.size() <= limits::kHeaderBytes && value.find(',') != std::string_view::npos) {
        return refuse(Reason::ambiguous_payment);
    }
    if (v2 == 1) return read_v2(value);
    auto payment = read_v1(value, names);
    if (!payment) return refusal_of(payment.error(), Reason::malformed_payment);
    return std::move(*payment);
}

void explain(PaymentRequired& required, const Refusal& refusal) {
    required.error = refusal.code;
    required.unknown["refusal"] = write(refusal);
}

Result<std::string> required_header(const PaymentRequired& required) {
    std::string value = headers::encode(write(required));
    if (value.size() > limits::kRequiredHeaderBytes) {
        return fail_field(
            Errc::too_large, "accepts",
            "the PAYMENT-REQUIRED header would have " + std::to_string(value.size()) + " bytes",
            "offer fewer ways to pay, or shorten the description and the extensions");
    }
    return value;
}

std::string required_body(const PaymentRequired& required) {
    return json::dump(write(required));
}

Result<std::string> required_body_v1(const PaymentRequired& required, const NetworkNames& names) {
    json::Array accepts;
    for (const PaymentRequirements& offer : required.accepts) {
        if (auto wrote = write_requirements_v1(offer, required.resource, names)) {
            accepts.emplace_back(std::move(*wrote));
        }
    }
    if (accepts.empty()) {
        return fail_field(Errc::unsupported, "accepts", "no offer can be said in version 1");
    }
    json::Object object;
    object["x402Version"] = kVersion1;
    object["error"] = required.error;
    object["accepts"] = std::move(accepts);
    if (const auto* refusal = required.unknown.if_contains("refusal")) object["refusal"] = *refusal;
    return json::dump(object);
}

std::string refusal_body(const Refusal& refusal) {
    json::Object object;
    object["error"] = write(refusal);
    return json::dump(object);
}

Result<void> set_settlement(net::Headers& to, const SettleResponse& response, int version,
                            const NetworkNames& names) {
    if (version == kVersion1) {
        X402_TRY(const json::Object object, write_settle_response_v1(response, names));
        to.set(std::string(headers::kPaymentResponseV1), headers::encode(object));
    } else {
        to.set(std::string(headers::kPaymentResponse), headers::encode(write(response)));
    }
    return {};
}

bool is_payment_layer_header(std::string_view name) noexcept {
    const bool own =
        std::any_of(kOwnPrefixes.begin(), kOwnPrefixes.end(), [&](std::string_view prefix) {
            return same_folded(name.substr(0, prefix.size()), prefix);
        });
    if (own) return true;
    return std::any_of(kLayerHeaders.begin(), kLayerHeaders.end(),
                       [&](std::string_view known) { return same_folded(name, known); });
}

void strip_payment_layer_headers(net::Headers& all) {
    std::erase_if(all.list(),
                  [](const net::Header& header) { return is_payment_layer_header(header.name); });
}

Result<PaymentRequired> read_required(const net::Headers& all, std::string_view body,
                                      const NetworkNames& names) {
    const std::size_t count = all.count(headers::kPaymentRequired);
    if (count > 1)
        return fail(Errc::invalid, "the answer has more than one PAYMENT-REQUIRED header");
    if (count == 1) return headers::decode_required(all.get(headers::kPaymentRequired));
    return read_required_body(body, names);
}

Result<std::optional<SettleResponse>> read_settlement(const net::Headers& all,
                                                      const NetworkNames& names) {
    X402_TRY(auto settlement, read_settlement_header(all, headers::kPaymentResponse, names));
    if (settlement) return settlement;
    return read_settlement_header(all, headers::kPaymentResponseV1, names);
}

Result<void> set_payment(net::Headers& to, const PaymentPayload& payment,
                         const NetworkNames& names) {
    std::string text = payment.text;
    if (text.empty() && payment.version == kVersion1) {
        X402_TRY(const json::Object object, write_payment_payload_v1(payment, names));
        text = json::dump(object);
    }
    if (text.empty()) text = text_of(payment);
    std::string value = base64_encode(as_bytes(text));
    if (value.size() > limits::kPaymentHeaderBytes) {
        return fail(Errc::too_large,
                    "the payment header would have " + std::to_string(value.size()) + " bytes");
    }
    const bool first = payment.version == kVersion1;
    to.remove(headers::kPaymentSignature);
    to.remove(headers::kPaymentV1);
    to.set(std::string(first ? headers::kPaymentV1 : headers::kPaymentSignature), std::move(value));
    return {};
}

}  // namespace x402::transports
