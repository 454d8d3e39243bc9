// SPDX-License-Identifier: Apache-2.0
// For tests of this folder: keys, a mint, a clock that stands still, a payment that is right, and a
// way to run a coroutine. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "x402/base/check.hpp"
#include "x402/base/env.hpp"
#include "x402/chains/svm/instructions.hpp"
#include "x402/crypto/secret.hpp"
#include "x402/schemes/payment.hpp"

namespace x402::svm::testing {

inline constexpr std::string_view kDevnet = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1";
inline constexpr std::string_view kUsdc = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU";
inline constexpr Instant kNow{std::chrono::seconds{1'800'000'000}};

// Who holds which sample key.
inline constexpr std::uint8_t kPayer = 1;
inline constexpr std::uint8_t kPayee = 2;
inline constexpr std::uint8_t kStranger = 3;
inline constexpr std::uint8_t kFeePayer = 0x80;  // the first signer; the next ones follow it

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

crypto::Secret sample_seed(std::uint8_t who = kPayer);
Address sample_address(std::uint8_t who = kPayer);
Address address_at(std::string_view text);

struct SampleOptions {
    std::uint8_t who = kPayer;  // owns the source and signs
    std::uint8_t fee_payer = kFeePayer;
    std::uint64_t amount = 10'000;
    std::uint8_t decimals = 6;
    Address mint = address_at(kUsdc);
    Address token_program;  // zero: SPL Token
    Address pay_to = sample_address(kPayee);
    Hash32 blockhash;  // of FakeCluster
    std::string memo = "00112233445566778899aabbccddeeff";
    std::uint32_t units = 20'000;
    std::uint64_t price = 1;
};
TransferChecked sample_transfer(const SampleOptions& options);
// Compute limit, compute price, transfer, memo.
std::vector<Instruction> sample_instructions(const SampleOptions& options);
// Signed by `who` where it is a signer of the message; other signatures stay zero.
Transaction sign_as(Transaction transaction, std::uint8_t who);
Transaction sample_transaction(const SampleOptions& options);
// Requirements and a payload around that transaction; extra.feePayer is the sample's.
Payment payment_of(const Transaction& transaction, const SampleOptions& options);
Payment sample_payment(const SampleOptions& options);

void run(std::function<Task<void>()> start);

// The coroutine lives until `out` has its answer; both outlive it.
template <class T>
Task<void> into(std::shared_ptr<Task<T>> task, std::optional<T>& out) {
    out.emplace(co_await std::move(*task));
}
// Runs a coroutine to its end: wait_for(rpc.height(Commitment::finalized)).
template <class T>
T wait_for(Task<T> task) {
    std::optional<T> out;
    auto shared = std::make_shared<Task<T>>(std::move(task));
    run([&out, shared] { return into(shared, out); });
    X402_CHECK(out.has_value());
    return std::move(*out);
}

}  // namespace x402::svm::testing
