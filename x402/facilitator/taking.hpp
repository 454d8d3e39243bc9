// SPDX-License-Identifier: Apache-2.0
// Choosing a slot of a signer and recording it. One at a time for each lane; until the row is
// durable nothing is signed, and a row whose write was not acknowledged is looked up before another
// one is chosen. Home core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// What a slot is wanted for. Without payments: a gap before slots that are open, to be filled.
struct SlotWish {
    Line* line = nullptr;
    Lane* lane = nullptr;
    Group group;
    Simulation simulation;
    Duration simulated{};  // when that was asked
};

// Held while a slot of the lane is chosen.
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
Task<void> await_turn(Lane& lane);

// One try. conflict: that key is taken already; not_found: no gap is there; any other error: try
// again later.
Task<Result<SlotPtr>> try_slot(DeskPtr desk, const SlotWish& wish);

std::vector<Action> actions_of(const Group& group);
Payers payers_of(const Group& group);
// Keys that count are decimal: the shorter is the smaller. A gap that was filled later is older all
// the same.
bool comes_before(const Slot& left, const Slot& right);

}  // namespace x402::facilitator
