// SPDX-License-Identifier: Apache-2.0
// Version 1 and requests to a facilitator of either version: what is read is sent on byte for byte
// and keeps its terms in the other spelling.
#include "x402/base/check.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/version.hpp"

namespace {

using namespace x402;

NetworkNames names() {
    NetworkNames out;
    out.to_chain = [](std::string_view name) -> std::optional<ChainId> {
        if (name != "base-sepolia") return std::nullopt;
        return *ChainId::parse("eip155:84532");
    };
    out.to_v1_name = [](const ChainId& id) -> std::optional<std::string> {
        if (id.text() != "eip155:84532") return std::nullopt;
        return "base-sepolia";
    };
    return out;
}

void check_request(std::string_view text) {
    const auto request = read_facilitator_request(text, names());
    if (!request) return;
    const std::string wrote = write_facilitator_request(*request);
    const auto again = read_facilitator_request(wrote, names());
    X402_CHECK(again.has_value());
    X402_CHECK(again->version == request->version && again->payload.text == request->payload.text);
    X402_CHECK(again->requirements_text == request->requirements_text);
    X402_CHECK(same_terms(again->requirements, request->requirements));
    X402_CHECK(write_facilitator_request(*again) == wrote);
}

void check_required(std::string_view text) {
    const auto required = read_payment_required_v1(text, names());
    if (!required) return;
    for (const PaymentRequirements& offer : required->accepts) {
        const auto wrote = write_requirements_v1(offer, required->resource, names());
        if (!wrote) continue;
        json::Object body;
        body["x402Version"] = 1;
        body["accepts"] = json::Array{*wrote};
        const auto again = read_payment_required_v1(json::dump(body), names());
        X402_CHECK(again && again->accepts.size() == 1 && same_terms(again->accepts[0], offer));
    }
}

void check_settlement(std::string_view text) {
    const auto response = read_settle_response_v1(text, names());
    if (!response) return;
    const auto wrote = write_settle_response_v1(*response, names());
    if (!wrote) return;
    const auto again = read_settle_response_v1(json::dump(*wrote), names());
    X402_CHECK(again && again->success == response->success && again->network == response->network);
    X402_CHECK(again->transaction == response->transaction && again->amount == response->amount);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_request(text);
    check_required(text);
    check_settlement(text);
    if (const auto network = network_of_v1_payment(text, names())) {
        PaymentRequirements accepted;
        accepted.scheme = "exact";
        accepted.network = *network;
        const auto payment = read_payment_payload_v1(text, accepted, names());
        X402_CHECK(!payment || (payment->text == text && payment->version == kVersion1));
    }
    return 0;
}
