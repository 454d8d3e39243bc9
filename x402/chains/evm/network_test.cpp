// SPDX-License-Identifier: Apache-2.0
// Slots, fees, attempts and what becomes of them, against a fake chain.
#include <gtest/gtest.h>

#include <optional>

#include "x402/base/hex.hpp"
#include "x402/base/limits.hpp"
#include "x402/chains/evm/multicall.hpp"
#include "x402/chains/evm/network.hpp"
#include "x402/chains/evm/slots.hpp"
#include "x402/chains/evm/testing/world.hpp"

namespace x402::evm {
namespace {

using testing::kToken;
using testing::make_payment;
using testing::sample_payment;
using testing::SampleOptions;
using testing::World;
using testing::WorldOptions;

Slot slot_with(std::uint64_t nonce) {
    Slot slot;
    slot.network = *ChainId::parse("eip155:84532");
    slot.key = std::to_string(nonce);
    return slot;
}

std::vector<Slot> slots_with(std::initializer_list<std::uint64_t> nonces) {
    std::vector<Slot> out;
    for (const std::uint64_t nonce : nonces) out.push_back(slot_with(nonce));
    return out;
}

TEST(ChooseNonce, Table) {
    struct Row {
        const char* name;
        std::uint64_t chain;
        std::vector<Slot> recorded;
        std::uint64_t want;
    };
    const Row rows[] = {
        {"fresh account", 0, {}, 0},
        {"nothing recorded", 7, {}, 7},
        {"mined ones do not matter", 7, slots_with({4, 5, 6}), 7},
        {"behind those in flight", 7, slots_with({7, 8}), 9},
        {"in any order", 7, slots_with({8, 6, 7}), 9},
        {"a gap first", 7, slots_with({8, 9}), 7},
        {"a gap in the middle", 7, slots_with({7, 9, 10}), 8},
        {"twice the same", 7, slots_with({7, 7}), 8},
        {"far ahead", 7, slots_with({1'000'000}), 7},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = choose_nonce(row.chain, row.recorded);
        ASSERT_TRUE(got);
        EXPECT_EQ(*got, row.want);
    }
    EXPECT_FALSE(choose_nonce(0, std::vector<Slot>{Slot{}})) << "a key that is no nonce";
}

TEST(ChooseNonce, CapsWhatIsInFlight) {
    std::vector<Slot> recorded;
    for (std::uint64_t i = 0; i < limits::kInFlightPerSigner; ++i)
        recorded.push_back(slot_with(10 + i));
    EXPECT_EQ(choose_nonce(10, recorded).error().code, Errc::unavailable);
    EXPECT_TRUE(choose_nonce(11, recorded));
    recorded.erase(recorded.begin() + 3);
    recorded.push_back(slot_with(10 + limits::kInFlightPerSigner));
    EXPECT_EQ(*choose_nonce(10, recorded), 13U) << "a gap is filled even when the signer is full";
}

TEST(Fees, FollowTheMarketAndStayUnderTheCap) {
    const FeeMarket market{U256(100), U256(7)};
    EXPECT_EQ(*fees_for(market, U256(1'000)), (Fees{U256(7), U256(207)}));
    EXPECT_EQ(*fees_for(market, U256(150)), (Fees{U256(7), U256(150)}));
    EXPECT_EQ(fees_for(market, U256(111)).error().code, Errc::unavailable);
    EXPECT_TRUE(fees_for(market, U256(112)));
    EXPECT_EQ(*fees_for({U256(0), U256(9)}, U256(5)), (Fees{U256(5), U256(5)}));
}

TEST(Fees, EveryBumpIsAnEighthOrMoreOnBoth) {
    const U256 cap(1'000'000'000);
    Fees fees = *fees_for({U256(1'000), U256(3)}, cap);
    for (int i = 0; i < 40; ++i) {
        const auto next = bumped(fees, {U256(1'000), U256(3)}, cap);
        ASSERT_TRUE(next);
        EXPECT_GE(next->tip.saturating_mul(8), fees.tip.saturating_mul(9));
        EXPECT_GE(next->max_fee.saturating_mul(8), fees.max_fee.saturating_mul(9));
        fees = *next;
    }
    const auto risen = bumped({U256(1), U256(10)}, {U256(5'000), U256(40)}, cap);
    EXPECT_EQ(*risen, (Fees{U256(40), U256(10'040)})) << "the market asks for more than an eighth";
    EXPECT_EQ(bumped({U256(1), U256(900)}, {U256(1), U256(1)}, U256(1'000)).error().code,
              Errc::refused);
}

TEST(Network, SimulatesAndTellsTheMost) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const auto actions = world.plan(payment).actions;
    const Simulation good = world.simulate(actions);
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(good.body.at("gas").as_int64(), 73'200 + 73'200 / 4 + 10'000);
    EXPECT_EQ(good.most.unit, "wei");
    EXPECT_EQ(good.most.amount, U256(101'500).saturating_mul(U256(2'001'000'000)));
    world.node.fund(kToken, testing::payer_address(), 1);
    EXPECT_EQ(world.simulate(actions).refusals[0]->code, "invalid_exact_evm_insufficient_balance");
    world.node.fund(kToken, testing::payer_address(), 1'000'000);
    world.node.token(kToken).greedy = true;
    EXPECT_EQ(world.simulate(actions).refusals[0]->field, "gas");
    world.node.token(kToken).blocks = true;
    EXPECT_EQ(world.simulate(actions).refusals[0]->code,
              "invalid_exact_evm_transaction_simulation_failed");
}

std::vector<Action> actions_of(World& world, std::initializer_list<std::uint64_t> seeds) {
    std::vector<Action> out;
    for (const std::uint64_t seed : seeds)
        out.push_back(world.plan(sample_payment(seed)).actions[0]);
    return out;
}

TEST(Network, SharesOnlyWhatCannotHurt) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto actions = actions_of(world, {1, 2});
    EXPECT_TRUE(world.network().can_share(actions[0], actions[1]));
    EXPECT_TRUE(world.network().can_share(actions[0], actions[0]))
        << "asked so: may it leave in company at all";
    Action alone = actions[1];
    alone.body["share"] = false;
    EXPECT_FALSE(world.network().can_share(actions[0], alone));
    EXPECT_FALSE(world.network().can_share(alone, actions[0]));
    EXPECT_FALSE(world.network().can_share(alone, alone));
    WorldOptions bare;
    bare.multicall = false;
    World without(bare);
    ASSERT_TRUE(without.prove());
    EXPECT_FALSE(without.network().can_share(actions[0], actions[1]));
    EXPECT_LE(group_gas(limits::kSharedActions), kMostTransactionGas * 8 / 10);
}

TEST(Network, AGroupIsJudgedOneByOne) {
    World world;
    ASSERT_TRUE(world.prove());
    auto actions = actions_of(world, {1, 2, 3});
    EXPECT_TRUE(world.simulate(actions).ok());
    world.node.fund(kToken, testing::payer_address(), 20'000);
    const Simulation simulation = world.simulate(actions);
    ASSERT_EQ(simulation.refusals.size(), 3U);
    EXPECT_FALSE(simulation.refusals[0]);
    EXPECT_FALSE(simulation.refusals[1]);
    EXPECT_EQ(simulation.refusals[2]->code, "invalid_exact_evm_insufficient_balance");
    EXPECT_EQ(simulation.body.at("gas").as_int64(), static_cast<std::int64_t>(group_gas(3)));

    const Slot slot = *world.next_slot({});
    const Attempt attempt = *world.sign(slot, actions);
    const auto tx = read_transaction(*from_hex(attempt.raw));
    EXPECT_EQ(tx->tx.to, multicall_address());
    EXPECT_EQ(tx->tx.gas, group_gas(3));
    EXPECT_EQ(world.broadcast(attempt).sent, Sent::accepted);
    world.node.mine();
    const Seen seen = world.observe(slot, actions, {attempt});
    ASSERT_EQ(seen.state, SeenState::mined);
    ASSERT_EQ(seen.parts.size(), 3U);
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < 3; ++i)
        outcomes.push_back(world.scheme().judge(actions[i], seen.parts[i]).outcome);
    EXPECT_EQ(outcomes, (std::vector{Outcome::settled, Outcome::settled, Outcome::failed}));
}

// The group is simulated with the limit it will have: what does not fit there is not sent.
TEST(Network, AGroupMustFitItsGas) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto actions = actions_of(world, {1, 2});
    world.node.token(kToken).greedy = true;
    const Simulation simulation = world.simulate(actions);
    ASSERT_EQ(simulation.refusals.size(), 2U);
    EXPECT_TRUE(simulation.refusals[0] && simulation.refusals[1]);
}

TEST(Network, SettlesAlone) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto actions = actions_of(world, {1});
    const Slot slot = *world.next_slot({});
    EXPECT_EQ(slot.key, "0");
    EXPECT_EQ(slot.signer, world.signer());
    const Attempt attempt = *world.sign(slot, actions);
    EXPECT_EQ(attempt.level, 0U);
    const auto tx = read_transaction(*from_hex(attempt.raw));
    ASSERT_TRUE(tx);
    EXPECT_EQ(to_hex0x(tx->hash.view()), attempt.id);
    EXPECT_EQ(to_checksum(tx->sender), world.signer());
    EXPECT_EQ(to_checksum(tx->tx.to), kToken);
    EXPECT_EQ(world.sign(slot, actions)->id, attempt.id)
        << "signing again makes no second transaction";
    EXPECT_EQ(world.observe(slot, actions, {attempt}).state, SeenState::waiting);
    EXPECT_EQ(world.broadcast(attempt).sent, Sent::accepted);
    EXPECT_EQ(world.broadcast(attempt).sent, Sent::accepted) << "already known";
    world.node.mine();
    EXPECT_EQ(world.broadcast(attempt).sent, Sent::refused)
        << "nonce too low, which proves nothing";
    const Seen seen = world.observe(slot, actions, {attempt});
    EXPECT_EQ(seen.state, SeenState::mined);
    EXPECT_EQ(seen.attempt, attempt.id);
    EXPECT_EQ(seen.block, world.node.height());
    EXPECT_EQ(seen.cost.amount, U256(73'200));
    EXPECT_EQ(world.scheme().judge(actions[0], seen.parts[0]).outcome, Outcome::settled);
}

TEST(Network, TokensThatLieAreNotBelieved) {
    for (const bool fee : {false, true}) {
        SCOPED_TRACE(fee ? "fee on transfer (attack 14)"
                         : "used nonce does not revert (attack 13)");
        World world;
        ASSERT_TRUE(world.prove());
        const auto actions = actions_of(world, {1});
        world.node.token(kToken).takes_fee = fee;
        const TransferAction what = *read_action(actions[0].body);
        if (!fee) {
            world.node.token(kToken).silent = true;
            world.node.token(kToken).used.insert({what.payer, what.nonce});
        }
        const Slot slot = *world.next_slot({});
        const Attempt attempt = *world.sign(slot, actions);
        world.broadcast(attempt);
        world.node.mine();
        const Seen seen = world.observe(slot, actions, {attempt});
        ASSERT_EQ(seen.state, SeenState::mined);
        ASSERT_TRUE(seen.parts[0].executed);
        const Judgement judgement = world.scheme().judge(actions[0], seen.parts[0]);
        EXPECT_EQ(judgement.outcome, Outcome::failed);
        EXPECT_EQ(judgement.refusal->code, "invalid_exact_evm_transfer_event_mismatch");
    }
}

// The payer's money moves elsewhere between the simulation and the block (attack 7).
TEST(Network, ARevertedTransactionIsMinedAndFailed) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto actions = actions_of(world, {1});
    const Slot slot = *world.next_slot({});
    const Attempt attempt = *world.sign(slot, actions);
    world.broadcast(attempt);
    world.node.fund(kToken, testing::payer_address(), 0);
    world.node.mine();
    const Seen seen = world.observe(slot, actions, {attempt});
    ASSERT_EQ(seen.state, SeenState::mined);
    const Judgement judgement = world.scheme().judge(actions[0], seen.parts[0]);
    EXPECT_EQ(judgement.outcome, Outcome::failed);
    EXPECT_EQ(judgement.refusal->code, "invalid_exact_evm_transaction_failed");
}

// What the signed bytes allow the network to take.
U256 most_of(const Attempt& attempt) {
    const auto read = read_transaction(*from_hex(attempt.raw));
    return read->tx.max_fee.saturating_mul(U256(read->tx.gas));
}

TEST(Network, EveryAttemptTellsWhatItCouldCost) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto actions = actions_of(world, {1});
    const Slot slot = *world.next_slot({});
    std::vector<Attempt> attempts;
    std::vector<Attempt> fillers;
    for (int i = 0; i < 3; ++i) {
        attempts.push_back(*world.sign(slot, actions, attempts));
        fillers.push_back(*world.sign(slot, {}, fillers));
        for (const Attempt& attempt : {attempts.back(), fillers.back()}) {
            EXPECT_EQ(attempt.most.amount, most_of(attempt));
            EXPECT_FALSE(attempt.most.amount.is_zero());
            EXPECT_EQ(attempt.most.unit, "wei");
        }
    }
    EXPECT_EQ(attempts[0].most.amount, world.simulate(actions).most.amount);
    EXPECT_GT(attempts[1].most.amount, attempts[0].most.amount);
    EXPECT_GT(attempts[2].most.amount, attempts[1].most.amount);
}

TEST(Network, ReplacesInTheSameSlotAndWatchesAll) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto actions = actions_of(world, {1});
    const Slot slot = *world.next_slot({});
    std::vector<Attempt> attempts;
    for (std::uint32_t level = 0; level < 4; ++level) {
        attempts.push_back(*world.sign(slot, actions, attempts));
        EXPECT_EQ(attempts.back().level, level);
        EXPECT_EQ(world.broadcast(attempts.back()).sent, Sent::accepted)
            << "underpriced at level " << level;
        EXPECT_EQ(read_transaction(*from_hex(attempts.back().raw))->tx.nonce, 0U);
    }
    EXPECT_EQ(world.broadcast(attempts[0]).sent, Sent::refused);
    EXPECT_EQ(world.node.pool_size(), 1U);
    world.node.mine();
    const Seen seen = world.observe(slot, actions, attempts);
    EXPECT_EQ(seen.state, SeenState::mined);
    EXPECT_EQ(seen.attempt, attempts[3].id);
    EXPECT_EQ(world.observe(slot, actions, {attempts[0]}).state, SeenState::waiting)
        << "an older hash alone is not dead before the nonce is final";
}

TEST(Network, StopsBumpingAtTheCap) {
    World world;
    ASSERT_TRUE(world.prove());
    const auto actions = actions_of(world, {1});
    const Slot slot = *world.next_slot({});
    std::vector<Attempt> attempts;
    for (int i = 0; i < 60; ++i) {
        auto attempt = world.sign(slot, actions, attempts);
        if (!attempt) {
            EXPECT_EQ(attempt.error().code, Errc::refused);
            return;
        }
        const auto tx = read_transaction(*from_hex(attempt->raw));
        ASSERT_LE(tx->tx.max_fee, U256(100'000'000'000ULL));
        attempts.push_back(std::move(*attempt));
    }
    FAIL() << "the cap never stopped it";
}

TEST(Network, ASlotHasOnlySoManyAttempts) {
    World world;
    ASSERT_TRUE(world.prove());
    const Slot slot = *world.next_slot({});
    Attempt small = *world.sign(slot, {});
    small.body["tip"] = "1";
    small.body["maxFee"] = "1";
    std::vector<Attempt> attempts(kMostAttempts - 1, small);
    EXPECT_TRUE(world.sign(slot, {}, attempts));
    attempts.push_back(small);
    EXPECT_EQ(world.sign(slot, {}, attempts).error().code, Errc::refused);
}

TEST(Network, FillerMovesNothing) {
    World world;
    ASSERT_TRUE(world.prove());
    const Slot slot = *world.next_slot(slots_with({1}));
    EXPECT_EQ(slot.key, "0");
    const Attempt filler = *world.sign(slot, {});
    const auto tx = read_transaction(*from_hex(filler.raw));
    EXPECT_EQ(to_checksum(tx->tx.to), world.signer());
    EXPECT_TRUE(tx->tx.value.is_zero());
    EXPECT_TRUE(tx->tx.data.empty());
    world.broadcast(filler);
    world.node.mine();
    const Seen seen = world.observe(slot, {}, {filler});
    EXPECT_EQ(seen.state, SeenState::mined);
    EXPECT_TRUE(seen.parts.empty());
}

// One slot through everything that can become of it.
class Observe : public ::testing::Test {
protected:
    void start(WorldOptions options = {}) {
        world.emplace(options);
        ASSERT_TRUE(world->prove());
        actions = actions_of(*world, {1});
        slot = *world->next_slot({});
        attempt = *world->sign(slot, actions);
    }
    SeenState look() { return world->observe(slot, actions, {attempt}).state; }
    // The account goes past the nonce with another transaction.
    void use_nonce_otherwise() {
        world->node.world().nonces[testing::address_at(slot.signer)] = 1;
        world->node.mine();
    }

    std::optional<World> world;
    std::vector<Action> actions;
    Slot slot;
    Attempt attempt;
};

TEST_F(Observe, DeadOnlyWhenFinal) {
    start();
    const std::size_t blocks = world->node.count("eth_getBlockByNumber");
    EXPECT_EQ(look(), SeenState::waiting);
    EXPECT_EQ(world->node.count("eth_getBlockByNumber"), blocks)
        << "what is final was asked in vain";
    use_nonce_otherwise();
    EXPECT_EQ(look(), SeenState::waiting) << "mined elsewise, but not final";
    world->node.mine();
    EXPECT_EQ(look(), SeenState::waiting);
    world->node.mine();
    EXPECT_EQ(look(), SeenState::dead);
}

TEST_F(Observe, WithoutTheFinalTagSixtyFourBlocks) {
    start();
    world->node.knows_final_tag = false;
    use_nonce_otherwise();
    world->node.mine(63);
    EXPECT_EQ(look(), SeenState::waiting);
    world->node.mine();
    EXPECT_EQ(look(), SeenState::dead);
}

TEST_F(Observe, TroubleIsUnknown) {
    start();
    world->node.down = true;
    EXPECT_EQ(look(), SeenState::unknown);
    world->node.down = false;
    world->node.errors["eth_getTransactionReceipt"] = net::RpcError{-32000, "timeout", {}};
    EXPECT_EQ(look(), SeenState::unknown);
    world->node.errors.clear();
    use_nonce_otherwise();
    world->node.mine(5);
    world->node.edits["eth_getTransactionCount"] = [](const net::RpcCall& asked, auto& answer) {
        if (asked.params[1].as_string() == "latest") return;
        answer->result.reset();
        answer->error = net::RpcError{-32000, "overloaded", {}};
    };
    EXPECT_EQ(look(), SeenState::unknown) << "passed, but what is final cannot be asked";
}

TEST_F(Observe, EveryEndpointMustAgreeThatItIsAbsent) {
    start();
    testing::FakeNode other;
    other.token(kToken);
    world->node.peers.push_back(&other);
    other.fund(kToken, testing::payer_address(), 1'000'000);
    use_nonce_otherwise();
    world->node.mine(3);
    ASSERT_EQ(look(), SeenState::dead);
    // The second endpoint has it in a block.
    other.put_in_pool(attempt.raw);
    other.mine();
    EXPECT_EQ(look(), SeenState::waiting);
    other.down = true;
    EXPECT_EQ(look(), SeenState::dead) << "an endpoint that does not answer has no voice";
}

TEST_F(Observe, ConfirmationsAreCountedOnTheCanonicalChain) {
    WorldOptions options;
    options.confirmations = 3;
    start(options);
    world->broadcast(attempt);
    world->node.mine();
    EXPECT_EQ(look(), SeenState::waiting);
    world->node.mine();
    EXPECT_EQ(look(), SeenState::waiting);
    world->node.mine();
    EXPECT_EQ(look(), SeenState::mined);
}

TEST_F(Observe, AReorganisationTakesItBack) {
    start();
    world->broadcast(attempt);
    world->node.mine();
    EXPECT_EQ(look(), SeenState::mined);
    world->node.reorganise();
    EXPECT_EQ(look(), SeenState::waiting) << "attack 43";
    world->broadcast(attempt);
    world->node.mine();
    EXPECT_EQ(look(), SeenState::mined);
}

TEST_F(Observe, NoAttemptRecorded) {
    start();
    EXPECT_EQ(world->observe(slot, actions, {}).state, SeenState::waiting);
    use_nonce_otherwise();
    world->node.mine(3);
    EXPECT_EQ(world->observe(slot, actions, {}).state, SeenState::dead);
}

TEST(NetworkBudget, AShareOfTheFundsAtStart) {
    WorldOptions options;
    options.signers = 2;
    World world(options);
    ASSERT_TRUE(world.prove());
    EXPECT_EQ(world.network().budget().per_day.amount, U256(100'000'000'000'000'000ULL));
    EXPECT_EQ(world.network().budget().per_day.unit, "wei");
    World poor;
    poor.node.world().wei.clear();
    ASSERT_TRUE(poor.prove());
    EXPECT_EQ(poor.network().budget().per_day.amount, U256(1)) << "zero would mean no limit";
}

TEST(Network, StrangersAreNotOurSigners) {
    World world;
    ASSERT_TRUE(world.prove());
    Slot slot = *world.next_slot({});
    slot.signer = testing::kStranger;
    EXPECT_EQ(world.sign(slot, {}).error().code, Errc::not_found);
    slot = *world.next_slot({});
    slot.network = *ChainId::parse("eip155:1");
    EXPECT_EQ(world.sign(slot, {}).error().code, Errc::invalid);
}

}  // namespace
}  // namespace x402::evm
