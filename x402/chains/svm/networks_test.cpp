// SPDX-License-Identifier: Apache-2.0
// The tables, and what an operator writes of a token.
#include <gtest/gtest.h>

#include <set>

#include "x402/chains/svm/address.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm {
namespace {

using testing::kDevnet;
using testing::kUsdc;

Tree::Member member(std::string key, std::string value) {
    return {key, Tree::text(std::move(value), "assets.x." + key, {"f.toml", 3})};
}
Tree::Member member(std::string key, std::int64_t value) {
    return {key, Tree::integer(value, "assets.x." + key, {"f.toml", 3})};
}

Result<AssetInfo> read(Tree::Table members) {
    const Tree section = Tree::table(std::move(members), "assets.x", {"f.toml", 1});
    return read_asset_section(*ChainId::parse(kDevnet), section);
}

TEST(SvmNetworks, AreNamedAndUnique) {
    std::set<std::string> ids;
    std::set<std::string> names;
    for (const KnownNetwork& each : known_networks()) {
        EXPECT_EQ(each.id.family(), kFamily);
        EXPECT_EQ(each.id.reference().size(), 32U);
        EXPECT_TRUE(ids.insert(each.id.text()).second);
        EXPECT_TRUE(names.insert(each.v1_name).second);
        EXPECT_TRUE(each.public_rpc.starts_with("https://"));
        EXPECT_EQ(each.testnet, each.title != "Solana");
    }
    EXPECT_EQ(names, (std::set<std::string>{"solana", "solana-devnet", "solana-testnet"}));
}

TEST(SvmAssets, TheFirstOfEachNetworkIsUsdc) {
    std::set<std::string> seen;
    std::set<std::string> networks;
    for (const AssetInfo& each : known_assets()) {
        SCOPED_TRACE(each.id.text());
        const bool first = networks.insert(each.id.network.text()).second;
        EXPECT_TRUE(!first || each.symbol == "USDC");
        EXPECT_TRUE(seen.insert(each.id.text()).second);
        EXPECT_EQ(each.id.space, "token");
        EXPECT_EQ(each.id.reference, each.address);
        EXPECT_EQ(each.decimals, 6);
        EXPECT_TRUE(each.usd);
        const auto mint = parse_address(each.address);
        ASSERT_TRUE(mint);
        EXPECT_EQ(to_text(*mint), each.address);
        const bool plain = each.symbol == "USDC" || each.symbol == "USDT";
        EXPECT_EQ(json::text_or_empty(each.extra, kTokenProgramKey),
                  to_text(plain ? token_program() : token_2022_program()));
    }
    EXPECT_EQ(networks.size(), 3U);
    EXPECT_EQ(seen.size(), 9U);
}

TEST(SvmAssetSection, Reads) {
    const auto plain = read({member("address", std::string(kUsdc)), member("decimals", 6)});
    ASSERT_TRUE(plain) << to_string(plain.error());
    EXPECT_EQ(plain->address, kUsdc);
    EXPECT_TRUE(plain->symbol.empty());
    EXPECT_FALSE(plain->usd);
    EXPECT_TRUE(plain->extra.empty()) << "the program is the mint's to say";
    Tree::Table members{member("address", std::string(kUsdc)), member("decimals", 9),
                        member("symbol", "X"), member("token_program", "token-2022")};
    members.push_back({"usd", Tree::boolean(true, "assets.x.usd", {"f.toml", 4})});
    const auto full = read(std::move(members));
    ASSERT_TRUE(full) << to_string(full.error());
    EXPECT_EQ(full->decimals, 9);
    EXPECT_EQ(full->symbol, "X");
    EXPECT_TRUE(full->usd);
    EXPECT_EQ(json::text_or_empty(full->extra, kTokenProgramKey), to_text(token_2022_program()));
}

TEST(SvmAssetSection, WrongOnesNameTheirPlace) {
    struct Row {
        const char* name;
        std::string address;
        std::int64_t decimals;
        std::string program;
        std::string_view place;
    };
    const std::string usdc(kUsdc);
    const Row rows[] = {
        {"an address of another family", "0x036CbD53842c5426634e7929541eC2318f3dCF7e", 6,
         "spl-token", "address"},
        {"two letters too few", usdc.substr(2), 6, "spl-token", "address"},
        {"negative", usdc, -1, "spl-token", "decimals"},
        {"beyond anything", usdc, 37, "spl-token", "decimals"},
        {"no such program", usdc, 6, "token", "token_program"},
        {"the program's address", usdc, 6, to_text(token_program()), "token_program"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read({member("address", row.address), member("decimals", row.decimals),
                               member("token_program", row.program)});
        ASSERT_FALSE(got);
        EXPECT_NE(to_string(got.error()).find(row.place), std::string::npos)
            << to_string(got.error());
        EXPECT_FALSE(got.error().next.empty());
    }
    EXPECT_FALSE(read({member("decimals", 6)})) << "no address";
    EXPECT_FALSE(read({member("address", usdc)})) << "no decimals";
}

}  // namespace
}  // namespace x402::svm
