// SPDX-License-Identifier: Apache-2.0
// Simulation and the choice of a slot. Several departures of a lane may simulate at once; choosing
// a slot is one at a time. Until the slot is recorded, giving up is safe: nothing was signed.
#include "x402/facilitator/departure.hpp"

#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/facilitator/lanes.hpp"
#include "x402/facilitator/runner.hpp"
#include "x402/facilitator/slot_records.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(100);
constexpr Duration kLongestPause = std::chrono::seconds(2);
constexpr int kSlotConflicts = 16;
constexpr std::size_t kRecordedKept = 2'048;

// A pause that grows, and an end to trying.
struct Patience {
    Duration until{};
    Duration next = kFirstPause;
    bool over(const Desk& desk) const { return desk.env.clock.steady() >= until; }
};

// False: the time is over, or the couriers are to stop.
Task<bool> wait_a_little(DeskPtr desk, Patience& patience) {
    if (patience.over(*desk)) co_return false;
    const Duration length = patience.next;
    patience.next = std::min(2 * length, kLongestPause);
    co_return co_await pause(desk, length);
}

std::vector<Action> actions_of(const Group& group) {
    std::vector<Action> actions;
    for (const LivePtr& live : group)
        actions.insert(actions.end(), live->actions.begin(), live->actions.end());
    return actions;
}

Task<void> give_up(DeskPtr desk, Group group, Event event, Reason reason) {
    for (std::size_t i = 0; i < group.size(); ++i) {
        apply(*group[i], event);
        co_await end_unavailable(desk, group[i], reason);
    }
}

void doubt(const DeskPtr& desk, const LivePtr& live, Refusal refusal) {
    live->doubt = std::move(refusal);
    apply(*live, Event::refused);
    net::spawn_on(desk->home, [desk, live] { return resolve_doubt(desk, live); });
}

// A neighbour may be the cause of the refusal: it is asked again alone before anybody is told.
void ask_alone(const Departure& departure, const LivePtr& live) {
    apply(*live, Event::refused_in_group);
    live->alone = true;
    live->wary = true;
    live->queued = true;
    departure.lane->waiting.push_back(live);
}

// Takes the refused out of the group; `refusals` is one for each action, in the group's order.
void sort_out(const DeskPtr& desk, Departure& departure, const Simulation& simulation) {
    Group good;
    std::size_t at = 0;
    const bool single = departure.group.size() == 1;
    for (const LivePtr& live : departure.group) {
        std::optional<Refusal> refusal;
        for (std::size_t i = 0; i < live->actions.size(); ++i, ++at) {
            if (!refusal) refusal = simulation.refusals[at];
        }
        if (!refusal) {
            good.push_back(live);
        } else if (single) {
            doubt(desk, live, std::move(*refusal));
        } else {
            ask_alone(departure, live);
        }
    }
    departure.group = std::move(good);
}

// The network will never simulate this: a group is asked one by one, and one alone is what it
// cannot take.
void take_apart(const DeskPtr& desk, Departure& departure, const Error& error) {
    const bool single = departure.group.size() == 1;
    for (const LivePtr& live : departure.group) {
        if (single) {
            doubt(desk, live, refusal_of(error));
        } else {
            ask_alone(departure, live);
        }
    }
    departure.group.clear();
}

// A simulation without refusals for whoever is left of the group; nothing when the group has
// dissolved.
Task<std::optional<Simulation>> simulate(DeskPtr desk, Departure& departure, Patience& patience) {
    while (!departure.group.empty()) {
        const std::vector<Action> actions = actions_of(departure.group);
        auto simulation =
            co_await departure.line->network->simulate(actions, departure.lane->signer);
        const bool usable = simulation && simulation->refusals.size() == actions.size();
        if (usable && simulation->ok()) co_return std::move(*simulation);
        if (usable) {
            sort_out(desk, departure, *simulation);
            continue;
        }
        const Error error =
            simulation ? Error{Errc::bad_peer, "an answer of the wrong length", {}, {}, true}
                       : simulation.error();
        log::warn("simulation_failed",
                  {{"network", departure.line->config.id.text()}, {"error", to_string(error)}});
        if (!error.retryable) {
            take_apart(desk, departure, error);
            continue;
        }
        const bool on = co_await wait_a_little(desk, patience);
        if (on) continue;
        if (desk->gate.closed()) co_return std::nullopt;
        co_await give_up(desk, departure.group, Event::gave_up, Reason::unavailable);
        departure.group.clear();
    }
    co_return std::nullopt;
}

// Only one departure of a lane looks for a slot at a time.
class Turn {
public:
    explicit Turn(Lane& lane) : lane_(lane) { lane_.taking = true; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        lane_.taking = false;
        lane_.taken.ring();
    }

private:
    Lane& lane_;
};

Task<void> await_turn(Lane& lane) {
    while (lane.taking) {
        const std::uint64_t seen = lane.taken.count();
        if (!lane.taking) break;
        const bool rung = co_await lane.taken.wait(seen, std::chrono::seconds(60));
        static_cast<void>(rung);
    }
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

SlotPtr make_slot(const Desk& desk, const Departure& departure, const Slot& slot,
                  const Simulation& simulation) {
    auto run = std::make_shared<SlotRun>();
    run->slot = slot;
    run->name = {departure.line->config.id, departure.lane->signer, slot.key};
    run->payments = departure.group;
    for (const LivePtr& live : departure.group) run->keys.push_back(live->record.key);
    run->actions = actions_of(departure.group);
    run->simulation = simulation;
    run->simulated = desk.env.clock.steady();
    run->lane = departure.lane;
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

// One try. conflict: that key is taken already; any other error: try again later.
Task<Result<SlotPtr>> try_slot(DeskPtr desk, const Departure& departure,
                               const Simulation& simulation) {
    Line& line = *departure.line;
    Lane& lane = *departure.lane;
    X402_CO_TRY_VOID(co_await load_recorded(desk, line, lane));
    Plan plan;
    plan.actions = actions_of(departure.group);
    plan.signers = {lane.signer};
    // A copy: slots may end, and the table be dropped, while the network is asked.
    const std::vector<Slot> recorded = *lane.recorded;
    const auto next = co_await line.network->next_slot(lane.signer, recorded, plan);
    // A network's own conflict is trouble of the moment, not a taken row.
    if (!next) co_return fail(Errc::unavailable, to_string(next.error()));
    SlotPtr run = make_slot(*desk, departure, *next, simulation);
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
        X402_CO_TRY_VOID(co_await load_recorded(desk, line, lane));
        co_return run;
    }
    remember(line, lane, run->slot);
    co_return run;
}

// A recorded slot for the group; null when it gave up or stops.
Task<SlotPtr> take_slot(DeskPtr desk, Departure& departure, const Simulation& simulation,
                        Patience& patience) {
    co_await await_turn(*departure.lane);
    const Turn turn(*departure.lane);
    int conflicts = 0;
    for (;;) {
        auto run = co_await try_slot(desk, departure, simulation);
        if (run) co_return std::move(*run);
        log::warn("no_slot",
                  {{"signer", departure.lane->signer}, {"error", to_string(run.error())}});
        const bool taken = run.error().code == Errc::conflict;
        if (taken && ++conflicts < kSlotConflicts) continue;
        const bool on = co_await wait_a_little(desk, patience);
        if (on) continue;
        if (!desk->gate.closed()) {
            co_await give_up(desk, departure.group, Event::gave_up, Reason::unavailable);
        }
        co_return nullptr;
    }
}

Task<SlotPtr> reach_slot(DeskPtr desk, Departure& departure) {
    Line& line = *departure.line;
    Patience patience{desk->env.clock.steady() + line.config.settle_wait};
    const auto simulation = co_await simulate(desk, departure, patience);
    if (!simulation) co_return nullptr;
    const U256 most = simulation->most.amount;
    if (!line.budget.fits(most, departure.group.size())) {
        co_await give_up(desk, departure.group, Event::over_budget, Reason::budget_exhausted);
        co_return nullptr;
    }
    line.budget.reserve(most);
    SlotPtr slot = co_await take_slot(desk, departure, *simulation, patience);
    if (!slot) line.budget.release(most, U256{});
    co_return slot;
}

}  // namespace

Task<void> depart(DeskPtr desk, Departure departure) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    SlotPtr slot = co_await reach_slot(desk, departure);
    --departure.lane->departing;
    if (slot) {
        ++departure.lane->in_flight;
        departure.line->open.push_back(slot);
        for (const LivePtr& live : departure.group) apply(*live, Event::slot_taken);
    }
    pump(desk, *departure.line, *departure.lane);
    if (slot) co_await launch(desk, departure.line, slot);
}

}  // namespace x402::facilitator
