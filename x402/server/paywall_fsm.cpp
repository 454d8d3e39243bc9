// SPDX-License-Identifier: Apache-2.0
// The paywall's table. See paywall_fsm.hpp; pure.
#include "x402/server/paywall_fsm.hpp"

namespace x402::server {
namespace {

using Action = PaywallAction;
using Event = PaywallEvent;
using State = PaywallState;

struct Row {
    State from;
    Event event;
    State next;
    Action action;
};

// The same whenever money moves.
constexpr Row kCommon[] = {
    {State::arrived, Event::no_payment, State::challenged, Action::challenge},
    {State::arrived, Event::unreadable, State::refused, Action::refuse},
    {State::arrived, Event::payment, State::reading, Action::look_up},
    {State::reading, Event::record, State::repeated, Action::answer_record},
    {State::reading, Event::no_record, State::matching, Action::check},
    {State::reading, Event::unjudged, State::refused, Action::refuse},
    {State::matching, Event::mismatch, State::challenged, Action::challenge},
    {State::matching, Event::match, State::verifying, Action::verify},
    {State::matching, Event::unjudged, State::refused, Action::refuse},
    {State::verifying, Event::valid, State::looking_back, Action::look_back},
    {State::verifying, Event::invalid, State::doubting, Action::look_up},
    {State::verifying, Event::unjudged, State::refused, Action::refuse},
    {State::doubting, Event::record, State::repeated, Action::answer_record},
    {State::doubting, Event::no_record, State::challenged, Action::challenge},
    {State::doubting, Event::unjudged, State::refused, Action::refuse},
    {State::looking_back, Event::earlier, State::joining, Action::join},
    {State::looking_back, Event::none_earlier, State::claiming, Action::claim},
    {State::looking_back, Event::unjudged, State::refused, Action::refuse},
    {State::joining, Event::joined, State::repeated, Action::none},
    {State::joining, Event::not_joined, State::claiming, Action::claim},
    {State::joining, Event::unjudged, State::refused, Action::refuse},
    {State::claiming, Event::mismatch, State::challenged, Action::challenge},
    {State::claiming, Event::taken, State::repeated, Action::answer_record},
    {State::claiming, Event::unjudged, State::refused, Action::refuse},
    {State::settling, Event::failed, State::challenged, Action::release_and_challenge},
    {State::settling, Event::duplicate, State::refused, Action::release_and_refuse},
    {State::settling, Event::not_begun, State::refused, Action::release_and_refuse},
    {State::settling, Event::unknown, State::pending, Action::tell_pending},
};

constexpr Row kAfter[] = {
    {State::claiming, Event::claimed, State::working, Action::run_and_hold},
    {State::working, Event::worth_paying, State::settling, Action::settle},
    {State::working, Event::not_worth, State::passed, Action::release_and_pass},
    {State::working, Event::no_answer, State::refused, Action::release_and_refuse},
    {State::working, Event::mismatch, State::challenged, Action::release_and_challenge},
    {State::settling, Event::settled, State::serving, Action::deliver},
    {State::serving, Event::left, State::served, Action::note_delivered},
    {State::serving, Event::cut, State::undelivered, Action::note_undelivered},
};

constexpr Row kBefore[] = {
    {State::claiming, Event::claimed, State::settling, Action::settle},
    {State::settling, Event::settled, State::working, Action::run_and_stream},
    {State::working, Event::left, State::served, Action::note_delivered},
    {State::working, Event::cut, State::undelivered, Action::note_undelivered},
    {State::working, Event::no_answer, State::undelivered, Action::note_undelivered},
};

template <std::size_t N>
std::optional<PaywallStep> find_row(const Row (&rows)[N], State state, Event event) noexcept {
    for (const Row& row : rows) {
        if (row.from == state && row.event == event) return PaywallStep{row.next, row.action};
    }
    return std::nullopt;
}

}  // namespace

std::optional<PaywallStep> paywall_step(SettleMoment moment, PaywallState state,
                                        PaywallEvent event) noexcept {
    if (const auto step = find_row(kCommon, state, event)) return step;
    return moment == SettleMoment::before ? find_row(kBefore, state, event)
                                          : find_row(kAfter, state, event);
}

bool is_end(PaywallState state) noexcept {
    return state >= State::challenged;
}

bool is_paid(SettleMoment moment, PaywallState state) noexcept {
    switch (state) {
        case State::serving:
        case State::served:
        case State::undelivered:
            return true;
        case State::working:
            return moment == SettleMoment::before;
        default:
            return false;
    }
}

}  // namespace x402::server
