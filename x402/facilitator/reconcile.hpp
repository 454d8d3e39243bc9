// SPDX-License-Identifier: Apache-2.0
// What the journal holds unfinished, back on the desk: on start, and after a write whose answer was
// lost. Slots with attempts are watched (all hashes) and sent again; a slot without one is signed
// for anew, because an attempt that was not recorded was never sent; a payment without a slot is
// planned again. Home core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// Safe to call at any time: what lies on the desk already is left alone.
Task<Result<void>> reconcile(DeskPtr desk);

// A record with what it asks for, off the desk; null when this configuration cannot serve it.
LivePtr live_of(const Desk& desk, const store::PaymentRecord& record);
// Puts a claimed record on the desk and starts it; false when this configuration cannot serve it.
bool adopt_claimed(const DeskPtr& desk, const store::PaymentRecord& record);

}  // namespace x402::facilitator
