// SPDX-License-Identifier: Apache-2.0
// The table of a settlement. A row is one legal step; what has no row cannot happen.
#include "x402/facilitator/settlement_fsm.hpp"

#include <array>

#include "x402/base/check.hpp"

namespace x402::facilitator {
namespace {

struct Row {
    State from;
    Event event;
    Step to;
};

constexpr Row kRows[] = {
    {State::claimed, Event::planned, {State::planned, Todo::enter_lane}},
    {State::claimed, Event::nothing_to_move, {State::settled, Todo::record_settled}},
    {State::claimed, Event::refused, {State::doubted, Todo::trace}},
    {State::claimed, Event::trouble, {State::claimed, Todo::retry}},
    {State::claimed, Event::gave_up, {State::failed, Todo::record_unavailable}},

    {State::planned, Event::refused, {State::doubted, Todo::trace}},
    {State::planned, Event::refused_in_group, {State::planned, Todo::enter_lane_alone}},
    {State::planned, Event::trouble, {State::planned, Todo::retry}},
    {State::planned, Event::gave_up, {State::failed, Todo::record_unavailable}},
    {State::planned, Event::over_budget, {State::failed, Todo::record_unavailable}},
    {State::planned, Event::slot_taken, {State::slotted, Todo::sign}},

    // A slot is owned: the only ways out are an attempt, or the end of a slot that never carried
    // it.
    {State::slotted, Event::trouble, {State::slotted, Todo::retry}},
    {State::slotted, Event::attempt_recorded, {State::attempted, Todo::broadcast}},
    {State::slotted, Event::waiting, {State::slotted, Todo::watch}},
    {State::slotted, Event::slot_freed, {State::claimed, Todo::start_again}},

    // An attempt may be mined: nothing but the network's word leads out.
    {State::attempted, Event::sent, {State::attempted, Todo::watch}},
    {State::attempted, Event::trouble, {State::attempted, Todo::watch}},
    {State::attempted, Event::waiting, {State::attempted, Todo::watch}},
    {State::attempted, Event::stuck, {State::attempted, Todo::bump}},
    {State::attempted, Event::attempt_recorded, {State::attempted, Todo::broadcast}},
    {State::attempted, Event::mined_paid, {State::settled, Todo::record_settled}},
    {State::attempted, Event::mined_unclear, {State::attempted, Todo::watch}},
    {State::attempted, Event::mined_unpaid_group, {State::claimed, Todo::start_again}},
    {State::attempted, Event::mined_unpaid, {State::seen, Todo::trace}},
    {State::attempted, Event::dead, {State::seen, Todo::trace}},

    // Nothing of ours can be mined, so giving up is safe while nothing says that somebody else made
    // the payment. Once the network could not rule that out, only its own word ends it.
    {State::doubted, Event::trace_unused, {State::failed, Todo::record_failed}},
    {State::doubted, Event::trace_ours, {State::settled, Todo::record_settled}},
    {State::doubted, Event::trace_stranger, {State::failed, Todo::record_duplicate}},
    {State::doubted, Event::trace_accepted, {State::settled, Todo::record_settled}},
    {State::doubted, Event::trace_unknown, {State::unclear, Todo::retry}},
    {State::doubted, Event::trouble, {State::doubted, Todo::retry}},
    {State::doubted, Event::gave_up, {State::failed, Todo::record_unavailable}},
    {State::unclear, Event::trace_unused, {State::failed, Todo::record_failed}},
    {State::unclear, Event::trace_ours, {State::settled, Todo::record_settled}},
    {State::unclear, Event::trace_stranger, {State::failed, Todo::record_duplicate}},
    {State::unclear, Event::trace_accepted, {State::settled, Todo::record_settled}},
    {State::unclear, Event::trace_unknown, {State::unclear, Todo::retry}},
    {State::unclear, Event::trouble, {State::unclear, Todo::retry}},

    // The slot's end was seen once; a later look may say otherwise until it is recorded (a
    // reorganised chain).
    {State::seen, Event::mined_unpaid, {State::seen, Todo::trace}},
    {State::seen, Event::mined_unpaid_group, {State::claimed, Todo::start_again}},
    {State::seen, Event::dead, {State::seen, Todo::trace}},
    {State::seen, Event::mined_paid, {State::settled, Todo::record_settled}},
    {State::seen, Event::mined_unclear, {State::attempted, Todo::watch}},
    {State::seen, Event::waiting, {State::attempted, Todo::watch}},
    {State::seen, Event::sent, {State::seen, Todo::watch}},
    {State::seen, Event::trouble, {State::seen, Todo::watch}},
    {State::seen, Event::stuck, {State::attempted, Todo::bump}},
    {State::seen, Event::trace_unused, {State::failed, Todo::record_failed}},
    {State::seen, Event::trace_unused_again, {State::claimed, Todo::start_again}},
    {State::seen, Event::trace_ours, {State::settled, Todo::record_settled}},
    {State::seen, Event::trace_stranger, {State::failed, Todo::record_duplicate}},
    {State::seen, Event::trace_accepted, {State::settled, Todo::record_settled}},
    {State::seen, Event::trace_unknown, {State::seen, Todo::watch}},
};

constexpr std::array<std::string_view, 9> kStates = {"claimed",   "planned", "slotted",
                                                     "attempted", "doubted", "unclear",
                                                     "seen",      "settled", "failed"};
constexpr std::array<std::string_view, 24> kEvents = {"planned",        "nothing_to_move",
                                                      "refused",        "refused_in_group",
                                                      "trouble",        "gave_up",
                                                      "over_budget",    "slot_taken",
                                                      "slot_freed",     "attempt_recorded",
                                                      "sent",           "waiting",
                                                      "stuck",          "mined_paid",
                                                      "mined_unpaid",   "mined_unpaid_group",
                                                      "mined_unclear",  "dead",
                                                      "trace_unused",   "trace_unused_again",
                                                      "trace_ours",     "trace_stranger",
                                                      "trace_accepted", "trace_unknown"};
constexpr std::array<std::string_view, 15> kTodos = {"nothing",
                                                     "plan",
                                                     "enter_lane",
                                                     "enter_lane_alone",
                                                     "retry",
                                                     "sign",
                                                     "broadcast",
                                                     "watch",
                                                     "bump",
                                                     "trace",
                                                     "start_again",
                                                     "record_settled",
                                                     "record_failed",
                                                     "record_duplicate",
                                                     "record_unavailable"};

template <class Names, class Value>
std::string_view name_of(const Names& names, Value value) noexcept {
    const auto at = static_cast<std::size_t>(value);
    X402_CHECK(at < names.size());
    return names[at];
}

}  // namespace

std::optional<Step> step(State state, Event event) noexcept {
    for (const Row& row : kRows) {
        if (row.from == state && row.event == event) return row.to;
    }
    return std::nullopt;
}

bool is_final(State state) noexcept {
    return state == State::settled || state == State::failed;
}

std::string_view to_string(State state) noexcept {
    return name_of(kStates, state);
}
std::string_view to_string(Event event) noexcept {
    return name_of(kEvents, event);
}
std::string_view to_string(Todo todo) noexcept {
    return name_of(kTodos, todo);
}

}  // namespace x402::facilitator
