// SPDX-License-Identifier: Apache-2.0
// The rules of departure. A settlement that can share with nobody never waits for company.
#include "x402/facilitator/lane_policy.hpp"

#include <algorithm>

#include "x402/base/check.hpp"

namespace x402::facilitator {
namespace {

bool gathers(const Ready& ready) noexcept {
    return !ready.alone && !ready.held;
}

bool fits(const std::vector<std::size_t>& group, std::size_t at, const CanShare& can_share) {
    return std::all_of(group.begin(), group.end(),
                       [&](std::size_t member) { return can_share(member, at); });
}

// The first of the queue that may leave and all that can go with it.
std::vector<std::size_t> gather(const LaneView& lane, std::span<const Ready> queue,
                                std::size_t first, const CanShare& can_share) {
    std::vector<std::size_t> group{first};
    std::size_t actions = queue[first].actions;
    for (std::size_t at = first + 1; at < queue.size() && actions < lane.max_actions; ++at) {
        if (actions + queue[at].actions > lane.max_actions) continue;
        if (!gathers(queue[at]) || !fits(group, at, can_share)) continue;
        group.push_back(at);
        actions += queue[at].actions;
    }
    return group;
}

}  // namespace

std::vector<std::size_t> choose_departure(const LaneView& lane, std::span<const Ready> queue,
                                          const CanShare& can_share) {
    if (lane.in_flight - lane.landed >= lane.max_in_flight) return {};
    std::size_t first = queue.size();
    std::size_t actions = 0;
    for (std::size_t at = 0; at < queue.size(); ++at) {
        if (queue[at].held) continue;
        // Whoever goes alone goes first, but never past one who has waited for company long enough.
        const bool late = first != queue.size() && lane.now - queue[first].since >= lane.gather;
        if (queue[at].alone && !late) return {at};
        if (queue[at].alone) continue;
        first = std::min(first, at);
        actions += queue[at].actions;
    }
    if (first == queue.size()) return {};
    const bool idle = lane.in_flight == lane.landed;
    const bool full = actions >= lane.max_actions;
    const bool impatient = lane.now - queue[first].since >= lane.gather;
    if (!idle && !full && !impatient) return {};
    return gather(lane, queue, first, can_share);
}

std::size_t choose_lane(std::span<const LaneLoad> lanes, std::size_t turn) {
    X402_CHECK(!lanes.empty());
    std::size_t best = turn % lanes.size();
    for (std::size_t i = 1; i < lanes.size(); ++i) {
        const std::size_t at = (turn + i) % lanes.size();
        const std::size_t load = lanes[at].waiting + lanes[at].in_flight;
        if (load < lanes[best].waiting + lanes[best].in_flight) best = at;
    }
    return best;
}

}  // namespace x402::facilitator
