// SPDX-License-Identifier: Apache-2.0
// What a grant may become, as pure decisions: how a facilitator's answer to /settle is read, when a
// negative one still means that nothing was taken, what counts as proof, and how a repeat of a
// payment is answered. No clock, no socket, no thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/base/result.hpp"
#include "x402/protocol/facilitator_api.hpp"
#include "x402/schemes/network.hpp"
#include "x402/server/proof_by.hpp"
#include "x402/store/grant_store.hpp"

namespace x402::server {

// What came of one call of /settle.
enum class SettleReply {
    settled,
    failed,        // judged: it was not taken
    duplicate,     // judged: taken, and its success was told to somebody else
    pending,       // begun, not final
    unreached,     // proven: nothing was begun; another try may do better
    turned_away,   // proven: nothing was begun, and another try will not do better
    no_judgement,  // it may have been begun
};
// `payer`: who signed; a success that names another is none of this payment's.
SettleReply read_reply(const Result<SettleResponse>& answer, const PaymentRequirements& terms,
                       std::string_view payer);

// What is remembered between the calls of one settlement.
struct SettleMemory {
    bool begun = false;  // a call may have begun it: from now on no negative answer means failed
    std::uint32_t unreached = 0;
    ProofBy proof = ProofBy::facilitator;
    // Its facilitator has said that it is settled, and that is not enough: only the chain ends it
    // now, and the facilitator has nothing to add.
    bool claimed = false;
};
// Where nothing is charged there is nothing that a chain could show.
ProofBy proof_needed(ProofBy configured, const PaymentRequirements& terms) noexcept;
// What the record of an open settlement keeps of a facilitator's success that awaits its proof.
std::optional<SettleResponse> claim_of(const store::GrantRecord& grant);

enum class SettleVerdict {
    settled,
    failed,
    duplicate,
    give_back,  // nothing was begun, and we stop trying
    again,      // the same call, later
    // The facilitator says no, but an earlier call may have moved money; or it says yes, and its
    // word is not enough: ask for proof.
    prove,
};
inline constexpr std::uint32_t kUnreachedTries = 3;
SettleVerdict judge(SettleMemory& memory, SettleReply reply) noexcept;

// Proof that ends an ambiguity.
enum class Proof { settled, unused, foreign, none };
// `told_duplicate`: the facilitator said duplicate_settlement to our own idempotency key.
Proof proof_of(const SettlementStatus& status, const store::GrantRecord& grant,
               bool told_duplicate);
Proof proof_of(const Trace& trace, const store::GrantRecord& grant,
               const std::vector<std::string>& signers);
// A transfer that its facilitator claims need not name the facilitator's signers.
Proof proof_of_claim(const Trace& trace, const store::GrantRecord& grant);
// `told`: by the facilitator's own books. Where its word is not enough, they are a claim at most.
Proof weigh_books(SettleMemory& memory, Proof told) noexcept;

// How a request with a payment that has a record is answered.
struct RepeatFacts {
    store::GrantState state = store::GrantState::claimed;
    bool same_quote = false;
    bool same_request = false;
    std::optional<bool> same_body;  // nothing: the body was not read yet
    bool attended = false;          // another request of this process works on it now
    bool answer_kept = false;
    bool may_run = false;  // within `replay`, and runs are left
};
enum class Repeat {
    anew,              // released: as if it had never been seen
    in_progress,       // 409 payment_in_progress
    already_used,      // 409 payment_already_used
    read_body,         // read it whole, then ask again
    await_settlement,  // wait for the running settlement, then answer
    stored_answer,
    run_again,
    undeliverable,  // paid, and there is nothing left to give: 502 delivery_failed
};
Repeat decide_repeat(const RepeatFacts& facts) noexcept;

}  // namespace x402::server
