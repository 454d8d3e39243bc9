// SPDX-License-Identifier: Apache-2.0
#include "x402/protocol/headers.hpp"

#include "x402/base/base64.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/utf8.hpp"
#include "x402/protocol/codec.hpp"

namespace x402::headers {

std::string encode(const json::Object& object) {
    return base64_encode(as_bytes(json::dump(object)));
}

Result<std::string> decode_text(std::string_view value) {
    if (value.size() > limits::kPaymentHeaderBytes) {
        return fail(Errc::too_large, "the header is larger than " +
                                         std::to_string(limits::kPaymentHeaderBytes) + " bytes");
    }
    if (value.empty()) return fail(Errc::invalid, "the header is empty");
    auto bytes = base64_decode(value, limits::kPaymentHeaderBytes);
    if (!bytes) return fail(Errc::invalid, "the header is not base64 (RFC 4648 section 4)");
    std::string text(as_text(*bytes));
    if (!is_utf8(text)) return fail(Errc::invalid, "the header does not hold UTF-8 text");
    return text;
}

Result<PaymentRequired> decode_required(std::string_view value) {
    X402_TRY(const std::string text, decode_text(value));
    return read_payment_required(text);
}

Result<PaymentPayload> decode_payment(std::string_view value) {
    X402_TRY(const std::string text, decode_text(value));
    return read_payment_payload(text);
}

Result<SettleResponse> decode_settlement(std::string_view value) {
    X402_TRY(const std::string text, decode_text(value));
    return read_settle_response(text);
}

}  // namespace x402::headers
