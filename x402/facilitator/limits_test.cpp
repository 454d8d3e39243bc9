// SPDX-License-Identifier: Apache-2.0
// What the operator allows: money a day, undecided payments of a network and of a payer, and the
// time of a stop. No neighbour uses up another's share.
#include <gtest/gtest.h>

#include <algorithm>

#include "x402/facilitator/answers.hpp"
#include "x402/facilitator/budget_book.hpp"
#include "x402/facilitator/test_world.hpp"

namespace x402::facilitator::test {
namespace {

using namespace std::chrono_literals;

Order order(const std::string& nonce) {
    Order made;
    made.nonce = nonce;
    return made;
}

Task<bool> wait_answer(Life& life, Later later, Duration limit = 5min) {
    const std::function<bool()> answered = [later] { return later->has_value(); };
    co_return co_await until(life, answered, limit);
}

Reason refused_by(const Later& later) {
    if (!later->has_value() || **later) return Reason::malformed_request;
    return reason_of((*later)->error());
}

Budget day_of(std::uint64_t amount) {
    return {{U256(amount), "grain"}, {}};
}

const Payers kOne{"ann"};

TEST(BudgetBook, ASpendingWhileTheStoreIsReadIsNotForgotten) {
    BudgetBook book(day_of(100));
    book.reserve(U256(30));
    const U256 mark = book.mark();
    book.release(U256(30), U256(20));
    book.refresh(U256(5), mark, 1s);
    EXPECT_EQ(book.spent(), U256(25)) << "too much is the safe side";
    EXPECT_EQ(book.in_flight(), U256(0));
    book.refresh(U256(25), book.mark(), 2s);
    EXPECT_EQ(book.spent(), U256(25));
}

TEST(BudgetBook, MoreForTheSameSlot) {
    BudgetBook book(Budget{{U256(100), "grain"}, {U256(45), "grain"}});
    book.reserve(U256(40));
    EXPECT_TRUE(book.fits_more(U256(40), U256(45), kOne));
    EXPECT_FALSE(book.fits_more(U256(40), U256(46), kOne)) << "dearer than one payment may be";
    EXPECT_TRUE(book.fits_more(U256(40), U256(90), {"ann", "bob"}));
    EXPECT_TRUE(book.fits_more(U256(40), U256(30), kOne)) << "less always fits";
    book.reserve(U256(56));
    EXPECT_TRUE(book.fits_more(U256(40), U256(44), kOne));
    EXPECT_FALSE(book.fits_more(U256(40), U256(45), kOne)) << "more than the day has left";
}

TEST(BudgetBook, IsReadAgainWhenToldSo) {
    BudgetBook book(day_of(100));
    EXPECT_TRUE(book.stale(0s));
    book.refresh(U256(1), book.mark(), 0s);
    EXPECT_FALSE(book.stale(1s));
    book.forget();
    EXPECT_TRUE(book.stale(1s));
    EXPECT_FALSE(BudgetBook().stale(1s)) << "without a limit nothing is read";
}

Task<void> dear_bump(Life& life) {
    Ledger& ledger = life.world.ledger;
    const Later later = settle_later(life, order("n1"));
    const bool once = co_await until(life, [&] { return ledger.pool.contains("tx-signer-a-0-1"); });
    EXPECT_TRUE(once) << "200 of 250 fit";
    const Later other = settle_later(life, order("n2"));
    const bool refused = co_await wait_answer(life, other);
    EXPECT_TRUE(refused);
    EXPECT_EQ(refused_by(other), Reason::budget_exhausted) << "what a bump may cost is not free";
    const std::function<bool()> twice = [&] { return ledger.pool.contains("tx-signer-a-0-2"); };
    const bool bumped = co_await until(life, twice, 2min);
    EXPECT_FALSE(bumped) << "300 of 250 do not";
    ledger.least_level = 1;
    ledger.mine();
    const auto status = co_await life.service.settlement(key_of(order("n1")), 30s);
    EXPECT_EQ((*status)->outcome, Outcome::settled) << "the cheaper attempts still count";
    ledger.least_level = 0;
    const auto next = co_await settle(life, order("n3"));
    EXPECT_TRUE(next && next->success) << "what was reserved is free again";
}
TEST(Budget, ABumpIsPaidFromIt) {
    World world;
    world.ledger.limits = day_of(250);
    world.ledger.least_level = 2;
    world.ledger.cost_step = U256(100);
    EXPECT_TRUE(live(world, dear_bump));
}

Task<void> dear_first_attempt(Life& life) {
    Ledger& ledger = life.world.ledger;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts > 0; }, 5s);
    EXPECT_FALSE(sent) << "400 of 250 do not fit";
    ledger.cost_more = U256(100);
    const bool paid = co_await until(life, [&] { return ledger.broadcasts > 0; });
    EXPECT_TRUE(paid) << "trouble, and no refusal";
    const Later other = settle_later(life, order("n2"));
    const bool refused = co_await wait_answer(life, other);
    EXPECT_TRUE(refused);
    EXPECT_EQ(refused_by(other), Reason::budget_exhausted) << "200 of 250 are reserved";
    EXPECT_FALSE(later->has_value() && **later && !(**later)->success);
}
TEST(Budget, TheFirstAttemptIsPaidFromIt) {
    World world;
    world.ledger.auto_mine = false;
    world.ledger.limits = day_of(250);
    world.ledger.cost_more = U256(300);
    EXPECT_TRUE(live(world, dear_first_attempt));
}

Task<void> bumps_once(Life& life) {
    const Later later = settle_later(life, order("n1"));
    const bool once =
        co_await until(life, [&] { return life.world.ledger.pool.contains("tx-signer-a-0-1"); });
    EXPECT_TRUE(once);
    co_await breathe(life);
}
Task<void> still_reserved(Life& life) {
    const Later other = settle_later(life, order("n2"));
    const bool refused = co_await wait_answer(life, other);
    EXPECT_TRUE(refused);
    EXPECT_EQ(refused_by(other), Reason::budget_exhausted);
}
TEST(Budget, ABumpStaysReservedOverARestart) {
    World world;
    world.ledger.limits = day_of(250);
    world.ledger.least_level = 2;
    world.ledger.cost_step = U256(100);
    EXPECT_TRUE(live(world, bumps_once));
    EXPECT_TRUE(live(world, still_reserved));
}

Task<void> spends_two(Life& life) {
    for (const char* nonce : {"n1", "n2"}) {
        const auto answer = co_await settle(life, order(nonce));
        EXPECT_TRUE(answer && answer->success);
    }
    life.world.ledger.simulate_errors = 1'000;
    const Later third = settle_later(life, order("n3"));
    const bool asked =
        co_await until(life, [&] { return life.world.ledger.simulate_errors < 1'000; });
    EXPECT_TRUE(asked);
}
Task<void> third_does_not_fit(Life& life) {
    const auto status = co_await life.service.settlement(key_of(order("n3")), 60s);
    EXPECT_EQ((*status)->outcome, Outcome::failed);
}
TEST(Budget, WhatWasSpentBeforeARestartCounts) {
    World world;
    world.ledger.limits = day_of(250);
    EXPECT_TRUE(live(world, spends_two));
    world.ledger.simulate_errors = 0;
    EXPECT_TRUE(live(world, third_does_not_fit));
    EXPECT_EQ(world.ledger.broadcasts, 2U);
}

Order order_of(const std::string& payer, const std::string& nonce) {
    Order made = order(nonce);
    made.payer = payer;
    return made;
}

Budget share_of_day(std::uint64_t amount) {
    return {{U256(100'000), "grain"}, {}, {U256(amount), "grain"}};
}

TEST(PayerBook, ATransactionIsSharedAlike) {
    BudgetBook book(share_of_day(100));
    const Payers three{"ann", "bob", "ann"};
    EXPECT_TRUE(book.fits_payer("ann", three, U256(150)));
    EXPECT_FALSE(book.fits_payer("ann", three, U256(151))) << "101 of 151, rounded up";
    EXPECT_TRUE(book.fits_payer("bob", three, U256(300)));
    EXPECT_TRUE(book.fits_payer("", {"", "ann"}, U256(900))) << "nobody's";
    book.reserve(U256(150), three);
    EXPECT_TRUE(book.payer_exhausted("ann"));
    EXPECT_FALSE(book.payer_exhausted("bob"));
    EXPECT_TRUE(book.fits_payer("bob", {"bob"}, U256(50)));
    EXPECT_FALSE(book.fits_payer("bob", {"bob"}, U256(51)));
    EXPECT_TRUE(book.fits_more(U256(150), U256(150), three));
    EXPECT_FALSE(book.fits_more(U256(150), U256(153), three)) << "a dearer attempt counts too";
    book.set_limits(share_of_day(200));
    EXPECT_FALSE(book.payer_exhausted("ann")) << "another limit, the same book";
    EXPECT_TRUE(book.fits_payer("ann", {"ann"}, U256(100)));
    EXPECT_FALSE(book.fits_payer("ann", {"ann"}, U256(101)));
    book.release(U256(150), U256(90), three);
    EXPECT_EQ(book.payers().size(), 0U) << "the store knows the rest";
}

TEST(PayerBook, WhatEndsWhileTheStoreIsReadIsNotForgotten) {
    BudgetBook book(share_of_day(100));
    book.reserve(U256(60), kOne);
    {
        const PayersHeld held(book.payers(), kOne);
        const U256 mark = book.payers().mark("ann");
        book.release(U256(60), U256(50), kOne);
        book.payers().refresh("ann", U256(5), mark);
        EXPECT_TRUE(book.fits_payer("ann", kOne, U256(45)));
        EXPECT_FALSE(book.fits_payer("ann", kOne, U256(46)));
    }
    EXPECT_EQ(book.payers().size(), 0U);
}

bool is_for_payer(const Result<SettleResponse>& answer) {
    return !answer && reason_of(answer.error()) == Reason::budget_exhausted &&
           answer.error().detail == kPayersShare;
}

Task<void> spends_its_share(Life& life) {
    life.world.ledger.balances["bob"] = U256(1'000);
    for (const char* nonce : {"n1", "n2"}) {
        const auto answer = co_await settle(life, order(nonce));
        EXPECT_TRUE(answer && answer->success);
    }
    const auto third = co_await settle(life, order("n3"));
    EXPECT_TRUE(is_for_payer(third));
    const auto status = co_await life.service.settlement(key_of(order("n3")), 0s);
    EXPECT_FALSE(*status) << "it was not even claimed";
    const auto other = co_await settle(life, order_of("bob", "b1"));
    EXPECT_TRUE(other && other->success) << "everybody else is served";
}
Task<void> has_spent_its_share(Life& life) {
    const auto again = co_await settle(life, order("n3"));
    EXPECT_TRUE(is_for_payer(again));
    life.world.clock.advance(25h);
    Order later = order("n3");
    later.valid_s = 200'000;
    const auto next_day = co_await settle(life, later);
    EXPECT_TRUE(next_day && next_day->success);
}
TEST(Budget, APayersShareHoldsOverARestart) {
    World world;
    world.ledger.limits = share_of_day(200);
    EXPECT_TRUE(live(world, spends_its_share));
    EXPECT_TRUE(live(world, has_spent_its_share));
}

// The claim knows nothing yet of what it will cost: before a slot is taken, it is known.
Task<void> has_much_in_flight(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.balances["bob"] = U256(1'000);
    const std::vector<Later> asked{settle_later(life, order("n1")), settle_later(life, order("n2")),
                                   settle_later(life, order("n3"))};
    const Later other = settle_later(life, order_of("bob", "b1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 3; }, 20s);
    EXPECT_TRUE(sent) << "two of ann's, and bob's";
    const auto refused = std::count_if(asked.begin(), asked.end(), [](const Later& each) {
        return each->has_value() && is_for_payer(**each);
    });
    EXPECT_EQ(refused, 1);
    const std::string page = life.metrics.render();
    EXPECT_NE(page.find("x402_budget_denied_total{chain=\"fake:one\"} 1"), std::string::npos);
    co_await breathe(life);
}
Task<void> still_has_it_in_flight(Life& life) {
    const auto fourth = co_await settle(life, order("n4"));
    EXPECT_TRUE(is_for_payer(fourth)) << "a restart knows what is in flight";
    life.world.ledger.auto_mine = true;
    life.world.ledger.mine();
    for (const char* nonce : {"n1", "n2", "n3"}) {
        const auto status = co_await life.service.settlement(key_of(order(nonce)), 30s);
        EXPECT_NE((*status)->outcome, Outcome::unknown);
    }
}
TEST(Budget, APayersShareCountsWhatIsInFlight) {
    World world;
    world.ledger.auto_mine = false;
    world.ledger.shareable = false;
    world.ledger.limits = share_of_day(299);
    EXPECT_TRUE(live(world, has_much_in_flight));
    EXPECT_TRUE(live(world, still_has_it_in_flight));
}

Task<void> shares_with_a_spender(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.balances["bob"] = ledger.balances["cid"] = U256(1'000);
    const Later first = settle_later(life, order_of("cid", "c1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    // These gather behind the first, and leave together.
    const Later one = settle_later(life, order("n1"));
    const Later two = settle_later(life, order("n2"));
    const Later bobs = settle_later(life, order_of("bob", "b1"));
    co_await breathe(life);
    ledger.auto_mine = true;
    ledger.mine();
    const bool done = co_await until(life, [&] { return *first && *one && *two && *bobs; });
    EXPECT_TRUE(done);
    EXPECT_TRUE(is_for_payer(**one) && is_for_payer(**two));
    EXPECT_TRUE((**bobs) && (**bobs)->success) << "its neighbours go without the spender";
}
TEST(Budget, APayersShareHurtsNoNeighbour) {
    World world;
    world.ledger.auto_mine = false;
    world.ledger.limits = share_of_day(199);
    world.ledger.cost_each = U256(100);
    EXPECT_TRUE(live(world, shares_with_a_spender));
}

Order order_on(const std::string& network, const std::string& nonce) {
    Order made = order(nonce);
    made.network = network;
    return made;
}

Task<void> one_line_is_dead(Life& life) {
    std::vector<Later> stuck;
    for (int i = 0; i < 5; ++i)
        stuck.push_back(settle_later(life, order_on("fake:two", "d" + std::to_string(i))));
    co_await breathe(life);
    const auto full = [&] {
        return std::count_if(stuck.begin(), stuck.end(), [](const Later& each) {
            return refused_by(each) == Reason::unavailable;
        });
    };
    EXPECT_EQ(full(), 2) << "three wait, two are turned away";
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_TRUE(answer && answer->success) << "a dead network fills its own line only";
}
TEST(Limits, ADeadNetworkFillsItsOwnLineOnly) {
    World world;
    world.ledger.dead = {"fake:two"};
    world.configure = [](Config& config) {
        NetworkConfig second = config.networks[0];
        second.id = *ChainId::parse("fake:two");
        config.networks.push_back(second);
        config.pending = 3;
    };
    EXPECT_TRUE(live(world, one_line_is_dead));
}

Task<void> one_payer_asks_much(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.balances["bob"] = U256(1'000);
    std::vector<Later> asked;
    for (int i = 0; i < 5; ++i) asked.push_back(settle_later(life, order("n" + std::to_string(i))));
    Order bobs = order("b1");
    bobs.payer = "bob";
    const Later other = settle_later(life, bobs);
    co_await breathe(life);
    const auto turned_away = std::count_if(asked.begin(), asked.end(), [](const Later& each) {
        return refused_by(each) == Reason::rate_limited;
    });
    EXPECT_EQ(turned_away, 2);
    std::size_t last = 0;
    while (refused_by(asked[last]) != Reason::rate_limited && last < 4) ++last;
    const Order refused = order("n" + std::to_string(last));
    const auto status = co_await life.service.settlement(key_of(refused), 0s);
    EXPECT_FALSE(*status) << "nothing was begun for it";
    ledger.auto_mine = true;
    ledger.mine();
    const bool done = co_await wait_answer(life, other);
    EXPECT_TRUE(done && **other && (**other)->success);
    const auto again = co_await settle(life, refused);
    EXPECT_TRUE(again && again->success) << "its turn comes when the others are decided";
}
TEST(Limits, OnePayerCannotFillTheLine) {
    World world;
    world.ledger.auto_mine = false;
    world.configure = [](Config& config) { config.pending_per_payer = 3; };
    EXPECT_TRUE(live(world, one_payer_asks_much));
}

Task<void> stops_at_once(Life& life) {
    co_await breathe(life);
    const bool whole = co_await life.service.drain(1s);
    EXPECT_TRUE(whole) << "no courier sleeps through a stop";
}
TEST(Stop, ASlowNetworkKeepsNobodyWaiting) {
    World world;
    world.ledger.poll = 10min;
    EXPECT_TRUE(live(world, stops_at_once));
}

Task<void> one_of_each(Life& life) {
    const auto paid = co_await settle(life, order("n1"));
    EXPECT_TRUE(paid && paid->success);
    const auto again = co_await settle(life, order("n1"));
    EXPECT_TRUE(again);
    Ledger& ledger = life.world.ledger;
    ledger.auto_mine = false;
    ledger.blind = {"n4"};
    const Later overtaken = settle_later(life, order("n4"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 2; });
    EXPECT_TRUE(sent);
    ledger.front_run("ann", "n4", U256(100), "shop");
    ledger.mine();
    const bool ended = co_await wait_answer(life, overtaken);
    EXPECT_TRUE(ended);
    const auto pending = co_await settle(life, order("n2"));
    EXPECT_EQ(pending->error_reason, "settlement_pending");
    const FacilitatorRequest request = request_of(life.world, order("n3"));
    const auto verdict = co_await life.service.verify(request);
    EXPECT_TRUE(verdict && verdict->is_valid);
    co_await life.service.refresh_gauges();
    const std::string page = life.metrics.render();
    for (const char* name :
         {"facilitator_verify_requests_total{", "facilitator_settle_requests_total{",
          "facilitator_verify_duration_seconds_count{",
          "facilitator_settle_duration_seconds_count{",
          "x402_settle_outcome_total{chain=\"fake:one\",outcome=\"settled\"}",
          "x402_settle_outcome_total{chain=\"fake:one\",outcome=\"pending\"}",
          "x402_settle_outcome_total{chain=\"fake:one\",outcome=\"duplicate\"}",
          "x402_pending_settlements{chain=\"fake:one\"} 1",
          "x402_pending_oldest_seconds{chain=\"fake:one\"}", "x402_signer_inflight{",
          "x402_signer_selected_total{", "x402_signer_balance{", "x402_signer_nonce_gap{",
          "x402_sponsor_cost_total{", "x402_rpc_requests_total{", "x402_rpc_breaker_state{",
          "x402_replay_rejected_total"}) {
        EXPECT_NE(page.find(std::string("\n") + name), std::string::npos) << name;
    }
}
TEST(Metrics, HaveTheNamesThatDashboardsKnow) {
    World world;
    EXPECT_TRUE(live(world, one_of_each));
}

}  // namespace
}  // namespace x402::facilitator::test
