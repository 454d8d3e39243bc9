// SPDX-License-Identifier: Apache-2.0
// What an ended slot means for each of its payments. Reads only, but for the payments' own state
// machines; what is decided is written and told by the confirmer. Home core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// How one payment of an ended slot goes on.
struct Verdict {
    LivePtr live;
    Event event = Event::mined_unclear;
    store::PaymentEnd end;
};

struct Verdicts {
    std::vector<Verdict> list;  // in the order of the slot's payments
    bool decided = true;        // all of them
};

// Back to the start, for a slot of its own.
store::PaymentEnd again_end(const Live& live);
Task<Verdicts> judge_mined(DeskPtr desk, SlotPtr slot, const Seen& seen);
Task<Verdicts> judge_dead(DeskPtr desk, SlotPtr slot);

}  // namespace x402::facilitator
