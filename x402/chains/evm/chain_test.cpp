// SPDX-License-Identifier: Apache-2.0
// Proving that endpoints and tokens are what they claim, before any money.
#include <gtest/gtest.h>

#include <optional>

#include "x402/chains/evm/testing/world.hpp"

namespace x402::evm {
namespace {

using testing::kToken;
using testing::World;
using testing::WorldOptions;

constexpr std::string_view kOther = "0x1111111111111111111111111111111111111111";

AssetInfo configured(std::string name, std::string version, std::uint8_t decimals = 6) {
    AssetInfo asset;
    asset.address = std::string(kOther);
    asset.id = AssetId{*ChainId::parse("eip155:84532"), "erc20", asset.address};
    asset.decimals = decimals;
    if (!name.empty()) asset.extra["name"] = name;
    if (!version.empty()) asset.extra["version"] = version;
    return asset;
}

struct Row {
    const char* name;
    AssetInfo claim;
    void (*change)(testing::FakeNode& node);
    std::string_view field;  // of the error; "" is good
};

TEST(Prove, ConfiguredTokens) {
    const Row rows[] = {
        {"right", configured("Fun", "7"), [](testing::FakeNode&) {}, ""},
        {"left out", configured("", ""), [](testing::FakeNode&) {}, ""},
        {"another name", configured("Funny", "7"), [](testing::FakeNode&) {}, "eip712.name"},
        {"another version", configured("Fun", "8"), [](testing::FakeNode&) {}, "eip712.version"},
        {"other decimals", configured("Fun", "7", 18), [](testing::FakeNode&) {}, "decimals"},
        {"no contract", configured("Fun", "7"),
         [](testing::FakeNode& node) { node.world().tokens.erase(testing::address_at(kOther)); },
         "address"},
        {"no EIP-3009", configured("Fun", "7"),
         [](testing::FakeNode& node) { node.token(kOther).eip3009 = false; }, "transfer"},
        {"a token that tells nothing", configured("Any", "1"),
         [](testing::FakeNode& node) { node.token(kOther).tells_domain = false; }, ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        WorldOptions options;
        options.configured = {row.claim};
        World world(options);
        world.node.token(kOther).name = "Fun";
        world.node.token(kOther).version = "7";
        row.change(world.node);
        const auto proven = world.prove();
        ASSERT_EQ(proven.has_value(), row.field.empty());
        if (!proven) {
            EXPECT_EQ(proven.error().field, row.field) << to_string(proven.error());
        }
    }
}

TEST(Prove, EveryEndpointServesThisChain) {
    World world;
    testing::FakeNode other;
    other.chain_id = 1;
    world.node.peers.push_back(&other);
    const auto proven = world.prove();
    ASSERT_FALSE(proven);
    EXPECT_EQ(proven.error().field, "rpc");
    EXPECT_NE(proven.error().detail.find("serves chain 1"), std::string::npos);
    other.down = true;
    EXPECT_TRUE(world.prove()) << "one that answers is enough";
    world.node.down = true;
    EXPECT_EQ(world.prove().error().code, Errc::unreachable);
}

// An endpoint that once told what is final is not believed to have forgotten the word.
TEST(FinalTag, AMomentaryErrorIsNoUnknownTag) {
    struct Said {
        const char* name;
        std::int64_t code;
        const char* message;
    };
    static constexpr Said rows[] = {
        {"just started", -39001, "Unknown block"},
        {"still syncing", -32000, "finalized block not found"},
        {"rate limit", -32005, "limit exceeded"},
        {"odd words", -32000, "method not supported at this moment"},
    };
    for (const Said& row : rows) {
        SCOPED_TRACE(row.name);
        World world;
        ASSERT_TRUE(world.prove());
        const Payment payment = testing::sample_payment();
        world.node.mine(1, 10'000);
        world.node.mine(70, 1);
        ASSERT_EQ(world.trace(payment).state, TraceState::impossible);
        world.node.edits["eth_getBlockByNumber"] = [row](const net::RpcCall& asked, auto& answer) {
            if (asked.params[0].as_string() != "finalized") return;
            answer->result.reset();
            answer->error = net::RpcError{row.code, row.message, {}};
        };
        EXPECT_EQ(world.trace(payment).state, TraceState::unknown);
        world.node.edits.clear();
        EXPECT_EQ(world.trace(payment).state, TraceState::impossible);
    }
}

TEST(FinalTag, IsLearntOnceAndAgainOnlyWhereTheNodeSaysSo) {
    World world;
    world.node.knows_final_tag = false;
    world.node.mine(70, 1);
    ASSERT_TRUE(world.prove());
    const Payment payment = testing::sample_payment();
    std::size_t asked = 0;
    world.node.edits["eth_getBlockByNumber"] = [&asked](const net::RpcCall& call, auto&) {
        asked += call.params[0].as_string() == "finalized" ? 1 : 0;
    };
    EXPECT_EQ(world.trace(payment).state, TraceState::none);
    EXPECT_EQ(asked, 0U) << "known since the start";

    World forgets;
    forgets.node.mine(70, 1);
    ASSERT_TRUE(forgets.prove());
    forgets.node.knows_final_tag = false;
    forgets.node.mine(1, 10'000);
    forgets.node.mine(62, 1);
    EXPECT_EQ(forgets.trace(payment).state, TraceState::none) << "sixty-four blocks from now on";
    forgets.node.mine(2, 1);
    EXPECT_EQ(forgets.trace(payment).state, TraceState::impossible);
}

TEST(FinalTag, OneThatDoesNotKnowItDoesNotTakeItFromTheOthers) {
    World world;
    testing::FakeNode other;
    other.mine(4);
    world.node.peers.push_back(&other);
    ASSERT_TRUE(world.prove());
    world.node.mine(1, 10'000);
    world.node.mine(70, 1);
    other.mine(1, 10'000);
    other.mine(70, 1);
    world.node.knows_final_tag = false;
    EXPECT_EQ(world.trace(testing::sample_payment()).state, TraceState::impossible);
    other.down = true;
    world.node.knows_final_tag = true;
    EXPECT_EQ(world.trace(testing::sample_payment()).state, TraceState::impossible);
}

TEST(FinalTag, OneThatHasJustStartedDoesNotTakeItFromOneThatIsAway) {
    struct Said {
        const char* name;
        std::int64_t code;
        const char* message;
        bool at_the_start;
    };
    static constexpr Said rows[] = {
        {"no such block yet, at the start", -39001, "Unknown block", true},
        {"no such word, at the start", -32602, "invalid block tag", true},
        {"no such word, later", -32602, "invalid block tag", false},
    };
    for (const Said& row : rows) {
        SCOPED_TRACE(row.name);
        World world;
        testing::FakeNode other;
        other.mine(4);
        world.node.mine(4);
        world.node.peers.push_back(&other);
        const auto odd = [row](const net::RpcCall& asked, auto& answer) {
            if (asked.params[0].as_string() != "finalized") return;
            answer->result.reset();
            answer->error = net::RpcError{row.code, row.message, {}};
        };
        if (row.at_the_start) world.node.edits["eth_getBlockByNumber"] = odd;
        other.down = row.at_the_start;
        ASSERT_TRUE(world.prove());
        world.node.edits["eth_getBlockByNumber"] = odd;
        other.down = true;
        for (testing::FakeNode* node : {&world.node, &other}) {
            node->final_depth = 70;
            node->mine(1, 10'000);
            node->mine(66, 1);
        }
        const Payment payment = testing::sample_payment();
        EXPECT_EQ(world.trace(payment).state, TraceState::unknown) << "one has not been asked";
        other.down = false;
        EXPECT_EQ(world.trace(payment).state, TraceState::none) << "it knows what is final";
    }
}

// A private chain whose nodes know the word and never have such a block.
TEST(FinalTag, AChainThatNeverFinalizesCountsBlocks) {
    World world;
    world.node.mine(70, 1);
    world.node.edits["eth_getBlockByNumber"] = [](const net::RpcCall& asked, auto& answer) {
        if (asked.params[0].as_string() != "finalized") return;
        answer->result.reset();
        answer->error = net::RpcError{-39001, "Unknown block", {}};
    };
    ASSERT_TRUE(world.prove());
    EXPECT_EQ(world.trace(testing::sample_payment()).state, TraceState::none);
}

Task<void> read_asset(Chain& chain, std::string address, std::optional<Result<AssetInfo>>& out) {
    out.emplace(co_await chain.asset(address));
}
Task<void> read_balance(Chain& chain, std::string owner, const AssetInfo& asset,
                        std::optional<Result<U256>>& out) {
    out.emplace(co_await chain.balance(owner, asset));
}

TEST(ChainReads, AssetsAndBalances) {
    World world;
    world.node.token(kOther).name = "Fun";
    world.node.token(kOther).version = "7";
    world.node.fund(kOther, testing::payer_address(), 5);
    std::optional<Result<AssetInfo>> asset;
    testing::run([&] { return read_asset(*world.chain, std::string(kToken), asset); });
    EXPECT_EQ((*asset)->symbol, "USDC");
    EXPECT_TRUE((*asset)->usd);
    testing::run([&] { return read_asset(*world.chain, std::string(kOther), asset); });
    ASSERT_TRUE(*asset);
    EXPECT_EQ((*asset)->symbol, "TKN");
    EXPECT_FALSE((*asset)->usd) << "what nobody vouches for is no dollar";
    EXPECT_EQ((*asset)->extra.at("name").as_string(), "Fun");
    world.node.token(kToken).name = "USD Coin";
    testing::run([&] { return read_asset(*world.chain, std::string(kToken), asset); });
    EXPECT_EQ((*asset)->extra.at("name").as_string(), "USDC") << "remembered for a while";
    world.clock.at += std::chrono::minutes(16);
    testing::run([&] { return read_asset(*world.chain, std::string(kToken), asset); });
    EXPECT_EQ((*asset)->extra.at("name").as_string(), "USD Coin")
        << "the chain knows better than a table";
    world.clock.at += std::chrono::minutes(16);
    world.node.down = true;
    testing::run([&] { return read_asset(*world.chain, std::string(kToken), asset); });
    EXPECT_EQ((*asset)->symbol, "USDC")
        << "a table row is good enough while the chain cannot be asked";
    world.node.down = false;
    testing::run([&] { return read_asset(*world.chain, std::string(kOther), asset); });
    std::optional<Result<U256>> balance;
    const AssetInfo known = **asset;
    testing::run(
        [&] { return read_balance(*world.chain, testing::payer_address(), known, balance); });
    EXPECT_EQ(**balance, U256(5));
    testing::run([&] { return read_asset(*world.chain, std::string(testing::kStranger), asset); });
    EXPECT_EQ(asset->error().code, Errc::not_found);
}

}  // namespace
}  // namespace x402::evm
