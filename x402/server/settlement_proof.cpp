// SPDX-License-Identifier: Apache-2.0
// Proof of a settlement: of one that was lost sight of, and of each where the facilitator's word is
// not enough. What it is worth is decided in grant_fsm.hpp. See settlement.hpp.
#include "x402/base/log.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/server/settlement.hpp"

namespace x402::server {
namespace {

using store::GrantChange;
using store::GrantState;

// No transaction is that long; a liar's may be.
constexpr std::size_t kShown = 120;

}  // namespace

// In the facilitator's words where it said so itself, but with the transaction that was seen.
SettleResponse Settlement::settled_by_proof(const Result<SettleResponse>& last) const {
    const bool said =
        read_reply(last, start_.request.requirements, start_.record.payer) == SettleReply::settled;
    SettleResponse response;
    if (said) {
        response = *last;
    } else {
        response.success = true;
        response.payer = start_.record.payer;
        response.network = start_.record.network;
        response.amount = start_.record.amount;
    }
    if (!proven_transaction_.empty()) response.transaction = proven_transaction_;
    return response;
}

// The chain shows that nothing was paid and nothing can be: no transaction is worth telling.
void Settlement::note_disproved(const Result<SettleResponse>& last) {
    const store::GrantRecord& record = start_.record;
    log::error("settlement_disproved",
               {{"key", record.key.value()},
                {"facilitator", record.facilitator},
                {"transaction", last ? last->transaction.substr(0, kShown) : ""}});
    desk_.metrics.count("x402_disproved_total", {{"facilitator", record.facilitator}});
}

// A success that the chain does not show yet. It is written once, so that no restart forgets that
// only the chain's word is missing.
Task<bool> Settlement::note_claim(SettleResponse claim) {
    log::info("settlement_unproven", {{"key", start_.record.key.value()},
                                      {"transaction", claim.transaction.substr(0, kShown)}});
    if (claim_written_) co_return false;
    GrantChange change{
        GrantState::settling, {}, json::dump(x402::write(claim)), claim.transaction, {}, {}, {}};
    claim_written_ = co_await write(GrantState::settling, std::move(change));
    publish(claim_written_ ? SettlementEnd::running : SettlementEnd::stopped, std::move(claim));
    co_return !claim_written_;
}

// The transaction that was named is looked at first: it is there long before what is not there is
// final.
Task<Proof> Settlement::prove_claim(Chain& chain, const Payment& payment,
                                    const std::string& transaction) {
    auto trace = co_await chain.confirm(payment, transaction);
    Proof proof = trace ? proof_of_claim(*trace, start_.record) : Proof::none;
    if (proof != Proof::settled) {
        trace = co_await chain.trace(payment);
        proof = trace ? proof_of_claim(*trace, start_.record) : Proof::none;
    }
    if (proof == Proof::settled) proven_transaction_ = trace->transaction;
    co_return proof;
}

Task<Proof> Settlement::prove(bool told_duplicate, const Result<SettleResponse>& last) {
    if (facilitator_ != nullptr && !memory_.claimed) {
        FacilitatorApi& api = *facilitator_->api;
        const auto status = co_await api.settlement(start_.record.key, Duration::zero());
        if (status && *status) {
            const Proof told = proof_of(**status, start_.record, told_duplicate);
            const Proof proof = weigh_books(memory_, told);
            if (!(*status)->transactions.empty())
                proven_transaction_ = (*status)->transactions.back();
            if (proof != Proof::none) co_return proof;
        }
    }
    Chain* chain = desk_.chain(start_.record.network);
    if (chain == nullptr) co_return Proof::none;
    const Payment payment{start_.request.payload, start_.request.requirements,
                          start_.record.created};
    if (memory_.claimed) {
        const std::string transaction = settled_by_proof(last).transaction;
        co_return co_await prove_claim(*chain, payment, transaction);
    }
    const auto trace = co_await chain->trace(payment);
    if (!trace) co_return Proof::none;
    const auto signers =
        desk_.facilitators.signers(start_.record.facilitator, start_.record.network);
    const Proof proof = proof_of(*trace, start_.record, signers);
    if (proof == Proof::settled) proven_transaction_ = trace->transaction;
    co_return proof;
}

Task<bool> Settlement::look_for_proof(bool told_duplicate, const Result<SettleResponse>& last) {
    const Proof proof = co_await prove(told_duplicate, last);
    if (memory_.claimed && proof == Proof::unused) note_disproved(last);
    switch (proof) {
        case Proof::settled:
            co_return co_await end_settled(settled_by_proof(last));
        case Proof::unused:
            co_return co_await end_failed(last);
        case Proof::foreign:
            co_return co_await end_duplicate(last);
        case Proof::none:
            break;
    }
    if (memory_.claimed) co_return co_await note_claim(settled_by_proof(last));
    co_return false;
}

}  // namespace x402::server
