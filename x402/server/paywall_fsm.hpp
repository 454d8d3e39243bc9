// SPDX-License-Identifier: Apache-2.0
// What happens to one request of a paid route, as a table: unpaid -> challenged, or read -> matched
// -> verified -> claimed -> (settled before or after the upstream works) -> served or refused. The
// courier in paywall.cpp does each action and reports what came of it. Pure: no clock, no socket,
// no thread.
#pragma once

#include <optional>
#include <string_view>

#include "x402/server/settle_timing.hpp"

namespace x402::server {

enum class PaywallState {
    arrived,       // nothing is known yet
    reading,       // a payment was decoded; is there a record of its key?
    matching,      // no record: does it fit an offer, by what its signed data says?
    verifying,     // the facilitator is asked
    doubting,      // it says no: because a request with this payment has used it up meanwhile?
    looking_back,  // verified: did the payer leave an earlier payment for this request unfinished?
    joining,       // yes: that one is waited for instead
    claiming,      // the grant is being written
    working,       // the upstream runs
    settling,      // money is moved
    serving,       // paid for and held: the answer leaves
    // The ends.
    challenged,   // 402 with offers
    refused,      // any other refusal; nothing was taken
    repeated,     // answered from the record of an earlier request
    passed,       // the upstream's answer left unpaid, because it is not worth paying for
    pending,      // told to send the same payment again
    served,       // paid and delivered
    undelivered,  // paid, the answer has not left; the same payment gets it
};
inline constexpr int kPaywallStates = static_cast<int>(PaywallState::undelivered) + 1;

enum class PaywallEvent {
    no_payment,
    unreadable,  // the payment header is no payment
    payment,
    record,  // its key has a grant
    no_record,
    mismatch,  // no offer, another route's quote, or the signed data says no (any more)
    match,
    valid,
    invalid,   // judged by the facilitator
    unjudged,  // infrastructure: facilitator, store or no room
    earlier,   // an unfinished payment of this payer for this request
    none_earlier,
    joined,      // answered with the earlier one's answer, or told to wait for it
    not_joined,  // the earlier one came to nothing, or somebody else is at it
    claimed,
    taken,         // somebody else claimed it in this moment
    worth_paying,  // the upstream's answer is held and shall be paid for
    not_worth,     // its status is not paid for
    no_answer,     // unreachable, too slow, too large
    settled,
    failed,
    duplicate,  // somebody else's settlement used the payment up
    not_begun,  // proven: nothing was sent
    unknown,    // not judged within the wait
    left,       // the answer left completely
    cut,        // it did not
};
inline constexpr int kPaywallEvents = static_cast<int>(PaywallEvent::cut) + 1;

enum class PaywallAction {
    look_up,
    check,
    verify,
    look_back,
    join,
    claim,
    run_and_hold,    // the upstream, its answer held back
    run_and_stream,  // the upstream, its answer streamed: it is paid for
    settle,
    deliver,  // the held answer
    // What ends it.
    challenge,
    refuse,
    answer_record,
    release_and_pass,  // nothing was settled: the upstream's answer as it is
    release_and_refuse,
    release_and_challenge,
    tell_pending,
    note_delivered,
    note_undelivered,
    none,
};

struct PaywallStep {
    PaywallState next = PaywallState::arrived;
    PaywallAction action = PaywallAction::none;
};

// Nothing where the event cannot happen in the state.
std::optional<PaywallStep> paywall_step(SettleMoment moment, PaywallState state,
                                        PaywallEvent event) noexcept;
bool is_end(PaywallState state) noexcept;
// The settlement of this payment is behind us, or may be.
bool is_paid(SettleMoment moment, PaywallState state) noexcept;

}  // namespace x402::server
