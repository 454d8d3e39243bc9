// SPDX-License-Identifier: Apache-2.0
// For tests of this folder: a payer, a payment that is right, a clock that stands still, and a way
// to run a coroutine. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "x402/base/env.hpp"
#include "x402/chains/evm/address.hpp"
#include "x402/crypto/secret.hpp"
#include "x402/schemes/payment.hpp"

namespace x402::evm::testing {

inline constexpr std::string_view kToken = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
inline constexpr std::string_view kPayee = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
inline constexpr std::string_view kStranger = "0x00000000000000000000000000000000000000AA";
inline constexpr Instant kNow{std::chrono::seconds{1'800'000'000}};

using Change = void (*)(Payment&);

class StillClock final : public Clock {
public:
    Instant now() const override { return at; }
    Duration steady() const override { return at.time_since_epoch(); }
    Task<bool> sleep(Duration pause) override {
        at += pause;
        co_return true;
    }
    Instant at = kNow;
};

// `who` chooses the key: 1 is the usual payer.
crypto::Secret sample_key(std::uint8_t who = 1);
std::string payer_address(std::uint8_t who = 1);

struct SampleOptions {
    std::uint64_t seed = 7;  // of the nonce
    std::uint8_t who = 1;
    std::uint64_t amount = 10'000;
    std::string name = "USDC";
    std::string version = "2";
    std::string asset = std::string(kToken);
    std::string network = "eip155:84532";
    std::string pay_to = std::string(kPayee);
};
Payment make_payment(const SampleOptions& options);
Payment sample_payment(std::uint64_t seed = 7);
// Signs anew what the payload says now, with that key.
void sign_again(Payment& payment, std::uint8_t who = 1);

Address address_at(std::string_view text);
void run(std::function<Task<void>()> start);

}  // namespace x402::evm::testing
