// SPDX-License-Identifier: Apache-2.0
// Reads that arrive together share one request, and none of them hears what is only true for its
// neighbour.
#include <gtest/gtest.h>

#include "x402/base/limits.hpp"
#include "x402/chains/evm/exact/facilitator.hpp"
#include "x402/chains/evm/testing/world.hpp"
#include "x402/net/runtime.hpp"

namespace x402::evm {
namespace {

using testing::kToken;
using testing::make_payment;
using testing::sample_payment;
using testing::SampleOptions;
using testing::sign_again;
using testing::World;
using testing::WorldOptions;

struct Crowd {
    World& world;
    std::vector<Payment> payments;
    std::vector<std::string> codes;
    std::size_t left = 0;
    Bell done;
};

Task<void> verify_one(Crowd& crowd, std::size_t index) {
    const auto verdict = co_await crowd.world.scheme().verify(crowd.payments[index]);
    std::string code;
    if (!verdict) {
        code = "error " + std::string(to_string(verdict.error().code));
    } else if (!verdict->valid()) {
        code = verdict->refusal->code;
    }
    crowd.codes[index] = std::move(code);
    --crowd.left;
    crowd.done.ring();
}

// All at once; those that come while the first read is held form a group.
Task<void> verify_all(Crowd& crowd, Bell& gate) {
    crowd.codes.resize(crowd.payments.size());
    crowd.left = crowd.payments.size();
    const auto executor = co_await net::this_executor();
    for (std::size_t i = 0; i < crowd.payments.size(); ++i) {
        net::spawn_on(executor, [&crowd, i] { return verify_one(crowd, i); });
    }
    while (crowd.left > 0) {
        const std::uint64_t seen = crowd.done.count();
        gate.ring();
        co_await crowd.done.wait(seen, Duration(1));
    }
}

std::vector<std::string> run_crowd(World& world, std::vector<Payment> payments) {
    Bell gate;
    Crowd crowd{world, std::move(payments), {}, 0, {}};
    world.node.hold = &gate;
    testing::run([&crowd, &gate] { return verify_all(crowd, gate); });
    world.node.hold = nullptr;
    return crowd.codes;
}

std::vector<Payment> payments_of(std::size_t count, std::uint8_t who = 1) {
    std::vector<Payment> out;
    for (std::size_t i = 0; i < count; ++i) {
        SampleOptions what;
        what.seed = 1'000 + i;
        what.who = who;
        out.push_back(make_payment(what));
    }
    return out;
}

TEST(SharedReader, ManyVerificationsFewRequests) {
    for (const bool multicall : {true, false}) {
        SCOPED_TRACE(multicall);
        WorldOptions options;
        options.multicall = multicall;
        World world(options);
        ASSERT_TRUE(world.prove());
        const std::size_t before = world.node.batches;
        const std::size_t calls = world.node.count("eth_call");
        const auto codes = run_crowd(world, payments_of(60));
        EXPECT_EQ(codes, std::vector<std::string>(60));
        EXPECT_LE(world.node.batches - before, 4U);
        if (multicall) {
            EXPECT_LE(world.node.count("eth_call") - calls, 10U) << "one call for a whole group";
        }
    }
}

TEST(SharedReader, GroupsAreCapped) {
    World world;
    ASSERT_TRUE(world.prove());
    const std::size_t before = world.node.batches;
    const auto codes = run_crowd(world, payments_of(200));
    EXPECT_EQ(codes, std::vector<std::string>(200));
    EXPECT_GE(world.node.batches - before, 200 / limits::kBatchedVerifies);
    EXPECT_LE(world.node.batches - before, 12U);
}

// The payer can pay for two of five: in the group the first ones spend the balance, but each alone
// is payable, and that is what verify says.
TEST(SharedReader, ANeighbourWhoSpendsFirstHurtsNobody) {
    World world;
    ASSERT_TRUE(world.prove());
    world.node.fund(kToken, testing::payer_address(), 20'000);
    EXPECT_EQ(run_crowd(world, payments_of(5)), std::vector<std::string>(5));
}

TEST(SharedReader, TheSameAuthorizationTwiceIsGoodTwice) {
    World world;
    ASSERT_TRUE(world.prove());
    std::vector<Payment> payments(6, sample_payment());
    EXPECT_EQ(run_crowd(world, payments), std::vector<std::string>(6));
}

// Money that a neighbour's transfer would bring inside the group is not money that the payer has.
TEST(SharedReader, ANeighboursTransferIsNoFunding) {
    World world;
    ASSERT_TRUE(world.prove());
    SampleOptions poor;
    poor.who = 2;
    poor.seed = 5;
    std::vector<Payment> payments;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
        SampleOptions funding;
        funding.seed = seed;
        funding.pay_to = testing::payer_address(2);
        payments.push_back(make_payment(funding));
    }
    payments.push_back(make_payment(poor));
    const auto codes = run_crowd(world, payments);
    EXPECT_EQ(codes[4], "invalid_exact_evm_insufficient_balance");
    EXPECT_EQ(codes[0], "");
}

TEST(SharedReader, EachHearsItsOwnVerdict) {
    World world;
    ASSERT_TRUE(world.prove());
    std::vector<Payment> payments = payments_of(20);
    sign_again(payments[3], 9);
    payments[7].requirements.amount = U256(1);
    const auto read = read_payment(payments[11]);
    const Authorization& what = read->payload.authorization;
    world.node.token(kToken).used.insert({what.from, what.nonce});
    std::vector<std::string> want(20);
    want[3] = "invalid_exact_evm_signature";
    want[7] = "invalid_exact_evm_payload_authorization_value_mismatch";
    want[11] = "invalid_exact_evm_nonce_already_used";
    EXPECT_EQ(run_crowd(world, payments), want);
}

TEST(SharedReader, TroubleReachesEveryoneOfTheGroup) {
    World world;
    ASSERT_TRUE(world.prove());
    world.node.down = true;
    EXPECT_EQ(run_crowd(world, payments_of(9)), std::vector<std::string>(9, "error unreachable"));
    world.node.down = false;
    EXPECT_EQ(run_crowd(world, payments_of(9)), std::vector<std::string>(9)) << "and it recovers";
}

// A stranger who sends garbage for signatures costs no more than anybody else.
TEST(SharedReader, GarbageSignaturesAreJudgedTogether) {
    World world;
    ASSERT_TRUE(world.prove());
    std::vector<Payment> payments = payments_of(60);
    for (Payment& payment : payments)
        payment.payload.payload["signature"] = "0x" + std::string(128, '1') + "1b";
    const std::size_t before = world.node.batches;
    const std::size_t calls = world.node.count("eth_call");
    const auto codes = run_crowd(world, payments);
    EXPECT_EQ(codes, std::vector<std::string>(60, "invalid_exact_evm_signature"));
    EXPECT_LE(world.node.batches - before, 4U);
    EXPECT_EQ(world.node.count("eth_call"), calls) << "nothing is simulated for them";
}

// Nor does one with valid signatures and an empty wallet (attack 22): who failed in company asks
// again with the others who did.
TEST(SharedReader, WhoFailsInAGroupIsAskedAgainInOneRequest) {
    World world;
    ASSERT_TRUE(world.prove());
    std::vector<Payment> payments = payments_of(30, 2);
    const std::vector<Payment> good = payments_of(30);
    payments.insert(payments.end(), good.begin(), good.end());
    std::vector<std::string> want(30, "invalid_exact_evm_insufficient_balance");
    want.resize(60);
    const std::size_t before = world.node.batches;
    EXPECT_EQ(run_crowd(world, payments), want);
    EXPECT_LE(world.node.batches - before, 8U);
}

// A delegated account's code runs inside the group and eats what gas there is: the neighbours are
// asked again together, not each for himself.
TEST(SharedReader, ABurnerInAGroupCostsOneMoreRequest) {
    World world;
    const Address burner = testing::address_at(testing::payer_address(2));
    world.node.world().wallets[burner] = burner;
    world.node.world().wallet_gas[burner] = 60'000'000;
    world.node.fund(kToken, testing::payer_address(2), 1'000'000);
    ASSERT_TRUE(world.prove());
    std::vector<Payment> payments = payments_of(40);
    payments[7] = payments_of(1, 2)[0];
    std::vector<std::string> want(40);
    want[7] = "invalid_exact_evm_signature";
    const std::size_t before = world.node.batches;
    EXPECT_EQ(run_crowd(world, payments), want);
    EXPECT_LE(world.node.batches - before, 8U);
}

TEST(SharedReader, AWalletAmongGarbageIsStillHeard) {
    World world;
    const Address wallet = testing::address_at(testing::payer_address(2));
    world.node.world().wallets[wallet] = testing::address_at(testing::payer_address(5));
    world.node.fund(kToken, testing::payer_address(2), 1'000'000);
    ASSERT_TRUE(world.prove());
    std::vector<Payment> payments = payments_of(8);
    std::vector<std::string> want(8, "invalid_exact_evm_signature");
    for (Payment& payment : payments) sign_again(payment, 9);
    payments.push_back(payments_of(1, 2)[0]);
    sign_again(payments.back(), 5);
    want.emplace_back();
    EXPECT_EQ(run_crowd(world, payments), want);
}

// One call of a group ate the gas of all: nobody is refused for it, each is asked about alone.
TEST(SharedReader, AGroupThatRunsOutOfGasIsAskedOneByOne) {
    World world;
    ASSERT_TRUE(world.prove());
    world.node.call_gas_cap = 400'000;
    const std::size_t calls = world.node.count("eth_call");
    EXPECT_EQ(run_crowd(world, payments_of(6)), std::vector<std::string>(6));
    EXPECT_GE(world.node.count("eth_call") - calls, 6 * 3U);
}

// What a stranger's contract runs is bounded by gas in every question that is asked alone.
TEST(SharedReader, EveryLoneCallNamesItsGas) {
    World world;
    const Address wallet = testing::address_at(testing::payer_address());
    world.node.world().wallets[wallet] = wallet;
    ASSERT_TRUE(world.prove());
    std::size_t bounded = 0;
    world.node.edits["eth_call"] = [&bounded](const net::RpcCall& asked, auto&) {
        const json::Object& call = asked.params[0].as_object();
        ASSERT_TRUE(call.contains("gas")) << json::dump(asked.params[0]);
        EXPECT_LE(*U256::from_hex(std::string(call.at("gas").as_string())), U256(1'000'000));
        ++bounded;
    };
    EXPECT_EQ(world.verify(sample_payment()), "");
    EXPECT_GE(bounded, 4U);
    world.node.world().wallet_gas[wallet] = 5'000'000;
    EXPECT_EQ(world.verify(sample_payment()), "invalid_exact_evm_signature");
}

}  // namespace
}  // namespace x402::evm
