// SPDX-License-Identifier: Apache-2.0
// When a lane lets something leave, as pure functions: alone at once; together, after a short time
// of gathering, when they became ready while a transaction of the lane was in flight; never beyond
// the caps. The network knows how, this knows when. Any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/base/limits.hpp"

namespace x402::facilitator {

// One ready settlement in the queue's order.
struct Ready {
    bool alone =
        false;  // has a slot of its own: it must, or nobody is known that it could share with
    bool held = false;  // waits for what its payer has in flight, whose outcome decides about it
    std::size_t actions = 1;
    Duration since{};  // steady time when it became ready
};

struct LaneView {
    std::size_t in_flight = 0;  // slots that are open, and departures on their way to one
    std::size_t landed = 0;     // of these: used up on the network, only their meaning is open
    Duration now{};
    Duration gather{};  // nobody waits longer than this for company
    std::size_t max_in_flight = limits::kInFlightPerSigner;
    std::size_t max_actions = limits::kSharedActions;
};

// Whether the settlements at two places of the queue may leave in one transaction.
using CanShare = std::function<bool(std::size_t one, std::size_t other)>;

// The places of the queue that leave now, together; empty: nobody. Ascending. `can_share` is asked
// only when somebody leaves, and never about one and itself.
std::vector<std::size_t> choose_departure(const LaneView& lane, std::span<const Ready> queue,
                                          const CanShare& can_share);

// The lane for a new settlement: the least loaded; equal ones take turns.
struct LaneLoad {
    std::size_t waiting = 0;
    std::size_t in_flight = 0;
};
std::size_t choose_lane(std::span<const LaneLoad> lanes, std::size_t turn);

}  // namespace x402::facilitator
