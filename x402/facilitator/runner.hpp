// SPDX-License-Identifier: Apache-2.0
// The courier of one payment outside a lane: plan it, hand it to a lane, and where the network
// would not take it, ask why. Runs on the home core, spawned, so that it does not die with the
// request that asked for it.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// An error that no later try can mend is the payment's own fault; infrastructure can be tried
// again.
Refusal refusal_of(const Error& error);
// A recorded intent and what it asks for, as it lies on the desk.
LivePtr make_live(const Desk& desk, Admitted admitted, store::PaymentRecord record);
// Whether its run has had its time: what was not signed by now may be given up.
bool too_late(const Desk& desk, const Live& live);
// From `claimed`: plan, then a lane.
Task<void> run_payment(DeskPtr desk, LivePtr live);
// Spawns run_payment.
void start_payment(const DeskPtr& desk, const LivePtr& live);
// In `doubted`: what the network knows decides how it ends, however long that takes.
Task<void> resolve_doubt(DeskPtr desk, LivePtr live);
// Ends a run that nothing of can be mined, without fault of the payer.
Task<void> end_unavailable(DeskPtr desk, LivePtr live, Reason reason, std::string detail = {});

// The network's word on a payment, in the words of the state machine.
struct Word {
    Event event = Event::trace_unknown;
    Trace trace;
    bool mute = false;  // it has none on this payment, and never will have
};
Task<Word> ask_trace(DeskPtr desk, LivePtr live);
// How a payment ends after a word that decides; `refusal` is why we thought it unpaid.
store::PaymentEnd end_after(const Live& live, const Word& word, const Refusal& refusal);

}  // namespace x402::facilitator
