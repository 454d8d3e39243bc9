// SPDX-License-Identifier: Apache-2.0
// One payment on its way, as a pure state machine: what happened goes in, the new state and what to
// do next comes out. No clock, no store, no network. The courier (runner, lanes, confirmer) does
// what it is told and reports. What keeps money safe is visible in the table: there is no way from
// `attempted` to another slot, or to failed, that does not pass the proof that no attempt can be
// mined any more. Any thread.
#pragma once

#include <optional>
#include <string_view>

namespace x402::facilitator {

enum class State {
    claimed,    // the intent is recorded
    planned,    // waits for a lane: simulated, no slot yet
    slotted,    // owns a slot; nothing recorded as signed
    attempted,  // an attempt is recorded: it may be mined from now on
    doubted,    // the network would refuse it; no attempt can be mined; trace tells why
    unclear,    // doubted, and the network could not rule out that it was made: never given up
    seen,       // its slot ended without paying; trace tells whether somebody else paid
    settled,
    failed,
};

enum class Event {
    planned,           // actions are known
    nothing_to_move,   // the charge is zero
    refused,           // by plan or by a simulation on its own
    refused_in_group,  // by a simulation among others
    trouble,           // infrastructure; nothing was learned
    gave_up,           // infrastructure for too long
    over_budget,
    slot_taken,
    slot_freed,  // the slot ended and never carried this payment
    attempt_recorded,
    sent,                // accepted, refused or unknown: all prove the same, nothing
    waiting,             // not mined yet, or the network cannot be asked
    stuck,               // waits for longer than the network's patience
    mined_paid,          // judged settled
    mined_unpaid,        // judged failed for good, alone in its slot
    mined_unpaid_group,  // judged failed for good, among others
    mined_unclear,       // judged unknown, or failed where the chain may yet be undone
    dead,                // finalized: no attempt of the slot can be mined any more
    trace_unused,  // the network does not know the payment, or says that it cannot be made any more
    trace_unused_again,  // unused and still usable, after a slot that died
    trace_ours,          // done by one of our recorded attempts
    trace_stranger,      // done by somebody else's transaction
    trace_accepted,      // the same, after our intent, where the operator accepts that
    trace_unknown,
};

enum class Todo {
    nothing,
    plan,
    enter_lane,
    enter_lane_alone,
    retry,  // the same step after a pause
    sign,
    broadcast,
    watch,
    bump,  // sign another attempt for the same slot
    trace,
    start_again,  // plan anew, for a slot of its own
    record_settled,
    record_failed,
    record_duplicate,    // used by a stranger's transaction
    record_unavailable,  // failed without fault of the payer: nothing was or can be sent
};

struct Step {
    State state;
    Todo todo;
    friend bool operator==(const Step&, const Step&) = default;
};

// Nothing: this event cannot happen in this state.
std::optional<Step> step(State state, Event event) noexcept;

bool is_final(State state) noexcept;
std::string_view to_string(State state) noexcept;
std::string_view to_string(Event event) noexcept;
std::string_view to_string(Todo todo) noexcept;

}  // namespace x402::facilitator
