// SPDX-License-Identifier: Apache-2.0
// The HTTP headers of the protocol (transports spec, HTTP): names, and base64 of JSON. Sizes are
// capped before decoding. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "x402/protocol/types.hpp"

namespace x402::headers {

inline constexpr std::string_view kPaymentRequired = "PAYMENT-REQUIRED";
inline constexpr std::string_view kPaymentSignature = "PAYMENT-SIGNATURE";
inline constexpr std::string_view kPaymentResponse = "PAYMENT-RESPONSE";
inline constexpr std::string_view kPaymentV1 = "X-PAYMENT";
inline constexpr std::string_view kPaymentResponseV1 = "X-PAYMENT-RESPONSE";
inline constexpr std::string_view kSignInWithX = "SIGN-IN-WITH-X";
inline constexpr std::string_view kSettlementOverrides = "Settlement-Overrides";
inline constexpr std::string_view kExtensionResponses = "EXTENSION-RESPONSES";
inline constexpr std::string_view kPaymentKey = "X402-Payment-Key";

std::string encode(const json::Object& object);
// The JSON text inside: base64 (padding optional), valid UTF-8, at most kPaymentHeaderBytes of
// header text.
Result<std::string> decode_text(std::string_view value);

Result<PaymentRequired> decode_required(std::string_view value);
Result<PaymentPayload> decode_payment(std::string_view value);
Result<SettleResponse> decode_settlement(std::string_view value);

}  // namespace x402::headers
