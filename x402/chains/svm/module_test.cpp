// SPDX-License-Identifier: Apache-2.0
// The door: what the rest of a process sees of Solana.
#include "x402/chains/svm/module.hpp"

#include <gtest/gtest.h>

#include "x402/chains/svm/address.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm {
namespace {

class NoHttp final : public net::HttpClient {
public:
    Task<Result<net::ClientResponse>> fetch(net::ClientRequest request) override {
        static_cast<void>(request);
        co_return fail(Errc::unreachable, "no network in this test");
    }
};

class SvmModules : public ::testing::Test {
protected:
    SvmModules() { EXPECT_TRUE(add_svm(modules, services)); }
    const ChainModule& module() { return *modules.family(kFamily); }
    Result<std::unique_ptr<Chain>> connect(std::string_view network) {
        NetworkSetup setup;
        setup.network = *ChainId::parse(network);
        return module().connect(std::move(setup));
    }

    NoHttp http;
    testing::StillClock clock;
    std::unique_ptr<Random> random = make_test_random(1);
    net::Services services{http, Env{clock, *random}};
    Modules modules;
};

TEST_F(SvmModules, IsFoundByEveryName) {
    EXPECT_EQ(add_svm(modules, services).error().code, Errc::conflict);
    for (const char* name : {"solana-devnet", "Solana Devnet"}) {
        EXPECT_EQ(modules.find_network(name)->text(), testing::kDevnet) << name;
    }
    const ChainId devnet = *ChainId::parse(testing::kDevnet);
    EXPECT_EQ(modules.of(devnet), &module());
    ASSERT_NE(modules.asset(devnet, "USDC"), nullptr);
    EXPECT_EQ(modules.asset(devnet, testing::kUsdc), modules.asset(devnet, "USDC"));
    EXPECT_NE(modules.client("exact", devnet), nullptr);
    EXPECT_NE(modules.server("exact", devnet), nullptr);
    EXPECT_EQ(modules.client("upto", devnet), nullptr);
    EXPECT_EQ(module().wallets().default_key_variable(), "X402_SVM_KEY");
    EXPECT_EQ(module().lifetime(), Duration(kLifetime));
}

TEST_F(SvmModules, Connects) {
    EXPECT_TRUE(connect(testing::kDevnet));
    const auto chain = connect(testing::kDevnet);
    EXPECT_EQ((*chain)->id().text(), testing::kDevnet);
    EXPECT_EQ((*chain)->network(), nullptr) << "no signers";
    ASSERT_EQ((*chain)->health().size(), 1U);
    EXPECT_EQ((*chain)->health()[0].endpoint, "https://api.devnet.solana.com");
    EXPECT_EQ(connect("solana:9gNVdz7KNaJnSjit4zhTAEQVfY7qRi22").error().field, "rpc")
        << "a network of one's own has no public endpoint";
    EXPECT_EQ(connect("eip155:8453").error().field, "network");
}

TEST_F(SvmModules, ReadsAddressesByTheLetter) {
    const std::string usdc(testing::kUsdc);
    EXPECT_EQ(*module().read_address(usdc), usdc);
    struct Row {
        const char* name;
        std::string text;
    };
    std::string lower = usdc;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const Row rows[] = {
        {"another case", lower},
        {"of another family", "0x036CbD53842c5426634e7929541eC2318f3dCF7e"},
        {"empty", ""},
        {"with a space", " " + usdc},
        {"64 bytes", usdc + usdc},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = module().read_address(row.text);
        EXPECT_TRUE(!got || (row.text == lower && *got != usdc));
    }
}

}  // namespace
}  // namespace x402::svm
