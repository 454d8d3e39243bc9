// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/testing/samples.hpp"

#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/chains/evm/exact/client.hpp"
#include "x402/chains/evm/exact/rules.hpp"
#include "x402/chains/evm/signature.hpp"
#include "x402/chains/evm/wallet.hpp"
#include "x402/net/runtime.hpp"

namespace x402::evm::testing {
namespace {

Task<void> sign_into(Payment& payment, const Wallet& wallet, Env& env) {
    const ExactClient client;
    const json::Object told;
    auto payload = co_await client.sign(payment.requirements, wallet, told, env);
    X402_CHECK(payload.has_value());
    payment.payload.payload = std::move(*payload);
}

}  // namespace

crypto::Secret sample_key(std::uint8_t who) {
    Bytes key(32, 0x11);
    key[31] = who;
    return crypto::Secret(std::move(key));
}

std::string payer_address(std::uint8_t who) {
    return to_checksum(*address_of_key(sample_key(who)));
}

Payment make_payment(const SampleOptions& options) {
    Payment payment;
    PaymentRequirements& asked = payment.requirements;
    asked.scheme = "exact";
    asked.network = *ChainId::parse(options.network);
    asked.amount = U256(options.amount);
    asked.asset = options.asset;
    asked.pay_to = options.pay_to;
    asked.max_timeout_seconds = 300;
    asked.extra["name"] = options.name;
    asked.extra["version"] = options.version;
    payment.payload.accepted = asked;
    StillClock clock;
    const auto random = make_test_random(options.seed);
    Env env{clock, *random};
    const auto wallet = EvmWallets().from_bytes(sample_key(options.who));
    X402_CHECK(wallet.has_value());
    const Wallet& signer = **wallet;
    run([&payment, &signer, &env] { return sign_into(payment, signer, env); });
    return payment;
}

Payment sample_payment(std::uint64_t seed) {
    SampleOptions options;
    options.seed = seed;
    return make_payment(options);
}

void sign_again(Payment& payment, std::uint8_t who) {
    const auto read = read_payment(payment);
    X402_CHECK(read.has_value());
    payment.payload.payload["signature"] = to_hex0x(*sign_digest(read->digest(), sample_key(who)));
}

Address address_at(std::string_view text) {
    return *parse_wire_address(text);
}

void run(std::function<Task<void>()> start) {
    net::run_blocking(std::move(start));
}

}  // namespace x402::evm::testing
