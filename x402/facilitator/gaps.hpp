// SPDX-License-Identifier: Apache-2.0
// Slots of a signer stand in line on some networks: behind one that nobody uses everything waits.
// Such a gap is left where nothing at all could be signed for a slot, and is filled by a filler as
// soon as that can be signed, without waiting for new traffic. Home core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// At each look of the watch: begins to fill where a gap is suspected, and says what is stuck.
void watch_gaps(const DeskPtr& desk, Line& line);
// The network did not even sign a filler for this slot.
void note_refused(const Desk& desk, const SlotRun& slot);
// Whether it waits for a gap of its lane, and not for a higher fee.
bool stands_behind_gap(const SlotRun& slot);
// How many sent slots of the lane wait behind a slot that cannot be used; 0 when all is well.
std::size_t waiting_behind_gap(const Line& line, const Lane& lane);

}  // namespace x402::facilitator
