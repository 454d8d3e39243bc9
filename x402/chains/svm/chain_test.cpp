// SPDX-License-Identifier: Apache-2.0
// An opened network: what is proven at the start, and what payers and sellers are told before
// anything is signed.
#include <gtest/gtest.h>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/chain.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/testing/fake_node.hpp"
#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm {
namespace {

using testing::address_at;
using testing::kPayee;
using testing::kPayer;
using testing::kUsdc;
using testing::sample_address;
using testing::wait_for;

constexpr std::string_view kSurfnet = "9gNVdz7KNaJnSjit4zhTAEQVfY7qRi22KhS9oSLVc2D2";
constexpr std::string_view kMainnetGenesis = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d";

class SvmChains : public ::testing::Test {
protected:
    SvmChains() {
        cluster.put_mint(mint);
        cluster.put_holding({sample_address(kPayer), mint, 1'000'000});
        cluster.put_holding({sample_address(kPayee), mint, 0});
        cluster.fund(sample_address(testing::kFeePayer), 1'000'000'000);
        asset.address = std::string(kUsdc);
        asset.id = AssetId{*ChainId::parse(testing::kDevnet), "token", asset.address};
        asset.decimals = 6;
        requirements.scheme = "exact";
        requirements.network = asset.id.network;
        requirements.asset = asset.address;
        requirements.amount = U256(10'000);
        requirements.pay_to = to_text(sample_address(kPayee));
    }
    Chain& open(bool with_signers = true) {
        ChainOptions options;
        options.network = asset.id.network;
        options.known = {asset};
        options.with_signers = with_signers;
        options.settings.signers.push_back(Signer{to_text(sample_address(testing::kFeePayer)),
                                                  testing::sample_seed(testing::kFeePayer)});
        chain = make_chain(std::move(options), testing::borrow(cluster), Env{clock, *random});
        return *chain;
    }
    // What prepare refuses with, or "".
    std::string refuses() {
        const auto told = wait_for(open().prepare(requirements, to_text(sample_address(kPayer))));
        return told ? "" : to_string(told.error());
    }
    // Why payTo cannot receive: code, and the sentence with the next step.
    std::pair<std::string, std::string> receives() {
        const auto got = wait_for(open().cannot_receive(requirements.pay_to, asset));
        if (!got) return {"error", to_string(got.error())};
        if (!*got) return {};
        return {(*got)->code, to_sentence(**got) + " " + (*got)->message + " " + (*got)->next};
    }

    testing::FakeCluster cluster{2};
    testing::StillClock clock;
    std::unique_ptr<Random> random = make_test_random(7);
    std::unique_ptr<Chain> chain;
    Address mint = address_at(kUsdc);
    AssetInfo asset;
    PaymentRequirements requirements;
};

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST_F(SvmChains, ProvesTheGenesisOfEveryEndpoint) {
    struct Row {
        const char* name;
        std::string_view url;
        std::string_view genesis;
        bool proves;
    };
    const std::string own = cluster.endpoint(1).genesis;
    const Row rows[] = {
        {"the network's own", "https://node.example", own, true},
        {"another public network", "https://node.example", kMainnetGenesis, false},
        {"a chain of somebody's own", "https://node.example", kSurfnet, false},
        {"a local chain", "http://127.0.0.1:8899", kSurfnet, true},
        {"a local chain by name", "http://localhost:8899", kSurfnet, true},
        {"a local chain over IPv6", "http://[::1]:8899", kSurfnet, true},
        {"the network's own, here", "http://127.0.0.1:8899", own, true},
        {"another public network, here", "http://127.0.0.1:8899", kMainnetGenesis, false},
        {"a host that only looks local", "http://127.0.0.1.example", kSurfnet, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        cluster.endpoint(1).url = row.url;
        cluster.endpoint(1).genesis = row.genesis;
        const auto got = wait_for(open(false).prove());
        EXPECT_EQ(got.has_value(), row.proves);
        if (!got) {
            EXPECT_EQ(got.error().field, "rpc");
        }
    }
}

TEST_F(SvmChains, AnEndpointThatIsSilentProvesNothingAndAllOfThemStopTheStart) {
    cluster.endpoint(1).genesis = kMainnetGenesis;
    cluster.endpoint(1).down = true;
    EXPECT_TRUE(wait_for(open(false).prove()));
    cluster.endpoint(0).down = true;
    const auto got = wait_for(open(false).prove());
    ASSERT_FALSE(got);
    EXPECT_TRUE(got.error().retryable);
}

TEST_F(SvmChains, SettlesOnlyWithSigners) {
    open(false);
    EXPECT_EQ(chain->network(), nullptr);
    EXPECT_TRUE(chain->facilitator_schemes().empty());
    EXPECT_TRUE(wait_for(chain->prove()));
    open();
    EXPECT_TRUE(wait_for(chain->prove()));
    ASSERT_NE(chain->network(), nullptr);
    EXPECT_EQ(chain->network()->id(), chain->id());
    EXPECT_EQ(chain->facilitator_schemes().size(), 1U);
    EXPECT_EQ(chain->health().size(), 2U);
}

TEST_F(SvmChains, Balance) {
    open();
    const auto balance = [this](const Address& owner) {
        return wait_for(chain->balance(to_text(owner), asset));
    };
    EXPECT_EQ(*balance(sample_address(kPayer)), U256(1'000'000));
    EXPECT_EQ(*balance(sample_address(77)), U256(0)) << "no token account";
    cluster.fund(token_account_of(sample_address(78), mint, token_program()), 5);
    EXPECT_EQ(*balance(sample_address(78)), U256(0)) << "SOL where none was made yet";
    asset.address = to_text(sample_address(79));
    EXPECT_EQ(balance(sample_address(kPayer)).error().code, Errc::not_found);
    EXPECT_FALSE(wait_for(chain->balance("0x00", asset)));
}

TEST_F(SvmChains, AssetOfAnAddress) {
    open();
    EXPECT_EQ(wait_for(chain->asset(std::string(kUsdc)))->decimals, 6);
    EXPECT_FALSE(wait_for(chain->asset("USDC")));
}

TEST_F(SvmChains, TellsAPayerWhatItsSignatureNeeds) {
    const auto told = wait_for(open().prepare(requirements, to_text(sample_address(kPayer))));
    ASSERT_TRUE(told) << to_string(told.error());
    const Hash32 newest = cluster.blockhash(Commitment::confirmed);
    EXPECT_EQ(told->at("recentBlockhash"), json::Value(to_base58(newest.view())));
    EXPECT_EQ(told->at("lastValidBlockHeight"),
              json::Value(std::to_string(*cluster.last_height(newest))));
    EXPECT_EQ(told->at("tokenProgram"), json::Value(to_text(token_program())));
    EXPECT_EQ(told->at("decimals").to_number<int>(), 6);
}

TEST_F(SvmChains, TheSellersBlockhashSavesTheQuestion) {
    const std::string given = to_base58(Hash32::from(Bytes(32, 5)).view());
    requirements.extra["recentBlockhash"] = given;
    requirements.extra["lastValidBlockHeight"] = "9300";
    const auto told = wait_for(open().prepare(requirements, to_text(sample_address(kPayer))));
    ASSERT_TRUE(told);
    EXPECT_EQ(told->at("recentBlockhash"), json::Value(given));
    EXPECT_EQ(told->at("lastValidBlockHeight"), json::Value("9300"));
    EXPECT_EQ(cluster.count("getLatestBlockhash"), 0U);
    requirements.extra["recentBlockhash"] = given.substr(1);
    requirements.extra.erase("lastValidBlockHeight");
    const auto own = wait_for(open().prepare(requirements, to_text(sample_address(kPayer))));
    ASSERT_TRUE(own);
    EXPECT_NE(own->at("recentBlockhash"), json::Value(given));
    EXPECT_EQ(cluster.count("getLatestBlockhash"), 1U) << "what is none is asked for";
}

TEST_F(SvmChains, APayerWhoCannotPayIsToldBeforeSigning) {
    const Address source = token_account_of(sample_address(kPayer), mint, token_program());
    testing::FakeHolding holding{sample_address(kPayer), mint, 9'999};
    cluster.put_holding(holding);
    const std::string poor = refuses();
    EXPECT_TRUE(has(poor, "holds 0.009999 ") && has(poor, "0.01")) << poor;
    holding.amount = 10'000;
    cluster.put_holding(holding);
    EXPECT_EQ(refuses(), "") << "exactly enough";
    holding.state = TokenAccountState::frozen;
    cluster.put_holding(holding);
    EXPECT_TRUE(has(refuses(), "frozen"));
    cluster.remove(source);
    const std::string none = refuses();
    EXPECT_TRUE(has(none, "no token account for") && has(none, "next:")) << none;
    requirements.amount = U256::from_decimal("18446744073709551616").value();
    holding.state = TokenAccountState::initialized;
    cluster.put_holding(holding);
    EXPECT_TRUE(has(refuses(), "holds")) << "an amount beyond 64 bits";
}

TEST_F(SvmChains, APayeeWhoCannotReceiveIsSeenBeforeSigning) {
    cluster.remove(token_account_of(sample_address(kPayee), mint, token_program()));
    const std::string missing = refuses();
    EXPECT_TRUE(has(missing, "spl-token create-account " + std::string(kUsdc))) << missing;
    EXPECT_TRUE(has(missing, "--owner " + to_text(sample_address(kPayee)))) << missing;
    EXPECT_EQ(cluster.count("getLatestBlockhash"), 0U);
    requirements.asset = to_text(sample_address(60));
    EXPECT_TRUE(has(refuses(), "asset")) << "no such token";
    testing::FakeMint soulbound;
    soulbound.program = token_2022_program();
    soulbound.extensions = {{9, {}}};
    cluster.put_mint(sample_address(60), soulbound);
    EXPECT_TRUE(has(refuses(), "NonTransferable"));
}

TEST_F(SvmChains, TroubleOnTheWayIsNoRefusal) {
    cluster.endpoint(0).down = true;
    EXPECT_EQ(refuses(), "") << "the other one answers";
    cluster.endpoint(1).down = true;
    const auto told = wait_for(open().prepare(requirements, to_text(sample_address(kPayer))));
    ASSERT_FALSE(told);
    EXPECT_TRUE(told.error().retryable);
    EXPECT_EQ(receives().first, "error");
}

TEST_F(SvmChains, CannotReceive) {
    EXPECT_EQ(receives().first, "");
    const Address holding = token_account_of(sample_address(kPayee), mint, token_program());
    cluster.put_holding({sample_address(kPayee), mint, 0, TokenAccountState::frozen});
    EXPECT_EQ(receives().first, to_string(Reason::svm_recipient_unusable));
    cluster.remove(holding);
    const auto missing = receives();
    EXPECT_EQ(missing.first, to_string(Reason::svm_recipient_missing));
    EXPECT_TRUE(has(missing.second, "spl-token create-account")) << missing.second;
    EXPECT_FALSE(has(missing.second, "program")) << missing.second;
    cluster.put_holding({sample_address(kPayee), mint, 0});
    requirements.pay_to = to_text(holding);
    const auto itself = receives();
    EXPECT_EQ(itself.first, to_string(Reason::svm_recipient_unusable));
    EXPECT_TRUE(has(itself.second, to_text(sample_address(kPayee)))) << itself.second;
    requirements.pay_to = std::string(kUsdc);
    EXPECT_EQ(receives().first, to_string(Reason::svm_recipient_unusable)) << "a mint";
    requirements.pay_to = "EPjFWdd5";
    EXPECT_EQ(receives().first, "error");
}

TEST_F(SvmChains, AnAddressWithoutAKeyMayReceiveOnceItHasAnAccount) {
    const Address vault = token_account_of(sample_address(30), sample_address(31), token_program());
    requirements.pay_to = to_text(vault);
    const auto missing = receives();
    EXPECT_EQ(missing.first, to_string(Reason::svm_recipient_missing));
    EXPECT_TRUE(has(missing.second, "nobody has a key")) << missing.second;
    cluster.put_holding({vault, mint, 0});
    EXPECT_EQ(receives().first, "");
    EXPECT_EQ(refuses(), "");
}

}  // namespace
}  // namespace x402::svm
