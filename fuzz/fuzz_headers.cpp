// SPDX-License-Identifier: Apache-2.0
// Payment headers from a stranger. Each line of the input is "name: value"; whatever they are, the
// answer is one of four, a second payment header is never overlooked, and what was decoded encodes
// back to the same text.
#include "x402/base/base64.hpp"
#include "x402/base/check.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/transports/http/payment_http.hpp"
#include "x402/transports/http/retry_after.hpp"

namespace {

using namespace x402;

NetworkNames names() {
    NetworkNames out;
    out.to_chain = [](std::string_view name) -> std::optional<ChainId> {
        if (name != "base-sepolia") return std::nullopt;
        return *ChainId::parse("eip155:84532");
    };
    out.to_v1_name = [](const ChainId&) -> std::optional<std::string> { return "base-sepolia"; };
    return out;
}

net::Headers headers_of(std::string_view text) {
    net::Headers out;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        const auto colon = std::min(line.find(": "), line.size());
        out.add(std::string(line.substr(0, colon)),
                std::string(line.substr(std::min(colon + 2, line.size()))));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

void check_request(const net::Headers& headers) {
    const auto got = transports::read_request_payment(headers, names());
    const auto count =
        headers.count(headers::kPaymentSignature) + headers.count(headers::kPaymentV1);
    X402_CHECK(std::holds_alternative<std::monostate>(got) == (count == 0));
    X402_CHECK(count < 2 || std::holds_alternative<Refusal>(got));
    if (const auto* refusal = std::get_if<Refusal>(&got)) {
        X402_CHECK(refusal->http_status >= 400 && refusal->http_status < 500 &&
                   !refusal->code.empty());
    }
    if (const auto* payment = std::get_if<PaymentPayload>(&got)) {
        net::Headers again;
        X402_CHECK(transports::set_payment(again, *payment, names()).has_value());
        const auto back = transports::read_request_payment(again, names());
        X402_CHECK(std::get<PaymentPayload>(back).text == payment->text);
    }
}

void check_value(std::string_view value) {
    const auto text = headers::decode_text(value);
    static_cast<void>(transports::parse_retry_after(value, from_unix_s(1'700'000'000)));
    if (!text) {
        X402_CHECK(!headers::decode_payment(value) && !headers::decode_required(value) &&
                   !headers::decode_settlement(value));
        return;
    }
    const auto again = headers::decode_text(base64_encode(as_bytes(*text)));
    X402_CHECK(again && *again == *text);
    static_cast<void>(headers::decode_payment(value));
    static_cast<void>(headers::decode_required(value));
    static_cast<void>(headers::decode_settlement(value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    net::Headers headers = headers_of({reinterpret_cast<const char*>(data), size});
    check_request(headers);
    static_cast<void>(transports::read_required(headers, "", names()));
    static_cast<void>(transports::read_settlement(headers, names()));
    for (const auto& header : headers.list()) check_value(header.value);
    transports::strip_payment_layer_headers(headers);
    for (const auto& header : headers.list())
        X402_CHECK(!transports::is_payment_layer_header(header.name));
    X402_CHECK(!headers.has(headers::kPaymentSignature) && !headers.has(headers::kPaymentV1));
    return 0;
}
