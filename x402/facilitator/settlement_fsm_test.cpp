// SPDX-License-Identifier: Apache-2.0
// The settlement's table walked whole, state by event, against the promises it must keep.
#include "x402/facilitator/settlement_fsm.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

namespace x402::facilitator {
namespace {

std::vector<State> all_states() {
    std::vector<State> all;
    for (int i = 0; i <= static_cast<int>(State::failed); ++i) all.push_back(static_cast<State>(i));
    return all;
}

std::vector<Event> all_events() {
    std::vector<Event> all;
    for (int i = 0; i <= static_cast<int>(Event::trace_unknown); ++i)
        all.push_back(static_cast<Event>(i));
    return all;
}

using Pair = std::pair<State, Event>;

// The whole table once more, written by hand: what is not here must be refused.
const std::map<Pair, Step>& expected() {
    using S = State;
    using E = Event;
    using T = Todo;
    static const std::map<Pair, Step> kExpected = {
        {{S::claimed, E::planned}, {S::planned, T::enter_lane}},
        {{S::claimed, E::nothing_to_move}, {S::settled, T::record_settled}},
        {{S::claimed, E::refused}, {S::doubted, T::trace}},
        {{S::claimed, E::trouble}, {S::claimed, T::retry}},
        {{S::claimed, E::gave_up}, {S::failed, T::record_unavailable}},
        {{S::planned, E::refused}, {S::doubted, T::trace}},
        {{S::planned, E::refused_in_group}, {S::planned, T::enter_lane_alone}},
        {{S::planned, E::trouble}, {S::planned, T::retry}},
        {{S::planned, E::gave_up}, {S::failed, T::record_unavailable}},
        {{S::planned, E::over_budget}, {S::failed, T::record_unavailable}},
        {{S::planned, E::slot_taken}, {S::slotted, T::sign}},
        {{S::slotted, E::trouble}, {S::slotted, T::retry}},
        {{S::slotted, E::attempt_recorded}, {S::attempted, T::broadcast}},
        {{S::slotted, E::waiting}, {S::slotted, T::watch}},
        {{S::slotted, E::slot_freed}, {S::claimed, T::start_again}},
        {{S::attempted, E::sent}, {S::attempted, T::watch}},
        {{S::attempted, E::trouble}, {S::attempted, T::watch}},
        {{S::attempted, E::waiting}, {S::attempted, T::watch}},
        {{S::attempted, E::stuck}, {S::attempted, T::bump}},
        {{S::attempted, E::attempt_recorded}, {S::attempted, T::broadcast}},
        {{S::attempted, E::mined_paid}, {S::settled, T::record_settled}},
        {{S::attempted, E::mined_unclear}, {S::attempted, T::watch}},
        {{S::attempted, E::mined_unpaid_group}, {S::claimed, T::start_again}},
        {{S::attempted, E::mined_unpaid}, {S::seen, T::trace}},
        {{S::attempted, E::dead}, {S::seen, T::trace}},
        {{S::doubted, E::trace_unused}, {S::failed, T::record_failed}},
        {{S::doubted, E::trace_ours}, {S::settled, T::record_settled}},
        {{S::doubted, E::trace_stranger}, {S::failed, T::record_duplicate}},
        {{S::doubted, E::trace_accepted}, {S::settled, T::record_settled}},
        {{S::doubted, E::trace_unknown}, {S::unclear, T::retry}},
        {{S::doubted, E::trouble}, {S::doubted, T::retry}},
        {{S::doubted, E::gave_up}, {S::failed, T::record_unavailable}},
        {{S::unclear, E::trace_unused}, {S::failed, T::record_failed}},
        {{S::unclear, E::trace_ours}, {S::settled, T::record_settled}},
        {{S::unclear, E::trace_stranger}, {S::failed, T::record_duplicate}},
        {{S::unclear, E::trace_accepted}, {S::settled, T::record_settled}},
        {{S::unclear, E::trace_unknown}, {S::unclear, T::retry}},
        {{S::unclear, E::trouble}, {S::unclear, T::retry}},
        {{S::seen, E::mined_unpaid}, {S::seen, T::trace}},
        {{S::seen, E::mined_unpaid_group}, {S::claimed, T::start_again}},
        {{S::seen, E::dead}, {S::seen, T::trace}},
        {{S::seen, E::mined_paid}, {S::settled, T::record_settled}},
        {{S::seen, E::mined_unclear}, {S::attempted, T::watch}},
        {{S::seen, E::waiting}, {S::attempted, T::watch}},
        {{S::seen, E::sent}, {S::seen, T::watch}},
        {{S::seen, E::trouble}, {S::seen, T::watch}},
        {{S::seen, E::stuck}, {S::attempted, T::bump}},
        {{S::seen, E::trace_unused}, {S::failed, T::record_failed}},
        {{S::seen, E::trace_unused_again}, {S::claimed, T::start_again}},
        {{S::seen, E::trace_ours}, {S::settled, T::record_settled}},
        {{S::seen, E::trace_stranger}, {S::failed, T::record_duplicate}},
        {{S::seen, E::trace_accepted}, {S::settled, T::record_settled}},
        {{S::seen, E::trace_unknown}, {S::seen, T::watch}},
    };
    return kExpected;
}

TEST(SettlementFsm, WalksEveryStateAndEvent) {
    for (const State state : all_states()) {
        for (const Event event : all_events()) {
            SCOPED_TRACE(std::string(to_string(state)) + " x " + std::string(to_string(event)));
            const auto got = step(state, event);
            const auto want = expected().find({state, event});
            ASSERT_EQ(got.has_value(), want != expected().end());
            if (got) {
                EXPECT_EQ(*got, want->second);
            }
        }
    }
}

TEST(SettlementFsm, FinalStatesAreFinal) {
    for (const State state : all_states()) {
        if (!is_final(state)) continue;
        for (const Event event : all_events()) EXPECT_FALSE(step(state, event)) << to_string(event);
    }
}

// Events that prove that no attempt can be mined any more, or that one was.
bool is_proof(Event event) {
    switch (event) {
        case Event::mined_paid:
        case Event::mined_unpaid:
        case Event::mined_unpaid_group:
        case Event::dead:
            return true;
        default:
            return false;
    }
}

TEST(SettlementFsm, NothingLeavesAttemptedWithoutProof) {
    for (const Event event : all_events()) {
        const auto next = step(State::attempted, event);
        if (!next || next->state == State::attempted) continue;
        EXPECT_TRUE(is_proof(event)) << to_string(event);
    }
}

TEST(SettlementFsm, NoSecondSlotWhileTheFirstMayBeMined) {
    // Every way back to planning from a state that had an attempt passes a proof or the finalized
    // trace after one.
    for (const State state : {State::slotted, State::attempted, State::seen}) {
        for (const Event event : all_events()) {
            const auto next = step(state, event);
            if (!next || next->todo != Todo::start_again) continue;
            const bool never_carried = event == Event::slot_freed;
            const bool after_dead = state == State::seen && event == Event::trace_unused_again;
            EXPECT_TRUE(never_carried || after_dead || is_proof(event)) << to_string(event);
        }
    }
}

// Every way through the table, remembering what was proven: whether an attempt is recorded, and
// whether the network showed since that none can be mined any more.
TEST(SettlementFsm, NothingThatWasAttemptedFailsWithoutAnEndOfItsSlot) {
    struct Path {
        State state;
        bool attempted;
        bool ended;
        auto operator<=>(const Path&) const = default;
    };
    std::set<Path> seen;
    std::vector<Path> open{{State::claimed, false, false}};
    while (!open.empty()) {
        const Path at = open.back();
        open.pop_back();
        if (!seen.insert(at).second) continue;
        for (const Event event : all_events()) {
            const auto next = step(at.state, event);
            if (!next) continue;
            Path to{next->state, at.attempted, at.ended};
            if (event == Event::attempt_recorded) to = {next->state, true, false};
            if (event == Event::dead || event == Event::mined_unpaid ||
                event == Event::mined_unpaid_group)
                to.ended = true;
            // Back among the undecided: the proof is void.
            if (next->state == State::attempted) to.ended = false;
            const bool over = next->state == State::failed || next->todo == Todo::start_again;
            if (over) {
                EXPECT_TRUE(!to.attempted || to.ended)
                    << to_string(at.state) << " x " << to_string(event);
            }
            if (next->todo == Todo::start_again) to = {next->state, false, false};
            open.push_back(to);
        }
    }
    EXPECT_GT(seen.size(), all_states().size());
}

TEST(SettlementFsm, WhatIsUndecidedStaysUndecided) {
    for (const Event event : {Event::mined_unclear, Event::waiting}) {
        for (const State state : {State::attempted, State::seen}) {
            const auto next = step(state, event);
            ASSERT_TRUE(next) << to_string(event);
            EXPECT_EQ(*next, (Step{State::attempted, Todo::watch})) << to_string(event);
        }
    }
}

// Once the network could not rule out that the payment was made, only its own word ends it.
TEST(SettlementFsm, WhatMayHaveBeenMadeIsNeverGivenUp) {
    for (const Event event : all_events()) {
        const auto next = step(State::unclear, event);
        if (!next || !is_final(next->state)) continue;
        const bool traced = event == Event::trace_unused || event == Event::trace_ours ||
                            event == Event::trace_stranger || event == Event::trace_accepted;
        EXPECT_TRUE(traced) << to_string(event);
    }
}

TEST(SettlementFsm, MoneyThatMovedAlwaysSettles) {
    for (const State state : {State::attempted, State::seen}) {
        const auto next = step(state, Event::mined_paid);
        ASSERT_TRUE(next);
        EXPECT_EQ(next->state, State::settled) << to_string(state);
    }
    for (const State state : all_states()) {
        if (const auto next = step(state, Event::trace_ours)) {
            EXPECT_EQ(next->state, State::settled) << to_string(state);
        }
    }
}

TEST(SettlementFsm, GivingUpIsOnlyForWhatNobodySigned) {
    for (const State state : {State::slotted, State::attempted, State::seen, State::unclear}) {
        EXPECT_FALSE(step(state, Event::gave_up)) << to_string(state);
        EXPECT_FALSE(step(state, Event::over_budget)) << to_string(state);
    }
}

TEST(SettlementFsm, EveryStateIsReachedAndCanEnd) {
    std::set<State> reached{State::claimed};
    for (std::size_t before = 0; before != reached.size();) {
        before = reached.size();
        for (const State state : std::set<State>(reached)) {
            for (const Event event : all_events()) {
                if (const auto next = step(state, event)) reached.insert(next->state);
            }
        }
    }
    EXPECT_EQ(reached.size(), all_states().size());
    for (const State state : all_states()) {
        if (is_final(state)) continue;
        bool leaves = false;
        for (const Event event : all_events()) {
            const auto next = step(state, event);
            leaves = leaves || (next && next->state != state);
        }
        EXPECT_TRUE(leaves) << to_string(state);
    }
}

TEST(SettlementFsm, NamesAreAllDifferent) {
    std::set<std::string_view> names;
    for (const Event event : all_events()) names.insert(to_string(event));
    EXPECT_EQ(names.size(), all_events().size());
    EXPECT_EQ(to_string(Event::trace_unknown), "trace_unknown");
    EXPECT_EQ(to_string(Todo::record_unavailable), "record_unavailable");
}

}  // namespace
}  // namespace x402::facilitator
