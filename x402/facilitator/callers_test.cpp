// SPDX-License-Identifier: Apache-2.0
// Tokens and buckets.
#include "x402/facilitator/callers.hpp"

#include <gtest/gtest.h>

namespace x402::facilitator {
namespace {

using namespace std::chrono_literals;

std::vector<Caller> two_callers() {
    std::vector<Caller> callers;
    callers.push_back(make_caller(crypto::Secret::from_text("alpha-token")));
    callers.push_back(make_caller(crypto::Secret::from_text("beta-token")));
    return callers;
}

TEST(Callers, Table) {
    const std::vector<Caller> callers = two_callers();
    struct Row {
        const char* name;
        const char* header;
        int want;  // which caller; -1: nobody
    };
    const Row rows[] = {
        {"first", "Bearer alpha-token", 0},
        {"second", "Bearer beta-token", 1},
        {"scheme without case", "bearer beta-token", 1},
        {"spaces around", "Bearer   beta-token  ", 1},
        {"no header", "", -1},
        {"no token", "Bearer ", -1},
        {"no scheme", "alpha-token", -1},
        {"other scheme", "Basic alpha-token", -1},
        {"prefix", "Bearer alpha-toke", -1},
        {"longer", "Bearer alpha-token2", -1},
        {"other case", "Bearer Alpha-token", -1},
        {"two", "Bearer alpha-token beta-token", -1},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto found = find_caller(callers, row.header);
        ASSERT_EQ(found.has_value(), row.want >= 0);
        if (found) {
            EXPECT_EQ(*found, callers[static_cast<std::size_t>(row.want)].name);
        }
    }
    EXPECT_FALSE(find_caller({}, "Bearer alpha-token"));
}

TEST(Callers, TheNameStaysAndDoesNotTellTheToken) {
    const auto callers = two_callers();
    EXPECT_NE(callers[0].name, callers[1].name);
    EXPECT_EQ(callers[0].name, make_caller(crypto::Secret::from_text("alpha-token")).name);
    EXPECT_EQ(callers[0].name.find("alpha"), std::string::npos);
}

TEST(Bucket, FillsAtItsRateUpToItsBurst) {
    const BucketRule rule{2, 3};
    Bucket bucket{3'000, 0s};
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(take(bucket, rule, 0s)) << i;
    EXPECT_FALSE(take(bucket, rule, 0s));
    EXPECT_EQ(retry_after_s(bucket, rule), 1);
    EXPECT_FALSE(take(bucket, rule, 499ms));
    EXPECT_TRUE(take(bucket, rule, 500ms));
    EXPECT_FALSE(take(bucket, rule, 500ms));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(take(bucket, rule, 10h)) << i;
    EXPECT_FALSE(take(bucket, rule, 10h));
}

TEST(Bucket, SurvivesAClockThatStandsOrJumps) {
    const BucketRule rule{1'000'000, 5'000'000};
    Bucket bucket{0, 10s};
    EXPECT_FALSE(take(bucket, rule, 9s));
    EXPECT_TRUE(take(bucket, rule, Duration(std::numeric_limits<std::int64_t>::max() / 4)));
}

TEST(RateLimit, NoRateIsNoLimitAndNoMemory) {
    RateLimit limit({0, 0});
    for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(limit.ask("a", 0s));
    EXPECT_EQ(limit.size(), 0U);
}

TEST(RateLimit, EachCallerHasABucketOfItsOwn) {
    RateLimit limit({1, 2});
    EXPECT_FALSE(limit.ask("a", 0s));
    EXPECT_FALSE(limit.ask("a", 0s));
    EXPECT_EQ(limit.ask("a", 0s), 1);
    EXPECT_FALSE(limit.ask("b", 0s));
    EXPECT_FALSE(limit.ask("a", 1s));
}

TEST(RateLimit, IsBounded) {
    RateLimit limit({1, 1});
    for (int i = 0; i < 70'000; ++i) limit.ask("peer " + std::to_string(i), 0s);
    EXPECT_LE(limit.size(), 65'536U);
    // After a second all of them are full again and forgotten for the next newcomer.
    EXPECT_FALSE(limit.ask("newcomer", 2s));
    EXPECT_LE(limit.size(), 1U);
}

TEST(HostOfPeer, Table) {
    EXPECT_EQ(host_of_peer("127.0.0.1:50122"), "127.0.0.1");
    EXPECT_EQ(host_of_peer("[::1]:50122"), "[::1]");
    EXPECT_EQ(host_of_peer("::1"), "::1");
    EXPECT_EQ(host_of_peer("local"), "local");
    EXPECT_EQ(host_of_peer(""), "");
}

}  // namespace
}  // namespace x402::facilitator
