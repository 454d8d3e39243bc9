// SPDX-License-Identifier: Apache-2.0
// One lane per network and signer: which signer takes a ready settlement, and who leaves together.
// Home core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// Puts a planned payment into the least loaded lane that may send it, and lets leave who can.
void enter_lane(const DeskPtr& desk, const LivePtr& live);
// Lets everybody leave who may leave now.
void pump(const DeskPtr& desk, Line& line, Lane& lane);
// Takes an ended slot off the desk and lets the next leave.
void close_slot(const DeskPtr& desk, Line& line, const SlotPtr& slot, const U256& cost);

}  // namespace x402::facilitator
