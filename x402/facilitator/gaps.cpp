// SPDX-License-Identifier: Apache-2.0
// A filler may take a slot only where no attempt was ever recorded: the store refuses every other,
// and the network offers gaps first.
#include "x402/facilitator/gaps.hpp"

#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/facilitator/departure.hpp"
#include "x402/facilitator/taking.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kFirstRest = std::chrono::seconds(1);
constexpr Duration kLongestRest = std::chrono::minutes(1);

std::size_t sent_slots(const Line& line, const Lane& lane) {
    const auto sent = std::count_if(line.open.begin(), line.open.end(), [&](const SlotPtr& slot) {
        return slot->lane == &lane && !slot->landed && !slot->attempts.empty();
    });
    return static_cast<std::size_t>(sent);
}

void rest(const Desk& desk, Gap& gap) {
    gap.rest = std::min(std::max(2 * gap.rest, kFirstRest), kLongestRest);
    gap.next_try = desk.env.clock.steady() + gap.rest;
}

// A recorded slot that stands before open ones and that nobody uses; null when there is none, or
// none can be had now. What it costs is not refused by the budget: all that was spent behind it is
// lost without it.
Task<SlotPtr> take_gap(DeskPtr desk, Line* line, Lane* lane) {
    co_await await_turn(*lane);
    const Turn turn(*lane);
    SlotWish wish;
    wish.line = line;
    wish.lane = lane;
    wish.simulated = desk->env.clock.steady();
    const std::vector<Action> none;
    auto simulation = co_await line->network->simulate(none, lane->signer);
    Result<SlotPtr> slot = fail(Errc::unavailable);
    if (simulation) {
        wish.simulation = std::move(*simulation);
        slot = co_await try_slot(desk, wish);
    } else {
        slot = fail(simulation.error());
    }
    if (slot) co_return std::move(*slot);
    if (slot.error().code == Errc::not_found) {
        lane->gap = Gap{};
        co_return nullptr;
    }
    log::warn("gap_not_taken", {{"signer", lane->signer}, {"error", to_string(slot.error())}});
    rest(*desk, lane->gap);
    co_return nullptr;
}

Task<void> fill(DeskPtr desk, Line* line, Lane* lane) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    SlotPtr slot = co_await take_gap(desk, line, lane);
    lane->gap.filling = false;
    if (!slot) co_return;
    log::info("gap_filled", {{"signer", lane->signer}, {"slot", slot->slot.key}});
    ++lane->in_flight;
    line->open.push_back(slot);
    line->budget.reserve(slot->reserved, slot->payers);
    co_await launch(desk, line, slot);
}

}  // namespace

void watch_gaps(const DeskPtr& desk, Line& line) {
    bool stuck = false;
    for (std::size_t i = 0; i < line.lanes.size(); ++i) {
        Lane& lane = *line.lanes[i];
        // A retired signer's gap stays until its operator sees to it; the others settle on.
        stuck = stuck || (!lane.retired && waiting_behind_gap(line, lane) > 0);
        // Where nothing can be replaced, no slot stands behind another.
        if (!lane.gap.suspected || lane.retired || !line.network->can_replace()) continue;
        if (lane.gap.filling || desk->env.clock.steady() < lane.gap.next_try) continue;
        if (sent_slots(line, lane) == 0) continue;
        lane.gap.filling = true;
        net::spawn_on(desk->home, [desk, at = &line, of = &lane] { return fill(desk, at, of); });
    }
    line.stuck = stuck;
}

void note_refused(const Desk& desk, const SlotRun& slot) {
    Gap& gap = slot.lane->gap;
    gap.suspected = true;
    if (!gap.refused || comes_before(slot.slot, gap.at)) gap.at = slot.slot;
    gap.refused = true;
    rest(desk, gap);
    log::error("slot_gap", {{"signer", slot.slot.signer}, {"slot", slot.slot.key}});
}

bool stands_behind_gap(const SlotRun& slot) {
    const Gap& gap = slot.lane->gap;
    return gap.refused && comes_before(gap.at, slot.slot);
}

std::size_t waiting_behind_gap(const Line& line, const Lane& lane) {
    return lane.gap.refused ? sent_slots(line, lane) : 0;
}

}  // namespace x402::facilitator
