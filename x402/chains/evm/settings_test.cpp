// SPDX-License-Identifier: Apache-2.0
// What an operator writes: tables, keys, signers, assets, and the sentences for what is wrong.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "x402/chains/evm/address.hpp"
#include "x402/chains/evm/assets.hpp"
#include "x402/chains/evm/module.hpp"
#include "x402/chains/evm/networks.hpp"
#include "x402/chains/evm/settings.hpp"
#include "x402/chains/evm/testing/samples.hpp"

namespace x402::evm {
namespace {

Tree::Member member(std::string key, std::string value) {
    return {key, Tree::text(std::move(value), "networks.x." + key, {"f.toml", 3})};
}
Tree::Member member(std::string key, std::int64_t value) {
    return {key, Tree::integer(value, "networks.x." + key, {"f.toml", 3})};
}
Tree section_of(Tree::Table members) {
    return Tree::table(std::move(members), "networks.x", {"f.toml", 1});
}

Result<Settings> settings_of(Tree::Table members, bool with_signers = true) {
    const Tree section = section_of(std::move(members));
    NetworkSetup setup;
    setup.network = *ChainId::parse("eip155:84532");
    setup.section = &section;
    setup.with_signers = with_signers;
    return read_settings(setup, "https://public.example");
}

class SignerVariables : public ::testing::Test {
protected:
    void SetUp() override {
        setenv("X402_TEST_SIGNER_A", ("0x" + std::string(63, '1') + "2").c_str(), 1);
        setenv("X402_TEST_SIGNER_BAD", "0x12", 1);
    }
    void TearDown() override {
        unsetenv("X402_TEST_SIGNER_A");
        unsetenv("X402_TEST_SIGNER_BAD");
    }
};

TEST_F(SignerVariables, DefaultsAndKeys) {
    const auto plain = settings_of({});
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->rpc, std::vector<std::string>{"https://public.example"});
    EXPECT_EQ(plain->confirmations, 1U);
    EXPECT_FALSE(plain->any_token);
    EXPECT_FALSE(plain->daily_gas_budget);
    EXPECT_EQ(plain->max_gas_price, U256(500'000'000'000));
    EXPECT_EQ(plain->max_tip, U256(5'000'000'000));
    Tree::Table members;
    members.push_back(member("rpc", "http://127.0.0.1:1"));
    members.push_back(member("signers", "env:X402_TEST_SIGNER_A"));
    members.push_back(member("confirmations", 5));
    members.push_back(member("max_gas_price", "1.5gwei"));
    members.push_back(member("max_tip", "2gwei"));
    members.push_back(member("daily_gas_budget", "0.05"));
    members.push_back(member("stuck_after", "2s"));
    members.push_back(member("poll", "50ms"));
    const auto full = settings_of(members);
    ASSERT_TRUE(full) << to_string(full.error());
    EXPECT_EQ(full->rpc[0], "http://127.0.0.1:1");
    ASSERT_EQ(full->signers.size(), 1U);
    EXPECT_EQ(full->signers[0].address.size(), 42U);
    EXPECT_EQ(full->max_gas_price, U256(1'500'000'000));
    EXPECT_EQ(full->max_tip, U256(2'000'000'000));
    EXPECT_EQ(*full->daily_gas_budget, U256(50'000'000'000'000'000));
    EXPECT_EQ(full->stuck_after, Duration(2'000));
    EXPECT_EQ(full->poll, Duration(50));
    EXPECT_TRUE(settings_of(members, false)->signers.empty()) << "for reading only";
}

TEST_F(SignerVariables, WrongOnesNameTheirPlace) {
    const auto refused = [](std::string key, auto value) {
        Tree::Table members;
        members.push_back(member(key, value));
        const auto got = settings_of(std::move(members));
        return got ? std::string("accepted") : to_string(got.error());
    };
    for (const std::string& text :
         {refused("max_gas_price", "cheap"), refused("max_gas_price", "0"),
          refused("max_gas_price", "-1gwei"), refused("max_gas_price", "1.23456789123gwei"),
          refused("max_tip", "much"), refused("max_tip", std::int64_t{0}),
          refused("daily_gas_budget", "1e3"), refused("daily_gas_budget", "0.0"),
          refused("confirmations", std::int64_t{0}), refused("poll", "1ms"),
          refused("signers", "0x" + std::string(64, '1')),
          refused("signers", "env:X402_TEST_SIGNER_BAD"),
          refused("signers", "env:X402_TEST_NOT_THERE")}) {
        EXPECT_NE(text.find("f.toml"), std::string::npos) << text;
    }
    Tree::Table twice;
    Tree::List both;
    both.push_back(Tree::text("env:X402_TEST_SIGNER_A", "s[0]", {"f.toml", 3}));
    both.push_back(Tree::text("env:X402_TEST_SIGNER_A", "s[1]", {"f.toml", 3}));
    twice.push_back({"signers", Tree::list(std::move(both), "signers", {"f.toml", 3})});
    const auto got = settings_of(std::move(twice));
    ASSERT_FALSE(got);
    EXPECT_NE(to_string(got.error()).find("twice"), std::string::npos);
    EXPECT_EQ(to_string(got.error()).find("1112"), std::string::npos) << "a key must not be shown";
}

TEST(Settings, WithoutAnyEndpoint) {
    NetworkSetup setup;
    setup.network = *ChainId::parse("eip155:5");
    const auto got = read_settings(setup, "");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().field, "rpc");
    EXPECT_FALSE(got.error().next.empty());
    setup.rpc = {"http://a", "http://b"};
    EXPECT_EQ(read_settings(setup, "http://c")->rpc.size(), 2U);
}

// Where gas is dear in number and cheap in worth the defaults must not stop every payment.
TEST(Networks, GasDefaults) {
    struct Gas {
        const char* name;
        std::uint64_t chain;
        std::uint64_t max_price_gwei;
        std::uint64_t max_tip_gwei;
        bool shares;
    };
    static constexpr Gas rows[] = {
        {"Base", 8453, 500, 5, true},      {"Polygon", 137, 2'000, 200, true},
        {"IoTeX", 4689, 4'000, 5, true},   {"Arbitrum", 42161, 500, 5, false},
        {"Abstract", 2741, 500, 5, false}, {"one that nobody knows", 31337, 500, 5, true},
    };
    for (const Gas& row : rows) {
        SCOPED_TRACE(row.name);
        const GasFacts facts = gas_facts(row.chain);
        EXPECT_EQ(facts.max_price, row.max_price_gwei * 1'000'000'000);
        EXPECT_EQ(facts.max_tip, row.max_tip_gwei * 1'000'000'000);
        EXPECT_EQ(facts.shares, row.shares);
    }
    NetworkSetup setup;
    setup.network = *ChainId::parse("eip155:137");
    EXPECT_EQ(read_settings(setup, "http://a")->max_tip, U256(200'000'000'000));
}

TEST(Assets, TableIsWellFormed) {
    const auto networks = known_networks();
    std::set<std::string> ids;
    for (const KnownNetwork& network : networks) {
        EXPECT_TRUE(ids.insert(network.id.text()).second) << network.id.text();
        EXPECT_FALSE(network.title.empty());
        EXPECT_TRUE(network.public_rpc.empty() || network.public_rpc.starts_with("https://"));
    }
    std::set<std::string> seen;
    for (const AssetInfo& asset : known_assets()) {
        SCOPED_TRACE(asset.id.text());
        EXPECT_TRUE(ids.contains(asset.id.network.text())) << "an asset of a network nobody named";
        EXPECT_TRUE(seen.insert(asset.id.text()).second);
        EXPECT_TRUE(parse_address(asset.address));
        EXPECT_GE(asset.decimals, 6);
        EXPECT_FALSE(asset.symbol.empty());
    }
}

TEST(Assets, DefaultsAndPermit2) {
    const auto assets = known_assets();
    const auto first_of = [&assets](std::string_view network) {
        for (const AssetInfo& asset : assets) {
            if (asset.id.network.text() == network) return asset;
        }
        return AssetInfo{};
    };
    EXPECT_EQ(first_of("eip155:84532").address, testing::kToken);
    EXPECT_EQ(first_of("eip155:84532").extra.at("name").as_string(), "USDC");
    EXPECT_EQ(first_of("eip155:8453").extra.at("name").as_string(), "USD Coin");
    EXPECT_EQ(first_of("eip155:42220").symbol, "USDC");
    EXPECT_EQ(transfer_method(first_of("eip155:4326").extra), "permit2");
    EXPECT_EQ(transfer_method(first_of("eip155:84532").extra), "eip3009");
    EXPECT_EQ(first_of("eip155:14").extra.at("name").as_string(),
              "USD\xE2\x82\xAE"
              "0");
}

TEST(Assets, Section) {
    const ChainId network = *ChainId::parse("eip155:84532");
    Tree::Table domain;
    domain.push_back({"name", Tree::text("USDC", "n", {"f.toml", 9})});
    domain.push_back({"version", Tree::text("2", "v", {"f.toml", 9})});
    Tree::Table members;
    members.push_back(member("address", std::string(testing::kToken)));
    members.push_back(member("decimals", 6));
    members.push_back({"usd", Tree::boolean(true, "u", {"f.toml", 9})});
    members.push_back({"eip712", Tree::table(domain, "e", {"f.toml", 9})});
    const auto good = read_asset_section(network, section_of(members));
    ASSERT_TRUE(good) << to_string(good.error());
    EXPECT_EQ(good->address, testing::kToken);
    EXPECT_EQ(good->decimals, 6);
    EXPECT_TRUE(good->usd);
    EXPECT_EQ(json::dump(good->extra), R"({"name":"USDC","version":"2"})");
    members[0] = member("address", "0x036CbD53842c5426634e7929541eC2318f3dCF7E");
    EXPECT_NE(
        to_string(read_asset_section(network, section_of(members)).error()).find(testing::kToken),
        std::string::npos)
        << "a wrong checksum names the right one";
    members[0] = member("address", std::string(testing::kToken));
    members[1] = member("decimals", 77);
    EXPECT_FALSE(read_asset_section(network, section_of(members)));
    members[1] = member("decimals", 6);
    members.push_back(member("transfer", "wire"));
    EXPECT_FALSE(read_asset_section(network, section_of(members)));
}

TEST(ChainNumber, OnlyCanonicalOnes) {
    const auto number = [](std::string_view text) { return chain_number(*ChainId::parse(text)); };
    EXPECT_EQ(number("eip155:84532"), 84532U);
    EXPECT_FALSE(number("eip155:084532"));
    EXPECT_FALSE(number("eip155:0"));
    EXPECT_FALSE(number("eip155:0x1"));
    EXPECT_FALSE(number("eip155:99999999999999999999999"));
    EXPECT_FALSE(number("solana:84532"));
}

class NoHttp final : public net::HttpClient {
public:
    Task<Result<net::ClientResponse>> fetch(net::ClientRequest request) override {
        static_cast<void>(request);
        co_return fail(Errc::unreachable, "no network in this test");
    }
};

TEST(Module, RegistersAndFindsByEveryName) {
    NoHttp http;
    testing::StillClock clock;
    const auto random = make_test_random(1);
    Modules modules;
    const net::Services services{http, Env{clock, *random}};
    ASSERT_TRUE(add_evm(modules, services));
    EXPECT_EQ(add_evm(modules, services).error().code, Errc::conflict);
    for (const char* name : {"base-sepolia", "Base Sepolia", "eip155:84532"}) {
        EXPECT_EQ(modules.find_network(name)->text(), "eip155:84532") << name;
    }
    EXPECT_EQ(modules.find_network("eip155:31337")->text(), "eip155:31337");
    const ChainId base = *ChainId::parse("eip155:8453");
    EXPECT_NE(modules.client("exact", base), nullptr);
    EXPECT_NE(modules.server("exact", base), nullptr);
    EXPECT_EQ(modules.client("upto", base), nullptr);
    EXPECT_EQ(modules.asset(base, "usdc")->decimals, 6);
    const ChainModule* module = modules.family("eip155");
    ASSERT_NE(module, nullptr);
    EXPECT_EQ(*module->read_address("0x036cbd53842c5426634e7929541ec2318f3dcf7e"), testing::kToken);
    EXPECT_FALSE(module->read_address("merchant"));
    NetworkSetup setup;
    setup.network = base;
    setup.with_signers = false;
    const auto chain = module->connect(std::move(setup));
    ASSERT_TRUE(chain) << to_string(chain.error());
    EXPECT_EQ((*chain)->network(), nullptr);
    EXPECT_TRUE((*chain)->facilitator_schemes().empty());
    NetworkSetup foreign;
    foreign.network = *ChainId::parse("eip155:007");
    EXPECT_FALSE(module->connect(std::move(foreign)));
}

}  // namespace
}  // namespace x402::evm
