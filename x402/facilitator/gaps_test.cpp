// SPDX-License-Identifier: Apache-2.0
// Slots of one signer stand in line: whatever is behind one that nobody uses waits for ever. So a
// freed slot is filled without waiting for traffic, the journal's answers may get lost on the way,
// and trouble that cannot be mended is shown.
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

Task<std::string> metric(Life& life, std::string name) {
    co_await life.service.refresh_gauges();
    const std::string page = life.metrics.render();
    const std::size_t at = page.find("\n" + name + "{");
    if (at == std::string::npos) co_return std::string("none");
    const std::size_t end = page.find('\n', at + 1);
    const std::string line = page.substr(at + 1, end - at - 1);
    co_return line.substr(line.rfind(' ') + 1);
}

// n1 is freed from slot 0 and ends; n2 waits in slot 1 behind it.
Task<Later> make_gap(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.shareable = false;
    ledger.no_fillers = true;
    ledger.unsignable = {"n1"};
    const Later first = settle_later(life, order("n1"));
    Later second = settle_later(life, order("n2"));
    const bool behind =
        co_await until(life, [&] { return ledger.pool.contains("tx-signer-a-1-0"); });
    EXPECT_TRUE(behind);
    ledger.front_run("ann", "n1", U256(100), "shop");
    const bool ended = co_await wait_answer(life, first);
    EXPECT_TRUE(ended);
    EXPECT_EQ((**first)->error_reason, "duplicate_settlement");
    EXPECT_FALSE(second->has_value());
    co_return second;
}

Task<void> gap_is_filled(Life& life) {
    const Later second = co_await make_gap(life);
    const auto shown = [&] { return !life.service.ready(); };
    const bool unready = co_await until(life, shown, 30s);
    EXPECT_TRUE(unready) << "a signer that cannot go on is trouble to be seen";
    const std::string gap = co_await metric(life, "x402_signer_nonce_gap");
    EXPECT_EQ(gap, "1");
    life.world.ledger.no_fillers = false;
    const bool done = co_await wait_answer(life, second);
    EXPECT_TRUE(done) << "no new traffic is needed";
    EXPECT_TRUE(done && (**second)->success);
    EXPECT_TRUE(life.world.ledger.mined.contains("tx-signer-a-0-0f"));
    const bool well = co_await until(life, [&] { return life.service.ready().has_value(); }, 30s);
    EXPECT_TRUE(well);
    const std::string no_gap = co_await metric(life, "x402_signer_nonce_gap");
    EXPECT_EQ(no_gap, "0");
}
TEST(Gap, IsFilledByItself) {
    World world;
    world.settle_wait = 10min;
    EXPECT_TRUE(live(world, gap_is_filled));
    EXPECT_EQ(moves_of(world, "n2"), 1U);
}

Task<void> waits_behind_a_gap(Life& life) {
    const Later second = co_await make_gap(life);
    const std::function<bool()> never = [] { return false; };
    const bool ended = co_await until(life, never, 2min);
    EXPECT_FALSE(ended);
    EXPECT_FALSE(life.world.ledger.pool.contains("tx-signer-a-1-1"))
        << "no fee helps what stands behind a gap";
    life.world.ledger.no_fillers = false;
    const bool done = co_await wait_answer(life, second);
    EXPECT_TRUE(done);
}
TEST(Gap, NobodyBehindItIsBumped) {
    World world;
    world.settle_wait = 10min;
    EXPECT_TRUE(live(world, waits_behind_a_gap));
    EXPECT_EQ(moves_of(world, "n2"), 1U);
}

// n1 was sent, and n2 has a slot that nothing was signed for yet.
Task<void> killed_with_a_taken_slot(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.shareable = false;
    ledger.auto_mine = false;
    const Later first = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    ledger.sign_errors = 1'000'000;
    const Later second = settle_later(life, order("n2"));
    const bool tried = co_await until(life, [&] { return ledger.sign_errors < 1'000'000; });
    EXPECT_TRUE(tried);
}
Task<void> retired_with_a_gap(Life& life) {
    const auto shown = [&] { return !life.service.ready(); };
    const bool unready = co_await until(life, shown, 20s);
    EXPECT_FALSE(unready) << "nobody waits for a signer that is not used any more";
    const std::string gap = co_await metric(life, "x402_signer_nonce_gap");
    EXPECT_EQ(gap, "1") << "and yet it is told";
}
TEST(Gap, OfARetiredSignerIsNoTroubleOfTheOthers) {
    World world;
    EXPECT_TRUE(live(world, killed_with_a_taken_slot));
    world.ledger.sign_errors = 0;
    world.ledger.no_fillers = true;
    world.ledger.unsignable = {"n2"};
    world.ledger.signers = {"signer-b"};
    EXPECT_TRUE(live(world, retired_with_a_gap));
}

Task<void> killed_with_a_gap(Life& life) {
    const Later second = co_await make_gap(life);
}
Task<void> finishes_second(Life& life) {
    const auto status = co_await life.service.settlement(key_of(order("n2")), 60s);
    EXPECT_EQ((*status)->outcome, Outcome::settled);
}
TEST(Gap, IsFoundAfterARestart) {
    World world;
    world.settle_wait = 10min;
    EXPECT_TRUE(live(world, killed_with_a_gap));
    world.ledger.no_fillers = false;
    EXPECT_TRUE(live(world, finishes_second));
    EXPECT_TRUE(world.ledger.mined.contains("tx-signer-a-0-0f"));
    EXPECT_EQ(moves_of(world, "n2"), 1U);
}

Task<void> killed_while_filling(Life& life) {
    const Later second = co_await make_gap(life);
    life.world.ledger.auto_mine = false;
    life.world.ledger.no_fillers = false;
    const bool filling =
        co_await until(life, [&] { return life.world.ledger.pool.contains("tx-signer-a-0-0f"); });
    EXPECT_TRUE(filling);
}
TEST(Gap, ItsFillerIsJournalledLikeAnyOther) {
    World world;
    world.settle_wait = 10min;
    EXPECT_TRUE(live(world, killed_while_filling));
    world.ledger.auto_mine = true;
    EXPECT_TRUE(live(world, finishes_second));
    EXPECT_EQ(world.ledger.broadcasts - world.ledger.pool.size() > 0, true);
    EXPECT_EQ(moves_of(world, "n2"), 1U);
}

Task<void> never_signed(Life& life) {
    life.world.ledger.no_fillers = true;
    life.world.ledger.unsignable = {"n1"};
    const Later later = settle_later(life, order("n1"));
    const bool answered = co_await wait_answer(life, later, 2min);
    EXPECT_TRUE(answered);
    const auto status = co_await life.service.settlement(key_of(order("n1")), 60s);
    EXPECT_EQ((*status)->outcome, Outcome::failed) << "nothing was signed: the run may end";
    EXPECT_TRUE(life.service.ready()) << "nobody waits behind that slot";
}
TEST(Gap, APaymentThatNothingIsSignedForEnds) {
    World world;
    EXPECT_TRUE(live(world, never_signed));
    EXPECT_EQ(world.ledger.broadcasts, 0U);
}

Task<void> without_order(Life& life) {
    const Later second = co_await make_gap(life);
    const auto shown = [&] { return !life.service.ready(); };
    const bool unready = co_await until(life, shown, 30s);
    EXPECT_FALSE(unready) << "nobody stands behind a slot that was given up";
    const std::string gap = co_await metric(life, "x402_signer_nonce_gap");
    EXPECT_EQ(gap, "0");
}
TEST(Gap, IsNoneWhereSlotsHaveNoOrder) {
    World world;
    world.settle_wait = 10min;
    world.ledger.replaceable = false;
    EXPECT_TRUE(live(world, without_order));
}

// The oldest is the one that is bumped, and 9 is older than 10.
Task<void> nine_and_ten(Life& life) {
    const Later one = settle_later(life, order("n1"));
    const Later two = settle_later(life, order("n2"));
    const bool done = co_await until(life, [&] { return *one && *two; }, 60s);
    EXPECT_TRUE(done);
    EXPECT_TRUE(life.world.ledger.mined.contains("tx-signer-a-9-1"));
    EXPECT_TRUE(done && (**one)->success && (**two)->success);
}
TEST(Gap, SlotsAreOrderedByNumberNotByText) {
    World world;
    world.settle_wait = 10min;
    world.ledger.shareable = false;
    world.ledger.least_level = 1;
    world.ledger.next["signer-a"] = 9;
    EXPECT_TRUE(live(world, nine_and_ten));
}

// The n-th write of this kind is durable, but its answer is lost.
void lose_answer(World& world, std::string_view operation, std::size_t nth) {
    auto count = std::make_shared<std::size_t>(0);
    store::testing::FaultPlan* faults = world.faults.get();
    faults->on_after = [=](std::string_view what, std::size_t n) {
        if (what == operation && ++*count == nth) faults->fail_after(n);
    };
}

Task<void> bump_unacknowledged(Life& life) {
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_TRUE(answer && answer->success)
        << (answer ? answer->error_reason : to_string(answer.error()));
    EXPECT_EQ(answer->transaction, "tx-signer-a-0-1");
    EXPECT_LE(life.world.ledger.broadcasts, 4U);
}
TEST(Lost, TheAnswerToABumpThatWasRecorded) {
    World world;
    world.settle_wait = 40s;
    world.ledger.least_level = 1;
    lose_answer(world, "record_attempt", 2);
    EXPECT_TRUE(live(world, bump_unacknowledged));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

// Another start over the same journal shuts this one out by its fence.
Task<void> shut_out(Life& life) {
    World& world = life.world;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return world.ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    co_await breathe(life);
    const store::RoleStore other = store::open_memory_store(world.disk, world.env());
    const std::function<bool()> never = [] { return false; };
    const bool ended = co_await until(life, never, 2min);
    EXPECT_FALSE(ended);
    EXPECT_LE(world.ledger.broadcasts, 3U) << "what is not ours is not sent again and again";
    EXPECT_FALSE(life.service.ready());
    EXPECT_FALSE(later->has_value() && **later && (**later)->success);
}
Task<void> taken_over(Life& life) {
    const auto status = co_await life.service.settlement(key_of(order("n1")), 60s);
    EXPECT_EQ((*status)->outcome, Outcome::settled);
}
TEST(Lost, ASlotThatIsNotOursIsLetGo) {
    World world;
    world.ledger.least_level = 1;
    EXPECT_TRUE(live(world, shut_out));
    world.ledger.least_level = 0;
    EXPECT_TRUE(live(world, taken_over));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
    EXPECT_EQ(world.ledger.signed_numbers["n1"].size(), 1U);
}

// The slot's row is durable, and neither that nor the look for it is answered.
Task<void> slot_unacknowledged(Life& life) {
    const Duration before = life.world.clock.steady();
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_TRUE(answer && answer->success)
        << (answer ? answer->error_reason : to_string(answer.error()));
    EXPECT_LT(life.world.clock.steady() - before, 5s);
}
TEST(Lost, TheAnswerToASlotThatWasTaken) {
    World world;
    store::testing::FaultPlan* faults = world.faults.get();
    faults->on_after = [=](std::string_view what, std::size_t n) {
        if (what != "take_slot") return;
        faults->fail_after(n);
        faults->fail_before(n + 1);
    };
    EXPECT_TRUE(live(world, slot_unacknowledged));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
    EXPECT_EQ(world.ledger.signed_numbers["n1"], std::set<std::uint64_t>{0});
}

}  // namespace
}  // namespace x402::facilitator::test
