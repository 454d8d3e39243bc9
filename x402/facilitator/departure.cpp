// SPDX-License-Identifier: Apache-2.0
// Simulation and the choice of a slot. Several departures of a lane may simulate at once; choosing
// a slot is one at a time. Until the slot is recorded, giving up is safe: nothing was signed.
#include "x402/facilitator/departure.hpp"

#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/facilitator/budget_wait.hpp"
#include "x402/facilitator/lanes.hpp"
#include "x402/facilitator/runner.hpp"
#include "x402/facilitator/taking.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(100);
constexpr Duration kLongestPause = std::chrono::seconds(2);
constexpr int kSlotConflicts = 16;

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

Task<void> give_up(DeskPtr desk, Group group, Event event, Reason reason, std::string detail = {}) {
    for (std::size_t i = 0; i < group.size(); ++i) {
        apply(*group[i], event);
        co_await end_unavailable(desk, group[i], reason, detail);
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
        departure.simulated = desk->env.clock.steady();
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

// A recorded slot for the group; null when it gave up or stops.
Task<SlotPtr> take_slot(DeskPtr desk, Departure& departure, const Simulation& simulation,
                        Patience& patience) {
    co_await await_turn(*departure.lane);
    const Turn turn(*departure.lane);
    const SlotWish wish{departure.line, departure.lane, departure.group, simulation,
                        departure.simulated};
    int conflicts = 0;
    for (;;) {
        auto run = co_await try_slot(desk, wish);
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

void count_denied(Desk& desk, const Line& line, std::size_t payments) {
    desk.metrics.count("x402_budget_denied_total", {{"chain", line.config.id.text()}},
                       static_cast<double>(payments));
}

// Whoever cannot bear its part of this transaction, out of the group; their neighbours go without
// them.
Group take_out_overdrawn(Departure& departure, const Payers& payers, const U256& most) {
    Group over;
    Group rest;
    for (const LivePtr& live : departure.group) {
        const bool fits = departure.line->budget.fits_payer(live->record.payer, payers, most);
        (fits ? rest : over).push_back(live);
    }
    departure.group = std::move(rest);
    return over;
}

Task<SlotPtr> reach_slot(DeskPtr desk, Departure& departure) {
    Line& line = *departure.line;
    Patience patience{desk->env.clock.steady() + line.config.settle_wait};
    const auto simulation = co_await simulate(desk, departure, patience);
    if (!simulation) co_return nullptr;
    const U256 most = simulation->most.amount;
    // What cannot be read now leaves the last reading: the claim asked for a fresh one.
    const auto read = co_await refresh_budget(desk, line);
    if (!read) log::warn("budget_unread", {{"error", to_string(read.error())}});
    const Payers payers = payers_of(departure.group);
    const PayersHeld held(line.budget.payers(), payers);
    const auto known = co_await refresh_payers(desk, line, payers);
    if (!known) {
        log::warn("budget_unread", {{"error", to_string(known.error())}});
        co_await give_up(desk, departure.group, Event::gave_up, Reason::unavailable);
        co_return nullptr;
    }
    const Group over = take_out_overdrawn(departure, payers, most);
    if (!over.empty()) {
        count_denied(*desk, line, over.size());
        co_await give_up(desk, over, Event::over_budget, Reason::budget_exhausted,
                         std::string(kPayersShare));
        if (departure.group.empty()) co_return nullptr;
        co_return co_await reach_slot(desk, departure);
    }
    if (!line.budget.fits(most, departure.group.size())) {
        count_denied(*desk, line, departure.group.size());
        co_await note_budget_wait(desk, &line, most);
        co_await give_up(desk, departure.group, Event::over_budget, Reason::budget_exhausted);
        co_return nullptr;
    }
    line.budget.reserve(most, payers);
    SlotPtr slot = co_await take_slot(desk, departure, *simulation, patience);
    if (!slot) line.budget.release(most, U256{}, payers);
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
