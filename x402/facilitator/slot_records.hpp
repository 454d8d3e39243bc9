// SPDX-License-Identifier: Apache-2.0
// Slots and attempts between the network's types and the journal's rows. Reading back is strict: a
// row that was not written by this code is an error, never a guess. Any thread.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

store::SlotRecord record_of(const SlotRun& slot, Instant now);
// A filler is an attempt without actions, and says so in its row.
store::AttemptRecord record_of(const Attempt& attempt, bool filler, Instant now);

// A slot from its row, without its payments; `charged` has one amount for each payment.
struct ReadSlot {
    SlotPtr run;
    std::vector<U256> charged;
};
Result<ReadSlot> read_slot(const store::SlotRecord& record);

}  // namespace x402::facilitator
