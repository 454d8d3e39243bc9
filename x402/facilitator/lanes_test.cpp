// SPDX-License-Identifier: Apache-2.0
// What networks do to transactions: answers get lost, fees turn out too low, groups break, slots
// die. Whatever happens, money moves at most once and nobody hears of a failure that was none.
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

Task<bool> wait_answer(Life& life, Later later) {
    const std::function<bool()> answered = [later] { return later->has_value(); };
    co_return co_await until(life, answered);
}

Task<void> settles_anyway(Life& life) {
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_TRUE(answer && answer->success)
        << (answer ? answer->error_reason : to_string(answer.error()));
    EXPECT_EQ(answer->transaction, "tx-signer-a-0-0");
}
TEST(Broadcast, ItsAnswerProvesNothing) {
    struct Row {
        const char* name;
        std::deque<SendRule> sends;
    };
    const Row rows[] = {
        {"accepted", {SendRule::accept}},
        {"answer lost", {SendRule::lose_answer}},
        {"refused, then mined", {SendRule::refuse_but_keep}},
        {"refused, then sent again", {SendRule::refuse, SendRule::refuse, SendRule::accept}},
        {"accepted and forgotten", {SendRule::drop, SendRule::accept}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        World world;
        world.ledger.sends = row.sends;
        world.ledger.replaceable = false;
        EXPECT_TRUE(live(world, settles_anyway));
        EXPECT_EQ(moves_of(world, "n1"), 1U);
        EXPECT_EQ(world.ledger.signed_numbers["n1"].size(), 1U) << "never a second slot";
    }
}

// Taken in is not landed: what cannot be replaced is sent again until its slot ends, and no longer.
Task<void> sent_until_dead(Life& life) {
    Ledger& ledger = life.world.ledger;
    const Duration begun = life.world.clock.steady();
    const Later later = settle_later(life, order("n1"));
    const bool four = co_await until(life, [&] { return ledger.broadcasts == 4; }, 1min);
    EXPECT_TRUE(four);
    EXPECT_GE(life.world.clock.steady() - begun, 30s) << "patience lies between any two";
    EXPECT_LE(life.world.clock.steady() - begun, 35s);
    life.world.ledger.cancel("ann", "n1");
    ledger.skip_slot("signer-a");
    const bool done = co_await wait_answer(life, later);
    EXPECT_TRUE(done);
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::failed);
    const std::size_t sent = ledger.broadcasts;
    const bool more = co_await until(life, [&] { return ledger.broadcasts > sent; }, 1min);
    EXPECT_FALSE(more);
}
TEST(Broadcast, WhatCannotBeReplacedIsSentAgainUntilItsSlotEnds) {
    World world;
    world.ledger.replaceable = false;
    world.ledger.sends = std::deque<SendRule>(100, SendRule::drop);
    EXPECT_TRUE(live(world, sent_until_dead));
    EXPECT_EQ(moves_of(world, "n1"), 0U);
}

Task<void> bumped(Life& life) {
    life.world.ledger.least_level = 2;
    const Later later = settle_later(life, order("n1"));
    const bool twice =
        co_await until(life, [&] { return life.world.ledger.pool.contains("tx-signer-a-0-1"); });
    EXPECT_TRUE(twice) << "a stuck slot gets another attempt";
    const bool done = co_await wait_answer(life, later);
    EXPECT_TRUE(done);
    EXPECT_TRUE((**later)->success);
    EXPECT_EQ((**later)->transaction, "tx-signer-a-0-2");
    const auto status = co_await life.service.settlement(key_of(order("n1")), 0s);
    EXPECT_EQ((*status)->transactions.size(), 3U) << "all of them are recorded";
}
TEST(Stuck, ASlotIsBumpedUntilItsFeeIsEnough) {
    World world;
    EXPECT_TRUE(live(world, bumped));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
    EXPECT_EQ(world.ledger.signed_numbers["n1"].size(), 1U);
}

Task<void> first_hash_wins(Life& life) {
    life.world.ledger.auto_mine = false;
    const Later later = settle_later(life, order("n1"));
    const bool twice =
        co_await until(life, [&] { return life.world.ledger.pool.contains("tx-signer-a-0-1"); });
    EXPECT_TRUE(twice);
    // A miner that never saw the second attempt.
    life.world.ledger.pool.erase("tx-signer-a-0-1");
    life.world.ledger.mine();
    const bool done = co_await wait_answer(life, later);
    EXPECT_TRUE(done);
    EXPECT_TRUE((**later)->success);
    EXPECT_EQ((**later)->transaction, "tx-signer-a-0-0") << "whichever was mined decides";
}
TEST(Stuck, AllHashesAreWatched) {
    World world;
    EXPECT_TRUE(live(world, first_hash_wins));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

// It is asked again after another patience, not at each look: every look would send and log.
Task<void> bump_ruled_out(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.auto_mine = false;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    ledger.sign_refuses = true;
    const std::function<bool()> never = [] { return false; };
    const bool ended = co_await until(life, never, 60s);
    EXPECT_FALSE(ended);
    EXPECT_GE(ledger.broadcasts, 4U) << "the same bytes are sent again";
    EXPECT_LE(ledger.broadcasts, 8U);
    ledger.sign_refuses = false;
    ledger.auto_mine = true;
    ledger.mine();
    const bool done = co_await wait_answer(life, later);
    EXPECT_TRUE(done);
}
TEST(Stuck, ABumpThatIsRuledOutIsNotTriedAtEachLook) {
    World world;
    EXPECT_TRUE(live(world, bump_ruled_out));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

Task<void> grouped(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.auto_mine = false;
    std::vector<Later> answers{settle_later(life, order("n0"))};
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    for (int i = 1; i <= 5; ++i)
        answers.push_back(settle_later(life, order("n" + std::to_string(i))));
    co_await breathe(life);
    EXPECT_EQ(ledger.broadcasts, 1U) << "what becomes ready while one is in flight waits for it";
    ledger.auto_mine = true;
    ledger.mine();
    for (const Later& each : answers) {
        const bool done = co_await wait_answer(life, each);
        EXPECT_TRUE(done);
        EXPECT_TRUE((**each)->success) << (**each)->error_reason;
    }
}
TEST(Lanes, WhatBecomesReadyInFlightLeavesTogether) {
    World world;
    EXPECT_TRUE(live(world, grouped));
    EXPECT_EQ(world.ledger.group_sizes, (std::vector<std::size_t>{1, 5}));
}
TEST(Lanes, WhoeverFailsInAGroupIsAskedAgainAlone) {
    World world;
    world.ledger.group_poison = {"n2", "n4"};
    EXPECT_TRUE(live(world, grouped));
    EXPECT_EQ(world.ledger.group_sizes, (std::vector<std::size_t>{1, 5, 1, 1}));
    for (const char* nonce : {"n1", "n2", "n3", "n4", "n5"})
        EXPECT_EQ(moves_of(world, nonce), 1U) << nonce;
}

Task<void> one_is_poor(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.auto_mine = false;
    ledger.balances["bob"] = U256(150);
    const auto bobs = [](const char* nonce) {
        Order made = order(nonce);
        made.payer = "bob";
        return made;
    };
    const Later first = settle_later(life, order("n0"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    // Both verify alone; together bob cannot pay them.
    const Later one = settle_later(life, bobs("b1"));
    const Later two = settle_later(life, bobs("b2"));
    co_await breathe(life);
    ledger.auto_mine = true;
    ledger.mine();
    const std::vector<Later> all{first, one, two};
    for (const Later& each : all) {
        const bool done = co_await wait_answer(life, each);
        EXPECT_TRUE(done);
    }
    EXPECT_TRUE((**one)->success != (**two)->success) << "exactly one of them";
    const SettleResponse& failed = (**one)->success ? ***two : ***one;
    EXPECT_EQ(failed.error_reason, "invalid_exact_evm_insufficient_balance");
    EXPECT_EQ(ledger.balances["bob"], U256(50));
}
TEST(Lanes, ANeighbourThatSpendsTheBalanceHurtsNobodyElse) {
    World world;
    EXPECT_TRUE(live(world, one_is_poor));
    EXPECT_EQ(world.ledger.group_sizes, (std::vector<std::size_t>{1, 1}))
        << "no fee for what was bound to fail";
}

Task<void> many(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.auto_mine = false;
    std::vector<Later> answers;
    for (int i = 0; i < 100; ++i)
        answers.push_back(settle_later(life, order("n" + std::to_string(i))));
    const bool full = co_await until(life, [&] { return ledger.pool.size() >= 128; }, 5s);
    EXPECT_FALSE(full);
    EXPECT_EQ(ledger.pool.size(), 64U) << "never more in flight than the cap";
    ledger.auto_mine = true;
    ledger.mine();
    for (const Later& each : answers) {
        const bool done = co_await wait_answer(life, each);
        EXPECT_TRUE(done);
        EXPECT_TRUE((**each)->success);
    }
}
TEST(Lanes, SixtyFourInFlightAndNotOneMore) {
    World world;
    world.ledger.shareable = false;
    world.configure = [](Config& config) { config.pending_per_payer = 100; };
    EXPECT_TRUE(live(world, many));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(moves_of(world, "n" + std::to_string(i)), 1U);
}

Task<void> two_signers(Life& life) {
    life.world.ledger.auto_mine = false;
    const Later one = settle_later(life, order("n1"));
    const Later two = settle_later(life, order("n2"));
    const bool both = co_await until(life, [&] { return life.world.ledger.pool.size() == 2; }, 5s);
    EXPECT_TRUE(both) << "the second does not wait for the first signer's transaction";
    life.world.ledger.auto_mine = true;
    life.world.ledger.mine();
    const bool done = co_await until(life, [&] { return *one && *two; });
    EXPECT_TRUE(done);
}
TEST(Lanes, SignersWorkInParallel) {
    World world;
    world.ledger.signers = {"signer-a", "signer-b"};
    EXPECT_TRUE(live(world, two_signers));
    EXPECT_EQ(world.ledger.next["signer-a"], 1U);
    EXPECT_EQ(world.ledger.next["signer-b"], 1U);
}

// What the payload fixes is sent by that signer alone, however busy it is and whoever is idle.
Task<void> named_signer(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.auto_mine = false;
    std::vector<Later> named;
    for (const char* nonce : {"n1", "n2", "n3"}) named.push_back(settle_later(life, order(nonce)));
    const bool sent = co_await until(life, [&] { return ledger.pool.size() == 3; }, 5s);
    EXPECT_TRUE(sent);
    for (const auto& [id, tx] : ledger.pool) EXPECT_EQ(tx.signer, "signer-b") << id;
    ledger.only_signer.clear();
    const Later anybody = settle_later(life, order("n4"));
    const bool other = co_await until(life, [&] { return ledger.pool.size() == 4; }, 5s);
    EXPECT_TRUE(other);
    ledger.auto_mine = true;
    ledger.mine();
    for (const Later& each : named) {
        const bool done = co_await wait_answer(life, each);
        EXPECT_TRUE(done && **each && (**each)->success);
    }
    const bool done = co_await wait_answer(life, anybody);
    EXPECT_TRUE(done);
    ledger.only_signer = "signer-z";
    const auto nobody = co_await settle(life, order("n5"));
    EXPECT_FALSE(nobody);
    EXPECT_EQ(reason_of(nobody.error()), Reason::unavailable) << "no such signer here";
}
TEST(Lanes, APaymentGoesToTheSignerThatItNames) {
    World world;
    world.ledger.signers = {"signer-a", "signer-b", "signer-c"};
    world.ledger.shareable = false;
    world.ledger.only_signer = "signer-b";
    EXPECT_TRUE(live(world, named_signer));
    EXPECT_EQ(world.ledger.next["signer-b"], 3U);
    EXPECT_EQ(world.ledger.next["signer-a"] + world.ledger.next["signer-c"], 1U);
}

Task<void> dead_slot(Life& life) {
    life.world.ledger.auto_mine = false;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return life.world.ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    // Another program of the same signer used the slot: our attempts can never be mined.
    life.world.ledger.pool.clear();
    life.world.ledger.skip_slot("signer-a");
    life.world.ledger.auto_mine = true;
    const bool done = co_await wait_answer(life, later);
    EXPECT_TRUE(done);
    EXPECT_TRUE((**later)->success) << (**later)->error_reason;
    EXPECT_EQ((**later)->transaction, "tx-signer-a-1-0");
}
TEST(Slots, ADeadSlotGivesItsPaymentAnother) {
    World world;
    EXPECT_TRUE(live(world, dead_slot));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
    EXPECT_EQ(world.ledger.signed_numbers["n1"], (std::set<std::uint64_t>{0, 1}));
}

Task<void> dead_and_expired(Life& life) {
    life.world.ledger.auto_mine = false;
    Order brief = order("n1");
    brief.valid_s = 60;
    const Later later = settle_later(life, brief);
    const bool sent = co_await until(life, [&] { return life.world.ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    life.world.ledger.pool.clear();
    life.world.clock.advance(61s);
    life.world.ledger.skip_slot("signer-a");
    const PaymentKey key = key_of(brief);
    for (int i = 0; i < 20; ++i) co_await breathe(life);
    const auto status = co_await life.service.settlement(key, 30s);
    EXPECT_EQ((*status)->outcome, Outcome::failed);
    const auto record = co_await life.store.find_payment(key);
    EXPECT_EQ((*record)->reason, "authorization_expired");
}
TEST(Slots, ADeadSlotOfAnExpiredPaymentFailsIt) {
    World world;
    EXPECT_TRUE(live(world, dead_and_expired));
    EXPECT_EQ(moves_of(world, "n1"), 0U);
}

Task<void> reverted(Life& life) {
    life.world.ledger.blind.insert("n1");
    life.world.ledger.auto_mine = false;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return life.world.ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    life.world.ledger.balances["ann"] = U256(1);
    life.world.ledger.mine();
    const bool done = co_await wait_answer(life, later);
    EXPECT_TRUE(done);
    EXPECT_EQ((**later)->error_reason, "invalid_exact_evm_transaction_failed");
    EXPECT_EQ((**later)->transaction, "tx-signer-a-0-0");
    life.world.ledger.balances["ann"] = U256(1'000);
    life.world.ledger.auto_mine = true;
    const auto again = co_await settle(life, order("n1"));
    EXPECT_TRUE(again && again->success) << "what finally reverted may be claimed again";
    const auto status = co_await life.service.settlement(key_of(order("n1")), 0s);
    EXPECT_EQ((*status)->transactions.size(), 2U) << "both runs are in the history";
}
TEST(Slots, ARevertIsAFailureAndTheKeyIsFreeAgain) {
    World world;
    EXPECT_TRUE(live(world, reverted));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

Task<void> unsigned_slot(Life& life) {
    life.world.ledger.sign_refuses = true;
    const Later later = settle_later(life, order("n1"));
    const bool filled =
        co_await until(life, [&] { return life.world.ledger.mined.contains("tx-signer-a-0-0f"); });
    EXPECT_TRUE(filled) << "a slot that nothing can be signed for is used up by a filler";
    life.world.ledger.sign_refuses = false;
    const bool done = co_await wait_answer(life, later);
    EXPECT_TRUE(done);
    EXPECT_TRUE((**later)->success) << (**later)->error_reason;
}
TEST(Slots, AFillerUsesUpASlotWithoutAnAttempt) {
    World world;
    EXPECT_TRUE(live(world, unsigned_slot));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

Task<void> late_slot(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.slot_errors = 1'000;
    const Later later = settle_later(life, order("n1"));
    const bool asked = co_await until(life, [&] { return ledger.slot_errors < 1'000; });
    EXPECT_TRUE(asked);
    ledger.balances["ann"] = U256(1);
    const std::function<bool()> never = [] { return false; };
    const bool ended = co_await until(life, never, 15s);
    EXPECT_FALSE(ended);
    ledger.slot_errors = 0;
    const bool done = co_await wait_answer(life, later);
    EXPECT_TRUE(done);
    EXPECT_EQ((**later)->error_reason, "invalid_exact_evm_insufficient_balance");
}
TEST(Slots, ASimulationIsAsOldAsItsQuestion) {
    World world;
    EXPECT_TRUE(live(world, late_slot));
    EXPECT_TRUE(world.ledger.signed_numbers["n1"].empty())
        << "the network would refuse it by now, and a fee would be lost";
}

Task<void> dead_then_refused(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.auto_mine = false;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    ledger.balances["ann"] = U256(1);
    ledger.pool.clear();
    ledger.skip_slot("signer-a");
    const bool done = co_await wait_answer(life, later);
    EXPECT_TRUE(done);
    EXPECT_EQ((**later)->transaction, "") << "that of the dead slot is not its end";
    EXPECT_EQ(outcome_of(***later), Outcome::failed);
}
TEST(Slots, WhatADeadSlotCarriedIsForgotten) {
    World world;
    EXPECT_TRUE(live(world, dead_then_refused));
}

TEST(Trouble, PassesWhenItIsShort) {
    World world;
    world.ledger.simulate_errors = 3;
    world.ledger.sign_errors = 3;
    EXPECT_TRUE(live(world, settles_anyway));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

Task<void> hopeless(Life& life) {
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_FALSE(answer && answer->success);
    const bool ended =
        co_await until(life, [&] { return life.world.ledger.simulate_errors < 100'000 - 10; });
    EXPECT_TRUE(ended);
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::failed) << "nothing was signed: the run may end";
    life.world.ledger.simulate_errors = 0;
    const auto again = co_await settle(life, order("n1"));
    EXPECT_TRUE(again && again->success);
}
TEST(Trouble, EndsAsUnavailableAndNeverAsThePayersFault) {
    World world;
    world.ledger.simulate_errors = 100'000;
    EXPECT_TRUE(live(world, hopeless));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

Task<void> network_lost(Life& life) {
    life.world.ledger.auto_mine = false;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return life.world.ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    life.world.ledger.mine();
    life.world.ledger.down = true;
    const bool answered = co_await wait_answer(life, later);
    EXPECT_TRUE(answered);
    EXPECT_EQ((**later)->error_reason, "settlement_pending") << "an unknown end is never a failure";
    life.world.ledger.down = false;
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::settled);
}
TEST(Trouble, ALostNetworkIsPendingNotFailed) {
    World world;
    EXPECT_TRUE(live(world, network_lost));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

Task<void> unclear_landing(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.blind.insert("n1");
    ledger.auto_mine = false;
    const Later first = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    ledger.front_run("ann", "n1", U256(100), "shop");
    ledger.trace_down = true;
    ledger.auto_mine = true;
    ledger.mine();
    // The slot was used, whether the payment was made is not known yet: others do not wait for
    // that.
    const Duration before = life.world.clock.steady();
    const auto other = co_await settle(life, order("n2"));
    EXPECT_TRUE(other && other->success);
    EXPECT_LT(life.world.clock.steady() - before, 5s);
    EXPECT_FALSE(first->has_value());
    ledger.trace_down = false;
    const bool done = co_await wait_answer(life, first);
    EXPECT_TRUE(done);
    EXPECT_EQ((**first)->error_reason, "duplicate_settlement");
}
TEST(Trouble, AnUnclearEndHoldsNobodyElseUp) {
    World world;
    EXPECT_TRUE(live(world, unclear_landing));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
    EXPECT_EQ(moves_of(world, "n2"), 1U);
}

Task<void> unclear_refusal(Life& life) {
    // Valid when it was verified, used by a stranger before it was simulated, and the trace cannot
    // be read.
    life.world.ledger.simulate_errors = 1'000;
    life.world.ledger.trace_down = true;
    const Later later = settle_later(life, order("n1"));
    const bool simulated =
        co_await until(life, [&] { return life.world.ledger.simulate_errors < 1'000; });
    EXPECT_TRUE(simulated);
    life.world.ledger.front_run("ann", "n1", U256(100), "shop");
    life.world.ledger.simulate_errors = 0;
    const bool answered = co_await wait_answer(life, later);
    EXPECT_TRUE(answered);
    if (**later) {
        EXPECT_EQ((**later)->error_reason, "settlement_pending");
    }
    const bool ended = co_await until(life, [&] { return life.world.ledger.trace_down; }, 60s);
    EXPECT_TRUE(ended);
    life.world.ledger.trace_down = false;
    const auto repeat = co_await settle(life, order("n1"));
    EXPECT_TRUE(repeat);
    EXPECT_EQ(repeat->error_reason, "duplicate_settlement");
}
TEST(Trouble, ARefusalThatMayBeAPaymentIsNotTold) {
    World world;
    EXPECT_TRUE(live(world, unclear_refusal));
    EXPECT_EQ(world.ledger.broadcasts, 0U);
}

}  // namespace
}  // namespace x402::facilitator::test
