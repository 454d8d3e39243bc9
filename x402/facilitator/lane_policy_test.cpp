// SPDX-License-Identifier: Apache-2.0
// Who leaves when: alone at once, together while another is in flight, never beyond the caps.
#include "x402/facilitator/lane_policy.hpp"

#include <gtest/gtest.h>

#include "x402/facilitator/budget_book.hpp"

namespace x402::facilitator {
namespace {

using namespace std::chrono_literals;
using Places = std::vector<std::size_t>;

const CanShare kEverybody = [](std::size_t, std::size_t) { return true; };
const CanShare kNobody = [](std::size_t, std::size_t) { return false; };

LaneView all_landed() {
    LaneView lane;
    lane.in_flight = 2;
    lane.landed = 2;
    lane.gather = 10s;
    return lane;
}

LaneView view(std::size_t in_flight, Duration now = 1s) {
    LaneView lane;
    lane.in_flight = in_flight;
    lane.now = now;
    lane.gather = 10s;
    lane.max_actions = 4;
    lane.max_in_flight = 3;
    return lane;
}

// Slots whose payments nobody can judge yet must not stop a signer.
LaneView crowded_but_landed() {
    LaneView lane = view(70, 10s);
    lane.landed = 68;
    return lane;
}

TEST(LanePolicy, Departures) {
    const std::vector<Ready> none;
    const std::vector<Ready> one(1);
    const std::vector<Ready> three(3);
    const std::vector<Ready> six(6);
    const std::vector<Ready> lonely{{}, {true, false, 1, {}}, {}};
    const std::vector<Ready> held{{true, true, 1, {}}, {}, {false, true, 1, {}}, {}};
    const std::vector<Ready> all_held{{true, true, 1, {}}};
    struct Row {
        const char* name;
        LaneView lane;
        const std::vector<Ready>& queue;
        const CanShare& share;
        Places want;
    };
    const Row rows[] = {
        {"nobody waits", view(0), none, kEverybody, {}},
        {"alone leaves at once", view(0), one, kEverybody, {0}},
        {"idle: all that wait leave together", view(0), three, kEverybody, {0, 1, 2}},
        {"busy: they gather", view(1), three, kEverybody, {}},
        {"nobody waits for what has landed", all_landed(), three, kEverybody, {0, 1, 2}},
        {"busy, but a full load", view(1), six, kEverybody, {0, 1, 2, 3}},
        {"busy, but waited for too long", view(1, 10s), three, kEverybody, {0, 1, 2}},
        {"what cannot share leaves one by one", view(0), three, kNobody, {0}},
        {"who must go alone goes first", view(1), lonely, kEverybody, {1}},
        {"who is held stays, the others go", view(0), held, kEverybody, {1, 3}},
        {"who is held stays, even alone", view(0, 10s), all_held, kEverybody, {}},
        {"the cap of slots holds for all", view(3, 10s), six, kEverybody, {}},
        {"but not past one who waits for too long", view(1, 10s), lonely, kEverybody, {0, 2}},
        {"also for who goes alone", view(3), lonely, kEverybody, {}},
        {"what has landed takes no place of it",
         crowded_but_landed(),
         six,
         kEverybody,
         {0, 1, 2, 3}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(choose_departure(row.lane, row.queue, row.share), row.want);
    }
}

TEST(LanePolicy, EverybodyInAGroupCanShareWithEverybody) {
    // 0 and 2 share with 1, but not with each other.
    const CanShare picky = [](std::size_t a, std::size_t b) {
        EXPECT_NE(a, b) << "nobody is asked about himself";
        return (a + b) % 2 == 1;
    };
    const std::vector<Ready> queue(4);
    EXPECT_EQ(choose_departure(view(0), queue, picky), (Places{0, 1}));
}

TEST(LanePolicy, ActionsCountNotPayments) {
    const std::vector<Ready> queue{
        {false, false, 3, {}}, {false, false, 2, {}}, {false, false, 1, {}}};
    EXPECT_EQ(choose_departure(view(0), queue, kEverybody), (Places{0, 2}));
}

TEST(LanePolicy, LanesTakeTurns) {
    const std::vector<LaneLoad> even(3);
    EXPECT_EQ(choose_lane(even, 0), 0U);
    EXPECT_EQ(choose_lane(even, 4), 1U);
    const std::vector<LaneLoad> uneven{{2, 0}, {0, 1}, {0, 3}};
    for (std::size_t turn = 0; turn < 3; ++turn) EXPECT_EQ(choose_lane(uneven, turn), 1U);
}

Budget limits(std::uint64_t day, std::uint64_t payment) {
    return {{U256(day), "grain"}, {U256(payment), "grain"}};
}

TEST(BudgetBook, NoLimitIsNoLimit) {
    BudgetBook book(limits(0, 0));
    book.reserve(U256::max());
    EXPECT_FALSE(book.exhausted());
    EXPECT_TRUE(book.fits(U256::max(), 1));
    EXPECT_FALSE(book.stale(1h));
}

TEST(BudgetBook, CountsSpentAndInFlight) {
    BudgetBook book(limits(1'000, 0));
    EXPECT_TRUE(book.stale(0s));
    book.refresh(U256(300), book.mark(), 0s);
    EXPECT_FALSE(book.stale(59s));
    EXPECT_TRUE(book.stale(60s));
    EXPECT_TRUE(book.fits(U256(700), 1));
    EXPECT_FALSE(book.fits(U256(701), 1));
    book.reserve(U256(700));
    EXPECT_TRUE(book.exhausted());
    EXPECT_FALSE(book.fits(U256(1), 1));
    book.release(U256(700), U256(100));
    EXPECT_EQ(book.spent(), U256(400));
    EXPECT_TRUE(book.in_flight().is_zero());
    EXPECT_FALSE(book.exhausted());
}

TEST(BudgetBook, PerPaymentCountsTheWholeGroup) {
    BudgetBook book(limits(0, 100));
    EXPECT_TRUE(book.fits(U256(100), 1));
    EXPECT_FALSE(book.fits(U256(101), 1));
    EXPECT_TRUE(book.fits(U256(300), 3));
}

}  // namespace
}  // namespace x402::facilitator
