// SPDX-License-Identifier: Apache-2.0
// What the endpoints say of one transaction, folded into one answer: whether it has landed, and
// whether it paid. Any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "x402/chains/svm/rpc.hpp"

namespace x402::svm {

struct Landing {
    bool found = false;
    // Of the endpoint that is furthest with it.
    std::uint64_t slot = 0;
    Commitment commitment = Commitment::processed;
    bool failed = false;
    // Another endpoint tells another story: another slot or outcome, or nothing although it has
    // seen that slot. So does a fork.
    bool disputed = false;
};
// Answers to a question for one signature.
Landing fold_statuses(std::span<const Result<Rpc::Statuses>> answers);

// What a transaction must have done to have paid.
struct Claim {
    Hash32 message;
    Address mint;
    std::uint64_t amount = 0;
    std::vector<Address> destinations;  // payTo's token account, or the candidates for it
};

enum class PaidState {
    paid,     // it succeeded and the amount arrived
    unpaid,   // every endpoint says that it failed, or that less arrived
    unclear,  // not told, not everywhere, or differently
};
struct PaidAnswer {
    PaidState state = PaidState::unclear;
    std::optional<LandedTransaction> transaction;  // paid and unpaid
    std::optional<U256> credited;                  // where it succeeded
};
// One endpoint's word. unclear where it is another message's, or its meta does not tell.
PaidAnswer judge_paid(const LandedTransaction& landed, const std::string& signature,
                      const Claim& claim);
// All of them together: a yes stands unless somebody says no, a no takes everybody.
PaidAnswer fold_paid(std::span<const Result<std::optional<LandedTransaction>>> answers,
                     const std::string& signature, const Claim& claim);

// Whether both speak of the same landing.
bool fits(const Landing& landing, const PaidAnswer& answer) noexcept;

// A yes of the first endpoint that has the transaction is believed; everything else is asked of
// all. `commitment`: confirmed or finalized.
Task<PaidAnswer> read_paid(Rpc& rpc, std::string signature, Commitment commitment, Claim claim);

}  // namespace x402::svm
