// SPDX-License-Identifier: Apache-2.0
// Prices: what may be typed, what it means in an asset, and what is refused with which help.
#include "x402/protocol/money.hpp"

#include <gtest/gtest.h>

namespace x402 {
namespace {

AssetInfo usdc() {
    AssetInfo asset;
    asset.symbol = "USDC";
    asset.decimals = 6;
    asset.usd = true;
    return asset;
}

AssetInfo weth() {
    AssetInfo asset;
    asset.symbol = "WETH";
    asset.decimals = 18;
    return asset;
}

TEST(ParsePrice, Forms) {
    const auto dollars = parse_price("$0.01");
    ASSERT_TRUE(dollars);
    EXPECT_TRUE(dollars->usd);
    EXPECT_TRUE(dollars->symbol.empty());

    const auto tokens = parse_price("0.01 USDC");
    ASSERT_TRUE(tokens);
    EXPECT_FALSE(tokens->usd);
    EXPECT_EQ(tokens->symbol, "USDC");

    const auto exotic = parse_price(
        "1 USD\xE2\x82\xAE"
        "0");
    ASSERT_TRUE(exotic);
    EXPECT_EQ(exotic->symbol,
              "USD\xE2\x82\xAE"
              "0");

    const auto bare = parse_price("10000");
    ASSERT_TRUE(bare);
    EXPECT_FALSE(bare->usd);
    EXPECT_TRUE(bare->symbol.empty());
}

TEST(ParsePrice, Refused) {
    for (const char* bad : {"",           "$",          " ",
                            "$ 1",        "-1",         "$-1",
                            "+1 USDC",    "1e3 USDC",   "$1e3",
                            "0x10",       "1,000 USDC", "$1,000",
                            "$0.01 USDC", "USDC 1",     "1 ",
                            "1  USDC",    "1 USDC ",    "1 U SDC",
                            ".5 USDC",    "5. USDC",    "0.02",
                            "1.0.0 USDC", "$NaN",       "\xd9\xa1 USDC",
                            "1 $",        "1\tUSDC",    "1 ABCDEFGHIJKLMNOPQ",
                            "1 \x7f",     "$$1"}) {
        const auto got = parse_price(bad);
        ASSERT_FALSE(got) << bad;
        EXPECT_EQ(got.error().code, Errc::invalid) << bad;
        EXPECT_FALSE(got.error().next.empty()) << bad;
    }
}

TEST(PriceIn, Table) {
    struct Row {
        const char* name;
        const char* price;
        AssetInfo asset;
        const char* want;
    };
    const Row rows[] = {
        {"dollars", "$0.001", usdc(), "1000"},
        {"whole dollars", "$1", usdc(), "1000000"},
        {"tokens", "0.5 USDC", usdc(), "500000"},
        {"wei", "0.000000000000000001 WETH", weth(), "1"},
        {"atomic", "10000", usdc(), "10000"},
        {"trailing zeros are no precision", "$0.0100000000", usdc(), "10000"},
        {"dollars need usd", "$1", weth(), nullptr},
        {"another symbol", "1 EURC", usdc(), nullptr},
        {"another case", "1 usdc", usdc(), nullptr},
        {"zero", "$0", usdc(), nullptr},
        {"zero tokens", "0.00 USDC", usdc(), nullptr},
        {"zero atomic", "0", usdc(), nullptr},
        {"below a unit", "$0.0000001", usdc(), nullptr},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto price = parse_price(row.price);
        ASSERT_TRUE(price);
        const auto got = price_in(*price, row.asset);
        ASSERT_EQ(got.has_value(), row.want != nullptr);
        if (got) {
            EXPECT_EQ(got->to_decimal(), row.want);
        }
        if (!got) {
            EXPECT_EQ(got.error().code, Errc::invalid);
        }
        if (!got) {
            EXPECT_EQ(got.error().field, "price");
        }
    }
}

TEST(PriceIn, RoundingIsTheCallersWord) {
    const auto price = parse_price("$0.0000015");
    ASSERT_TRUE(price);
    EXPECT_FALSE(price_in(*price, usdc(), Rounding::exact));
    EXPECT_EQ(price_in(*price, usdc(), Rounding::up)->to_decimal(), "2");
    EXPECT_EQ(price_in(*price, usdc(), Rounding::down)->to_decimal(), "1");
    const auto tiny = parse_price("$0.0000001");
    ASSERT_TRUE(tiny);
    EXPECT_EQ(price_in(*tiny, usdc(), Rounding::up)->to_decimal(), "1");
    EXPECT_FALSE(price_in(*tiny, usdc(), Rounding::down)) << "never silently free";
}

TEST(PriceIn, AnInexactPriceNamesItsNeighbours) {
    const auto price = parse_price("$0.0000015");
    ASSERT_TRUE(price);
    const auto got = price_in(*price, usdc());
    ASSERT_FALSE(got);
    EXPECT_NE(got.error().next.find("0.000001"), std::string::npos);
    EXPECT_NE(got.error().next.find("0.000002"), std::string::npos);
}

TEST(PriceIn, HugePricesAreRefusedNotWrapped) {
    const auto price = parse_price("$" + U256::max().to_decimal());
    ASSERT_TRUE(price);
    EXPECT_FALSE(price_in(*price, usdc()));
    EXPECT_FALSE(price_in(*price, usdc(), Rounding::up));
}

TEST(Show, UnitsFollowTheNumber) {
    EXPECT_EQ(show(U256{1000}, usdc()), "0.001 USDC");
    EXPECT_EQ(show(U256{0}, usdc()), "0 USDC");
    EXPECT_EQ(show(U256{2000000}, usdc()), "2 USDC");
}

}  // namespace
}  // namespace x402
