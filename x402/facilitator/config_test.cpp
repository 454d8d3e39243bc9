// SPDX-License-Identifier: Apache-2.0
// facilitator.toml: what is read, and what is refused with which remedy.
#include "x402/facilitator/config.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "x402/facilitator/test_ledger.hpp"
#include "x402/ops/config.hpp"

namespace x402::facilitator {
namespace {

constexpr std::string_view kNetwork = "[networks.\"fake:one\"]\nsigners = [\"env:S\"]\n";

struct Bench {
    Bench() {
        const auto added = test::add_fake(modules, ledger);
        EXPECT_TRUE(added);
    }
    std::unique_ptr<Clock> clock = make_system_clock();
    test::Ledger ledger{*clock};
    Modules modules;
    std::optional<Tree> tree;

    Result<Config> read(std::string_view head, std::string_view tail = kNetwork,
                        bool inside = false) {
        auto parsed =
            ops::parse_toml(std::string(head) + "\n" + std::string(tail), "facilitator.toml");
        EXPECT_TRUE(parsed) << (parsed ? "" : to_string(parsed.error()));
        tree = std::move(*parsed);
        return inside ? read_inside_config(*tree, modules, "/tmp")
                      : read_config(*tree, modules, "/tmp");
    }
};

TEST(FacilitatorConfig, DefaultsAreForThisMachineOnly) {
    Bench bench;
    const auto config = bench.read("");
    ASSERT_TRUE(config) << to_string(config.error());
    EXPECT_EQ(config->listen, "127.0.0.1:4020");
    EXPECT_EQ(config->store, "sqlite:facilitator.db");
    EXPECT_TRUE(config->loopback);
    EXPECT_FALSE(config->open);
    EXPECT_EQ(config->rate.rate, 0);
    ASSERT_EQ(config->networks.size(), 1U);
    EXPECT_EQ(config->networks[0].settle_wait, std::chrono::seconds(30));
    EXPECT_FALSE(config->networks[0].accept_observed);
    EXPECT_NE(config->networks[0].section, nullptr);
}

TEST(FacilitatorConfig, ReadsEveryKey) {
    ::setenv("X402_TEST_TOKEN", "secret", 1);
    Bench bench;
    const auto config = bench.read(
        "listen = \"0.0.0.0:0\"\nstore = \"memory:\"\nthreads = 3\ncallers = "
        "[\"env:X402_TEST_TOKEN\"]\n"
        "pay_to_allow = [\"Shop\", \"fake:one:Cafe\"]\nopen = true\nrate = 7\n",
        "[networks.\"Fake One\"]\nsigners = [\"env:S\"]\nsettle_wait = \"5s\"\naccept_observed = "
        "true\n"
        "any_token = true\nmin_amount = \"$0.5\"\n");
    ASSERT_TRUE(config) << to_string(config.error());
    EXPECT_FALSE(config->loopback);
    EXPECT_EQ(config->threads, 3U);
    ASSERT_EQ(config->callers.size(), 1U);
    EXPECT_TRUE(find_caller(config->callers, "Bearer secret"));
    EXPECT_TRUE(config->pay_to_allow.contains({"fake", "shop"}));
    EXPECT_TRUE(config->pay_to_allow.contains({"fake", "cafe"}));
    EXPECT_EQ(config->rate.rate, 7);
    const NetworkConfig& network = config->networks.at(0);
    EXPECT_EQ(network.id.text(), "fake:one");
    EXPECT_EQ(network.settle_wait, std::chrono::seconds(5));
    EXPECT_TRUE(network.accept_observed);
    EXPECT_TRUE(network.any_token);
    ASSERT_TRUE(network.min_amount.price);
    EXPECT_TRUE(network.min_amount.price->usd);
}

TEST(FacilitatorConfig, MinAmountForms) {
    Bench bench;
    const auto least = [&](const char* text) {
        return bench.read("", "[networks.\"fake:one\"]\nsigners = [\"env:S\"]\nmin_amount = " +
                                  std::string(text));
    };
    EXPECT_EQ(*least("1000")->networks[0].min_amount.atomic, U256(1'000));
    EXPECT_EQ(*least("\"1000\"")->networks[0].min_amount.atomic, U256(1'000));
    EXPECT_EQ(least("\"0.5 COIN\"")->networks[0].min_amount.price->symbol, "COIN");
    EXPECT_FALSE(least("-1"));
    EXPECT_FALSE(least("\"1e3\""));
    EXPECT_FALSE(least("true"));
}

TEST(FacilitatorConfig, Refusals) {
    struct Row {
        const char* name;
        const char* head;
        const char* tail;
        const char* says;
    };
    const Row rows[] = {
        {"public and unguarded", "listen = \"0.0.0.0:4020\"", kNetwork.data(), "who may ask"},
        {"a name that only looks local", "listen = \"127.example.com:1\"", kNetwork.data(),
         "who may ask"},
        {"missing token", "callers = [\"env:X402_TEST_NOT_SET\"]", kNetwork.data(),
         "could not be read"},
        {"token in the file", "callers = [\"hunter2\"]", kNetwork.data(), "could not be read"},
        {"pay_to of nobody", "pay_to_allow = [\"a:b\"]", kNetwork.data(), "is no address"},
        {"no threads", "threads = 0", kNetwork.data(), "threads"},
        {"no network", "", "", "no network"},
        {"unknown network", "", "[networks.\"mars:1\"]\nsigners = [\"env:S\"]", "mars"},
        {"no signers", "", "[networks.\"fake:one\"]\nrpc = [\"http://x\"]", "needs signers"},
        {"twice", "",
         "[networks.\"fake:one\"]\nsigners = [\"env:S\"]\n[networks.fake-one]\nsigners = "
         "[\"env:S\"]",
         "twice"},
        {"wait too long", "",
         "[networks.\"fake:one\"]\nsigners = [\"env:S\"]\nsettle_wait = \"1h\"", "settle_wait"},
        {"no wait", "", "[networks.\"fake:one\"]\nsigners = [\"env:S\"]\nsettle_wait = \"0s\"",
         "settle_wait"},
        {"negative rate", "rate = -1", kNetwork.data(), "rate"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Bench bench;
        const auto config = bench.read(row.head, row.tail);
        ASSERT_FALSE(config);
        EXPECT_NE(to_string(config.error()).find(row.says), std::string::npos)
            << to_string(config.error());
        EXPECT_EQ(to_string(config.error()).find("hunter2"), std::string::npos)
            << "a secret was repeated";
    }
}

TEST(FacilitatorConfig, PublicListenersAreGuardedInAnyOfThreeWays) {
    ::setenv("X402_TEST_TOKEN", "secret", 1);
    for (const char* guard :
         {"open = true", "callers = [\"env:X402_TEST_TOKEN\"]", "pay_to_allow = [\"shop\"]"}) {
        Bench bench;
        const auto config = bench.read("listen = \"0.0.0.0:4020\"\n" + std::string(guard));
        ASSERT_TRUE(config) << guard;
        EXPECT_GT(config->rate.rate, 0)
            << "a public listener is limited unless the file says otherwise";
    }
}

TEST(FacilitatorConfig, InsideAGatewayOnlyNetworksWithSigners) {
    Bench bench;
    const auto config = bench.read("listen = \"0.0.0.0:1\"",
                                   "[networks.\"fake:one\"]\nrpc = [\"http://x\"]\n", true);
    ASSERT_FALSE(config);
    EXPECT_NE(to_string(config.error()).find("signers"), std::string::npos);
    const auto good = bench.read("listen = \"0.0.0.0:1\"", kNetwork, true);
    ASSERT_TRUE(good);
    EXPECT_EQ(good->name, "inside");
}

TEST(Loopback, Table) {
    EXPECT_TRUE(is_loopback_listener("127.0.0.1:4020"));
    EXPECT_TRUE(is_loopback_listener("127.9.9.9:0"));
    EXPECT_TRUE(is_loopback_listener("localhost:80"));
    EXPECT_TRUE(is_loopback_listener("[::1]:80"));
    EXPECT_FALSE(is_loopback_listener("[::]:80"));
    EXPECT_FALSE(is_loopback_listener("0.0.0.0:80"));
    EXPECT_FALSE(is_loopback_listener(":80"));
    EXPECT_FALSE(is_loopback_listener("127.evil.example:80"));
}

TEST(FacilitatorConfig, BoundsWhatMayBeUndecided) {
    Bench bench;
    const auto usual = bench.read("");
    ASSERT_TRUE(usual);
    EXPECT_EQ(usual->pending, 4'096U);
    EXPECT_EQ(usual->pending_per_payer, 64U);
    const auto said = bench.read("max_pending = 10\nmax_pending_per_payer = 3\n");
    ASSERT_TRUE(said) << to_string(said.error());
    EXPECT_EQ(said->pending, 10U);
    EXPECT_EQ(said->pending_per_payer, 3U);
    for (const char* wrong : {"max_pending = 0", "max_pending_per_payer = -1",
                              "max_pending = 1000001", "max_pending_per_payer = \"many\""}) {
        EXPECT_FALSE(bench.read(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace x402::facilitator
