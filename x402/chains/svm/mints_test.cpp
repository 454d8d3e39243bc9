// SPDX-License-Identifier: Apache-2.0
// What is believed of a token, for how long, and what the operator is told.
#include <gtest/gtest.h>

#include "x402/chains/svm/mints.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/testing/fake_node.hpp"
#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm {
namespace {

using testing::address_at;
using testing::FakeMint;
using testing::kUsdc;
using testing::sample_address;
using testing::wait_for;

constexpr std::uint16_t kTransferFee = 1;
constexpr std::uint16_t kNonTransferable = 9;

AssetInfo asset_of(const Address& mint, std::uint8_t decimals = 6) {
    AssetInfo asset;
    asset.address = to_text(mint);
    asset.id = AssetId{*ChainId::parse(testing::kDevnet), "token", asset.address};
    asset.decimals = decimals;
    return asset;
}

// Both epochs' fees, of an extension that is 108 bytes long: two authorities, what is withheld, and
// twice epoch, most and basis points.
Extension transfer_fee(std::uint16_t basis_points) {
    Bytes value(108, 0);
    for (const std::size_t at : {std::size_t{88}, std::size_t{106}}) {
        value[at] = static_cast<std::uint8_t>(basis_points);
        value[at + 1] = static_cast<std::uint8_t>(basis_points >> 8U);
    }
    return {kTransferFee, value};
}

class SvmMints : public ::testing::Test {
protected:
    Mints& open(bool any_token = false) {
        MintOptions options;
        options.network = *ChainId::parse(testing::kDevnet);
        options.known = {asset_of(address_at(kUsdc))};
        options.configured = configured;
        options.any_token = any_token;
        mints = std::make_unique<Mints>(std::move(options), rpc, clock);
        return *mints;
    }
    std::size_t questions() const { return cluster.count("getMultipleAccounts"); }
    FakeMint token_2022(std::vector<Extension> extensions) {
        FakeMint shape;
        shape.program = token_2022_program();
        shape.extensions = std::move(extensions);
        return shape;
    }
    std::string proves() {
        const auto got = wait_for(open().prove_listed());
        return got ? "" : got.error().field + ": " + got.error().detail;
    }

    testing::FakeCluster cluster;
    testing::StillClock clock;
    Rpc rpc{testing::borrow(cluster)};
    std::vector<AssetInfo> configured;
    std::unique_ptr<Mints> mints;
    Address own = sample_address(40);
};

TEST_F(SvmMints, ListedOnesAndAnyToken) {
    configured = {asset_of(own)};
    EXPECT_NE(open().listed(own), nullptr);
    EXPECT_NE(mints->listed(address_at(kUsdc)), nullptr);
    EXPECT_TRUE(mints->allowed(own));
    EXPECT_FALSE(mints->allowed(sample_address(41)));
    EXPECT_TRUE(open(true).allowed(sample_address(41)));
    EXPECT_EQ(mints->listed(sample_address(41)), nullptr);
}

TEST_F(SvmMints, FactsAreRememberedForAWhile) {
    cluster.put_mint(address_at(kUsdc));
    open();
    const auto facts = wait_for(mints->facts(address_at(kUsdc)));
    ASSERT_TRUE(facts);
    EXPECT_TRUE(facts->exists);
    EXPECT_EQ(facts->decimals, 6);
    EXPECT_EQ(facts->program, token_program());
    EXPECT_TRUE(facts->harmful.empty());
    clock.at += std::chrono::minutes(14);
    EXPECT_TRUE(wait_for(mints->facts(address_at(kUsdc)))->exists);
    EXPECT_EQ(questions(), 1U);
    clock.at += std::chrono::minutes(2);
    EXPECT_TRUE(wait_for(mints->facts(address_at(kUsdc)))->exists);
    EXPECT_EQ(questions(), 2U);
}

TEST_F(SvmMints, WhatAnAuthorityMayChangeIsAskedAgainAfterAMinute) {
    cluster.put_mint(address_at(kUsdc), token_2022({transfer_fee(0)}));
    open();
    const auto facts = wait_for(mints->facts(address_at(kUsdc)));
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->program, token_2022_program());
    EXPECT_EQ(facts->harmful, "") << "the issuer of a listed token is trusted, and the fee is zero";
    clock.at += std::chrono::seconds(61);
    cluster.put_mint(address_at(kUsdc), token_2022({transfer_fee(10)}));
    EXPECT_EQ(wait_for(mints->facts(address_at(kUsdc)))->harmful, "TransferFeeConfig");
    cluster.put_mint(address_at(kUsdc), token_2022({}));
    EXPECT_FALSE(wait_for(mints->facts(address_at(kUsdc)))->harmful.empty()) << "remembered";
    clock.at += std::chrono::seconds(61);
    EXPECT_TRUE(wait_for(mints->facts(address_at(kUsdc)))->harmful.empty());
}

TEST_F(SvmMints, WhatIsNoMintDoesNotExistAndIsNotRemembered) {
    FakeMint unfinished;
    unfinished.initialized = false;
    open(true);
    EXPECT_FALSE(wait_for(mints->facts(own))->exists) << "nothing there";
    cluster.fund(own, 1);
    EXPECT_FALSE(wait_for(mints->facts(own))->exists) << "a wallet";
    cluster.put_mint(own, unfinished);
    EXPECT_FALSE(wait_for(mints->facts(own))->exists) << "not initialized";
    cluster.put_mint(address_at(kUsdc));
    cluster.put_holding_at(own, {sample_address(), address_at(kUsdc), 5});
    EXPECT_FALSE(wait_for(mints->facts(own))->exists) << "a token account";
    cluster.put_mint(own);
    EXPECT_TRUE(wait_for(mints->facts(own))->exists);
    EXPECT_EQ(questions(), 5U);
}

TEST_F(SvmMints, TroubleWithTheNodesIsNoAnswer) {
    open();
    cluster.endpoint().down = true;
    EXPECT_EQ(wait_for(mints->facts(own)).error().code, Errc::unreachable);
    EXPECT_TRUE(wait_for(mints->info(address_at(kUsdc)))) << "the tables are good enough";
    EXPECT_FALSE(wait_for(mints->info(own)));
}

TEST_F(SvmMints, InfoIsTheListsAndTheMints) {
    configured = {asset_of(own, 9)};
    configured[0].symbol = "OWN";
    FakeMint shape = token_2022({});
    shape.decimals = 9;
    cluster.put_mint(own, shape);
    cluster.put_mint(sample_address(41), shape);
    open();
    const auto listed = wait_for(mints->info(own));
    ASSERT_TRUE(listed);
    EXPECT_EQ(listed->symbol, "OWN");
    EXPECT_EQ(json::text_or_empty(listed->extra, kTokenProgramKey), to_text(token_2022_program()));
    const auto unlisted = wait_for(mints->info(sample_address(41)));
    ASSERT_TRUE(unlisted);
    EXPECT_EQ(unlisted->address, to_text(sample_address(41)));
    EXPECT_EQ(unlisted->decimals, 9);
    EXPECT_EQ(unlisted->symbol, unlisted->address.substr(0, 6) + ".." +
                                    unlisted->address.substr(unlisted->address.size() - 6))
        << "limits are named in it";
    EXPECT_FALSE(unlisted->usd);
    EXPECT_EQ(wait_for(mints->info(sample_address(42))).error().code, Errc::not_found);
    configured = {asset_of(own, 6)};
    EXPECT_EQ(wait_for(open().info(own)).error().code, Errc::unsupported) << "other decimals";
}

TEST_F(SvmMints, ConfiguredOnesAreProvenAndTheTablesOnlyReported) {
    EXPECT_EQ(proves(), "") << "a table's row that is not there";
    configured = {asset_of(own)};
    EXPECT_TRUE(proves().starts_with("address: ")) << "nothing there";
    cluster.put_mint(own);
    EXPECT_EQ(proves(), "");
    configured[0].decimals = 9;
    EXPECT_TRUE(proves().starts_with("decimals: "));
    configured[0].decimals = 6;
    configured[0].extra[kTokenProgramKey] = to_text(token_2022_program());
    EXPECT_TRUE(proves().starts_with("token_program: "));
    configured[0].extra[kTokenProgramKey] = to_text(token_program());
    EXPECT_EQ(proves(), "");
    configured[0].extra.clear();
    cluster.put_mint(own, token_2022({{kNonTransferable, {}}}));
    EXPECT_NE(proves().find("NonTransferable"), std::string::npos);
    cluster.endpoint().down = true;
    EXPECT_NE(proves(), "");
}

}  // namespace
}  // namespace x402::svm
