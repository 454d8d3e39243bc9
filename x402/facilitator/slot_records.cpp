// SPDX-License-Identifier: Apache-2.0
// The JSON of a slot: {"actions":[{"payment","charged","body"}],
// "simulation":{"most","unit","body"}}.
#include "x402/facilitator/slot_records.hpp"

#include <algorithm>

#include "x402/base/check.hpp"

namespace x402::facilitator {
namespace {

// Roomier than a request's: a shared transaction carries a hundred actions.
constexpr json::ParseOptions kRowOptions{16 * 1024 * 1024, limits::kJsonDepth};

Result<json::Value> parse_row(const std::string& text) {
    return json::parse(text, kRowOptions);
}

Result<json::Object> parse_row_object(const std::string& text) {
    return json::parse_object(text, kRowOptions);
}

const Live* payment_of(const SlotRun& slot, const PaymentKey& key) {
    for (const LivePtr& live : slot.payments) {
        if (live && live->record.key == key) return live.get();
    }
    return nullptr;
}

Result<void> read_actions(const std::string& text, ReadSlot& into) {
    X402_TRY(const json::Value value, parse_row(text));
    const json::Array* rows = value.if_array();
    if (rows == nullptr) return fail(Errc::invalid, "the actions of a slot are no array");
    into.charged.resize(into.run->keys.size());
    for (const json::Value& row : *rows) {
        const json::Object* object = row.if_object();
        if (object == nullptr) return fail(Errc::invalid, "an action of a slot is no object");
        X402_TRY(std::string key, json::get_string(*object, "payment"));
        X402_TRY(const std::string charged, json::get_string(*object, "charged"));
        X402_TRY(json::Object body, json::get_object(*object, "body"));
        const PaymentKey payment(std::move(key));
        const auto& keys = into.run->keys;
        const auto at = std::find(keys.begin(), keys.end(), payment);
        if (at == keys.end())
            return fail(Errc::invalid, "an action of a slot is of no payment of it");
        X402_TRY(into.charged[static_cast<std::size_t>(at - keys.begin())],
                 U256::from_decimal(charged));
        into.run->actions.push_back(Action{payment, std::move(body)});
    }
    return {};
}

Result<void> read_simulation(const std::string& text, Simulation& into) {
    X402_TRY(const json::Object object, parse_row_object(text));
    X402_TRY(const std::string most, json::get_string(object, "most"));
    X402_TRY(into.most.amount, U256::from_decimal(most));
    X402_TRY(into.most.unit, json::get_string(object, "unit"));
    X402_TRY(into.body, json::get_object(object, "body"));
    return {};
}

// Whether the attempt is a filler.
Result<bool> read_attempt(const store::AttemptRecord& record, Attempt& into) {
    into.id = record.id;
    into.raw = record.raw;
    into.level = record.level;
    X402_TRY(const json::Object object, parse_row_object(record.body));
    X402_TRY(into.body, json::get_object(object, "body"));
    X402_TRY(const auto most, json::opt_string(object, "most"));
    if (most) {
        X402_TRY(into.most.amount, U256::from_decimal(*most));
    }
    return json::get_bool(object, "filler");
}

Result<void> read_attempts(const store::SlotRecord& record, SlotRun& into) {
    for (const store::AttemptRecord& row : record.attempts) {
        Attempt attempt;
        X402_TRY(const bool filler, read_attempt(row, attempt));
        into.reserved = std::max(into.reserved, attempt.most.amount);
        into.attempts.push_back(std::move(attempt));
        into.phase = filler ? SlotPhase::filled : SlotPhase::attempted;
        into.accepted = row.sent == "accepted";
    }
    return {};
}

}  // namespace

store::SlotRecord record_of(const SlotRun& slot, Instant now) {
    store::SlotRecord record;
    record.name = slot.name;
    record.body = json::dump(slot.slot.body);
    record.payments = slot.keys;
    json::Array actions;
    for (const Action& action : slot.actions) {
        const Live* live = payment_of(slot, action.payment);
        X402_CHECK(live != nullptr);
        json::Object row;
        row["payment"] = action.payment.value();
        row["charged"] = live->charged.to_decimal();
        row["body"] = action.body;
        actions.emplace_back(std::move(row));
    }
    record.actions = json::dump(json::Value(std::move(actions)));
    json::Object simulation;
    simulation["most"] = slot.simulation.most.amount.to_decimal();
    simulation["unit"] = slot.simulation.most.unit;
    simulation["body"] = slot.simulation.body;
    record.simulation = json::dump(simulation);
    record.created = now;
    return record;
}

store::AttemptRecord record_of(const Attempt& attempt, bool filler, Instant now) {
    store::AttemptRecord record;
    record.id = attempt.id;
    record.raw = attempt.raw;
    record.level = attempt.level;
    json::Object body;
    body["filler"] = filler;
    body["body"] = attempt.body;
    if (!attempt.most.amount.is_zero()) body["most"] = attempt.most.amount.to_decimal();
    record.body = json::dump(body);
    record.created = now;
    return record;
}

Result<ReadSlot> read_slot(const store::SlotRecord& record) {
    ReadSlot read;
    read.run = std::make_shared<SlotRun>();
    read.run->name = record.name;
    read.run->keys = record.payments;
    X402_TRY(json::Object body, parse_row_object(record.body));
    read.run->slot =
        Slot{record.name.network, record.name.signer, record.name.key, std::move(body)};
    X402_TRY_VOID(read_actions(record.actions, read));
    X402_TRY_VOID(read_simulation(record.simulation, read.run->simulation));
    read.run->reserved = read.run->simulation.most.amount;
    read.run->simulation.refusals.resize(read.run->actions.size());
    X402_TRY_VOID(read_attempts(record, *read.run));
    return read;
}

}  // namespace x402::facilitator
