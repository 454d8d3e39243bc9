// SPDX-License-Identifier: Apache-2.0
// What a settlement may cost: simulated as it will be sent, capped, and shared only where a
// neighbour's cost is known.
#include <gtest/gtest.h>

#include <optional>

#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/testing/world.hpp"

namespace x402::evm {
namespace {

using testing::kToken;
using testing::sample_payment;
using testing::World;
using testing::WorldOptions;

// The usual payer as a contract wallet that accepts the usual payer's signature.
Address make_wallet(World& world) {
    const Address wallet = testing::address_at(testing::payer_address());
    world.node.world().wallets[wallet] = wallet;
    EXPECT_TRUE(world.prove());
    return wallet;
}

std::int64_t gas_of(const Simulation& simulation) {
    return simulation.body.at("gas").as_int64();
}

TEST(SimulateOne, AsksWithTheFeesThatWillBeOffered) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto actions = world.plan(sample_payment()).actions;
    std::optional<json::Object> asked;
    world.node.edits["eth_estimateGas"] = [&asked](const net::RpcCall& call, auto&) {
        asked = call.params[0].as_object();
    };
    const Simulation simulation = world.simulate(actions);
    ASSERT_TRUE(simulation.ok());
    const Attempt attempt = *world.sign(*world.next_slot({}), actions);
    ASSERT_TRUE(asked && asked->contains("maxFeePerGas"));
    const auto offered = [&attempt](const char* name) {
        return U256::from_decimal(std::string(attempt.body.at(name).as_string()))->to_quantity();
    };
    EXPECT_EQ(std::string(asked->at("maxFeePerGas").as_string()), offered("maxFee"));
    EXPECT_EQ(std::string(asked->at("maxPriorityFeePerGas").as_string()), offered("tip"));
    EXPECT_EQ(std::string(asked->at("from").as_string()).size(), 42U);
    EXPECT_TRUE(asked->contains("gas")) << "the node's own work is bounded too";
}

// It says yes where gas has no price, and no where it has: the transaction would be lost gas.
TEST(SimulateOne, AWalletThatLooksAtTheGasPriceIsFoundOut) {
    World world;
    const Address wallet = make_wallet(world);
    const auto actions = world.plan(sample_payment()).actions;
    EXPECT_TRUE(world.simulate(actions).ok());
    world.node.world().wary.insert(wallet);
    EXPECT_FALSE(world.simulate(actions).ok());
}

TEST(SimulateOne, AWalletMayTakeWhatAWalletNeedsAndNoMore) {
    World world;
    const Address wallet = make_wallet(world);
    const auto actions = world.plan(sample_payment()).actions;
    world.node.world().wallet_gas[wallet] = 300'000;
    EXPECT_EQ(world.verify(sample_payment()), "");
    const Simulation fits = world.simulate(actions);
    ASSERT_TRUE(fits.ok());
    EXPECT_GE(gas_of(fits), 373'200);
    EXPECT_LE(gas_of(fits), 600'000);
    world.node.world().wallet_gas[wallet] = 700'000;
    EXPECT_NE(world.verify(sample_payment()), "") << "verify and settle agree";
    const Simulation much = world.simulate(actions);
    ASSERT_FALSE(much.ok());
    EXPECT_EQ(much.refusals[0]->field, "gas");
}

// A wallet may also look at the gas it is given: the last question has exactly the transaction's.
TEST(SimulateOne, AWalletIsAskedOnceMoreWithTheGasOfTheTransaction) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto plain = world.plan(sample_payment()).actions;
    make_wallet(world);
    const auto actions = world.plan(sample_payment()).actions;
    std::string gas;
    bool refuses = false;
    world.node.edits["eth_call"] = [&](const net::RpcCall& asked, auto& answer) {
        const json::Object& call = asked.params[0].as_object();
        if (!call.contains("maxFeePerGas")) return;
        gas = call.at("gas").as_string();
        if (!refuses) return;
        answer->result.reset();
        answer->error = net::RpcError{3, "execution reverted", {}};
    };
    const Simulation simulation = world.simulate(actions);
    ASSERT_TRUE(simulation.ok());
    EXPECT_EQ(gas, U256(static_cast<std::uint64_t>(gas_of(simulation))).to_quantity());
    refuses = true;
    EXPECT_FALSE(world.simulate(actions).ok());
    gas.clear();
    EXPECT_TRUE(world.simulate(plain).ok());
    EXPECT_EQ(gas, "") << "a plain account has no code that could differ";
}

// That our signer has no funds is our trouble and not the payer's.
TEST(SimulateOne, AnEmptySignerIsTroubleAndNoRefusal) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto actions = world.plan(sample_payment()).actions;
    world.node.world().wei[testing::address_at(world.signer())] = U256(1'000'000);
    const auto got = world.try_simulate(actions);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::unavailable);
    world.node.errors["eth_estimateGas"] =
        net::RpcError{-32000, "insufficient funds for gas * price + value", {}};
    EXPECT_EQ(world.try_simulate(actions).error().code, Errc::unavailable);
}

TEST(Fees, ANodesSuggestedTipIsCapped) {
    WorldOptions options;
    options.max_tip = U256(3'000'000'000ULL);
    World world(options);
    ASSERT_TRUE(world.prove());
    const Slot slot = *world.next_slot({});
    world.node.tip = U256(2'999'999'999ULL);
    EXPECT_EQ(world.sign(slot, {})->body.at("tip").as_string(), "2999999999");
    world.clock.at += std::chrono::seconds(2);
    world.node.tip = U256(90'000'000'000ULL);
    EXPECT_EQ(world.sign(slot, {})->body.at("tip").as_string(), "3000000000");
}

// Where the data fee is counted as gas nobody can say what a neighbour costs.
TEST(Share, NotWhereATransferOfNothingCostsMoreThanItself) {
    struct Row {
        const char* name;
        std::uint64_t gas;
        bool shares;
    };
    static constexpr Row rows[] = {
        {"as everywhere", 21'000, true},
        {"a node that adds a margin", 25'200, true},
        {"a data fee in gas", 190'000, false},
        {"a small one", 60'000, false},
        {"nonsense", 5, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        World world;
        world.node.edits["eth_estimateGas"] = [row](const net::RpcCall& call, auto& answer) {
            const std::string data(call.params[0].as_object().at("data").as_string());
            if (data == "0x") answer->result = json::Value(U256(row.gas).to_quantity());
        };
        ASSERT_TRUE(world.prove());
        const auto one = world.plan(sample_payment(1)).actions[0];
        const auto two = world.plan(sample_payment(2)).actions[0];
        EXPECT_EQ(world.network().can_share(one, two), row.shares);
        const auto together = world.try_simulate({one, two});
        EXPECT_EQ(together.has_value(), row.shares);
    }
    World mute;
    mute.node.errors["eth_estimateGas"] = net::RpcError{-32601, "no such method", {}};
    ASSERT_TRUE(mute.prove());
    const auto one = mute.plan(sample_payment()).actions[0];
    EXPECT_FALSE(mute.network().can_share(one, one)) << "not known is not shared";
}

}  // namespace
}  // namespace x402::evm
