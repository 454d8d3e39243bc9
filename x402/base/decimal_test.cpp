// SPDX-License-Identifier: Apache-2.0
// Prices: exact both ways, and a remainder is never lost without being told.
#include "x402/base/decimal.hpp"

#include <gtest/gtest.h>

#include "x402/base/random.hpp"

namespace x402 {
namespace {

TEST(ParseDecimal, Table) {
    struct Row {
        const char* name;
        std::string text;
        std::optional<std::pair<std::string, int>> want;
    };
    const std::string places36(36, '1');
    const std::string nines(30, '9');
    std::string wide;
    wide.append(nines).append(nines).append(".").append(nines);
    const Row rows[] = {
        {"whole", "15", {{"15", 0}}},
        {"fraction", "1.50", {{"150", 2}}},
        {"zero", "0", {{"0", 0}}},
        {"zero fraction", "0.00", {{"0", 2}}},
        {"small", "0.001", {{"1", 3}}},
        {"leading zeros", "00.5", {{"5", 1}}},
        {"36 places", "0." + places36, {{places36, 36}}},
        {"37 places", "0." + places36 + "1", std::nullopt},
        {"empty", "", std::nullopt},
        {"only dot", ".", std::nullopt},
        {"nothing before", ".5", std::nullopt},
        {"nothing after", "5.", std::nullopt},
        {"two dots", "1.2.3", std::nullopt},
        {"minus", "-1", std::nullopt},
        {"plus", "+1", std::nullopt},
        {"exponent", "1e3", std::nullopt},
        {"space", "1 ", std::nullopt},
        {"comma", "1,5", std::nullopt},
        {"dollar", "$1", std::nullopt},
        {"nan", "NaN", std::nullopt},
        {"infinity", "inf", std::nullopt},
        {"beyond 256 bits", std::string(78, '9'), std::nullopt},
        {"beyond with places", wide, std::nullopt},
        {"very long", std::string(100'000, '0'), std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = parse_decimal(row.text);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (!got) {
            EXPECT_EQ(got.error().code, Errc::invalid);
            continue;
        }
        EXPECT_EQ(got->digits.to_decimal(), row.want->first);
        EXPECT_EQ(got->scale, row.want->second);
    }
}

TEST(ToAtomic, Table) {
    struct Row {
        const char* name;
        Decimal value;
        std::uint8_t decimals;
        Rounding rounding;
        std::optional<U256> want;
    };
    const Row rows[] = {
        {"more decimals", {150, 2}, 6, Rounding::exact, 1'500'000},
        {"same", {150, 2}, 2, Rounding::exact, 150},
        {"fewer, exact", {1500, 3}, 2, Rounding::exact, 150},
        {"fewer, not exact", {1501, 3}, 2, Rounding::exact, std::nullopt},
        {"down", {1509, 3}, 2, Rounding::down, 150},
        {"up", {1501, 3}, 2, Rounding::up, 151},
        {"up needs nothing", {1500, 3}, 2, Rounding::up, 150},
        {"up from dust", {1, 36}, 0, Rounding::up, 1},
        {"down from dust", {1, 36}, 0, Rounding::down, 0},
        {"zero up stays zero", {0, 36}, 0, Rounding::up, 0},
        {"zero with huge decimals", {0, 0}, 255, Rounding::exact, 0},
        {"overflow", {U256::max(), 0}, 1, Rounding::up, std::nullopt},
        {"overflow of the factor", {1, 0}, 78, Rounding::down, std::nullopt},
        {"10^77 fits",
         {1, 0},
         77,
         Rounding::exact,
         *U256::from_decimal("1" + std::string(77, '0'))},
        {"scale beyond every number, down", {U256::max(), 200}, 0, Rounding::down, 0},
        {"scale beyond every number, up", {U256::max(), 200}, 0, Rounding::up, 1},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = to_atomic(row.value, row.decimals, row.rounding);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (got) {
            EXPECT_EQ(*got, *row.want);
        } else {
            EXPECT_EQ(got.error().code, Errc::invalid);
        }
    }
}

TEST(ToAtomic, AnInexactPriceNamesItsNeighbours) {
    const auto got = to_atomic(*parse_decimal("0.0000015"), 6, Rounding::exact);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, "write 0.000001 or 0.000002");
}

TEST(FromAtomic, Table) {
    struct Row {
        U256 amount;
        std::uint8_t decimals;
        std::string_view want;
    };
    static const Row rows[] = {
        {1500, 6, "0.0015"},
        {1'500'000, 6, "1.5"},
        {1'000'000, 6, "1"},
        {0, 6, "0"},
        {0, 0, "0"},
        {7, 0, "7"},
        {100, 2, "1"},
        {10, 1, "1"},
        {1, 18, "0.000000000000000001"},
        {123'456'789, 4, "12345.6789"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.want);
        EXPECT_EQ(from_atomic(row.amount, row.decimals), row.want);
    }
    EXPECT_EQ(from_atomic(1, 255).size(), 257U);
}

TEST(Decimal, RoundTrip) {
    const auto random = make_test_random(4);
    for (int i = 0; i < 500; ++i) {
        const auto noise = random->bytes<10>();
        const U256 amount = *U256::from_be(noise.view().first(static_cast<std::size_t>(1 + i % 9)));
        const auto decimals = static_cast<std::uint8_t>(noise.data[9] % 37);
        const auto parsed = parse_decimal(from_atomic(amount, decimals));
        ASSERT_TRUE(parsed);
        EXPECT_EQ(*to_atomic(*parsed, decimals, Rounding::exact), amount);
    }
}

}  // namespace
}  // namespace x402
