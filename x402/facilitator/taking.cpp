// SPDX-License-Identifier: Apache-2.0
// The table of recorded slots is read once for each lane and kept; whoever loses a slot drops it.
#include "x402/facilitator/taking.hpp"

#include <algorithm>

#include "x402/facilitator/slot_records.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(100);
constexpr std::size_t kRecordedKept = 2'048;

bool is_gap(const Line& line, const Lane& lane, const Slot& slot) {
    return std::any_of(line.open.begin(), line.open.end(), [&](const SlotPtr& open) {
        return open->lane == &lane && !open->landed && comes_before(slot, open->slot);
    });
}

Task<Result<void>> load_recorded(DeskPtr desk, const Line& line, Lane& lane) {
    if (lane.recorded) co_return Result<void>{};
    const auto names = co_await desk->store.recorded_slots(line.config.id, lane.signer);
    if (!names) co_return fail(names.error());
    lane.recorded.emplace();
    for (const store::SlotName& name : *names) {
        lane.recorded->push_back(Slot{name.network, name.signer, name.key, {}});
    }
    co_return Result<void>{};
}

void remember(Line& line, Lane& lane, const Slot& slot) {
    // Dropped meanwhile, by whoever lost a slot: the next reading of the store finds this one too.
    if (!lane.recorded) return;
    auto& recorded = *lane.recorded;
    recorded.push_back(slot);
    if (recorded.size() <= kRecordedKept) return;
    // The oldest that is not open any more: the network's own state is past it.
    const auto old = std::find_if(recorded.begin(), recorded.end(), [&](const Slot& each) {
        return std::none_of(line.open.begin(), line.open.end(),
                            [&](const SlotPtr& open) { return open->slot.key == each.key; });
    });
    if (old != recorded.end()) recorded.erase(old);
}

SlotPtr make_slot(const SlotWish& wish, const Slot& slot) {
    auto run = std::make_shared<SlotRun>();
    run->slot = slot;
    run->name = {wish.line->config.id, wish.lane->signer, slot.key};
    run->payments = wish.group;
    for (const LivePtr& live : wish.group) run->keys.push_back(live->record.key);
    run->payers = payers_of(wish.group);
    run->actions = actions_of(wish.group);
    run->simulation = wish.simulation;
    run->reserved = wish.simulation.most.amount;
    run->simulated = wish.simulated;
    run->lane = wish.lane;
    run->busy = true;
    return run;
}

// Whether the row is there although the write's answer was an error: taking another slot would then
// be a second.
Task<Result<bool>> was_written(DeskPtr desk, SlotPtr slot) {
    const auto open = co_await desk->store.open_slots(slot->name.network);
    if (!open) co_return fail(open.error());
    for (const store::SlotRecord& record : *open) {
        if (record.name == slot->name)
            co_return record.payments == slot->keys&& record.attempts.empty();
    }
    co_return false;
}

}  // namespace

Task<void> await_turn(Lane& lane) {
    while (lane.taking) {
        const std::uint64_t seen = lane.taken.count();
        if (!lane.taking) break;
        const bool rung = co_await lane.taken.wait(seen, std::chrono::seconds(60));
        static_cast<void>(rung);
    }
}

std::vector<Action> actions_of(const Group& group) {
    std::vector<Action> actions;
    for (const LivePtr& live : group)
        actions.insert(actions.end(), live->actions.begin(), live->actions.end());
    return actions;
}

Payers payers_of(const Group& group) {
    Payers payers;
    for (const LivePtr& live : group) payers.push_back(live ? live->record.payer : std::string{});
    return payers;
}

bool comes_before(const Slot& left, const Slot& right) {
    if (left.key.size() != right.key.size()) return left.key.size() < right.key.size();
    return left.key < right.key;
}

Task<Result<SlotPtr>> try_slot(DeskPtr desk, const SlotWish& wish) {
    Line& line = *wish.line;
    Lane& lane = *wish.lane;
    X402_CO_TRY_VOID(co_await load_recorded(desk, line, lane));
    Plan plan;
    plan.actions = actions_of(wish.group);
    plan.signers = {lane.signer};
    // A copy: slots may end, and the table be dropped, while the network is asked.
    const std::vector<Slot> recorded = *lane.recorded;
    const auto next = co_await line.network->next_slot(lane.signer, recorded, plan);
    // A network's own conflict is trouble of the moment, not a taken row.
    if (!next) co_return fail(Errc::unavailable, to_string(next.error()));
    if (wish.group.empty() && !is_gap(line, lane, *next)) co_return fail(Errc::not_found);
    SlotPtr run = make_slot(wish, *next);
    const store::SlotRecord record = record_of(*run, desk->env.clock.now());
    const auto taken = co_await desk->store.take_slot(record);
    if (!taken) {
        // What the store holds and this table does not is read again before the next try.
        lane.recorded.reset();
        Result<bool> written = co_await was_written(desk, run);
        while (!written) {
            const bool on = co_await pause(desk, kFirstPause);
            if (!on) co_return fail(taken.error());
            written = co_await was_written(desk, run);
        }
        if (!*written) co_return fail(taken.error());
        co_return run;
    }
    remember(line, lane, run->slot);
    co_return run;
}

}  // namespace x402::facilitator
