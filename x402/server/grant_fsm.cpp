// SPDX-License-Identifier: Apache-2.0
// Decisions about grants. See grant_fsm.hpp; pure.
#include "x402/server/grant_fsm.hpp"

#include <algorithm>
#include <cctype>

#include "x402/protocol/codec.hpp"

namespace x402::server {
namespace {

using store::GrantState;

// A block's own time may lie a little before the moment its transaction was asked for.
constexpr auto kBlockClock = std::chrono::seconds(2);
// Every claim is held against the chain's clock, so that a gateway's own that goes a little wrong
// must not make honest ones wait for ever; what is older was paid for something else.
constexpr auto kClocksDiffer = std::chrono::minutes(1);

bool same_address(std::string_view left, std::string_view right) noexcept {
    if (!left.starts_with("0x") && !left.starts_with("0X")) return left == right;
    return std::equal(
        left.begin(), left.end(), right.begin(), right.end(),
        [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

// Facilitators may leave the payer out, or write it with its network (CAIP-10).
bool names(std::string_view told, std::string_view payer) noexcept {
    if (told.empty()) return true;
    const std::size_t colon = told.rfind(':');
    return same_address(colon == std::string_view::npos ? told : told.substr(colon + 1), payer);
}

}  // namespace

SettleReply read_reply(const Result<SettleResponse>& answer, const PaymentRequirements& terms,
                       std::string_view payer) {
    if (!answer) {
        switch (answer.error().code) {
            case Errc::unreachable:
                return SettleReply::unreached;
            case Errc::unauthorized:
            case Errc::invalid:
            case Errc::too_large:
                return SettleReply::turned_away;
            default:
                return SettleReply::no_judgement;
        }
    }
    if (is_duplicate(*answer)) return SettleReply::duplicate;
    switch (outcome_of(*answer)) {
        case Outcome::failed:
            return SettleReply::failed;
        case Outcome::unknown:
            return SettleReply::pending;
        case Outcome::settled:
            break;
    }
    // A success for something else than was asked is no judgement of this payment.
    if (!answer->network.empty() && answer->network != terms.network)
        return SettleReply::no_judgement;
    if (answer->amount && *answer->amount != terms.amount) return SettleReply::no_judgement;
    return names(answer->payer, payer) ? SettleReply::settled : SettleReply::no_judgement;
}

ProofBy proof_needed(ProofBy configured, const PaymentRequirements& terms) noexcept {
    const bool chain = configured == ProofBy::chain && !terms.amount.is_zero();
    return chain ? ProofBy::chain : ProofBy::facilitator;
}

std::optional<SettleResponse> claim_of(const store::GrantRecord& grant) {
    if (grant.state != GrantState::settling || grant.response.empty()) return std::nullopt;
    auto told = read_settle_response(grant.response);
    if (!told || outcome_of(*told) != Outcome::settled) return std::nullopt;
    return std::move(*told);
}

SettleVerdict judge(SettleMemory& memory, SettleReply reply) noexcept {
    if (memory.claimed) return SettleVerdict::prove;
    switch (reply) {
        case SettleReply::settled:
            if (memory.proof == ProofBy::facilitator) return SettleVerdict::settled;
            memory.begun = memory.claimed = true;
            return SettleVerdict::prove;
        case SettleReply::failed:
            return memory.begun ? SettleVerdict::prove : SettleVerdict::failed;
        case SettleReply::duplicate:
            return memory.begun ? SettleVerdict::prove : SettleVerdict::duplicate;
        case SettleReply::pending:
        case SettleReply::no_judgement:
            memory.begun = true;
            return SettleVerdict::again;
        case SettleReply::unreached:
            if (memory.begun) return SettleVerdict::again;
            return ++memory.unreached < kUnreachedTries ? SettleVerdict::again
                                                        : SettleVerdict::give_back;
        case SettleReply::turned_away:
            return memory.begun ? SettleVerdict::again : SettleVerdict::give_back;
    }
    return SettleVerdict::again;
}

Proof proof_of(const SettlementStatus& status, const store::GrantRecord& grant,
               bool told_duplicate) {
    if (status.key != grant.key) return Proof::none;
    switch (status.outcome) {
        case Outcome::unknown:
            return Proof::none;
        case Outcome::failed:
            // A failure from before our intent says nothing about our call.
            return status.updated_at + kBlockClock >= grant.created ? Proof::unused : Proof::none;
        case Outcome::settled:
            break;
    }
    // That facilitator knows whose key settled it: a duplicate to ours was another caller's
    // settlement.
    if (told_duplicate) return Proof::foreign;
    if (!same_address(status.payer, grant.payer)) return Proof::none;
    return status.updated_at + kBlockClock >= grant.created ? Proof::settled : Proof::foreign;
}

Proof proof_of(const Trace& trace, const store::GrantRecord& grant,
               const std::vector<std::string>& signers) {
    switch (trace.state) {
        case TraceState::none:
        case TraceState::unknown:
            return Proof::none;
        case TraceState::impossible:
            return Proof::unused;
        case TraceState::done:
            break;
    }
    const bool ours = std::any_of(
        signers.begin(), signers.end(),
        [&trace](const std::string& signer) { return same_address(signer, trace.sender); });
    // A stranger's transfer is no settlement of ours, and the authorization is gone: it stays for
    // the operator.
    return ours && trace.at + kBlockClock >= grant.created ? Proof::settled : Proof::none;
}

Proof proof_of_claim(const Trace& trace, const store::GrantRecord& grant) {
    switch (trace.state) {
        case TraceState::none:
        case TraceState::unknown:
            return Proof::none;
        case TraceState::impossible:
            return Proof::unused;
        case TraceState::done:
            break;
    }
    return trace.at + kClocksDiffer >= grant.created ? Proof::settled : Proof::none;
}

Proof weigh_books(SettleMemory& memory, Proof told) noexcept {
    if (memory.proof == ProofBy::facilitator) return told;
    if (told == Proof::settled) memory.begun = memory.claimed = true;
    return memory.claimed ? Proof::none : told;
}

Repeat decide_repeat(const RepeatFacts& facts) noexcept {
    if (facts.state == GrantState::released) return Repeat::anew;
    if (!facts.same_quote || !facts.same_request) return Repeat::already_used;
    // Whoever works on a claim finishes it; one that nobody here works on belongs to another
    // process.
    if (facts.state == GrantState::claimed) return Repeat::in_progress;
    if (facts.state == GrantState::settling && facts.attended) return Repeat::in_progress;
    if (!facts.same_body) return Repeat::read_body;
    if (!*facts.same_body) return Repeat::already_used;
    if (facts.state == GrantState::settling) return Repeat::await_settlement;
    if (facts.answer_kept) return Repeat::stored_answer;
    if (facts.state == GrantState::delivered) return Repeat::already_used;
    if (facts.attended) return Repeat::in_progress;
    return facts.may_run ? Repeat::run_again : Repeat::undeliverable;
}

}  // namespace x402::server
