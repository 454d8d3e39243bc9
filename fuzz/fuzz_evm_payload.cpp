// SPDX-License-Identifier: Apache-2.0
// The payload of exact on EVM networks: whatever it is, it is read or refused with a code; what is
// read comes back, and its key is lower case and URL-safe.
#include "x402/base/check.hpp"
#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/exact/rules.hpp"

namespace {

x402::Payment payment_with(x402::json::Object payload) {
    x402::Payment payment;
    x402::PaymentRequirements& asked = payment.requirements;
    asked.scheme = "exact";
    asked.network = *x402::ChainId::parse("eip155:84532");
    asked.amount = x402::U256(10'000);
    asked.asset = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
    asked.pay_to = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
    asked.max_timeout_seconds = 300;
    asked.extra["name"] = "USDC";
    asked.extra["version"] = "2";
    payment.payload.accepted = asked;
    payment.payload.payload = std::move(payload);
    return payment;
}

bool is_key_text(std::string_view text) {
    for (const char c : text) {
        const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '~';
        if (!fits) return false;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace x402::evm;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    auto object = x402::json::parse_object(text);
    if (!object) return 0;
    if (const auto action = read_action(*object))
        X402_CHECK(read_action(write(*action)).has_value());
    static_cast<void>(read_proof(*object));
    const x402::Payment payment = payment_with(std::move(*object));
    const auto read = read_payment(payment);
    if (!read) {
        X402_CHECK(!read.error().code.empty());
        return 0;
    }
    const auto again = read_transfer_payload(write(read->payload));
    X402_CHECK(again.has_value() && write(*again) == write(read->payload));
    X402_CHECK(is_key_text(key_of(*read).value()));
    static_cast<void>(read->digest());
    static_cast<void>(check_signed(*read, payment, x402::from_unix_s(1'800'000'000)));
    return 0;
}
