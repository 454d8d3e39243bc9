// SPDX-License-Identifier: Apache-2.0
// The rules of grants: one grant per payment. One thread at a time.
#include "x402/store/grant_ops.hpp"

#include "x402/store/rules.hpp"

namespace x402::store::ops {

namespace {

void apply(GrantRecord& record, const GrantMove& move) {
    const GrantChange& change = move.change;
    record.state = change.to;
    if (change.body) record.body = change.body;
    if (change.response) record.response = *change.response;
    if (change.transaction) record.transaction = *change.transaction;
    if (change.runs) record.runs = *change.runs;
    if (change.answer) record.answer = change.answer;
    if (change.usable_until) record.usable_until = *change.usable_until;
    record.updated = move.at;
}

}  // namespace

Result<GrantClaim> claim_grant(GrantRows& rows, const Owner& owner, GrantRecord grant) {
    if (grant.key.value().empty()) return fail(Errc::invalid, "a grant without a payment key");
    X402_TRY(auto found, rows.grant(grant.key));
    if (found && found->state != GrantState::released) return GrantClaim{false, std::move(*found)};
    grant.state = GrantState::claimed;
    grant.response.clear();
    grant.transaction.clear();
    grant.answer.reset();
    grant.updated = grant.created;
    grant.owner = owner;
    X402_TRY_VOID(rows.put_grant(grant));
    return GrantClaim{true, std::move(grant)};
}

Result<bool> move_grant(GrantRows& rows, const Owner& owner, const GrantMove& move) {
    if (!may_move(move.from, move.change.to)) {
        return fail(Errc::conflict, "a grant does not go from " +
                                        std::string(to_string(move.from)) + " to " +
                                        std::string(to_string(move.change.to)));
    }
    X402_TRY(auto found, rows.grant(move.key));
    if (!found || found->state != move.from) return false;
    // A final record has no worker: it may be amended by whoever holds the store.
    if (!is_final(found->state) && found->owner != owner) return false;
    apply(*found, move);
    const GrantChange& change = move.change;
    X402_TRY_VOID(rows.update_grant(*found, change.answer.has_value()));
    if (change.answer_until && !change.answer) {
        X402_TRY_VOID(rows.keep_answer(move.key, *change.answer_until));
    }
    return true;
}

Result<std::vector<GrantRecord>> take_over(GrantRows& rows, const Owner& owner, std::size_t limit) {
    X402_TRY(auto found, rows.unfinished_grants(owner, limit));
    for (GrantRecord& record : found) {
        if (record.owner == owner) continue;
        record.owner = owner;
        X402_TRY_VOID(rows.update_grant(record, false));
    }
    return found;
}

}  // namespace x402::store::ops
