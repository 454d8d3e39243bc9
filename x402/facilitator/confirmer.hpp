// SPDX-License-Identifier: Apache-2.0
// One watch per network for everything that is in flight: looks at each open slot, sends again,
// signs higher fees where the network can replace, and when a slot has ended judges each of its
// payments and writes all of it at once. Home core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// Runs until the desk's gate is closed.
Task<void> watch(DeskPtr desk, Line* line);
// Once: what became of the slot, and what is done about it. Leaves the slot unbusy.
Task<void> look(DeskPtr desk, Line* line, SlotPtr slot);
// Ends a slot that never carried its payments; they start again.
Task<void> free_slot(DeskPtr desk, Line* line, SlotPtr slot, store::SlotState state);
// The store says that the slot is not ours: it is left to whoever owns it.
void abandon_slot(const DeskPtr& desk, Line& line, const SlotPtr& slot);

}  // namespace x402::facilitator
