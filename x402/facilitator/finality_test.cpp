// SPDX-License-Identifier: Apache-2.0
// A payment that was mined and not paid may still be paid: the chain can turn over and mine the
// same transaction again. Until that is ruled out it is undecided, has no second slot and is not
// claimed again; what was paid beside it is told at once.
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

std::size_t moves_of(const World& world, const std::string& nonce) {
    const auto found = world.ledger.moves.find(used_key("ann", nonce));
    return found == world.ledger.moves.end() ? 0 : found->second.size();
}

Task<bool> wait_answer(Life& life, Later later, Duration limit = 5min) {
    const std::function<bool()> answered = [later] { return later->has_value(); };
    co_return co_await until(life, answered, limit);
}

Task<void> wait_for(Life& life, Duration length) {
    const std::function<bool()> never = [] { return false; };
    const bool ended = co_await until(life, never, length);
    EXPECT_FALSE(ended);
}

Task<Outcome> outcome_now(Life& life, std::string nonce) {
    const PaymentKey key = key_of(order(nonce));
    const auto status = co_await life.service.settlement(key, 0s);
    EXPECT_TRUE(status && *status);
    co_return (*status)->outcome;
}

// n1 is mined in a block that may be undone, and reverts there.
Task<Later> revert(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.blind.insert("n1");
    ledger.auto_mine = false;
    ledger.finalized = false;
    Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    ledger.balances["ann"] = U256(1);
    ledger.mine();
    co_await wait_for(life, 60s);
    EXPECT_TRUE(later->has_value());
    EXPECT_EQ((**later)->error_reason, "settlement_pending") << "a revert that may be undone";
    const Outcome outcome = co_await outcome_now(life, "n1");
    EXPECT_EQ(outcome, Outcome::unknown);
    const Later repeat = settle_later(life, order("n1"));
    co_await wait_for(life, 35s);
    EXPECT_EQ((**repeat)->error_reason, "settlement_pending") << "it cannot be claimed again";
    EXPECT_EQ(ledger.signed_numbers["n1"].size(), 1U);
    ledger.balances["ann"] = U256(1'000);
    co_return later;
}

Task<void> undone_then_paid(Life& life) {
    const Later first = co_await revert(life);
    life.world.ledger.reorganise("tx-signer-a-0-0");
    life.world.ledger.mine();
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::settled);
    const auto told = co_await settle(life, order("n1"));
    EXPECT_TRUE(told && told->success);
    const auto again = co_await settle(life, order("n1"));
    EXPECT_EQ(again->error_reason, "duplicate_settlement");
}
TEST(Finality, ARevertThatIsUndoneMayYetPay) {
    World world;
    EXPECT_TRUE(live(world, undone_then_paid));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
    EXPECT_EQ(world.ledger.signed_numbers["n1"].size(), 1U) << "never a second slot";
}

Task<void> final_then_failed(Life& life) {
    const Later first = co_await revert(life);
    life.world.ledger.finalized = true;
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::failed);
    EXPECT_EQ((*status)->transactions, std::vector<std::string>{"tx-signer-a-0-0"});
    life.world.ledger.auto_mine = true;
    const auto again = co_await settle(life, order("n1"));
    EXPECT_TRUE(again && again->success) << "what finally reverted may be claimed again";
}
TEST(Finality, AFinalRevertFailsAndFreesTheKey) {
    World world;
    EXPECT_TRUE(live(world, final_then_failed));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
    EXPECT_EQ(world.ledger.signed_numbers["n1"].size(), 2U);
}

Task<void> others_go_on(Life& life) {
    const Later first = co_await revert(life);
    life.world.ledger.auto_mine = true;
    const Duration before = life.world.clock.steady();
    for (int i = 0; i < 70; ++i) {
        const auto other = co_await settle(life, order("m" + std::to_string(i)));
        if (i < 10) {
            EXPECT_TRUE(other && other->success);
        }
    }
    EXPECT_LT(life.world.clock.steady() - before, 120s) << "nobody waits for its finality";
}
TEST(Finality, ARevertThatMayBeUndoneHoldsNobodyUp) {
    World world;
    EXPECT_TRUE(live(world, others_go_on));
}

Task<void> looked_at_rarely(Life& life) {
    const Later first = co_await revert(life);
    const std::size_t before = life.world.ledger.observes;
    co_await wait_for(life, 60s);
    const std::size_t looks = life.world.ledger.observes - before;
    EXPECT_GE(looks, 3U);
    EXPECT_LE(looks, 6U) << "finality takes its time";
    life.world.ledger.auto_mine = true;
    const Duration asked = life.world.clock.steady();
    const auto other = co_await settle(life, order("n2"));
    EXPECT_TRUE(other && other->success);
    EXPECT_LT(life.world.clock.steady() - asked, 2s) << "others are looked at as ever";
}
TEST(Finality, WhatOnlyWaitsForItIsLookedAtRarely) {
    World world;
    EXPECT_TRUE(live(world, looked_at_rarely));
}

Order of_bob(const std::string& nonce) {
    Order made = order(nonce);
    made.payer = "bob";
    return made;
}

// b1 is mined and reverted, and may yet be undone; then b3 is refused beside b2.
Task<void> wary_neighbour(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.blind.insert("b1");
    ledger.auto_mine = false;
    ledger.finalized = false;
    ledger.balances["bob"] = U256(100);
    const Later reverted = settle_later(life, of_bob("b1"));
    bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    ledger.balances["bob"] = U256(1);
    ledger.mine();
    co_await wait_for(life, 2s);
    ledger.balances["bob"] = U256(100);
    const Later first = settle_later(life, order("n0"));
    sent = co_await until(life, [&] { return ledger.broadcasts == 2; });
    EXPECT_TRUE(sent);
    const Later one = settle_later(life, of_bob("b2"));
    const Later two = settle_later(life, of_bob("b3"));
    sent = co_await until(life, [&] { return ledger.broadcasts == 3; });
    EXPECT_TRUE(sent);
    co_await wait_for(life, 2s);
    EXPECT_FALSE(two->has_value()) << "its neighbour's transfer is on its way";
    ledger.auto_mine = true;
    ledger.mine();
    const bool paid = co_await wait_answer(life, one, 5s);
    EXPECT_TRUE(paid && (**one)->success);
    const bool told = co_await wait_answer(life, two, 5s);
    EXPECT_TRUE(told) << "what only waits for finality takes no money just now";
    EXPECT_TRUE(told && (**two)->error_reason == "invalid_exact_evm_insufficient_balance");
}
TEST(Finality, NobodyWaitsForANeighboursFinality) {
    World world;
    EXPECT_TRUE(live(world, wary_neighbour));
    EXPECT_EQ(world.ledger.moves["bob/b2"].size(), 1U);
    EXPECT_EQ(world.ledger.moves["bob/b3"].size(), 0U);
}

Task<void> network_lost(Life& life) {
    const Later first = co_await revert(life);
    const std::size_t broadcasts = life.world.ledger.broadcasts;
    life.world.ledger.down = true;
    co_await wait_for(life, 60s);
    life.world.ledger.down = false;
    EXPECT_EQ(life.world.ledger.broadcasts, broadcasts) << "what has landed is not sent again";
    life.world.ledger.finalized = true;
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::failed);
    EXPECT_EQ((*status)->transactions.size(), 1U) << "nor signed dearer";
}
TEST(Finality, ALostNetworkDoesNotUndoWhatWasSeen) {
    World world;
    EXPECT_TRUE(live(world, network_lost));
    EXPECT_EQ(world.ledger.signed_numbers["n1"].size(), 1U);
    EXPECT_EQ(world.ledger.pool.size(), 0U);
}

Task<void> stops_before_finality(Life& life) {
    const Later first = co_await revert(life);
    const Duration before = life.world.clock.steady();
    const bool whole = co_await life.service.drain(30s);
    EXPECT_FALSE(whole) << "it is in the journal";
    EXPECT_LT(life.world.clock.steady() - before, 6s) << "and nothing can be done about it here";
}
TEST(Finality, AStopDoesNotWaitForIt) {
    World world;
    EXPECT_TRUE(live(world, stops_before_finality));
}

// n1, n2 and n3 share a transaction in which n2 reverts.
Task<std::vector<Later>> revert_in_group(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.auto_mine = false;
    ledger.finalized = false;
    ledger.group_poison = {"n2"};
    const Later alone = settle_later(life, order("n0"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    std::vector<Later> group;
    for (const char* nonce : {"n1", "n2", "n3"}) group.push_back(settle_later(life, order(nonce)));
    const bool both = co_await until(life, [&] { return ledger.broadcasts == 2; });
    EXPECT_TRUE(both);
    ledger.mine();
    for (const std::size_t at : {0U, 2U}) {
        const bool told = co_await wait_answer(life, group[at], 5s);
        EXPECT_TRUE(told) << "what was paid is told at once";
        EXPECT_TRUE(told && (**group[at])->success);
    }
    co_await wait_for(life, 60s);
    const Outcome outcome = co_await outcome_now(life, "n2");
    EXPECT_EQ(outcome, Outcome::unknown);
    EXPECT_EQ(ledger.signed_numbers["n2"].size(), 1U)
        << "no second slot while the first may still pay";
    co_return group;
}

Task<void> group_becomes_final(Life& life) {
    const std::vector<Later> group = co_await revert_in_group(life);
    life.world.ledger.auto_mine = true;
    life.world.ledger.finalized = true;
    const auto status = co_await life.service.settlement(key_of(order("n2")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::settled) << "now it has a slot of its own";
}
TEST(Finality, InAGroupOnlyAFinalRevertTakesAnotherSlot) {
    World world;
    EXPECT_TRUE(live(world, group_becomes_final));
    EXPECT_EQ(world.ledger.signed_numbers["n2"].size(), 2U);
    for (const char* nonce : {"n0", "n1", "n2", "n3"}) EXPECT_EQ(moves_of(world, nonce), 1U);
}

Task<void> group_is_undone(Life& life) {
    const std::vector<Later> group = co_await revert_in_group(life);
    Ledger& ledger = life.world.ledger;
    ledger.group_poison.clear();
    ledger.reorganise("tx-signer-a-1-0");
    ledger.mine();
    const auto status = co_await life.service.settlement(key_of(order("n2")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::settled);
    EXPECT_EQ((*status)->transactions, std::vector<std::string>{"tx-signer-a-1-0"});
}
TEST(Finality, AGroupThatIsUndoneMayPayTheRest) {
    World world;
    EXPECT_TRUE(live(world, group_is_undone));
    EXPECT_EQ(world.ledger.signed_numbers["n2"].size(), 1U);
    for (const char* nonce : {"n0", "n1", "n2", "n3"}) EXPECT_EQ(moves_of(world, nonce), 1U);
}

Task<void> killed_between(Life& life) {
    const std::vector<Later> group = co_await revert_in_group(life);
}
Task<void> finished_later(Life& life) {
    const auto status = co_await life.service.settlement(key_of(order("n2")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::settled);
    const Outcome one = co_await outcome_now(life, "n1");
    EXPECT_EQ(one, Outcome::settled);
    const auto again = co_await settle(life, order("n1"));
    EXPECT_EQ(again->error_reason, "duplicate_settlement") << "its success was told";
}
TEST(Finality, AHalfEndedGroupSurvivesARestart) {
    World world;
    EXPECT_TRUE(live(world, killed_between));
    world.ledger.finalized = true;
    world.ledger.auto_mine = true;
    EXPECT_TRUE(live(world, finished_later));
    for (const char* nonce : {"n1", "n2", "n3"}) EXPECT_EQ(moves_of(world, nonce), 1U);
}

// The slot has ended for good, and the network does not say what became of the payment.
Task<void> unclear_for_long(Life& life, bool dead) {
    Ledger& ledger = life.world.ledger;
    ledger.blind.insert("n1");
    ledger.auto_mine = false;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    ledger.uses_final = false;
    ledger.front_run("ann", "n1", U256(100), "shop");
    if (dead) ledger.pool.clear();
    if (dead) ledger.skip_slot("signer-a");
    ledger.mine();
    co_await wait_for(life, 60s);
    const std::size_t before = ledger.observes;
    co_await wait_for(life, 60s);
    EXPECT_GE(ledger.observes - before, 3U);
    EXPECT_LE(ledger.observes - before, 6U) << "a look that did not decide rests";
    ledger.uses_final = true;
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    EXPECT_EQ((*status)->state, "duplicate");
}
Task<void> unclear_mined(Life& life) {
    return unclear_for_long(life, false);
}
Task<void> unclear_dead(Life& life) {
    return unclear_for_long(life, true);
}
TEST(Finality, AnUnclearEndIsLookedAtRarely) {
    for (const Body& body : {Body(unclear_mined), Body(unclear_dead)}) {
        World world;
        EXPECT_TRUE(live(world, body));
    }
}

Task<void> front_run(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.blind.insert("n1");
    ledger.auto_mine = false;
    ledger.finalized = false;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    ledger.front_run("ann", "n1", U256(100), "shop");
    ledger.mine();
    const bool told = co_await wait_answer(life, later, 5s);
    EXPECT_EQ(told, life.world.accept_observed) << "what was paid is told, nothing else is";
    ledger.finalized = true;
    const bool ended = co_await wait_answer(life, later);
    EXPECT_TRUE(ended);
    EXPECT_EQ((**later)->transaction, "stranger-n1");
    EXPECT_EQ((**later)->success, life.world.accept_observed);
}
TEST(Finality, AStrangersPaymentIsTakenAtOnceOnlyWhereItCounts) {
    for (const bool accept : {false, true}) {
        SCOPED_TRACE(accept);
        World world;
        world.accept_observed = accept;
        EXPECT_TRUE(live(world, front_run));
        EXPECT_EQ(moves_of(world, "n1"), 1U);
    }
}

}  // namespace
}  // namespace x402::facilitator::test
