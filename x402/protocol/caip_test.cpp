// SPDX-License-Identifier: Apache-2.0
// Names of networks, accounts and assets: what is one and what only looks like one.
#include "x402/protocol/caip.hpp"

#include <gtest/gtest.h>

namespace x402 {
namespace {

TEST(ChainId, Table) {
    const std::string long_reference(64, 'a');
    const std::string too_long_reference(65, 'a');
    struct Row {
        const char* name;
        std::string text;
        bool good;
    };
    const Row rows[] = {
        {"evm", "eip155:84532", true},
        {"solana", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", true},
        {"algorand with a slash", "algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDexi9/cOUJOiI=", true},
        {"negative reference", "tvm:-239", true},
        {"fiat", "sepa:eu", true},
        {"64 long", "abc:" + long_reference, true},
        {"65 long", "abc:" + too_long_reference, false},
        {"empty", "", false},
        {"no colon", "base-sepolia", false},
        {"no family", ":1", false},
        {"no reference", "eip155:", false},
        {"short family", "ei:1", false},
        {"long family", "abcdefghi:1", false},
        {"upper family", "EIP155:1", false},
        {"space", "eip155: 1", false},
        {"second colon", "eip155:1:2", false},
        {"star", "eip155:*", false},
        {"unicode", "eip155:\xd9\xa1", false},
        {"nul", std::string("eip155:1\0", 9), false},
        {"newline", "eip155:1\n", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = ChainId::parse(row.text);
        ASSERT_EQ(got.has_value(), row.good);
        if (got) {
            EXPECT_EQ(got->text(), row.text);
        }
        if (!got) {
            EXPECT_EQ(got.error().code, Errc::invalid);
            EXPECT_FALSE(got.error().next.empty());
        }
    }
}

TEST(ChainId, Parts) {
    const auto id = ChainId::parse("eip155:84532");
    ASSERT_TRUE(id);
    EXPECT_EQ(id->family(), "eip155");
    EXPECT_EQ(id->reference(), "84532");
    EXPECT_TRUE(ChainId{}.empty());
    EXPECT_EQ(ChainId{}.family(), "");
    EXPECT_EQ(ChainId{}.reference(), "");
    EXPECT_NE(*ChainId::parse("eip155:1"), *ChainId::parse("eip155:10"));
}

TEST(ChainId, AnErrorNeverQuotesControlCharacters) {
    const auto got = ChainId::parse("x\n\"forged\":1");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().detail.find('\n'), std::string::npos);
}

TEST(ChainPattern, Table) {
    struct Row {
        const char* name;
        const char* pattern;
        const char* network;
        bool matches;
    };
    const Row rows[] = {
        {"all", "*", "solana:abc", true},
        {"family", "eip155:*", "eip155:1", true},
        {"other family", "eip155:*", "eip1559:1", false},
        {"shorter family", "eip155:*", "eip15:1", false},
        {"one", "eip155:1", "eip155:1", true},
        {"one is no prefix", "eip155:1", "eip155:10", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto pattern = ChainPattern::parse(row.pattern);
        const auto network = ChainId::parse(row.network);
        ASSERT_TRUE(pattern && network);
        EXPECT_EQ(pattern->matches(*network), row.matches);
        EXPECT_FALSE(pattern->matches(ChainId{}));
    }
    for (const char* bad :
         {"", "eip155", "eip155:", "*:1", "e*:1", "eip155:1*", "**", "EIP155:*"}) {
        EXPECT_FALSE(ChainPattern::parse(bad)) << bad;
    }
}

TEST(AccountId, Table) {
    const auto got = AccountId::parse("eip155:84532:0xAbC");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->network.text(), "eip155:84532");
    EXPECT_EQ(got->address, "0xAbC");
    EXPECT_EQ(got->text(), "eip155:84532:0xAbC");
    for (const char* bad :
         {"", "eip155:1", "eip155:1:", ":1:a", "eip155:1:a b", "eip155:1:a/b", "a:b:c:d"}) {
        EXPECT_FALSE(AccountId::parse(bad)) << bad;
    }
}

TEST(AssetId, Table) {
    struct Row {
        const char* text;
        const char* network;
        const char* space;
        const char* reference;
    };
    const Row rows[] = {
        {"eip155:84532/erc20:0x036c", "eip155:84532", "erc20", "0x036c"},
        {"sepa:eu/iso4217:EUR", "sepa:eu", "iso4217", "EUR"},
        {"algorand:SGO1/cOUJOiI=/asa:10458941", "algorand:SGO1/cOUJOiI=", "asa", "10458941"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        const auto got = AssetId::parse(row.text);
        ASSERT_TRUE(got);
        EXPECT_EQ(got->network.text(), row.network);
        EXPECT_EQ(got->space, row.space);
        EXPECT_EQ(got->reference, row.reference);
        EXPECT_EQ(got->text(), row.text);
    }
    for (const char* bad :
         {"", "eip155:1", "eip155:1/", "eip155:1/erc20", "eip155:1/erc20:", "/erc20:0x1",
          "eip155:1/ERC20:0x1", "eip155:1/erc20:0x1:2", "eip155:1/erc721:0x1/7"}) {
        EXPECT_FALSE(AssetId::parse(bad)) << bad;
    }
}

}  // namespace
}  // namespace x402
