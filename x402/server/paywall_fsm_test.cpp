// SPDX-License-Identifier: Apache-2.0
// Walks every state with every event, for both moments, and every path through the table.
#include "x402/server/paywall_fsm.hpp"

#include <gtest/gtest.h>

#include <set>
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
    EXPECT_EQ(before, 29U);
    EXPECT_EQ(after, 31U);
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
    // Ten ways end before the claim, which is reached with and without an earlier payment; from
    // there the ends of claiming, working, settling and serving are counted.
    const std::size_t after =
        walk_all({SettleMoment::after, {}, {}, {}, {}, {}, {}, {}}, State::arrived);
    EXPECT_EQ(after, 10U + 2 * (3U + 2U + 4U + 2U));
    const std::size_t before =
        walk_all({SettleMoment::before, {}, {}, {}, {}, {}, {}, {}}, State::arrived);
    EXPECT_EQ(before, 10U + 2 * (3U + 4U + 3U));
}

}  // namespace
}  // namespace x402::server
