// SPDX-License-Identifier: Apache-2.0
// The rules of settlements. An error of an operation names the record, its state and what was
// asked, for the log; nothing of it reaches a stranger. One thread at a time.
#include "x402/store/settlement_ops.hpp"

#include <algorithm>
#include <set>

#include "x402/store/rules.hpp"

namespace x402::store::ops {

namespace {

std::string text_of(const SlotName& name) {
    return "slot " + name.network.text() + " " + name.signer + " " + name.key;
}

std::string text_of(const PaymentKey& key) {
    return "payment " + key.value();
}

std::unexpected<Error> not_ours(const std::string& what, const Owner& holder) {
    return fail(Errc::conflict, what + " belongs to owner " + holder.id + ", fence " +
                                    std::to_string(holder.fence));
}

std::unexpected<Error> illegal(const PaymentRecord& record, PaymentOp op) {
    return fail(Errc::conflict, text_of(record.key) + " is " +
                                    std::string(to_string(record.state)) + ": no " +
                                    std::string(to_string(op)));
}

Result<PaymentRecord> payment_of(SettlementRows& rows, const PaymentKey& key) {
    X402_TRY(auto found, rows.payment(key));
    if (!found) return fail(Errc::conflict, text_of(key) + " is not recorded");
    return std::move(*found);
}

// The payment, with its state moved in memory.
Result<PaymentRecord> moved_payment(SettlementRows& rows, const Owner& owner, const PaymentKey& key,
                                    PaymentOp op) {
    X402_TRY(auto record, payment_of(rows, key));
    const auto next = next_state(record.state, op);
    if (!next) return illegal(record, op);
    if (record.owner != owner) return not_ours(text_of(key), record.owner);
    record.state = *next;
    return record;
}

Result<SlotRecord> slot_for(SettlementRows& rows, const Owner& owner, const SlotName& name,
                            SlotOp op) {
    X402_TRY(auto found, rows.slot(name));
    if (!found) return fail(Errc::conflict, text_of(name) + " is not recorded");
    if (found->owner != owner) return not_ours(text_of(name), found->owner);
    if (!next_state(found->state, op)) {
        return fail(Errc::conflict, text_of(name) + " is " + std::string(to_string(found->state)) +
                                        ": no " + std::string(to_string(op)));
    }
    return std::move(*found);
}

Result<void> write_all(SettlementRows& rows, const std::vector<PaymentRecord>& records) {
    for (const PaymentRecord& record : records) X402_TRY_VOID(rows.update_payment(record));
    return {};
}

bool has_attempt(const SlotRecord& slot, const std::string& id) {
    return std::any_of(slot.attempts.begin(), slot.attempts.end(),
                       [&](const AttemptRecord& attempt) { return attempt.id == id; });
}

PaymentOp slot_op(PaymentEnd::How how) noexcept {
    switch (how) {
        case PaymentEnd::How::settled:
            return PaymentOp::slot_settled;
        case PaymentEnd::How::failed:
            return PaymentOp::slot_failed;
        case PaymentEnd::How::again:
            break;
    }
    return PaymentOp::slot_again;
}

PaymentOp end_op(PaymentEnd::How how) noexcept {
    switch (how) {
        case PaymentEnd::How::settled:
            return PaymentOp::end_settled;
        case PaymentEnd::How::failed:
            return PaymentOp::end_failed;
        case PaymentEnd::How::again:
            break;
    }
    return PaymentOp::end_again;
}

void apply_end(PaymentRecord& record, const PaymentEnd& end, Instant at) {
    record.reason = end.reason;
    record.message = end.message;
    // An end that names no transaction keeps the last attempt's: it is what a reader can look up.
    // One that goes again has none that counts.
    const bool again = end.how == PaymentEnd::How::again;
    if (again || !end.transaction.empty()) record.transaction = end.transaction;
    record.response = end.response;
    record.block = end.block;
    record.updated = at;
}

// An intent starts clean, whatever the caller left in it.
PaymentRecord fresh_run(PaymentRecord intent, const Owner& owner, std::uint32_t run) {
    intent.run = run;
    intent.state = PaymentState::claimed;
    intent.reason.clear();
    intent.message.clear();
    intent.transaction.clear();
    intent.response.clear();
    intent.block = 0;
    intent.told = false;
    intent.updated = intent.created;
    intent.owner = owner;
    return intent;
}

// Every payment of the slot that is not final is named once, and nobody else's.
Result<void> check_named(SettlementRows& rows, const SlotRecord& slot, const SlotEnd& end) {
    std::set<PaymentKey> named;
    for (const PaymentEnd& one : end.payments) {
        const bool of_slot =
            std::find(slot.payments.begin(), slot.payments.end(), one.key) != slot.payments.end();
        if (!of_slot || !named.insert(one.key).second) {
            return fail(Errc::conflict, text_of(one.key) + " is not one of " + text_of(slot.name) +
                                            ", or was named twice");
        }
    }
    for (const PaymentKey& key : slot.payments) {
        if (named.contains(key)) continue;
        X402_TRY(const auto record, payment_of(rows, key));
        if (!is_final(record.state)) {
            return fail(Errc::conflict, text_of(slot.name) + " cannot end without " + text_of(key));
        }
    }
    return {};
}

}  // namespace

Result<ClaimAnswer> claim_payment(SettlementRows& rows, const Owner& owner, PaymentRecord intent) {
    if (intent.key.value().empty()) return fail(Errc::invalid, "a payment without a key");
    X402_TRY(auto found, rows.payment(intent.key));
    if (!found) {
        ClaimAnswer answer{true, fresh_run(std::move(intent), owner, 1)};
        X402_TRY_VOID(rows.insert_payment(answer.record));
        return answer;
    }
    if (!next_state(found->state, PaymentOp::claim)) return ClaimAnswer{false, std::move(*found)};
    ClaimAnswer answer{true, fresh_run(std::move(intent), owner, found->run + 1)};
    X402_TRY_VOID(rows.replace_payment(answer.record));
    return answer;
}

Result<void> take_slot(SettlementRows& rows, const Owner& owner, SlotRecord slot) {
    if (slot.name.key.empty()) return fail(Errc::invalid, "a slot without a key");
    X402_TRY(const auto found, rows.slot(slot.name));
    if (found && (!next_state(found->state, SlotOp::take) || !found->attempts.empty())) {
        return fail(Errc::conflict, text_of(slot.name) + " is taken already");
    }
    std::set<PaymentKey> named;
    std::vector<PaymentRecord> records;
    for (const PaymentKey& key : slot.payments) {
        if (!named.insert(key).second) {
            return fail(Errc::conflict, text_of(key) + " twice in one slot");
        }
        X402_TRY(auto record, moved_payment(rows, owner, key, PaymentOp::take_slot));
        record.updated = slot.created;
        records.push_back(std::move(record));
    }
    slot.state = SlotState::open;
    slot.attempts.clear();
    slot.owner = owner;
    X402_TRY_VOID(rows.put_slot(slot));
    return write_all(rows, records);
}

Result<void> record_attempt(SettlementRows& rows, const Owner& owner, const SlotName& name,
                            const AttemptRecord& attempt) {
    if (attempt.id.empty()) return fail(Errc::invalid, "an attempt without an id");
    X402_TRY(const auto slot, slot_for(rows, owner, name, SlotOp::record_attempt));
    if (has_attempt(slot, attempt.id)) {
        return fail(Errc::conflict, text_of(name) + " has attempt " + attempt.id + " already");
    }
    std::vector<PaymentRecord> records;
    for (const PaymentKey& key : slot.payments) {
        X402_TRY(auto record, moved_payment(rows, owner, key, PaymentOp::record_attempt));
        // One that somebody else's transaction settled stays as it is.
        if (is_final(record.state)) continue;
        record.transaction = attempt.id;
        record.updated = attempt.created;
        records.push_back(std::move(record));
    }
    X402_TRY_VOID(rows.add_attempt(name, attempt));
    return write_all(rows, records);
}

Result<void> note_sent(SettlementRows& rows, const Owner& owner, const SlotName& name,
                       const AttemptRecord& attempt) {
    const std::string& sent = attempt.sent;
    if (sent != "accepted" && sent != "refused" && sent != "unknown") {
        return fail(Errc::invalid, "a broadcast ends accepted, refused or unknown");
    }
    X402_TRY(const auto slot, slot_for(rows, owner, name, SlotOp::note_sent));
    if (!has_attempt(slot, attempt.id)) {
        return fail(Errc::conflict, text_of(name) + " has no attempt " + attempt.id);
    }
    return rows.note_sent(name, attempt.id, sent);
}

Result<void> end_slot(SettlementRows& rows, const Owner& owner, const SlotEnd& end) {
    if (end.state == SlotState::open) return fail(Errc::invalid, "a slot ends mined or dead");
    const bool mined = end.state == SlotState::mined;
    const SlotOp op = mined ? SlotOp::end_mined : SlotOp::end_dead;
    X402_TRY(const auto slot, slot_for(rows, owner, end.slot, op));
    if (mined && !has_attempt(slot, end.attempt)) {
        return fail(Errc::conflict, text_of(end.slot) + " has no attempt " + end.attempt);
    }
    X402_TRY_VOID(check_named(rows, slot, end));
    std::vector<PaymentRecord> records;
    for (const PaymentEnd& one : end.payments) {
        X402_TRY(auto record, moved_payment(rows, owner, one.key, slot_op(one.how)));
        apply_end(record, one, end.at);
        records.push_back(std::move(record));
    }
    X402_TRY_VOID(rows.finish_slot(end));
    return write_all(rows, records);
}

Result<void> end_payment(SettlementRows& rows, const Owner& owner, const PaymentEnd& end,
                         Instant at) {
    X402_TRY(auto record, moved_payment(rows, owner, end.key, end_op(end.how)));
    apply_end(record, end, at);
    return rows.update_payment(record);
}

Result<bool> tell(SettlementRows& rows, const PaymentKey& key, Instant at) {
    X402_TRY(auto record, payment_of(rows, key));
    // Final records need no owner: the success of a run that ended before a restart may still be
    // told.
    if (!next_state(record.state, PaymentOp::tell)) return illegal(record, PaymentOp::tell);
    if (record.told) return false;
    record.told = true;
    record.updated = at;
    X402_TRY_VOID(rows.update_payment(record));
    return true;
}

Result<std::vector<PaymentRecord>> open_payments(SettlementRows& rows, const Owner& owner,
                                                 std::size_t limit) {
    X402_TRY(auto found, rows.unfinished_payments(owner, limit));
    for (PaymentRecord& record : found) {
        if (record.owner == owner) continue;
        record.owner = owner;
        X402_TRY_VOID(rows.update_payment(record));
    }
    return found;
}

Result<std::vector<SlotRecord>> open_slots(SettlementRows& rows, const Owner& owner,
                                           const ChainId& network) {
    X402_TRY(auto found, rows.open_slots(network));
    for (SlotRecord& slot : found) {
        if (slot.owner == owner) continue;
        slot.owner = owner;
        X402_TRY_VOID(rows.own_slot(slot.name, owner));
        // With their slot, for whoever ends a slot ends its payments.
        for (const PaymentKey& key : slot.payments) {
            X402_TRY(auto record, payment_of(rows, key));
            if (is_final(record.state) || record.owner == owner) continue;
            record.owner = owner;
            X402_TRY_VOID(rows.update_payment(record));
        }
    }
    return found;
}

}  // namespace x402::store::ops
