// SPDX-License-Identifier: Apache-2.0
// Seats and settlements of one process: one of each a key, an ended one in nobody's way.
#include "x402/server/live.hpp"

#include <gtest/gtest.h>

#include "x402/server/settlement.hpp"
#include "x402/server/test_world.hpp"

namespace x402::server {
namespace {

// A desk with a store, and a facilitator that says what the script says.
class LiveTest : public ::testing::Test {
protected:
    std::unique_ptr<Modules> modules = testing::make_toy_modules();
    std::unique_ptr<Clock> clock = make_system_clock();
    std::unique_ptr<Random> random = make_system_random();
    ops::Metrics metrics;
    const Env env{*clock, *random};
    store::RoleStore store = store::open_memory_store(store::make_memory_disk(), env);
    std::shared_ptr<testing::ScriptedFacilitator::Script> script =
        std::make_shared<testing::ScriptedFacilitator::Script>();
    std::shared_ptr<Desk> desk = make_desk();
    const PaymentKey key{"toy~1"};

    std::shared_ptr<Desk> make_desk() {
        std::vector<FacilitatorEntry> entries;
        entries.push_back({std::make_unique<testing::ScriptedFacilitator>(script), {}});
        Pauses pauses;
        pauses.settle_first = Duration{1};
        return std::shared_ptr<Desk>(new Desk{*modules,
                                              *store.grants,
                                              metrics,
                                              env,
                                              {},
                                              FacilitatorSet(std::move(entries)),
                                              Quotes(crypto::Secret(Bytes(32, 7))),
                                              pauses,
                                              {},
                                              {},
                                              8,
                                              {},
                                              {},
                                              {}});
    }
    // Each settlement keeps its desk, on which the table lies.
    void TearDown() override { desk->live.let_go(); }

    SettlementStart start() {
        SettlementStart out;
        out.record.key = key;
        out.record.facilitator = script->name;
        out.record.owner = store.grants->owner();
        out.record.created = clock->now();
        out.request.requirements.network = *ChainId::parse("toy:one");
        return out;
    }
    static Task<void> settle_into(std::shared_ptr<Desk>& desk, SettlementStart start,
                                  std::shared_ptr<Settlement>& out) {
        auto claimed = co_await desk->store.claim(start.record);
        EXPECT_TRUE(claimed.has_value() && claimed->fresh);
        const net::Executor here = co_await net::this_executor();
        out = settle_grant(desk, std::move(start), here);
        const SettlementView view = co_await out->wait(std::chrono::seconds(5));
        EXPECT_NE(view.end, SettlementEnd::running);
    }
    std::shared_ptr<Settlement> ended(SettleResponse answer) {
        script->settle = [answer](int) { return answer; };
        std::shared_ptr<Settlement> out;
        net::run_blocking([&] { return settle_into(desk, start(), out); });
        return out;
    }
    std::shared_ptr<Settlement> running() { return std::make_shared<Settlement>(desk, start()); }
};

TEST_F(LiveTest, OfTwoRunningTheFirstWins) {
    const auto first = running();
    EXPECT_EQ(desk->live.put(key, first, {}), first);
    EXPECT_EQ(desk->live.put(key, running(), {}), first);
    EXPECT_EQ(desk->live.settlement(key), first);
}

// The end is told before the settlement leaves the table. Whoever heard it may claim anew at once.
TEST_F(LiveTest, AnEndedOneMakesWay) {
    const auto over = ended(testing::not_settled("invalid_exact_evm_signature"));
    desk->live.drop(key, *over);
    EXPECT_EQ(desk->live.put(key, over, {}), over);
    const auto fresh = running();
    EXPECT_EQ(desk->live.put(key, fresh, from_unix_s(7)), fresh);
    EXPECT_EQ(desk->live.oldest(), from_unix_s(7));
}

TEST_F(LiveTest, OnlyItsOwnPlaceIsCleared) {
    const auto over = ended(testing::settled_with("0x1"));
    const auto fresh = running();
    EXPECT_EQ(desk->live.put(key, fresh, {}), fresh);
    desk->live.drop(key, *over);
    EXPECT_EQ(desk->live.settlement(key), fresh) << "another's";
    desk->live.drop(key, *fresh);
    EXPECT_EQ(desk->live.settlement(key), nullptr);
    desk->live.drop(key, *fresh);
    EXPECT_EQ(desk->live.busy(), 0U);
}

TEST_F(LiveTest, AReleasedPaymentThatIsClaimedAgainIsSettledAgain) {
    const auto first = ended(testing::not_settled("invalid_exact_evm_signature"));
    EXPECT_EQ(first->view().end, SettlementEnd::failed);
    desk->live.put(key, first, {});  // as if it had not yet left
    const auto second = ended(testing::settled_with("0x1"));
    EXPECT_EQ(second->view().end, SettlementEnd::settled);
}

TEST_F(LiveTest, BusyCountsSeatsAndSettlementsOnce) {
    LiveGrants& live = desk->live;
    EXPECT_EQ(live.busy(), 0U);
    auto seat = live.sit(key, "alice");
    EXPECT_EQ(live.busy(), 1U);
    const auto one = running();
    live.put(key, one, {});
    EXPECT_EQ(live.busy(), 1U) << "one key";
    const auto other = live.sit(PaymentKey("toy~2"), "alice");
    EXPECT_EQ(live.busy(), 2U);
    EXPECT_EQ(live.settlements(), 1U);
    seat.leave();
    EXPECT_EQ(live.busy(), 2U) << "its settlement goes on";
    live.drop(key, *one);
    EXPECT_EQ(live.busy(), 1U);
}

// A key is its first payer's until nobody works on it.
TEST_F(LiveTest, BusyCountsWhatEachPayerHolds) {
    LiveGrants& live = desk->live;
    auto first = live.sit(PaymentKey("toy~1"), "alice");
    const auto second = live.sit(PaymentKey("toy~2"), "alice");
    const auto other = live.sit(PaymentKey("toy~3"), "bob");
    EXPECT_FALSE(static_cast<bool>(live.sit(PaymentKey("toy~1"), "bob")));
    EXPECT_EQ(live.busy_for("alice"), 2U);
    EXPECT_EQ(live.busy_for("bob"), 1U);
    EXPECT_EQ(live.busy_for("carol"), 0U);
    SettlementStart begun = start();
    begun.record.payer = "alice";
    const auto one = std::make_shared<Settlement>(desk, std::move(begun));
    live.put(key, one, {});
    first.leave();
    EXPECT_EQ(live.busy_for("alice"), 2U) << "its settlement goes on";
    live.drop(key, *one);
    EXPECT_EQ(live.busy_for("alice"), 1U);
    EXPECT_EQ(live.busy(), 2U);
    // What a start takes over was never sat for.
    live.put(key, one, {});
    EXPECT_EQ(live.busy_for("alice"), 2U);
    live.let_go();
    EXPECT_EQ(live.busy_for("alice"), 1U);
}

// The handle of every payment that was ever asked about must not stay.
TEST_F(LiveTest, NothingStaysOfWhoLeft) {
    LiveGrants& live = desk->live;
    for (int i = 0; i < 100; ++i) {
        const auto seat = live.sit(PaymentKey("toy~" + std::to_string(i)), "alice");
        EXPECT_FALSE(static_cast<bool>(live.sit(PaymentKey("toy~" + std::to_string(i)), "alice")));
    }
    EXPECT_EQ(live.busy(), 0U);
}

}  // namespace
}  // namespace x402::server
