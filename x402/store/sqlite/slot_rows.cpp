// SPDX-License-Identifier: Apache-2.0
// Slots, what they carry and what was sent in them. One thread at a time.
#include "x402/base/check.hpp"
#include "x402/store/rules.hpp"
#include "x402/store/sqlite/rows.hpp"

namespace x402::store::sqlite {

namespace {

constexpr std::int64_t kEndedSlots = 1024;  // of a signer, whose key may still matter

#define X402_SLOT_COLUMNS \
    "id, network, signer, key, body, actions, simulation, state, created, owner, fence"

constexpr std::string_view kSelect =
    "SELECT " X402_SLOT_COLUMNS " FROM slots WHERE network = ? AND signer = ? AND key = ?";
constexpr std::string_view kSelectOpen =
    "SELECT " X402_SLOT_COLUMNS
    " FROM slots INDEXED BY slots_open WHERE network = ? AND state = 'open' ORDER BY id";

#undef X402_SLOT_COLUMNS

SlotRecord read_slot(Statement& row) {
    SlotRecord slot;
    slot.name.network = row.take_chain();
    slot.name.signer = row.take_text();
    slot.name.key = row.take_text();
    slot.body = row.take_text();
    slot.actions = row.take_text();
    slot.simulation = row.take_text();
    slot.state = row.take_word(&slot_state_from);
    slot.created = row.take_instant();
    slot.owner.id = row.take_text();
    slot.owner.fence = static_cast<std::uint64_t>(row.take_number());
    return slot;
}

AttemptRecord read_attempt(Statement& row) {
    AttemptRecord attempt;
    attempt.id = row.take_text();
    attempt.raw = row.take_text();
    attempt.level = static_cast<std::uint32_t>(row.take_number());
    attempt.body = row.take_text();
    attempt.sent = row.take_text();
    attempt.created = row.take_instant();
    return attempt;
}

}  // namespace

Result<std::int64_t> SqliteSettlements::slot_id(const SlotName& name) {
    Statement row =
        connection_.prepare("SELECT id FROM slots WHERE network = ? AND signer = ? AND key = ?");
    row.put(name.network.text()).put(name.signer).put(name.key);
    X402_TRY(const bool there, row.step());
    return there ? row.take_number() : 0;
}

Result<void> SqliteSettlements::fill_slot(Kept& kept) {
    Statement payments =
        connection_.prepare("SELECT key FROM slot_payments WHERE slot = ? ORDER BY place");
    payments.put(kept.id);
    while (true) {
        X402_TRY(const bool there, payments.step());
        if (!there) break;
        kept.slot.payments.emplace_back(payments.take_text());
    }
    Statement attempts = connection_.prepare(
        "SELECT attempt, raw, level, body, sent, created FROM attempts "
        "WHERE slot = ? ORDER BY id");
    attempts.put(kept.id);
    while (true) {
        X402_TRY(const bool there, attempts.step());
        if (!there) return {};
        kept.slot.attempts.push_back(read_attempt(attempts));
    }
}

Result<std::optional<SlotRecord>> SqliteSettlements::slot(const SlotName& name) {
    Kept kept;
    {
        Statement row = connection_.prepare(kSelect);
        row.put(name.network.text()).put(name.signer).put(name.key);
        X402_TRY(const bool there, row.step());
        if (!there) return std::optional<SlotRecord>();
        kept.id = row.take_number();
        kept.slot = read_slot(row);
        X402_TRY_VOID(row.check());
    }
    X402_TRY_VOID(fill_slot(kept));
    return std::optional<SlotRecord>(std::move(kept.slot));
}

Result<void> SqliteSettlements::put_slot(const SlotRecord& slot) {
    X402_TRY(const auto old, slot_id(slot.name));
    if (old != 0) {
        Statement payments = connection_.prepare("DELETE FROM slot_payments WHERE slot = ?");
        payments.put(old);
        X402_TRY_VOID(payments.run());
        Statement row = connection_.prepare("DELETE FROM slots WHERE id = ?");
        row.put(old);
        X402_TRY_VOID(row.run());
    }
    Statement row = connection_.prepare(
        "INSERT INTO slots (network, signer, key, body, actions, simulation, state, attempt, "
        "cost, created, owner, fence) VALUES (?, ?, ?, ?, ?, ?, ?, '', '0', ?, ?, ?)");
    row.put(slot.name.network.text()).put(slot.name.signer).put(slot.name.key).put(slot.body);
    row.put(slot.actions).put(slot.simulation).put(to_string(slot.state)).put(slot.created);
    row.put(slot.owner.id).put(static_cast<std::int64_t>(slot.owner.fence));
    X402_TRY_VOID(row.run());
    const std::int64_t id = connection_.last_insert_id();
    std::int64_t place = 0;
    for (const PaymentKey& key : slot.payments) {
        Statement payment = connection_.prepare("INSERT INTO slot_payments VALUES (?, ?, ?)");
        payment.put(id).put(place++).put(key.value());
        X402_TRY_VOID(payment.run());
    }
    return {};
}

Result<void> SqliteSettlements::own_slot(const SlotName& name, const Owner& owner) {
    X402_TRY(const auto id, slot_id(name));
    Statement row = connection_.prepare("UPDATE slots SET owner = ?, fence = ? WHERE id = ?");
    row.put(owner.id).put(static_cast<std::int64_t>(owner.fence)).put(id);
    X402_TRY_VOID(row.run());
    X402_CHECK(connection_.changed_rows() == 1);
    return {};
}

Result<void> SqliteSettlements::add_attempt(const SlotName& name, const AttemptRecord& attempt) {
    X402_TRY(const auto id, slot_id(name));
    X402_CHECK(id != 0);
    Statement row = connection_.prepare(
        "INSERT INTO attempts (slot, attempt, raw, level, body, sent, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)");
    row.put(id).put(attempt.id).put(attempt.raw).put(attempt.level).put(attempt.body);
    row.put(attempt.sent).put(attempt.created);
    return row.run();
}

Result<void> SqliteSettlements::note_sent(const SlotName& name, const std::string& attempt,
                                          const std::string& sent) {
    X402_TRY(const auto id, slot_id(name));
    Statement row =
        connection_.prepare("UPDATE attempts SET sent = ? WHERE slot = ? AND attempt = ?");
    row.put(sent).put(id).put(attempt);
    X402_TRY_VOID(row.run());
    X402_CHECK(connection_.changed_rows() == 1);
    return {};
}

Result<void> SqliteSettlements::finish_slot(const SlotEnd& end) {
    X402_TRY(const auto id, slot_id(end.slot));
    Statement row = connection_.prepare(
        "UPDATE slots SET state = ?, attempt = ?, cost = ?, ended = ? WHERE id = ?");
    row.put(to_string(end.state)).put(end.attempt).put(end.cost).put(end.at).put(id);
    X402_TRY_VOID(row.run());
    X402_CHECK(connection_.changed_rows() == 1);
    X402_TRY_VOID(add_payer_costs(id, end));
    return add_cost(end);
}

Result<std::vector<SlotRecord>> SqliteSettlements::open_slots(const ChainId& network) {
    std::vector<Kept> open;
    {
        Statement row = connection_.prepare(kSelectOpen);
        row.put(network.text());
        while (true) {
            X402_TRY(const bool there, row.step());
            if (!there) break;
            const std::int64_t id = row.take_number();
            open.push_back(Kept{id, read_slot(row)});
        }
    }
    std::vector<SlotRecord> found;
    for (Kept& kept : open) {
        X402_TRY_VOID(fill_slot(kept));
        found.push_back(std::move(kept.slot));
    }
    return found;
}

Result<std::vector<SlotName>> SqliteSettlements::recorded_slots(const ChainId& network,
                                                                const std::string& signer) {
    std::vector<SlotName> found;
    Statement row = connection_.prepare(
        "SELECT key FROM slots INDEXED BY slots_lane "
        "WHERE network = ? AND signer = ? AND state = 'open' ORDER BY id");
    row.put(network.text()).put(signer);
    while (true) {
        X402_TRY(const bool there, row.step());
        if (!there) break;
        found.push_back(SlotName{network, signer, row.take_text()});
    }
    Statement mined = connection_.prepare(
        "SELECT key FROM slots INDEXED BY slots_lane "
        "WHERE network = ? AND signer = ? AND state = 'mined' ORDER BY id DESC LIMIT ?");
    mined.put(network.text()).put(signer).put(kEndedSlots);
    while (true) {
        X402_TRY(const bool there, mined.step());
        if (!there) return found;
        found.push_back(SlotName{network, signer, mined.take_text()});
    }
}

}  // namespace x402::store::sqlite
