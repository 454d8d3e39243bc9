// SPDX-License-Identifier: Apache-2.0
#include "x402/server/held_bytes.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <vector>

namespace x402::server {
namespace {

TEST(HeldBytes, SharesNeverComeToMoreThanTheWhole) {
    HeldBytes all;
    all.set_most(100);
    auto one = all.share();
    auto two = all.share();
    EXPECT_TRUE(one.grow(60));
    EXPECT_FALSE(two.grow(41)) << "nothing is taken";
    EXPECT_EQ(all.used(), 60U);
    EXPECT_TRUE(two.grow(40));
    EXPECT_TRUE(two.grow(0));
    EXPECT_FALSE(two.grow(1));
    EXPECT_FALSE(two.grow(std::numeric_limits<std::size_t>::max()));
    EXPECT_FALSE(all.has_room(1));
    one.give_back();
    one.give_back();
    EXPECT_EQ(all.used(), 40U);
    EXPECT_TRUE(all.has_room(60));
    EXPECT_FALSE(all.has_room(61));
    EXPECT_TRUE(all.has_spare_room(10));
    EXPECT_FALSE(all.has_spare_room(11));
    all.set_most(30);
    EXPECT_FALSE(all.has_room(0)) << "lowered by a reload, below what is held";
    EXPECT_FALSE(one.grow(1));
}

TEST(HeldBytes, AShareIsGivenBackOnce) {
    HeldBytes all;
    {
        auto one = all.share();
        EXPECT_TRUE(one.grow(10));
        auto moved = std::move(one);
        EXPECT_EQ(moved.size(), 10U);
        auto other = all.share();
        EXPECT_TRUE(other.grow(5));
        other = std::move(moved);
        EXPECT_EQ(all.used(), 10U);
    }
    EXPECT_EQ(all.used(), 0U);
}

TEST(HeldBytes, ManyThreadsKeepTheCap) {
    HeldBytes all;
    all.set_most(1000);
    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&all, &over] {
            for (int i = 0; i < 20'000; ++i) {
                auto share = all.share();
                static_cast<void>(share.grow(300));
                if (all.used() > 1000) over = true;
            }
        });
    }
    for (std::thread& each : threads) each.join();
    EXPECT_FALSE(over);
    EXPECT_EQ(all.used(), 0U);
}

}  // namespace
}  // namespace x402::server
