// SPDX-License-Identifier: Apache-2.0
// What an operator writes of a network, and the sentences for what is wrong.
#include <gtest/gtest.h>

#include <cstdlib>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/settings.hpp"
#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm {
namespace {

Tree::Member member(std::string key, std::string value) {
    return {key, Tree::text(std::move(value), "networks.x." + key, {"f.toml", 3})};
}
Tree::Member member(std::string key, const char* value) {
    return member(std::move(key), std::string(value));
}
Tree::Member member(std::string key, std::int64_t value) {
    return {key, Tree::integer(value, "networks.x." + key, {"f.toml", 3})};
}
Tree::Member flag(std::string key, bool value) {
    return {key, Tree::boolean(value, "networks.x." + key, {"f.toml", 3})};
}
Tree::Member texts(std::string key, std::vector<std::string> values) {
    Tree::List list;
    for (std::string& each : values) {
        list.push_back(Tree::text(std::move(each), "networks.x." + key, {"f.toml", 3}));
    }
    return {key, Tree::list(std::move(list), "networks.x." + key, {"f.toml", 3})};
}

Result<Settings> settings_of(Tree::Table members, bool with_signers = true) {
    const Tree section = Tree::table(std::move(members), "networks.x", {"f.toml", 1});
    NetworkSetup setup;
    setup.network = *ChainId::parse(testing::kDevnet);
    setup.section = &section;
    setup.with_signers = with_signers;
    return read_settings(setup, "https://public.example");
}

class SvmSettings : public ::testing::Test {
protected:
    void SetUp() override {
        for (const std::uint8_t who : {std::uint8_t{1}, std::uint8_t{2}}) {
            const std::string name = "X402_TEST_SVM_" + std::to_string(who);
            setenv(name.c_str(), to_base58(testing::sample_seed(who).reveal()).c_str(), 1);
        }
        setenv("X402_TEST_SVM_HEX", ("0x" + std::string(64, '1')).c_str(), 1);
    }
    void TearDown() override {
        for (const char* name : {"X402_TEST_SVM_1", "X402_TEST_SVM_2", "X402_TEST_SVM_HEX"}) {
            unsetenv(name);
        }
    }
};

TEST_F(SvmSettings, Defaults) {
    const auto plain = settings_of({});
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->rpc, std::vector<std::string>{"https://public.example"});
    EXPECT_TRUE(plain->signers.empty());
    EXPECT_EQ(plain->commitment, Commitment::confirmed);
    EXPECT_FALSE(plain->any_token);
    EXPECT_FALSE(plain->smart_wallets);
    EXPECT_EQ(plain->max_compute_units, 400'000U);
    EXPECT_EQ(plain->max_compute_price, 5'000'000U);
    EXPECT_EQ(plain->max_fee, 100'000U);
    EXPECT_FALSE(plain->daily_fee_budget);
    EXPECT_FALSE(plain->payer_fee_budget);
    EXPECT_EQ(plain->rebroadcast, Duration(2'000));
    EXPECT_FALSE(plain->poll);
}

TEST_F(SvmSettings, EveryKey) {
    Tree::Table members{texts("rpc", {"http://127.0.0.1:1", "http://127.0.0.1:2"}),
                        texts("signers", {"env:X402_TEST_SVM_1", "env:X402_TEST_SVM_2"}),
                        member("commitment", "finalized"),
                        member("max_compute_units", 200'000),
                        member("max_compute_price", 1'000),
                        member("max_fee", "0.00005"),
                        member("daily_fee_budget", "0.05"),
                        member("payer_fee_budget", 1'000'000),
                        flag("smart_wallets", true),
                        flag("any_token", true),
                        member("rebroadcast", "500ms"),
                        member("poll", "50ms")};
    const auto full = settings_of(members);
    ASSERT_TRUE(full) << to_string(full.error());
    EXPECT_EQ(full->rpc.size(), 2U);
    ASSERT_EQ(full->signers.size(), 2U);
    EXPECT_EQ(full->signers[0].address, to_text(testing::sample_address(1)));
    EXPECT_TRUE(
        std::ranges::equal(full->signers[1].seed.reveal(), testing::sample_seed(2).reveal()));
    EXPECT_EQ(full->commitment, Commitment::finalized);
    EXPECT_EQ(full->max_compute_units, 200'000U);
    EXPECT_EQ(full->max_compute_price, 1'000U);
    EXPECT_EQ(full->max_fee, 50'000U);
    EXPECT_EQ(full->daily_fee_budget, U256(50'000'000));
    EXPECT_EQ(full->payer_fee_budget, U256(1'000'000));
    EXPECT_TRUE(full->smart_wallets);
    EXPECT_TRUE(full->any_token);
    EXPECT_EQ(full->rebroadcast, Duration(500));
    EXPECT_EQ(full->poll, Duration(50));
    EXPECT_TRUE(settings_of(members, false)->signers.empty()) << "for reading only";
}

TEST_F(SvmSettings, NoKeyIsLeftUnreadAndAStrangersIs) {
    Tree::Table members{member("commitment", "confirmed"), member("max_fee", 20'000),
                        member("signers", "env:X402_TEST_SVM_1"), member("confirmations", 5)};
    const Tree section = Tree::table(std::move(members), "networks.x", {"f.toml", 1});
    NetworkSetup setup;
    setup.network = *ChainId::parse(testing::kDevnet);
    setup.section = &section;
    setup.with_signers = false;
    ASSERT_TRUE(read_settings(setup, "https://public.example"));
    const auto unread = section.unread();
    ASSERT_EQ(unread.size(), 1U);
    EXPECT_EQ(unread[0]->path(), "networks.x.confirmations");
}

TEST_F(SvmSettings, WrongOnesNameTheirPlaceAndTheRemedy) {
    struct Row {
        const char* name;
        Tree::Member member;
    };
    const Row rows[] = {
        {"too weak to settle on", member("commitment", "processed")},
        {"an unknown commitment", member("commitment", "final")},
        {"no commitment", member("commitment", 1)},
        {"no room for a payment", member("max_compute_units", 19'999)},
        {"more than the network grants", member("max_compute_units", 1'400'001)},
        {"units as text", member("max_compute_units", "many")},
        {"no price", member("max_compute_price", std::int64_t{0})},
        {"a price beyond reason", member("max_compute_price", 1'000'000'001)},
        {"less than two signatures", member("max_fee", 10'000)},
        {"above one SOL", member("max_fee", "1.000000001")},
        {"a negative fee", member("max_fee", -1)},
        {"no number", member("max_fee", "cheap")},
        {"zero", member("daily_fee_budget", std::int64_t{0})},
        {"beyond a lamport", member("daily_fee_budget", "0.0000000001")},
        {"less than one payment", member("daily_fee_budget", 50'000)},
        {"less than one payment of a payer", member("payer_fee_budget", 99'999)},
        {"too eager", member("rebroadcast", "100ms")},
        {"too late", member("rebroadcast", "21s")},
        {"no duration", member("rebroadcast", "soon")},
        {"too often", member("poll", "4ms")},
        {"neither true nor false", member("smart_wallets", "yes")},
        {"a variable that is not set", member("signers", "env:X402_TEST_SVM_NONE")},
        {"a key of another family", member("signers", "env:X402_TEST_SVM_HEX")},
        {"a key in the open", member("signers", "4wBqpZM9xaSheZzJSMawUKKwhdpChKbZ5eu5ky4Vigw")},
        {"twice", texts("signers", {"env:X402_TEST_SVM_1", "env:X402_TEST_SVM_1"})},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = settings_of({row.member});
        ASSERT_FALSE(got);
        EXPECT_NE(to_string(got.error()).find(row.member.key), std::string::npos)
            << to_string(got.error());
        EXPECT_NE(to_string(got.error()).find("f.toml:3"), std::string::npos);
    }
    const auto both =
        settings_of({member("daily_fee_budget", 1'000'000), member("payer_fee_budget", 2'000'000)});
    ASSERT_FALSE(both);
    EXPECT_NE(to_string(both.error()).find("payer_fee_budget"), std::string::npos);
}

TEST(ParseLamports, Table) {
    struct Row {
        std::string_view text;
        std::optional<std::uint64_t> want;
    };
    static constexpr Row rows[] = {
        {"1", 1},
        {"5000", 5'000},
        {"0.05", 50'000'000},
        {"1.0", 1'000'000'000},
        {"0.000000001", 1},
        {"18446744073709551615", 18'446'744'073'709'551'615ULL},
        {"18446744073709551616", std::nullopt},
        {"0.0000000001", std::nullopt},
        {"0", std::nullopt},
        {"0.0", std::nullopt},
        {"", std::nullopt},
        {".5", std::nullopt},
        {"-1", std::nullopt},
        {"1e9", std::nullopt},
        {"0.05 SOL", std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        const auto got = parse_lamports(row.text);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (got) {
            EXPECT_EQ(*got, U256(*row.want));
        }
    }
}

TEST(SvmSettingsRpc, TheSetupsOwnComeFirstAndNoneIsAnError) {
    NetworkSetup setup;
    setup.network = *ChainId::parse(testing::kDevnet);
    const auto none = read_settings(setup, "");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().field, "rpc");
    setup.rpc = {"http://127.0.0.1:3"};
    Tree::Table members{member("rpc", "http://127.0.0.1:4")};
    const Tree section = Tree::table(std::move(members), "networks.x", {"f.toml", 1});
    setup.section = &section;
    EXPECT_EQ(read_settings(setup, "https://public.example")->rpc, setup.rpc);
}

}  // namespace
}  // namespace x402::svm
