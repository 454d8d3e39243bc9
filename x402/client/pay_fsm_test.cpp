// SPDX-License-Identifier: Apache-2.0
// The machine is walked in every reachable state with every event, before and after the payment
// expires.
#include "x402/client/pay_fsm.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <tuple>

namespace x402::client {
namespace {

constexpr Instant kNow{Duration{1'000'000}};
constexpr Instant kUntil = kNow + std::chrono::seconds(60);
constexpr Instant kLate = kUntil + std::chrono::seconds(1);

PayLimits small_limits() {
    PayLimits limits;
    limits.resends = 2;
    limits.pending_sends = 3;
    return limits;
}

const std::set<Event> kAllowed[kStages] = {
    {Event::answered, Event::offers, Event::unusable_offer, Event::forbidden, Event::no_answer},
    {Event::chosen, Event::not_chosen},
    {Event::signed_ok, Event::not_signed},
    {Event::recorded, Event::over_budget, Event::not_recorded},
    {Event::settled, Event::settled_cut, Event::unproven, Event::pending, Event::denied,
     Event::used, Event::no_word, Event::not_sent},
    {Event::paused},
    {Event::found, Event::unused, Event::not_told},
    {},
};

PayState at(Stage stage, bool left = false, bool ambiguous = false, bool settled = false) {
    PayState state;
    state.stage = stage;
    state.left = left;
    state.ambiguous = ambiguous;
    state.settled = settled;
    state.usable_until = kUntil;
    return state;
}

PayState after(PayState state, Event event, Instant now = kNow) {
    const auto next = advance(state, event, {now, std::nullopt}, small_limits());
    EXPECT_TRUE(next) << to_string(state.stage) << " x " << to_string(event);
    return next.value_or(state);
}

TEST(PayFsm, EveryStageTakesExactlyItsEvents) {
    for (int s = 0; s < kStages; ++s) {
        for (int e = 0; e < kEvents; ++e) {
            const auto stage = static_cast<Stage>(s);
            const auto event = static_cast<Event>(e);
            SCOPED_TRACE(std::string(to_string(stage)) + " x " + std::string(to_string(event)));
            const auto next = advance(at(stage), event, {kNow, std::nullopt}, small_limits());
            EXPECT_EQ(next.has_value(), kAllowed[s].contains(event));
        }
    }
}

// An earlier payment that the chain has shown to be taken, on its way once more.
PayState found_taken() {
    PayState state = at(Stage::send, true, false, true);
    state.proven = true;
    state.collect = false;
    return state;
}

using Key = std::tuple<bool, int, std::uint32_t, std::uint32_t, bool, bool, bool, bool, bool, int,
                       bool, bool, bool, bool, bool>;
Key key_of(const PayState& s, bool late) {
    return {s.owed,      static_cast<int>(s.stage),
            s.mute,      s.pendings,
            s.left,      s.ambiguous,
            s.settled,   s.waiting,
            s.voided,    static_cast<int>(s.outcome),
            s.delivered, s.proven,
            s.collect,   s.keep,
            late};
}

void check_edge(const PayState& from, Event event, const PayState& to) {
    const bool prepared = from.stage != Stage::quote && from.stage != Stage::choose;
    if (prepared) {
        // One signature: nothing leads back to a choice, and to a signature only the choice leads.
        EXPECT_NE(to.stage, Stage::quote);
        EXPECT_NE(to.stage, Stage::choose);
        EXPECT_NE(to.stage, Stage::sign);
    }
    if (to.stage == Stage::send) {
        EXPECT_TRUE(from.stage == Stage::record || from.stage == Stage::pause ||
                    event == Event::found);
    }
    if (event == Event::found) {
        // Once more for its answer, where that is wanted; never a second time.
        EXPECT_EQ(to.stage, from.collect ? Stage::send : Stage::done);
        EXPECT_TRUE(to.settled && to.proven && !to.collect && !to.ambiguous);
    }
    if (to.owed) {
        EXPECT_TRUE(to.settled && !to.delivered);
        EXPECT_TRUE(from.owed || to.stage == Stage::done);
    }
    if (to.stage == Stage::done && to.settled && !to.delivered) {
        // What was taken is closed without its answer by the seller's judged no alone, or where a
        // new payment replaces it, or where its answer has been owed for too long.
        const bool refused = event == Event::denied || event == Event::used;
        EXPECT_EQ(to.owed, from.keep && !refused && from.stage != Stage::trace);
    }
    if (from.proven) {
        EXPECT_TRUE(to.proven);
        EXPECT_EQ(to.stage, Stage::done);
        EXPECT_EQ(to.outcome, PayOutcome::settled);
    }
    if (from.left) {
        EXPECT_TRUE(to.left);
    }
    if (from.settled) {
        EXPECT_TRUE(to.settled);
        if (to.stage == Stage::done) {
            EXPECT_EQ(to.outcome, PayOutcome::settled);
        }
    }
    if (to.stage != Stage::done) return;
    switch (to.outcome) {
        case PayOutcome::failed:
            // Only a judged no, a payment that never left, or the chain.
            EXPECT_TRUE(!to.ambiguous || event == Event::unused);
            EXPECT_EQ(to.voided, !to.left || event == Event::unused);
            EXPECT_EQ(from.stage == Stage::trace, event == Event::unused);
            break;
        case PayOutcome::unknown:
            EXPECT_TRUE(to.left);
            EXPECT_TRUE(to.ambiguous || event == Event::not_told);
            break;
        case PayOutcome::none:
        case PayOutcome::refused:
            EXPECT_FALSE(to.left);
            break;
        case PayOutcome::settled:
            break;
    }
    if (event == Event::no_word || event == Event::pending || event == Event::used ||
        event == Event::not_told) {
        EXPECT_NE(to.outcome, PayOutcome::failed);
    }
}

TEST(PayFsm, EveryReachableStateKeepsTheLaws) {
    std::deque<std::pair<PayState, bool>> open;
    std::set<Key> seen;
    std::set<PayOutcome> outcomes;
    const auto add = [&](const PayState& state, bool late) {
        if (seen.insert(key_of(state, late)).second) open.emplace_back(state, late);
    };
    PayState start;
    start.usable_until = kUntil;
    add(start, false);
    for (const Left left : {Left::never_sent, Left::denied, Left::ambiguous, Left::taken}) {
        add(resume(left, kUntil, kNow, small_limits()), false);
        add(resume(left, kUntil, kLate, small_limits()), true);
        add(resume(left, kUntil, kLate + small_limits().owed_for, small_limits()), true);
        add(judge_only(left, kUntil), true);
    }
    while (!open.empty()) {
        const auto [state, late] = open.front();
        open.pop_front();
        if (state.stage == Stage::done) {
            outcomes.insert(state.outcome);
            continue;
        }
        EXPECT_LE(state.sends, 12u);  // no endless loop, whatever the server does
        for (const Event event : kAllowed[static_cast<int>(state.stage)]) {
            for (const bool later : {late, true}) {
                SCOPED_TRACE(std::string(to_string(state.stage)) + " x " +
                             std::string(to_string(event)));
                const PayState next = after(state, event, later ? kLate : kNow);
                check_edge(state, event, next);
                add(next, later);
            }
        }
    }
    EXPECT_EQ(outcomes.size(), 5u);
    EXPECT_GT(seen.size(), 60u);
}

// Whatever a state holds, reachable today or after a change: no event makes a second signature,
// loses that something left, or turns doubt into a no.
TEST(PayFsm, NoCombinationOfFlagsBreaksTheLaws) {
    std::size_t edges = 0;
    for (int bits = 0; bits < (1 << 11); ++bits) {
        const auto bit = [bits](int i) { return ((bits >> i) & 1) != 0; };
        PayState from = at(Stage::quote, bit(0), bit(0) && bit(1), bit(0) && !bit(1) && bit(2));
        from.waiting = bit(3);
        from.mute = bit(4) ? 2 : 0;
        from.pendings = bit(5) ? 3 : 0;
        from.pending_since = bit(6) ? kNow : kNow - std::chrono::hours(1);
        from.sends = bit(7) ? 4 : 0;
        const Instant now = bit(8) ? kLate : kNow;
        from.collect = !bit(9);
        from.keep = !bit(10);
        for (int s = static_cast<int>(Stage::send); s < kStages; ++s) {
            from.stage = static_cast<Stage>(s);
            // A settled payment is never traced: nothing is left to ask.
            if (from.stage == Stage::trace && (from.settled || !from.left)) continue;
            for (int e = 0; e < kEvents; ++e) {
                const auto event = static_cast<Event>(e);
                SCOPED_TRACE(std::string(to_string(from.stage)) + " x " +
                             std::string(to_string(event)) + " " + std::to_string(bits));
                const auto next = advance(from, event, {now, std::nullopt}, small_limits());
                EXPECT_EQ(next.has_value(), kAllowed[s].contains(event));
                if (!next) continue;
                ++edges;
                check_edge(from, event, *next);
                EXPECT_NE(next->stage, Stage::record);
                EXPECT_NE(next->outcome, PayOutcome::refused);
                if (next->stage == Stage::done && from.ambiguous && event != Event::unused) {
                    EXPECT_NE(next->outcome, PayOutcome::failed);
                    EXPECT_NE(next->outcome, PayOutcome::none);
                    EXPECT_FALSE(next->voided);
                }
            }
        }
    }
    EXPECT_GT(edges, 3000u);
}

TEST(PayFsm, EveryPathEnds) {
    // The longest stubborn server: the same event for ever.
    for (const Event event : kAllowed[static_cast<int>(Stage::send)]) {
        SCOPED_TRACE(to_string(event));
        PayState state = at(Stage::send);
        int steps = 0;
        while (state.stage == Stage::send || state.stage == Stage::pause) {
            state = after(state, state.stage == Stage::pause ? Event::paused : event);
            ASSERT_LT(++steps, 50);
        }
    }
}

TEST(PayFsm, WhatBecomesOfASend) {
    struct Row {
        const char* name;
        PayState from;
        Event event;
        Instant now;
        Stage stage;
        PayOutcome outcome;
    };
    const PayState fresh = at(Stage::send);
    const PayState lost = at(Stage::send, true, true);
    const PayState owed = at(Stage::send, true, false, true);
    const Row rows[] = {
        {"paid", fresh, Event::settled, kNow, Stage::done, PayOutcome::settled},
        {"delivered without a word", fresh, Event::unproven, kNow, Stage::done,
         PayOutcome::settled},
        {"a no", fresh, Event::denied, kNow, Stage::done, PayOutcome::failed},
        {"a no after silence", lost, Event::denied, kNow, Stage::trace, PayOutcome::none},
        {"used by somebody", fresh, Event::used, kNow, Stage::trace, PayOutcome::none},
        {"silence", fresh, Event::no_word, kNow, Stage::pause, PayOutcome::none},
        {"silence, too late to repeat", fresh, Event::no_word, kLate, Stage::trace,
         PayOutcome::none},
        {"never left, too late", fresh, Event::not_sent, kLate, Stage::done, PayOutcome::failed},
        {"never left, but an earlier one may have", lost, Event::not_sent, kLate, Stage::trace,
         PayOutcome::none},
        {"taken, not delivered", fresh, Event::settled_cut, kNow, Stage::pause, PayOutcome::none},
        {"owed, then a no", owed, Event::denied, kNow, Stage::done, PayOutcome::settled},
        {"owed, then used", owed, Event::used, kNow, Stage::done, PayOutcome::settled},
        {"owed, then silence after expiry", owed, Event::no_word, kLate, Stage::pause,
         PayOutcome::none},
        {"pending", fresh, Event::pending, kNow, Stage::pause, PayOutcome::none},
        {"pending after expiry", fresh, Event::pending, kLate, Stage::pause, PayOutcome::none},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const PayState next = after(row.from, row.event, row.now);
        EXPECT_EQ(next.stage, row.stage);
        EXPECT_EQ(next.outcome, row.outcome);
        EXPECT_EQ(next.sends, 1u);
    }
    EXPECT_FALSE(after(fresh, Event::unproven).told);
    EXPECT_TRUE(after(owed, Event::unproven).told);
    EXPECT_FALSE(after(fresh, Event::settled).proven);
}

TEST(PayFsm, PausesGrowAndObeyTheServer) {
    PayLimits limits;
    limits.resends = 10;
    PayState state = at(Stage::send);
    std::vector<std::int64_t> pauses;
    for (int i = 0; i < 7; ++i) {
        state = *advance(state, Event::no_word, {kNow, std::nullopt}, limits);
        pauses.push_back(state.pause.count());
        state = *advance(state, Event::paused, {kNow, std::nullopt}, limits);
    }
    EXPECT_EQ(pauses, (std::vector<std::int64_t>{1000, 2000, 4000, 8000, 16000, 30000, 30000}));
    const auto asked =
        advance(at(Stage::send), Event::pending, {kNow, std::chrono::seconds(7)}, limits);
    EXPECT_EQ(asked->pause, std::chrono::seconds(7));
    const auto absurd =
        advance(at(Stage::send), Event::pending, {kNow, std::chrono::hours(7)}, limits);
    EXPECT_EQ(absurd->pause, limits.longest_pause);
    const auto rushed = advance(at(Stage::send), Event::pending, {kNow, Duration{0}}, limits);
    EXPECT_GE(rushed->pause, Duration{100});
}

TEST(PayFsm, WaitingForAPendingPaymentIsBounded) {
    const PayLimits limits;
    PayState state = at(Stage::send);
    Instant now = kNow;
    while (state.stage == Stage::send) {
        state = *advance(state, Event::pending, {now, std::nullopt}, limits);
        if (state.stage != Stage::pause) break;
        now += state.pause;
        state = *advance(state, Event::paused, {now, std::nullopt}, limits);
    }
    EXPECT_EQ(state.stage, Stage::trace);  // it has expired meanwhile, so the chain may know
    EXPECT_GE(now - kNow, limits.pending_wait - std::chrono::minutes(2));
    EXPECT_LE(now - kNow, limits.pending_wait);
}

TEST(PayFsm, HowAnEarlierPaymentIsTakenUp) {
    struct Row {
        const char* name;
        Left left;
        Instant now;
        Stage stage;
        bool voided;
    };
    const Row rows[] = {
        {"never sent, usable", Left::never_sent, kNow, Stage::send, false},
        {"never sent, expired", Left::never_sent, kLate, Stage::done, true},
        {"denied, usable", Left::denied, kNow, Stage::send, false},
        {"denied, expired", Left::denied, kLate, Stage::trace, false},
        {"ambiguous, usable", Left::ambiguous, kNow, Stage::send, false},
        {"ambiguous, expired", Left::ambiguous, kLate, Stage::trace, false},
        {"ambiguous, within the margin", Left::ambiguous, kUntil - std::chrono::seconds(2),
         Stage::trace, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const PayState state = resume(row.left, kUntil, row.now, small_limits());
        EXPECT_EQ(state.stage, row.stage);
        EXPECT_EQ(state.voided, row.voided);
    }
    const PayState denied = resume(Left::denied, kUntil, kLate, small_limits());
    EXPECT_EQ(after(denied, Event::not_told).outcome, PayOutcome::unknown);
    EXPECT_TRUE(after(denied, Event::unused).voided);
    const PayState lost = resume(Left::ambiguous, kUntil, kLate, small_limits());
    EXPECT_EQ(after(lost, Event::not_told).outcome, PayOutcome::unknown);
    EXPECT_EQ(after(lost, Event::found).stage, Stage::send);
    EXPECT_TRUE(after(lost, Event::unused).voided);
}

// Whether it was found after it had expired, or after a no within the run that sent it.
TEST(PayFsm, WhatTheChainShowsAsTakenIsSentOnceMoreForItsAnswer) {
    for (const Event event : kAllowed[static_cast<int>(Stage::send)]) {
        for (const Left left : {Left::denied, Left::ambiguous}) {
            SCOPED_TRACE(to_string(event));
            const PayState found =
                after(resume(left, kUntil, kLate, small_limits()), Event::found, kLate);
            EXPECT_EQ(found.stage, Stage::send);
            EXPECT_TRUE(found.settled);
            EXPECT_TRUE(found.proven);
            const PayState done = after(found, event, kLate);
            EXPECT_EQ(done.stage, Stage::done);
            EXPECT_EQ(done.outcome, PayOutcome::settled);
            EXPECT_TRUE(done.proven);
            EXPECT_EQ(done.sends, 1u);
            const bool answered = event == Event::settled || event == Event::unproven;
            EXPECT_EQ(done.delivered, answered);
            EXPECT_EQ(done.owed, !answered && event != Event::denied && event != Event::used);
            EXPECT_EQ(done, after(found_taken(), event, kLate));
        }
    }
    const PayState used = after(at(Stage::send), Event::used);
    EXPECT_EQ(after(used, Event::found).stage, Stage::send);
    EXPECT_EQ(after(after(used, Event::found), Event::used).stage, Stage::done);
}

TEST(PayFsm, WhatWasTakenAndNotHandedOverIsSentAgainHoweverLate) {
    for (const Instant now : {kNow, kLate, kLate + std::chrono::hours(1)}) {
        const PayState state = resume(Left::taken, kUntil, now, small_limits());
        EXPECT_EQ(state.stage, Stage::send);
        EXPECT_TRUE(after(state, Event::settled, now).delivered);
        EXPECT_EQ(after(state, Event::denied, now).outcome, PayOutcome::settled);
        EXPECT_EQ(after(state, Event::used, now).outcome, PayOutcome::settled);
        EXPECT_EQ(after(state, Event::no_word, now).stage, Stage::pause);
    }
    // As long as the server has not said no to the repeat, its answer is owed to the next run too.
    for (const Event event : kAllowed[static_cast<int>(Stage::send)]) {
        SCOPED_TRACE(to_string(event));
        PayState state = resume(Left::taken, kUntil, kLate, small_limits());
        while (state.stage != Stage::done) {
            state = after(state, state.stage == Stage::pause ? Event::paused : event,
                          kLate + std::chrono::seconds(state.sends));
        }
        EXPECT_EQ(state.outcome, PayOutcome::settled);
        const bool answered = event == Event::settled || event == Event::unproven;
        EXPECT_EQ(state.delivered, answered);
        EXPECT_EQ(state.owed, !answered && event != Event::denied && event != Event::used);
    }
}

// A server that is short of room for a while: the run ends, and the answer stays owed.
TEST(PayFsm, AnAnswerThatDoesNotComeInTheRunThatPaidStaysOwed) {
    for (const Event event : kAllowed[static_cast<int>(Stage::send)]) {
        SCOPED_TRACE(to_string(event));
        PayState state = after(at(Stage::send), Event::settled_cut);
        EXPECT_FALSE(state.owed);  // not before the run has given up
        for (int i = 0; state.stage != Stage::done; ++i) {
            const bool waits = state.stage == Stage::pause;
            state = after(state, waits ? Event::paused : event, kNow + std::chrono::seconds(i));
        }
        EXPECT_EQ(state.outcome, PayOutcome::settled);
        const bool answered = event == Event::settled || event == Event::unproven;
        EXPECT_EQ(state.delivered, answered);
        EXPECT_EQ(state.owed, !answered && event != Event::denied && event != Event::used);
    }
}

TEST(PayFsm, AnAnswerIsOwedForABoundedTimeAndAskedForOnceMoreAtItsEnd) {
    const PayLimits limits = small_limits();
    EXPECT_TRUE(resume(Left::taken, kUntil, kUntil + limits.owed_for, limits).owed);
    const Instant over = kUntil + limits.owed_for + Duration{1};
    for (const bool proven : {false, true}) {
        for (const Event event : kAllowed[static_cast<int>(Stage::send)]) {
            SCOPED_TRACE(to_string(event));
            PayState state = resume(Left::taken, kUntil, over, limits);
            state.proven = proven;
            EXPECT_EQ(state.stage, Stage::send);
            while (state.stage != Stage::done) {
                const bool waits = state.stage == Stage::pause;
                const Instant now = over + std::chrono::seconds(state.sends);
                state = after(state, waits ? Event::paused : event, now);
            }
            EXPECT_EQ(state.outcome, PayOutcome::settled);
            EXPECT_EQ(state.delivered, event == Event::settled || event == Event::unproven);
            EXPECT_FALSE(state.owed);
        }
    }
    // Only what an earlier run has asked for already: what is found late is owed at first.
    const PayState found = after(resume(Left::ambiguous, kUntil, over, limits), Event::found, over);
    EXPECT_TRUE(after(found, Event::no_word, over).owed);
}

TEST(PayFsm, WhatANewPaymentReplacesIsJudgedAndNotSent) {
    EXPECT_TRUE(judge_only(Left::never_sent, kUntil).voided);
    const PayState taken = judge_only(Left::taken, kUntil);
    EXPECT_EQ(taken.stage, Stage::done);
    EXPECT_EQ(taken.outcome, PayOutcome::settled);
    EXPECT_FALSE(taken.delivered || taken.owed);
    for (const Left left : {Left::denied, Left::ambiguous}) {
        const PayState state = judge_only(left, kUntil);
        EXPECT_EQ(state.stage, Stage::trace);
        const PayState found = after(state, Event::found, kLate);
        EXPECT_EQ(found.stage, Stage::done);
        EXPECT_EQ(found.outcome, PayOutcome::settled);
        EXPECT_FALSE(found.delivered);
        EXPECT_EQ(after(state, Event::not_told, kLate).outcome, PayOutcome::unknown);
    }
}

}  // namespace
}  // namespace x402::client
