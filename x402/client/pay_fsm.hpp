// SPDX-License-Identifier: Apache-2.0
// One logical request from the first question to its outcome, as a pure state machine: at most one
// payment is signed, and once it may have left this machine it is only ever sent again unchanged.
// "Failed" is said only when the server said no to a usable payment whose every earlier sending was
// answered, when nothing left us, or when the chain shows it; all else is unknown. Once it has
// expired only the chain's word counts; what it shows as taken is sent once more for its answer,
// since it cannot be taken twice. An answer to what was taken stays owed over the runs until it is
// handed over, the server says no, or too long has passed. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "x402/base/clock.hpp"
#include "x402/client/result.hpp"

namespace x402::client {

enum class Stage {
    quote,   // ask without a payment
    choose,  // pick an offer
    sign,
    record,  // into the journal, before anything leaves
    send,    // with the payment
    pause,   // before the same payment is sent again
    trace,   // ask the chain
    done,
};
inline constexpr int kStages = 8;

enum class Event {
    answered,        // quote: anything but a 402
    offers,          // quote: a 402 that can be read
    unusable_offer,  // quote: a 402 that cannot be read
    forbidden,       // quote: policy forbids to go on (a private address, a 402 behind a redirect)
    no_answer,       // quote: nothing came back
    chosen,
    not_chosen,
    signed_ok,
    not_signed,
    recorded,
    over_budget,
    not_recorded,
    settled,      // send: success, with an answer below 500
    settled_cut,  // send: success, but the answer is a 5xx
    unproven,     // send: a good answer without a word of a settlement
    pending,      // send: being worked on; the same payment will be answered later
    denied,       // send: a judged no
    used,         // send: this payment was settled or used before
    no_word,      // send: it may have arrived, nothing judged came back
    not_sent,     // send: it did not leave
    paused,
    found,     // trace: it was taken
    unused,    // trace: it was not and cannot be any more
    not_told,  // trace: no answer, or not yet
};
inline constexpr int kEvents = 24;
std::string_view to_string(Stage stage) noexcept;
std::string_view to_string(Event event) noexcept;

struct PayLimits {
    std::uint32_t resends = 3;  // after answers without a word
    std::uint32_t pending_sends = 120;
    Duration pending_wait =
        std::chrono::minutes(3);  // in all, for a payment that is being worked on
    Duration first_pause = std::chrono::seconds(1);  // doubles
    Duration longest_pause = std::chrono::seconds(30);
    Duration margin = std::chrono::seconds(3);   // before usable_until
    Duration owed_for = std::chrono::hours(24);  // after usable_until: then an answer is given up
};

struct PayState {
    Stage stage = Stage::quote;
    std::uint32_t sends = 0;  // answered or not
    std::uint32_t mute = 0;   // sends without a judged answer
    std::uint32_t pendings = 0;
    bool left = false;  // some byte of it may have left this machine, in this run or an earlier one
    bool ambiguous = false;  // a sending is still without a judged answer
    bool settled = false;    // taken: the server said success once, or the chain showed it
    bool owed = false;       // settled, its answer was not handed over, and the next run asks again
    bool keep = true;      // an answer that does not come now is owed; false: this try is the last
    bool collect = true;   // one that the chain shows as taken is sent once more for its answer
    bool waiting = false;  // the last answer was `pending`
    Instant usable_until{};
    Instant pending_since{};
    Duration pause{0};
    PayOutcome outcome = PayOutcome::none;
    bool delivered = false;
    bool told = true;     // false: delivered, but nobody said a word of a settlement
    bool proven = false;  // the chain itself showed the outcome
    bool voided =
        false;  // failed, and it can never be taken: nothing left us, or the chain shows it
    friend bool operator==(const PayState&, const PayState&) = default;
};

struct Moment {
    Instant now{};
    std::optional<Duration> retry_after;
};

// The state after the event; nothing where the event cannot happen at this stage.
std::optional<PayState> advance(PayState state, Event event, const Moment& moment,
                                const PayLimits& limits);

// How an earlier run left a payment.
enum class Left {
    never_sent,
    denied,
    ambiguous,
    taken,  // the server said success or the chain showed it, and the answer is still owed
};
// The state from which an unfinished payment is finished: sent again, traced, or void.
PayState resume(Left left, Instant usable_until, Instant now, const PayLimits& limits);
// The same for an expired one that a new payment is to replace: it is judged, and not sent again.
PayState judge_only(Left left, Instant usable_until);

}  // namespace x402::client
