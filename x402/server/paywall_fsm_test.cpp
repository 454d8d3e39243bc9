// SPDX-License-Identifier: Apache-2.0
// Walks every state with every event, for both moments, and every path through the table.
#include "x402/server/paywall_fsm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace x402::server {
namespace {

using Action = PaywallAction;
using Event = PaywallEvent;
using State = PaywallState;

struct Edge {
    Event event;
    PaywallStep step;
};

std::vector<Edge> edges(SettleMoment moment, State state) {
    std::vector<Edge> out;
    for (int e = 0; e < kPaywallEvents; ++e) {
        if (const auto step = paywall_step(moment, state, static_cast<Event>(e))) {
            out.push_back({static_cast<Event>(e), *step});
        }
    }
    return out;
}

constexpr SettleMoment kMoments[] = {SettleMoment::before, SettleMoment::after};

TEST(PaywallFsm, EveryStateHasEdgesOrIsAnEnd) {
    for (const SettleMoment moment : kMoments) {
        for (int s = 0; s < kPaywallStates; ++s) {
            const auto state = static_cast<State>(s);
            const bool serving_before = moment == SettleMoment::before && state == State::serving;
            EXPECT_EQ(edges(moment, state).empty(), is_end(state) || serving_before) << s;
        }
    }
}

TEST(PaywallFsm, NumberOfEdges) {
    std::size_t before = 0;
    std::size_t after = 0;
    for (int s = 0; s < kPaywallStates; ++s) {
        before += edges(SettleMoment::before, static_cast<State>(s)).size();
        after += edges(SettleMoment::after, static_cast<State>(s)).size();
    }
    EXPECT_EQ(before, 33U);
    EXPECT_EQ(after, 36U);
}

TEST(PaywallFsm, EndingActionsEndAndOthersDoNot) {
    for (const SettleMoment moment : kMoments) {
        for (int s = 0; s < kPaywallStates; ++s) {
            for (const Edge& edge : edges(moment, static_cast<State>(s))) {
                EXPECT_EQ(edge.step.action >= Action::challenge, is_end(edge.step.next));
            }
        }
    }
}

// What must hold on every way from `arrived` to an end.
struct Walk {
    SettleMoment moment;
    bool verified = false;
    bool claimed = false;
    bool asked_to_settle = false;
    bool settled = false;
    bool judged_unsettled = false;
    bool upstream_ran = false;
    std::set<State> seen;
};

void check_step(const Walk& walk, const Edge& edge) {
    switch (edge.step.action) {
        case Action::claim:
            EXPECT_TRUE(walk.verified) << "nothing unverified is written";
            EXPECT_FALSE(walk.claimed);
            break;
        case Action::run_and_hold:
            EXPECT_TRUE(walk.claimed);
            EXPECT_FALSE(walk.asked_to_settle);
            break;
        case Action::settle:
            EXPECT_TRUE(walk.claimed);
            EXPECT_FALSE(walk.asked_to_settle) << "settled at most once a request";
            EXPECT_EQ(walk.upstream_ran, walk.moment == SettleMoment::after);
            break;
        case Action::deliver:
        case Action::run_and_stream:
        case Action::note_delivered:
        case Action::note_undelivered:
            EXPECT_TRUE(walk.settled) << "never served unpaid";
            break;
        case Action::release_and_pass:
        case Action::release_and_refuse:
        case Action::release_and_challenge:
            EXPECT_TRUE(walk.claimed);
            EXPECT_FALSE(walk.settled) << "never released after a settlement";
            EXPECT_TRUE(!walk.asked_to_settle || walk.judged_unsettled)
                << "never released while it is unknown";
            break;
        case Action::challenge:
            EXPECT_FALSE(walk.claimed) << "no fresh invitation while a claim stands";
            break;
        case Action::tell_pending:
            EXPECT_TRUE(walk.asked_to_settle);
            EXPECT_FALSE(walk.settled);
            break;
        default:
            break;
    }
}

Walk after_step(Walk walk, const Edge& edge) {
    walk.verified = walk.verified || edge.event == Event::valid;
    walk.claimed = walk.claimed || edge.event == Event::claimed;
    walk.asked_to_settle = walk.asked_to_settle || edge.step.action == Action::settle;
    walk.settled = walk.settled || edge.event == Event::settled;
    walk.judged_unsettled = walk.judged_unsettled || edge.event == Event::failed ||
                            edge.event == Event::duplicate || edge.event == Event::not_begun;
    walk.upstream_ran = walk.upstream_ran || edge.step.action == Action::run_and_hold;
    return walk;
}

std::size_t walk_all(Walk walk, State state) {
    if (is_end(state)) {
        EXPECT_EQ(is_paid(walk.moment, state), walk.settled);
        return 1;
    }
    EXPECT_TRUE(walk.seen.insert(state).second) << "no way goes in circles";
    std::size_t ends = 0;
    for (const Edge& edge : edges(walk.moment, state)) {
        Walk next = after_step(walk, edge);
        Walk judged = walk;
        judged.verified = next.verified;
        judged.claimed = next.claimed;
        judged.settled = next.settled;
        judged.judged_unsettled = next.judged_unsettled;
        check_step(judged, edge);
        ends += walk_all(std::move(next), edge.step.next);
    }
    return ends;
}

TEST(PaywallFsm, EveryWayKeepsThePromises) {
    // Thirteen ways end before the claim, which is reached with and without an earlier payment;
    // from there the ends of claiming, working, settling and serving are counted.
    const std::size_t after =
        walk_all({SettleMoment::after, {}, {}, {}, {}, {}, {}, {}}, State::arrived);
    EXPECT_EQ(after, 13U + 2 * (3U + 3U + 4U + 2U));
    const std::size_t before =
        walk_all({SettleMoment::before, {}, {}, {}, {}, {}, {}, {}}, State::arrived);
    EXPECT_EQ(before, 13U + 2 * (3U + 4U + 3U));
}

// The whole table, written a second time: state, event, next, action, for each moment. Whatever is
// not here cannot happen, and says so.
struct Line {
    State from;
    Event event;
    State next;
    Action action;
};

std::vector<Line> lines_of(SettleMoment moment) {
    using S = State;
    using E = Event;
    using A = Action;
    std::vector<Line> out{{S::arrived, E::no_payment, S::challenged, A::challenge},
                          {S::arrived, E::unreadable, S::refused, A::refuse},
                          {S::arrived, E::payment, S::reading, A::look_up},
                          {S::reading, E::record, S::repeated, A::answer_record},
                          {S::reading, E::no_record, S::matching, A::check},
                          {S::reading, E::unjudged, S::refused, A::refuse},
                          {S::matching, E::mismatch, S::challenged, A::challenge},
                          {S::matching, E::match, S::verifying, A::verify},
                          {S::matching, E::unjudged, S::refused, A::refuse},
                          {S::verifying, E::valid, S::looking_back, A::look_back},
                          {S::verifying, E::invalid, S::doubting, A::look_up},
                          {S::verifying, E::unjudged, S::refused, A::refuse},
                          {S::doubting, E::record, S::repeated, A::answer_record},
                          {S::doubting, E::no_record, S::challenged, A::challenge},
                          {S::doubting, E::unjudged, S::refused, A::refuse},
                          {S::looking_back, E::earlier, S::joining, A::join},
                          {S::looking_back, E::none_earlier, S::claiming, A::claim},
                          {S::looking_back, E::unjudged, S::refused, A::refuse},
                          {S::joining, E::joined, S::repeated, A::none},
                          {S::joining, E::not_joined, S::claiming, A::claim},
                          {S::joining, E::unjudged, S::refused, A::refuse},
                          {S::claiming, E::mismatch, S::challenged, A::challenge},
                          {S::claiming, E::taken, S::repeated, A::answer_record},
                          {S::claiming, E::unjudged, S::refused, A::refuse},
                          {S::settling, E::failed, S::challenged, A::release_and_challenge},
                          {S::settling, E::duplicate, S::refused, A::release_and_refuse},
                          {S::settling, E::not_begun, S::refused, A::release_and_refuse},
                          {S::settling, E::unknown, S::pending, A::tell_pending}};
    const std::vector<Line> after{
        {S::claiming, E::claimed, S::working, A::run_and_hold},
        {S::working, E::worth_paying, S::settling, A::settle},
        {S::working, E::not_worth, S::passed, A::release_and_pass},
        {S::working, E::no_answer, S::refused, A::release_and_refuse},
        {S::working, E::mismatch, S::challenged, A::release_and_challenge},
        {S::settling, E::settled, S::serving, A::deliver},
        {S::serving, E::left, S::served, A::note_delivered},
        {S::serving, E::cut, S::undelivered, A::note_undelivered}};
    const std::vector<Line> before{{S::claiming, E::claimed, S::settling, A::settle},
                                   {S::settling, E::settled, S::working, A::run_and_stream},
                                   {S::working, E::left, S::served, A::note_delivered},
                                   {S::working, E::cut, S::undelivered, A::note_undelivered},
                                   {S::working, E::no_answer, S::undelivered, A::note_undelivered}};
    const std::vector<Line>& own = moment == SettleMoment::after ? after : before;
    out.insert(out.end(), own.begin(), own.end());
    return out;
}

TEST(PaywallFsm, EveryStateWithEveryEvent) {
    for (const SettleMoment moment : kMoments) {
        const std::vector<Line> lines = lines_of(moment);
        for (int s = 0; s < kPaywallStates; ++s) {
            for (int e = 0; e < kPaywallEvents; ++e) {
                SCOPED_TRACE(std::to_string(s) + " " + std::to_string(e));
                const auto state = static_cast<State>(s);
                const auto event = static_cast<Event>(e);
                const auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& each) {
                    return each.from == state && each.event == event;
                });
                const auto step = paywall_step(moment, state, event);
                ASSERT_EQ(step.has_value(), line != lines.end());
                if (!step) continue;
                EXPECT_EQ(step->next, line->next);
                EXPECT_EQ(step->action, line->action);
            }
        }
    }
}

// The moment may turn from after to before when a payment is verified: what was reached under the
// one must go on under the other.
TEST(PaywallFsm, UpToTheClaimTheMomentMakesNoDifference) {
    for (int s = 0; s <= static_cast<int>(State::joining); ++s) {
        for (int e = 0; e < kPaywallEvents; ++e) {
            const auto before =
                paywall_step(SettleMoment::before, static_cast<State>(s), static_cast<Event>(e));
            const auto after =
                paywall_step(SettleMoment::after, static_cast<State>(s), static_cast<Event>(e));
            ASSERT_EQ(before.has_value(), after.has_value());
            if (!before) continue;
            EXPECT_EQ(before->next, after->next);
            EXPECT_EQ(before->action, after->action);
        }
    }
}

}  // namespace
}  // namespace x402::server
