// SPDX-License-Identifier: Apache-2.0
// The slot's table walked whole, and the clockwork of waiting.
#include "x402/facilitator/slot_fsm.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

namespace x402::facilitator {
namespace {

using namespace std::chrono_literals;
using Pair = std::pair<SlotPhase, SlotEvent>;

const std::map<Pair, SlotStep>& expected() {
    using P = SlotPhase;
    using E = SlotEvent;
    using T = SlotTodo;
    static const std::map<Pair, SlotStep> kExpected = {
        {{P::taken, E::attempt_recorded}, {P::attempted, T::broadcast}},
        {{P::taken, E::sign_refused}, {P::taken, T::sign_filler}},
        {{P::taken, E::filler_recorded}, {P::filled, T::broadcast}},
        {{P::taken, E::filler_refused}, {P::ended, T::free}},
        {{P::taken, E::trouble}, {P::taken, T::sign}},
        {{P::attempted, E::attempt_recorded}, {P::attempted, T::broadcast}},
        {{P::attempted, E::sign_refused}, {P::attempted, T::rebroadcast}},
        {{P::attempted, E::trouble}, {P::attempted, T::watch}},
        {{P::attempted, E::waiting}, {P::attempted, T::watch}},
        {{P::attempted, E::overdue}, {P::attempted, T::rebroadcast}},
        {{P::attempted, E::stuck}, {P::attempted, T::bump}},
        {{P::attempted, E::mined}, {P::ended, T::judge}},
        {{P::attempted, E::dead}, {P::ended, T::trace}},
        {{P::filled, E::filler_recorded}, {P::filled, T::broadcast}},
        {{P::filled, E::filler_refused}, {P::filled, T::rebroadcast}},
        {{P::filled, E::trouble}, {P::filled, T::watch}},
        {{P::filled, E::waiting}, {P::filled, T::watch}},
        {{P::filled, E::overdue}, {P::filled, T::rebroadcast}},
        {{P::filled, E::stuck}, {P::filled, T::bump}},
        {{P::filled, E::mined}, {P::ended, T::free}},
        {{P::filled, E::dead}, {P::ended, T::free}},
    };
    return kExpected;
}

TEST(SlotFsm, WalksEveryPhaseAndEvent) {
    for (int p = 0; p <= static_cast<int>(SlotPhase::ended); ++p) {
        for (int e = 0; e <= static_cast<int>(SlotEvent::dead); ++e) {
            const auto phase = static_cast<SlotPhase>(p);
            const auto event = static_cast<SlotEvent>(e);
            SCOPED_TRACE(std::string(to_string(phase)) + " x " + std::string(to_string(event)));
            const auto got = step(phase, event);
            const auto want = expected().find({phase, event});
            ASSERT_EQ(got.has_value(), want != expected().end());
            if (got) {
                EXPECT_EQ(*got, want->second);
            }
        }
    }
}

TEST(SlotFsm, AFillerNeverFollowsAnAttempt) {
    EXPECT_FALSE(step(SlotPhase::attempted, SlotEvent::filler_recorded));
    EXPECT_FALSE(step(SlotPhase::attempted, SlotEvent::filler_refused));
    EXPECT_FALSE(step(SlotPhase::filled, SlotEvent::attempt_recorded));
}

TEST(SlotFsm, AnAttemptNeverBecomesAFillerAndAnEndIsAnEnd) {
    std::set<SlotPhase> reached{SlotPhase::attempted};
    for (std::size_t before = 0; before != reached.size();) {
        before = reached.size();
        for (const SlotPhase phase : std::set<SlotPhase>(reached)) {
            for (int e = 0; e <= static_cast<int>(SlotEvent::dead); ++e) {
                if (const auto next = step(phase, static_cast<SlotEvent>(e)))
                    reached.insert(next->phase);
            }
        }
    }
    EXPECT_EQ(reached, (std::set<SlotPhase>{SlotPhase::attempted, SlotPhase::ended}));
}

// Only the network's word ends a slot that something was recorded for.
TEST(SlotFsm, NothingRecordedEndsByItself) {
    for (const SlotPhase phase : {SlotPhase::attempted, SlotPhase::filled}) {
        for (int e = 0; e <= static_cast<int>(SlotEvent::dead); ++e) {
            const auto event = static_cast<SlotEvent>(e);
            const auto next = step(phase, event);
            if (!next || next->phase != SlotPhase::ended) continue;
            EXPECT_TRUE(event == SlotEvent::mined || event == SlotEvent::dead) << to_string(event);
        }
    }
}

struct WaitRow {
    const char* name;
    SlotTimes times;
    SlotEvent want;
};

SlotTimes times_at(Duration now) {
    SlotTimes times;
    times.now = now;
    times.patience = 10s;
    times.poll = 500ms;
    times.attempts = 1;
    times.accepted = true;
    times.can_replace = true;
    times.oldest = true;
    return times;
}

SlotTimes with(SlotTimes times, void (*change)(SlotTimes&)) {
    change(times);
    return times;
}

TEST(SlotFsm, JudgesWaiting) {
    const WaitRow rows[] = {
        {"young", times_at(9'999ms), SlotEvent::waiting},
        {"impatient", times_at(10s), SlotEvent::stuck},
        {"a later slot waits for the first",
         with(times_at(10s), [](SlotTimes& t) { t.oldest = false; }), SlotEvent::overdue},
        {"cannot replace", with(times_at(10s), [](SlotTimes& t) { t.can_replace = false; }),
         SlotEvent::overdue},
        {"too many attempts", with(times_at(10s), [](SlotTimes& t) { t.attempts = kMaxAttempts; }),
         SlotEvent::overdue},
        {"one more attempt",
         with(times_at(10s), [](SlotTimes& t) { t.attempts = kMaxAttempts - 1; }),
         SlotEvent::stuck},
        {"not accepted, just sent",
         with(times_at(1'999ms), [](SlotTimes& t) { t.accepted = false; }), SlotEvent::waiting},
        {"not accepted, sent again soon",
         with(times_at(2s), [](SlotTimes& t) { t.accepted = false; }), SlotEvent::overdue},
        {"sent again a moment ago",
         with(times_at(10s), [](SlotTimes& t) { t.can_replace = false, t.last_sent = 9s; }),
         SlotEvent::waiting},
        {"bumped a moment ago",
         with(times_at(10s), [](SlotTimes& t) { t.last_attempt = 9s, t.last_sent = 9s; }),
         SlotEvent::waiting},
    };
    for (const WaitRow& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(judge_wait(row.times), row.want) << to_string(judge_wait(row.times));
    }
}

}  // namespace
}  // namespace x402::facilitator
