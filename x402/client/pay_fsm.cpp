// SPDX-License-Identifier: Apache-2.0
#include "x402/client/pay_fsm.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace x402::client {
namespace {

using Next = std::optional<PayState>;

constexpr std::array<std::string_view, kStages> kStageNames = {"quote", "choose", "sign",  "record",
                                                               "send",  "pause",  "trace", "done"};
constexpr std::array<std::string_view, kEvents> kEventNames = {
    "answered",   "offers",      "unusable_offer", "forbidden", "no_answer",   "chosen",
    "not_chosen", "signed_ok",   "not_signed",     "recorded",  "over_budget", "not_recorded",
    "settled",    "settled_cut", "unproven",       "pending",   "denied",      "used",
    "no_word",    "not_sent",    "paused",         "found",     "unused",      "not_told"};

PayState at(PayState state, Stage stage) {
    state.stage = stage;
    return state;
}

PayState end(PayState state, PayOutcome outcome) {
    state.stage = Stage::done;
    state.outcome = outcome;
    return state;
}

PayState end_delivered(PayState state, bool told) {
    state.delivered = true;
    state.owed = false;
    state.told = told;
    return end(state, PayOutcome::settled);
}

// Taken, and its answer did not come in this run; nothing that came says that there is none.
PayState end_owed(PayState state) {
    state.owed = state.keep;
    return end(state, PayOutcome::settled);
}

PayState end_void(PayState state) {
    state.voided = true;
    return end(state, PayOutcome::failed);
}

bool still_usable(const PayState& state, const Moment& moment, const PayLimits& limits) {
    return moment.now + limits.margin < state.usable_until;
}

PayState pause_for(PayState state, const Moment& moment, const PayLimits& limits) {
    Duration pause = limits.first_pause;
    for (std::uint32_t i = 1; i < state.mute && pause < limits.longest_pause; ++i) pause *= 2;
    if (moment.retry_after) pause = *moment.retry_after;
    state.pause = std::clamp(pause, Duration{0}, limits.longest_pause);
    return at(state, Stage::pause);
}

// No more sending: what is known decides, else the chain where it can know already.
PayState give_up(PayState state, const Moment& moment, const PayLimits& limits) {
    if (state.settled) return end_owed(state);
    if (!state.left) return end_void(state);
    if (!state.ambiguous) return end(state, PayOutcome::failed);
    return still_usable(state, moment, limits) ? end(state, PayOutcome::unknown)
                                               : at(state, Stage::trace);
}

// The same payment again, a bounded number of times. A settled one is sent again for its answer
// only.
PayState again(PayState state, const Moment& moment, const PayLimits& limits) {
    state.waiting = false;
    ++state.mute;
    const bool may = state.settled || still_usable(state, moment, limits);
    return may && state.mute <= limits.resends ? pause_for(state, moment, limits)
                                               : give_up(state, moment, limits);
}

PayState on_pending(PayState state, const Moment& moment, const PayLimits& limits) {
    state.left = true;
    state.ambiguous = !state.settled;
    if (state.pendings == 0) state.pending_since = moment.now;
    ++state.pendings;
    state.waiting = true;
    const bool over = moment.now - state.pending_since >= limits.pending_wait ||
                      state.pendings > limits.pending_sends;
    if (over) return give_up(state, moment, limits);
    state.pause = std::clamp(moment.retry_after.value_or(limits.first_pause), Duration{100},
                             limits.longest_pause);
    return at(state, Stage::pause);
}

Next on_quote(const PayState& state, Event event) {
    switch (event) {
        case Event::answered: {
            PayState next = end(state, PayOutcome::none);
            next.delivered = true;
            return next;
        }
        case Event::offers:
            return at(state, Stage::choose);
        case Event::forbidden:
            return end(state, PayOutcome::refused);
        case Event::unusable_offer:
        case Event::no_answer:
            return end(state, PayOutcome::none);
        default:
            return std::nullopt;
    }
}

// Sent once more for its answer: whatever else comes, the payment was taken.
PayState on_collected(PayState state, Event event) {
    if (event == Event::settled || event == Event::unproven) return end_delivered(state, true);
    if (event != Event::denied && event != Event::used) return end_owed(state);
    state.owed = false;
    return end(state, PayOutcome::settled);
}

bool is_of_send(Event event) {
    return event >= Event::settled && event <= Event::not_sent;
}

Next on_send(PayState state, Event event, const Moment& moment, const PayLimits& limits) {
    ++state.sends;
    if (state.proven && is_of_send(event)) return on_collected(state, event);
    switch (event) {
        case Event::settled:
            return end_delivered(state, true);
        case Event::unproven:
            return end_delivered(state, state.settled);
        case Event::settled_cut:
            state.left = state.settled = true;
            state.ambiguous = false;
            return again(state, moment, limits);
        case Event::pending:
            return on_pending(state, moment, limits);
        case Event::denied:
            state.left = true;
            state.owed = false;
            if (state.settled) return end(state, PayOutcome::settled);
            // The reference facilitator says no to a repeat of a payment that was mined.
            return state.ambiguous ? at(state, Stage::trace) : end(state, PayOutcome::failed);
        case Event::used:
            state.left = true;
            state.owed = false;
            state.ambiguous = !state.settled;
            return state.settled ? end(state, PayOutcome::settled) : at(state, Stage::trace);
        case Event::no_word:
            state.left = true;
            state.ambiguous = !state.settled;
            return again(state, moment, limits);
        case Event::not_sent:
            return again(state, moment, limits);
        default:
            return std::nullopt;
    }
}

Next on_trace(PayState state, Event event) {
    state.proven = event != Event::not_told;
    switch (event) {
        case Event::found:
            state.settled = true;
            state.ambiguous = false;
            // Not where a new payment is to replace it.
            if (!std::exchange(state.collect, false)) return end(state, PayOutcome::settled);
            return at(state, Stage::send);
        case Event::unused:
            return end_void(state);
        case Event::not_told:
            // Also where the server had said no: it may have taken the money afterwards.
            return end(state, PayOutcome::unknown);
        default:
            return std::nullopt;
    }
}

Next on_preparation(const PayState& state, Event event) {
    if (state.stage == Stage::choose && event == Event::chosen) return at(state, Stage::sign);
    if (state.stage == Stage::choose && event == Event::not_chosen)
        return end(state, PayOutcome::refused);
    if (state.stage == Stage::sign && event == Event::signed_ok) return at(state, Stage::record);
    if (state.stage == Stage::sign && event == Event::not_signed) return end_void(state);
    if (state.stage == Stage::record && event == Event::recorded) return at(state, Stage::send);
    if (state.stage == Stage::record && event == Event::over_budget)
        return end(state, PayOutcome::refused);
    if (state.stage == Stage::record && event == Event::not_recorded) return end_void(state);
    return std::nullopt;
}

Next on_pause(const PayState& state, Event event, const Moment& moment, const PayLimits& limits) {
    if (event != Event::paused) return std::nullopt;
    // Who works on a payment holds it already; sending it again gives nothing away.
    const bool may = state.settled || state.waiting || still_usable(state, moment, limits);
    return may ? at(state, Stage::send) : give_up(state, moment, limits);
}

}  // namespace

std::string_view to_string(Stage stage) noexcept {
    return kStageNames[static_cast<std::size_t>(stage)];
}
std::string_view to_string(Event event) noexcept {
    return kEventNames[static_cast<std::size_t>(event)];
}

std::optional<PayState> advance(PayState state, Event event, const Moment& moment,
                                const PayLimits& limits) {
    switch (state.stage) {
        case Stage::quote:
            return on_quote(state, event);
        case Stage::choose:
        case Stage::sign:
        case Stage::record:
            return on_preparation(state, event);
        case Stage::send:
            return on_send(state, event, moment, limits);
        case Stage::pause:
            return on_pause(state, event, moment, limits);
        case Stage::trace:
            return on_trace(state, event);
        case Stage::done:
            break;
    }
    return std::nullopt;
}

PayState resume(Left left, Instant usable_until, Instant now, const PayLimits& limits) {
    PayState state;
    state.usable_until = usable_until;
    state.left = left != Left::never_sent;
    state.ambiguous = left == Left::ambiguous;
    state.settled = left == Left::taken;
    // A seller that is gone must not stand in the way for ever.
    state.keep = !state.settled || now - limits.owed_for <= usable_until;
    state.owed = state.settled && state.keep;
    if (state.settled || still_usable(state, {now, std::nullopt}, limits))
        return at(state, Stage::send);
    return state.left ? at(state, Stage::trace) : end_void(state);
}

PayState judge_only(Left left, Instant usable_until) {
    PayState state = resume(left, usable_until, usable_until, {});
    state.collect = state.keep = state.owed = false;
    return state.settled ? end(state, PayOutcome::settled) : state;
}

}  // namespace x402::client
