// SPDX-License-Identifier: Apache-2.0
#include "x402/client/policy.hpp"

#include <gtest/gtest.h>

namespace x402::client {
namespace {

TEST(Policy, DollarTexts) {
    struct Row {
        const char* name;
        std::string_view text;
        std::optional<std::uint64_t> micros;
    };
    const Row rows[] = {
        {"one", "$1", 1'000'000},       {"cents", "$0.05", 50'000},
        {"smallest", "$0.000001", 1},   {"nothing at all", "$0", 0},
        {"too fine", "$0.0000001", {}}, {"no unit", "1", {}},
        {"a token", "1 USDC", {}},      {"sign", "$-1", {}},
        {"exponent", "$1e3", {}},       {"empty", "", {}},
        {"spaces", "$ 1", {}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = usd_micros_of(row.text);
        ASSERT_EQ(got.has_value(), row.micros.has_value());
        if (got) {
            EXPECT_EQ(*got, U256(*row.micros));
        }
    }
}

TEST(Policy, LimitsAreForDollarsOrForOneSymbol) {
    Policy policy;
    EXPECT_EQ(policy.max_usd_micros, U256(1'000'000));
    ASSERT_TRUE(set_limit(policy, "$0.05"));
    EXPECT_EQ(policy.max_usd_micros, U256(50'000));
    ASSERT_TRUE(set_limit(policy, "0.5 EURC"));
    ASSERT_EQ(policy.max_by_symbol.size(), 1u);
    EXPECT_EQ(policy.max_by_symbol[0].symbol, "EURC");
    for (const char* bad : {"", "5", "five", "$", "0.5", "-1 EURC"}) {
        SCOPED_TRACE(bad);
        const auto refused = set_limit(policy, bad);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::invalid);
    }
}

TEST(Policy, Budgets) {
    const auto run = read_budget("$1", "run-7");
    ASSERT_TRUE(run);
    EXPECT_EQ(run->group, "run-7");
    EXPECT_FALSE(run->window);
    const auto day = read_budget("$5/day", "run-7");
    ASSERT_TRUE(day);
    EXPECT_EQ(day->group, "");  // everything in the journal
    EXPECT_EQ(day->window, std::chrono::hours(24));
    EXPECT_EQ(day->most_usd_micros, U256(5'000'000));
    for (const char* bad : {"", "1", "$1/week", "$1/", "1 USDC", "$1/day/day"}) {
        SCOPED_TRACE(bad);
        EXPECT_FALSE(read_budget(bad, "g"));
    }
}

TEST(Policy, AmountsCountUpwards) {
    struct Row {
        const char* name;
        U256 amount;
        std::uint8_t decimals;
        std::optional<U256> micros;
    };
    const Row rows[] = {
        {"six", U256(1'000), 6, U256(1'000)},
        {"two", U256(5), 2, U256(50'000)},
        {"none", U256(3), 0, U256(3'000'000)},
        {"eighteen, exact", U256(1'000'000'000'000), 18, U256(1)},
        {"eighteen, one too many", U256(1'000'000'000'001), 18, U256(2)},
        {"eighteen, a speck", U256(1), 18, U256(1)},
        {"zero", U256(0), 18, U256(0)},
        {"absurd decimals", U256(1), 255, U256(1)},
        {"absurd decimals, zero", U256(0), 255, U256(0)},
        {"overflow", U256::max(), 0, std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(to_usd_micros(row.amount, row.decimals), row.micros);
    }
    EXPECT_EQ(show_usd(U256(50'000)), "$0.05");
}

}  // namespace
}  // namespace x402::client
