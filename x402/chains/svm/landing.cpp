// SPDX-License-Identifier: Apache-2.0
// What was paid is told as soon as one endpoint shows it, as everything else that a node says is
// believed; that it was not paid ends a payment, so it is nobody's word alone.
#include "x402/chains/svm/landing.hpp"

#include <algorithm>

#include "x402/base/base58.hpp"

namespace x402::svm {
namespace {

using Answer = Result<Rpc::Statuses>;

const SignatureStatus* status_in(const Answer& answer) {
    if (!answer || answer->value.size() != 1 || !answer->value.front()) return nullptr;
    return &*answer->value.front();
}

bool tells_otherwise(const Answer& answer, const SignatureStatus& best) {
    if (!answer) return false;
    const SignatureStatus* status = status_in(answer);
    if (status == nullptr) return answer->slot >= best.slot;
    return status->slot != best.slot || status->failed != best.failed;
}

// The bytes are the fee payer's signed message, whoever brings them.
bool is_it(const LandedTransaction& landed, const std::string& signature, const Claim& claim) {
    const Transaction& transaction = landed.transaction;
    if (transaction.signatures.empty() || message_hash(transaction) != claim.message) return false;
    return to_base58(transaction.signatures.front().view()) == signature;
}

// The most that arrived in one of the candidates; nothing where that is not told.
std::optional<U256> credited(const LandedTransaction& landed, const Claim& claim) {
    std::optional<U256> most;
    bool untold = false;
    for (const Address& destination : claim.destinations) {
        const auto one = landed.credited(destination, claim.mint);
        untold = untold || !one;
        if (one) most = std::max(most.value_or(U256{}), *one);
    }
    if (most && *most >= U256(claim.amount)) return most;
    return untold ? std::nullopt : most;
}

}  // namespace

Landing fold_statuses(std::span<const Answer> answers) {
    const SignatureStatus* best = nullptr;
    for (const Answer& answer : answers) {
        const SignatureStatus* status = status_in(answer);
        if (status == nullptr) continue;
        if (best == nullptr || status->confirmed > best->confirmed) best = status;
    }
    Landing landing;
    if (best == nullptr) return landing;
    landing.found = true;
    landing.slot = best->slot;
    landing.commitment = best->confirmed;
    landing.failed = best->failed;
    landing.disputed = std::any_of(answers.begin(), answers.end(), [best](const Answer& answer) {
        return tells_otherwise(answer, *best);
    });
    return landing;
}

PaidAnswer judge_paid(const LandedTransaction& landed, const std::string& signature,
                      const Claim& claim) {
    PaidAnswer answer;
    if (!is_it(landed, signature, claim)) return answer;
    if (!landed.failed) {
        answer.credited = credited(landed, claim);
        if (!answer.credited) return answer;
    }
    const bool paid = answer.credited && *answer.credited >= U256(claim.amount);
    answer.state = paid ? PaidState::paid : PaidState::unpaid;
    answer.transaction = landed;
    return answer;
}

PaidAnswer fold_paid(std::span<const Result<std::optional<LandedTransaction>>> answers,
                     const std::string& signature, const Claim& claim) {
    std::optional<PaidAnswer> yes;
    std::optional<PaidAnswer> no;
    bool all = !answers.empty();
    for (const auto& each : answers) {
        PaidAnswer word;
        if (each && *each) word = judge_paid(**each, signature, claim);
        if (word.state == PaidState::paid && !yes) yes = word;
        if (word.state == PaidState::unpaid && !no) no = word;
        all = all && word.state != PaidState::unclear;
    }
    if (yes && !no) return std::move(*yes);
    if (no && !yes && all) return std::move(*no);
    return PaidAnswer{};
}

bool fits(const Landing& landing, const PaidAnswer& answer) noexcept {
    return answer.transaction && answer.transaction->slot == landing.slot &&
           answer.transaction->failed == landing.failed;
}

Task<PaidAnswer> read_paid(Rpc& rpc, std::string signature, Commitment commitment, Claim claim) {
    const auto first = co_await rpc.transaction(signature, commitment);
    if (first && *first) {
        PaidAnswer word = judge_paid(**first, signature, claim);
        if (word.state == PaidState::paid) co_return word;
    }
    const auto all = co_await rpc.transaction_all(signature, commitment);
    co_return fold_paid(all, signature, claim);
}

}  // namespace x402::svm
