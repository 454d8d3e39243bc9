// SPDX-License-Identifier: Apache-2.0
#include "x402/client/select.hpp"

#include <gtest/gtest.h>

#include "x402/client/testing/test_world.hpp"

namespace x402::client {
namespace {

using testing::chain;
using testing::offer;

class Select : public ::testing::Test {
protected:
    Select() {
        wallets.push_back(std::make_unique<testing::ToyWallet>());
        EXPECT_TRUE(modules.add(std::make_unique<testing::ToyModule>()));
    }

    Selection pick(std::vector<PaymentRequirements> accepts) {
        PaymentRequired required;
        required.accepts = std::move(accepts);
        const SelectInput input{.required = required,
                                .modules = modules,
                                .policy = policy,
                                .wallets = wallets,
                                .read_assets = read_assets,
                                .payees = payees,
                                .url = "https://a.example/x",
                                .need_wallet = need_wallet};
        return select(input);
    }
    std::string code_for(const PaymentRequirements& terms) {
        const Selection selection = pick({terms});
        EXPECT_EQ(selection.choice.has_value(), !selection.offers.at(0).refusal.has_value());
        return selection.choice ? "" : selection.why.code;
    }

    Modules modules;
    Policy policy;
    std::vector<std::unique_ptr<Wallet>> wallets;
    std::vector<AssetInfo> read_assets;
    std::vector<KnownPayee> payees;
    bool need_wallet = true;
};

TEST_F(Select, Row31WhatIsRefusedAndWhy) {
    struct Row {
        const char* name;
        std::function<void(PaymentRequirements&)> change;
        const char* code;
    };
    const Row rows[] = {
        {"a plain offer", [](auto&) {}, ""},
        {"address in capitals", [](auto& o) { o.asset = "T-USDC"; }, ""},
        {"exactly the limit", [](auto& o) { o.amount = U256(1'000'000); }, ""},
        {"above the limit", [](auto& o) { o.amount = U256(1'000'001); }, "over_limit"},
        {"beyond 64 bits", [](auto& o) { o.amount = U256::max(); }, "over_limit"},
        {"a symbol for an address", [](auto& o) { o.asset = "USDC"; }, "unknown_asset"},
        {"an unknown token", [](auto& o) { o.asset = "t-evil"; }, "unknown_asset"},
        {"euros", [](auto& o) { o.asset = "t-eurc"; }, "unknown_asset"},
        {"a token of another network",
         [](auto& o) {
             o.asset = "t-dai";
             o.network = chain("toy:test");
         },
         "unknown_asset"},
        {"a network of no table", [](auto& o) { o.network = chain("toy:other"); }, "unknown_asset"},
        {"a foreign family", [](auto& o) { o.network = chain("eip155:1"); }, "unsupported_network"},
        {"another scheme", [](auto& o) { o.scheme = "upto"; }, "unsupported_scheme"},
        {"a flow nobody knows", [](auto& o) { o.extra["paymentFlow"] = "later"; },
         "unsupported_flow"},
        {"what the scheme cannot pay", [](auto& o) { o.extra["method"] = "odd"; },
         "unsupported_scheme"},
        {"nothing", [](auto& o) { o.amount = U256(0); }, "zero_amount"},
        {"valid for years", [](auto& o) { o.max_timeout_seconds = 100'000'000; }, "valid_too_long"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        PaymentRequirements terms = offer();
        row.change(terms);
        EXPECT_EQ(code_for(terms), row.code);
    }
}

TEST_F(Select, Row31DecimalsAreOurs) {
    // A dollar and a half of an 18-decimals token, whatever the 402 claims about it.
    PaymentRequirements terms = offer(0, "t-dai");
    terms.amount = *U256::from_decimal("1500000000000000000");
    terms.extra["decimals"] = 24;
    EXPECT_EQ(code_for(terms), "over_limit");
    terms.amount = *U256::from_decimal("1500000000000000");
    const Selection selection = pick({terms});
    ASSERT_TRUE(selection.choice);
    EXPECT_EQ(selection.choice->asset.decimals, 18);
    EXPECT_EQ(selection.choice->usd_micros, U256(1500));
    // The same number of units of the six-decimals token is a fortune.
    terms.asset = "t-usdc";
    EXPECT_EQ(code_for(terms), "over_limit");
}

TEST_F(Select, AllowedAssetsNeedTheirOwnLimitUnlessTheyAreDollars) {
    policy.allow_assets = {*AssetId::parse("toy:main/token:t-eurc"),
                           *AssetId::parse("toy:main/token:T-LOCAL")};
    EXPECT_EQ(code_for(offer(1000, "t-eurc")), "limit_missing");
    ASSERT_TRUE(set_limit(policy, "0.5 EURC"));
    EXPECT_EQ(code_for(offer(500'000, "t-eurc")), "");
    EXPECT_EQ(code_for(offer(500'001, "t-eurc")), "over_limit");
    policy.budgets = {*read_budget("$1", "run")};
    EXPECT_EQ(code_for(offer(1000, "t-eurc")), "limit_missing");  // no budget could count it

    EXPECT_EQ(code_for(offer(1000, "t-local")), "unknown_asset");  // the chain has not been asked
    read_assets = {testing::toy_asset("toy:main", "t-local", "testUsd", 2, false)};
    EXPECT_EQ(code_for(offer(100, "t-local")), "");
    EXPECT_EQ(code_for(offer(101, "t-local")), "over_limit");
    // Allowed on one network is not allowed on another.
    EXPECT_EQ(code_for(offer(100, "t-local", "toy:test")), "unknown_asset");
}

TEST_F(Select, AssetsAreReadOnlyWhereTheyAreAllowed) {
    PaymentRequired required;
    required.accepts = {offer(1, "t-local"), offer(1, "T-LOCAL"), offer(1, "t-other"), offer(1)};
    policy.allow_assets = {*AssetId::parse("toy:main/token:t-local"),
                           *AssetId::parse("toy:main/token:t-usdc")};
    const auto wanted = assets_to_read(required, modules, policy);
    ASSERT_EQ(wanted.size(), 1u);
    EXPECT_EQ(wanted[0].reference, "t-local");
}

TEST_F(Select, PolicyDecidesNotTheOrder) {
    struct Row {
        const char* name;
        std::vector<std::string> prefer;
        std::vector<std::string> avoid;
        std::vector<std::string> symbols;
        std::string network;
        std::uint64_t amount;
    };
    const Row rows[] = {
        {"the cheapest", {}, {}, {}, "toy:test", 900},
        {"a preferred network", {"toy:main"}, {}, {}, "toy:main", 1000},
        {"a preferred name", {"Toy"}, {}, {}, "toy:test", 900},  // the family's name: both; then
                                                                 // the price
        {"mainnet first", {"mainnet"}, {}, {}, "toy:main", 1000},
        {"testnet first", {"nowhere", "testnet", "mainnet"}, {}, {}, "toy:test", 900},
        {"never testnet", {}, {"testnet"}, {}, "toy:main", 1000},
        {"avoid beats prefer", {"testnet"}, {"testnet"}, {}, "toy:main", 1000},
        {"only one asset", {}, {"testnet"}, {"dai"}, "toy:main", 2'000'000'000'000'000},
        {"a pattern", {"toy:*"}, {}, {}, "toy:test", 900},
    };
    const std::vector<PaymentRequirements> offers = {offer(5000),
                                                     offer(2'000'000'000'000'000, "t-dai"),
                                                     offer(1000), offer(900, "t-usdc", "toy:test")};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        policy.prefer = row.prefer;
        policy.avoid = row.avoid;
        policy.symbols = row.symbols;
        std::vector<PaymentRequirements> order = offers;
        for (int i = 0; i < 4; ++i) {  // every rotation gives the same
            std::rotate(order.begin(), order.begin() + 1, order.end());
            const Selection selection = pick(order);
            ASSERT_TRUE(selection.choice);
            EXPECT_EQ(selection.choice->requirements.network.text(), row.network);
            EXPECT_EQ(selection.choice->requirements.amount, U256(row.amount));
        }
    }
    policy = Policy{};
    policy.avoid = {"toy"};
    EXPECT_EQ(pick(offers).why.code, "avoided");
    policy.avoid = {"*"};
    EXPECT_EQ(pick(offers).why.code, "avoided");
    policy.avoid.clear();
    policy.symbols = {"EURC"};
    EXPECT_EQ(pick(offers).why.code, "asset_not_chosen");
}

// The short name of a network may be its family's own: then it means the family.
TEST_F(Select, PolicyDecidesBetweenFamilies) {
    EXPECT_TRUE(modules.add(std::make_unique<testing::ToyModule>("twin")));
    wallets.push_back(std::make_unique<testing::ToyWallet>("twin"));
    struct Row {
        const char* name;
        std::vector<std::string> prefer;
        std::vector<std::string> avoid;
        std::vector<std::string> symbols;
        std::string network;
    };
    const Row rows[] = {
        {"the cheapest", {}, {}, {}, "twin:test"},
        {"a family", {"toy"}, {}, {}, "toy:test"},
        {"the other", {"TWIN"}, {}, {}, "twin:test"},
        {"a family, no test networks", {"toy"}, {"testnet"}, {}, "toy:main"},
        {"no main networks", {}, {"mainnet"}, {}, "twin:test"},
        {"no main networks, a family", {"toy"}, {"mainnet"}, {}, "toy:test"},
        {"not this family", {}, {"twin"}, {}, "toy:test"},
        {"a short name", {"toy-test"}, {}, {}, "toy:test"},
        {"not by a title", {}, {"Twin TEST", "toy test"}, {}, "twin:main"},
        {"not by a pattern", {}, {"twin:*"}, {}, "toy:test"},
        {"an asset of both", {"toy"}, {"testnet"}, {"USDC"}, "toy:main"},
        {"an asset of one", {"twin"}, {}, {"DAI"}, "toy:main"},
    };
    const std::vector<PaymentRequirements> offers = {
        offer(1000), offer(900, "t-usdc", "toy:test"), offer(950, "t-usdc", "twin:main"),
        offer(800, "t-usdc", "twin:test"), offer(2'000'000'000'000'000, "t-dai")};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        policy.prefer = row.prefer;
        policy.avoid = row.avoid;
        policy.symbols = row.symbols;
        const Selection selection = pick(offers);
        ASSERT_TRUE(selection.choice);
        EXPECT_EQ(selection.choice->requirements.network.text(), row.network);
        EXPECT_EQ(selection.choice->wallet->family(),
                  selection.choice->requirements.network.family());
        for (const std::string& word : row.avoid) EXPECT_TRUE(is_known_word(word, modules)) << word;
    }
    policy = Policy{};
    wallets.pop_back();
    const Selection ours = pick(offers);
    ASSERT_TRUE(ours.choice);
    EXPECT_EQ(ours.choice->requirements.network.family(), "toy") << "the family that has a key";
}

TEST_F(Select, SlipsOfThePenAreNoticed) {
    for (const char* word : {"toy", "TOY test", "toy-test", "toy:main", "toy:*", "eip155:*", "*",
                             "mainnet", "testnet", "usdc", "DAI", "exact"}) {
        EXPECT_TRUE(is_known_word(word, modules)) << word;
    }
    for (const char* word : {"", "mainet", "USDX", "toy-tset", "upto"}) {
        EXPECT_FALSE(is_known_word(word, modules)) << word;
    }
}

TEST_F(Select, AtOnePriceTheWorkComesBeforeTheMoney) {
    PaymentRequirements upfront = offer();
    upfront.extra["paymentFlow"] = "upfront";
    const Selection selection = pick({upfront, offer()});
    ASSERT_TRUE(selection.choice);
    EXPECT_TRUE(selection.choice->requirements.extra.empty());
}

TEST_F(Select, TheReasonOfTheOfferThatCameFurthest) {
    PaymentRequirements foreign = offer();
    foreign.network = chain("eip155:1");
    EXPECT_EQ(pick({foreign, offer(9'000'000), offer(1, "t-evil")}).why.code, "over_limit");
    EXPECT_EQ(pick({offer(9'000'000), foreign}).why.code, "over_limit");
    EXPECT_EQ(pick({}).why.code, "no_offers");
    EXPECT_EQ(pick({foreign, offer()}).offers.size(), 2u);
}

TEST_F(Select, WithoutAKeyNothingIsPaidButShown) {
    wallets.clear();
    EXPECT_EQ(code_for(offer()), "no_wallet");
    need_wallet = false;
    const Selection selection = pick({offer()});
    ASSERT_TRUE(selection.choice);
    EXPECT_EQ(selection.choice->wallet, nullptr);
}

TEST_F(Select, Row31ANewRecipientForAKnownRequestIsRefused) {
    payees = {{"https://a.example/x", chain("toy:main"), "T-SELLER"}};
    EXPECT_EQ(code_for(offer()), "");
    PaymentRequirements other = offer();
    other.pay_to = "t-thief";
    EXPECT_EQ(code_for(other), "pay_to_changed");
    other.network = chain("toy:test");
    EXPECT_EQ(code_for(other), "");  // never paid there
    other.network = chain("toy:main");
    policy.allow_pay_to = {"T-Thief"};
    EXPECT_EQ(code_for(other), "");
    policy.allow_pay_to = {"any"};
    other.pay_to = "t-somebody";
    EXPECT_EQ(code_for(other), "");
}

}  // namespace
}  // namespace x402::client
