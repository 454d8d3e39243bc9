// SPDX-License-Identifier: Apache-2.0
// From a ready group to an attempt on the network, strictly in this order: simulate -> take a slot
// (recorded) -> sign -> record the attempt -> broadcast -> note the answer. A crash between any two
// steps leaves a journal from which the next start goes on. Home core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

struct Departure {
    Line* line = nullptr;
    Lane* lane = nullptr;
    Group group;
    Duration simulated{};  // when the network was last asked about it
};

// Spawned by the lane, which counts it as departing until it has a slot or has dissolved.
Task<void> depart(DeskPtr desk, Departure departure);
// From a slot that is taken to an attempt that is recorded and sent.
Task<void> launch(DeskPtr desk, Line* line, SlotPtr slot);

// Another attempt for the slot: its payments' actions, or for a filler none.
Task<Result<Attempt>> sign_attempt(Line* line, SlotPtr slot, bool filler);
// Takes from the budget what the attempt could cost more than the slot has reserved.
void reserve_for(Line& line, SlotRun& slot, const Attempt& attempt);
// A signed transaction that is not recorded yet.
struct Unrecorded {
    Attempt attempt;
    bool filler = false;
};
// Journals an attempt of an open slot, then sends it. An Error: it could not be journalled, and was
// not sent.
Task<Result<void>> record_and_send(DeskPtr desk, Line* line, SlotPtr slot, Unrecorded next);
// Sends the newest attempt's bytes (again) and notes the answer, which proves nothing.
Task<void> send(DeskPtr desk, Line* line, SlotPtr slot);

}  // namespace x402::facilitator
