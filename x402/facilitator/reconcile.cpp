// SPDX-License-Identifier: Apache-2.0
// Journal rows to couriers. A row that cannot be read or served is named in the log and left alone:
// it may hold money, so nothing is guessed about it.
#include "x402/facilitator/reconcile.hpp"

#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/facilitator/departure.hpp"
#include "x402/facilitator/runner.hpp"
#include "x402/facilitator/slot_records.hpp"
#include "x402/facilitator/taking.hpp"
#include "x402/protocol/version.hpp"

namespace x402::facilitator {
namespace {

constexpr std::size_t kMostUnfinished = 1'000'000;
constexpr Duration kLongAgo = std::chrono::hours(24);

using Records = std::map<PaymentKey, store::PaymentRecord>;

Lane& lane_of(Line& line, const SignerId& signer) {
    for (const auto& lane : line.lanes) {
        if (lane->signer == signer) return *lane;
    }
    auto retired = std::make_unique<Lane>();
    retired->signer = signer;
    retired->retired = true;
    line.lanes.push_back(std::move(retired));
    return *line.lanes.back();
}

// The unfinished payments of a slot as lives; nothing when one of them cannot be served or is on
// the desk already.
std::optional<Group> payments_of(const Desk& desk, const store::SlotRecord& record,
                                 const ReadSlot& read, const Records& records) {
    Group group;
    for (std::size_t i = 0; i < record.payments.size(); ++i) {
        const PaymentKey& key = record.payments[i];
        if (desk.lives.contains(key)) return std::nullopt;
        const auto found = records.find(key);
        if (found == records.end()) {
            group.push_back(nullptr);
            continue;
        }
        LivePtr live = live_of(desk, found->second);
        if (!live) return std::nullopt;
        live->charged = read.charged[i];
        live->transaction = found->second.transaction;
        live->state = read.run->phase == SlotPhase::attempted ? State::attempted : State::slotted;
        group.push_back(std::move(live));
    }
    return group;
}

bool on_desk(const Line& line, const store::SlotName& name) {
    return std::any_of(line.open.begin(), line.open.end(),
                       [&](const SlotPtr& open) { return open->name == name; });
}

void put_on_desk(const DeskPtr& desk, Line& line, const SlotPtr& slot, Group group) {
    const Duration now = desk->env.clock.steady();
    slot->payments = std::move(group);
    slot->lane = &lane_of(line, slot->slot.signer);
    slot->last_attempt = now;
    slot->last_sent = now - kLongAgo;
    slot->simulated = now - kLongAgo;
    for (const LivePtr& live : slot->payments) {
        if (live) put_on(*desk, live);
    }
    ++slot->lane->in_flight;
    slot->lane->gap.suspected = true;
    slot->payers = payers_of(slot->payments);
    line.budget.reserve(slot->reserved, slot->payers);
    line.open.push_back(slot);
    if (slot->phase != SlotPhase::taken) return;
    slot->busy = true;
    Line* at = &line;
    net::spawn_on(desk->home, [desk, at, slot] { return launch(desk, at, slot); });
}

void restore_slot(const DeskPtr& desk, Line& line, const store::SlotRecord& record,
                  const Records& records) {
    if (on_desk(line, record.name)) return;
    auto read = read_slot(record);
    if (!read) {
        log::error("slot_unreadable",
                   {{"slot", record.name.key}, {"error", to_string(read.error())}});
        return;
    }
    auto group = payments_of(*desk, record, *read, records);
    if (!group) {
        // Somebody works on one of its payments just now: looked at again when he has left the
        // desk.
        for (const PaymentKey& key : record.payments) {
            if (desk->lives.contains(key)) desk->orphans = true;
        }
        log::error("slot_not_restored",
                   {{"signer", record.name.signer}, {"slot", record.name.key}});
        return;
    }
    log::info("slot_restored", {{"signer", record.name.signer}, {"slot", record.name.key}});
    put_on_desk(desk, line, read->run, std::move(*group));
}

}  // namespace

LivePtr live_of(const Desk& desk, const store::PaymentRecord& record) {
    auto request = read_facilitator_request(record.request, desk.modules.names());
    if (!request) {
        log::error("record_unreadable",
                   {{"payment", record.key.value()}, {"error", to_string(request.error())}});
        return nullptr;
    }
    auto admitted = admit(desk.doors(), *request);
    if (!admitted || admitted->facts.key != record.key) {
        log::error("record_not_served",
                   {{"payment", record.key.value()}, {"network", record.network.text()}});
        return nullptr;
    }
    return make_live(desk, std::move(*admitted), record);
}

bool adopt_claimed(const DeskPtr& desk, const store::PaymentRecord& record) {
    if (desk->lives.contains(record.key)) return true;
    const LivePtr live = live_of(*desk, record);
    if (!live) return false;
    put_on(*desk, live);
    start_payment(desk, live);
    return true;
}

Task<Result<void>> reconcile(DeskPtr desk) {
    // Slots before payments: what is read later is the newer state, and only the newer may start
    // anything.
    std::vector<std::vector<store::SlotRecord>> slots;
    for (std::size_t i = 0; i < desk->lines.size(); ++i) {
        auto open = co_await desk->store.open_slots(desk->lines[i]->config.id);
        if (!open) co_return fail(open.error());
        slots.push_back(std::move(*open));
    }
    for (const auto& line : desk->lines) {
        X402_CO_TRY_VOID(co_await refresh_budget(desk, *line));
    }
    const auto unfinished = co_await desk->store.open_payments(kMostUnfinished);
    if (!unfinished) co_return fail(unfinished.error());
    Records records;
    for (const store::PaymentRecord& record : *unfinished) records.emplace(record.key, record);
    for (std::size_t i = 0; i < slots.size(); ++i) {
        for (const store::SlotRecord& slot : slots[i])
            restore_slot(desk, *desk->lines[i], slot, records);
    }
    for (const store::PaymentRecord& record : *unfinished) {
        if (desk->lives.contains(record.key)) continue;
        if (record.state == store::PaymentState::claimed) {
            const bool adopted = adopt_claimed(desk, record);
            if (adopted) log::info("payment_restored", {{"payment", record.key.value()}});
            continue;
        }
        log::error("payment_without_slot", {{"payment", record.key.value()}});
    }
    co_return Result<void>{};
}

}  // namespace x402::facilitator
