// SPDX-License-Identifier: Apache-2.0
// A payment that the network refuses may have been made by somebody else's transaction a moment
// ago. Until the network can say so for good it is undecided: neither failed, nor free to be
// claimed again, and what was given up without a word of the network is told as what it is.
#include <gtest/gtest.h>

#include "x402/facilitator/answers.hpp"
#include "x402/facilitator/test_world.hpp"

namespace x402::facilitator::test {
namespace {

using namespace std::chrono_literals;

Order order(const std::string& nonce) {
    Order made;
    made.nonce = nonce;
    return made;
}

Task<void> wait_for(Life& life, Duration length) {
    const std::function<bool()> never = [] { return false; };
    const bool ended = co_await until(life, never, length);
    EXPECT_FALSE(ended);
}

Task<Outcome> outcome_now(Life& life) {
    const PaymentKey key = key_of(order("n1"));
    const auto status = co_await life.service.settlement(key, 0s);
    EXPECT_TRUE(status && *status);
    co_return (*status)->outcome;
}

// Valid when it was verified, and used by a stranger before it was simulated; that is not final.
Task<Later> doubted(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.simulate_errors = 1'000;
    ledger.uses_final = false;
    Later later = settle_later(life, order("n1"));
    const bool asked = co_await until(life, [&] { return ledger.simulate_errors < 1'000; });
    EXPECT_TRUE(asked);
    ledger.front_run("ann", "n1", U256(100), "shop");
    ledger.simulate_errors = 0;
    co_return later;
}

Task<void> final_after_minutes(Life& life) {
    const Later later = co_await doubted(life);
    co_await wait_for(life, 3min);
    EXPECT_TRUE(later->has_value() && **later);
    EXPECT_EQ((**later)->error_reason, "settlement_pending");
    const Outcome early = co_await outcome_now(life);
    EXPECT_EQ(early, Outcome::unknown) << "the money has moved";
    const auto repeat = co_await settle(life, order("n1"));
    EXPECT_TRUE(repeat);
    EXPECT_EQ(repeat->error_reason, "settlement_pending");
    life.world.ledger.uses_final = true;
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    const bool paid = life.world.accept_observed;
    EXPECT_EQ((*status)->outcome, paid ? Outcome::settled : Outcome::failed);
    EXPECT_EQ((*status)->state, paid ? "settled" : "duplicate");
    EXPECT_EQ((*status)->transactions, std::vector<std::string>{"stranger-n1"});
}
TEST(Doubt, LastsUntilTheNetworkCanSay) {
    for (const bool accept : {false, true}) {
        SCOPED_TRACE(accept);
        World world;
        world.accept_observed = accept;
        EXPECT_TRUE(live(world, final_after_minutes));
        EXPECT_EQ(world.ledger.broadcasts, 0U);
    }
}

Task<void> undone(Life& life) {
    const Later later = co_await doubted(life);
    co_await wait_for(life, 40s);
    life.world.ledger.used.clear();
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::failed) << "unused after all, and nothing was sent";
    const auto again = co_await settle(life, order("n1"));
    EXPECT_TRUE(again && again->success);
}
TEST(Doubt, EndsWhereTheUseIsUndone) {
    World world;
    EXPECT_TRUE(live(world, undone));
}

Task<void> stops(Life& life) {
    const Later later = co_await doubted(life);
    co_await wait_for(life, 40s);
    const Duration before = life.world.clock.steady();
    co_await life.service.drain(20s);
    EXPECT_LT(life.world.clock.steady() - before, 10s) << "finality is no work of ours";
    life.world.ledger.simulate_errors = 100'000;
}
// Here nothing is asked of the network but what becomes of the record.
Task<void> gives_up(Life& life) {
    co_await wait_for(life, 60s);
    const auto record = co_await life.store.find_payment(key_of(order("n1")));
    EXPECT_EQ((*record)->state, store::PaymentState::failed);
    Outcome outcome = co_await outcome_now(life);
    EXPECT_EQ(outcome, Outcome::unknown) << "given up is not judged";
    life.world.ledger.down = true;
    outcome = co_await outcome_now(life);
    EXPECT_EQ(outcome, Outcome::unknown) << "nor is a network that cannot be asked";
    life.world.ledger.down = false;
    life.world.ledger.uses_final = true;
    outcome = co_await outcome_now(life);
    EXPECT_EQ(outcome, Outcome::unknown) << "the money has moved: a repeat hears of it";
    const auto repeat = co_await settle(life, order("n1"));
    EXPECT_EQ(repeat->error_reason, "duplicate_settlement");
    life.world.ledger.used.clear();
    outcome = co_await outcome_now(life);
    EXPECT_EQ(outcome, Outcome::failed);
}
TEST(Doubt, WhatIsGivenUpUnjudgedIsNotToldAsUnused) {
    World world;
    EXPECT_TRUE(live(world, stops));
    EXPECT_TRUE(live(world, gives_up));
}

}  // namespace
}  // namespace x402::facilitator::test
