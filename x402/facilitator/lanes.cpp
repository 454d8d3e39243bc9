// SPDX-License-Identifier: Apache-2.0
// The queues of a network's signers. What leaves, and with whom, is lane_policy's decision.
#include "x402/facilitator/lanes.hpp"

#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/facilitator/departure.hpp"
#include "x402/facilitator/lane_policy.hpp"
#include "x402/facilitator/runner.hpp"

namespace x402::facilitator {
namespace {

// Long enough for those who were answered together to ask again together, short beside any block.
constexpr Duration kGather = std::chrono::milliseconds(100);

bool may_send(const Lane& lane, const Live& live) {
    if (lane.retired) return false;
    const auto& signers = live.signers;
    return signers.empty() ||
           std::find(signers.begin(), signers.end(), lane.signer) != signers.end();
}

std::vector<Lane*> lanes_for(Line& line, const Live& live) {
    std::vector<Lane*> lanes;
    for (const auto& lane : line.lanes) {
        if (may_send(*lane, live)) lanes.push_back(lane.get());
    }
    return lanes;
}

bool all_share(const Network& network, const std::vector<Action>& ours,
               const std::vector<Action>& others) {
    for (const Action& one : ours) {
        for (const Action& other : others) {
            if (!network.can_share(one, other)) return false;
        }
    }
    return true;
}

// Whether it is in a transaction that has landed: paid, or of no effect as the network stands.
bool has_landed(const Line& line, const LivePtr& live) {
    return std::any_of(line.open.begin(), line.open.end(), [&](const SlotPtr& slot) {
        const auto& group = slot->payments;
        return slot->landed && std::find(group.begin(), group.end(), live) != group.end();
    });
}

// A fee would be lost on a transfer whose money another transfer of the same payer is taking just
// now. One that has landed takes none any more: nobody waits for its finality.
bool must_wait(const Desk& desk, const Live& live) {
    if (!live.wary) return false;
    for (const auto& [key, other] : desk.lives) {
        if (other.get() == &live || other->line != live.line || other->queued) continue;
        const bool still = other->state == State::claimed || other->state == State::doubted ||
                           other->state == State::unclear || other->state == State::seen;
        if (still || other->record.payer != live.record.payer) continue;
        if (!has_landed(*live.line, other)) return true;
    }
    return false;
}

// Who could share with what left last, or with whoever waits first, gathers while something is in
// flight. A payment of several steps is its own business and never shares.
void make_acquaintance(const Line& line, const Lane& lane, Live& live) {
    if (live.sociable || live.actions.size() != 1) return;
    live.sociable = lane.last.size() == 1 && all_share(*line.network, lane.last, live.actions);
    if (live.sociable || lane.waiting.empty()) return;
    Live& first = *lane.waiting.front();
    if (&first == &live || first.actions.size() != 1) return;
    live.sociable = all_share(*line.network, first.actions, live.actions);
    first.sociable = first.sociable || live.sociable;
}

std::vector<std::size_t> choose(const Desk& desk, const Line& line, const Lane& lane) {
    std::vector<Ready> queue;
    for (const LivePtr& live : lane.waiting) {
        const bool alone = live->alone || !live->sociable;
        queue.push_back({alone, must_wait(desk, *live), live->actions.size(), live->ready});
    }
    LaneView view;
    view.in_flight = lane.in_flight + lane.departing;
    for (const SlotPtr& slot : line.open) {
        if (slot->lane == &lane && slot->landed) ++view.landed;
    }
    view.now = desk.env.clock.steady();
    view.gather = kGather;
    const CanShare can_share = [&](std::size_t one, std::size_t other) {
        return all_share(*line.network, lane.waiting[one]->actions, lane.waiting[other]->actions);
    };
    return choose_departure(view, queue, can_share);
}

Group take_out(Lane& lane, const std::vector<std::size_t>& places) {
    Group group;
    for (const std::size_t at : places) {
        lane.waiting[at]->queued = false;
        group.push_back(lane.waiting[at]);
    }
    for (auto at = places.rbegin(); at != places.rend(); ++at) {
        lane.waiting.erase(lane.waiting.begin() + static_cast<std::ptrdiff_t>(*at));
    }
    return group;
}

Task<void> gather_then_pump(DeskPtr desk, Line* line, Lane* lane) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    const bool on = co_await pause(desk, kGather);
    lane->gathering = false;
    if (on) pump(desk, *line, *lane);
}

// Whoever gathers is looked at again when the time for it is over.
void pump_later(const DeskPtr& desk, Line& line, Lane& lane) {
    if (lane.gathering || lane.waiting.empty()) return;
    lane.gathering = true;
    net::spawn_on(desk->home,
                  [desk, at = &line, of = &lane] { return gather_then_pump(desk, at, of); });
}

void leave_unserved(const DeskPtr& desk, const LivePtr& live) {
    log::error("no_signer",
               {{"payment", live->record.key.value()}, {"network", live->record.network.text()}});
    apply(*live, Event::gave_up);
    net::spawn_on(desk->home,
                  [desk, live] { return end_unavailable(desk, live, Reason::unavailable); });
}

}  // namespace

void enter_lane(const DeskPtr& desk, const LivePtr& live) {
    Line& line = *live->line;
    const std::vector<Lane*> lanes = lanes_for(line, *live);
    if (lanes.empty()) return leave_unserved(desk, live);
    std::vector<LaneLoad> loads;
    for (const Lane* lane : lanes)
        loads.push_back({lane->waiting.size(), lane->in_flight + lane->departing});
    Lane& lane = *lanes[choose_lane(loads, line.turn++)];
    desk->metrics.count("x402_signer_selected_total",
                        {{"chain", line.config.id.text()}, {"signer", lane.signer}});
    live->ready = desk->env.clock.steady();
    live->queued = true;
    live->sociable = false;
    make_acquaintance(line, lane, *live);
    lane.waiting.push_back(live);
    pump(desk, line, lane);
}

void pump(const DeskPtr& desk, Line& line, Lane& lane) {
    for (;;) {
        if (desk->gate.closed()) return;
        const std::vector<std::size_t> places = choose(*desk, line, lane);
        if (places.empty()) return pump_later(desk, line, lane);
        ++lane.departing;
        Departure departure{&line, &lane, take_out(lane, places)};
        lane.last = departure.group.front()->actions;
        net::spawn_on(desk->home, [desk, departure] { return depart(desk, departure); });
    }
}

void close_slot(const DeskPtr& desk, Line& line, const SlotPtr& slot, const U256& cost) {
    slot->phase = SlotPhase::ended;
    std::erase(line.open, slot);
    Lane& lane = *slot->lane;
    --lane.in_flight;
    line.budget.release(slot->reserved, cost, slot->payers);
    pump(desk, line, lane);
}

}  // namespace x402::facilitator
