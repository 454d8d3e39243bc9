// SPDX-License-Identifier: Apache-2.0
// What a chain can prove of an authorization, and what it cannot.
#include <gtest/gtest.h>

#include <optional>

#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/exact/trace.hpp"
#include "x402/chains/evm/testing/world.hpp"

namespace x402::evm {
namespace {

using testing::kToken;
using testing::sample_payment;
using testing::World;

TEST(JudgeTrace, EveryCombination) {
    for (int bits = 0; bits < 64; ++bits) {
        TraceEvidence e;
        e.used_final = (bits & 1) != 0;
        e.used_latest = (bits & 2) != 0;
        e.canceled = (bits & 4) != 0;
        e.used_log = (bits & 8) != 0;
        e.transferred = (bits & 16) != 0;
        e.valid_before = U256(1'000);
        e.final_time_s = (bits & 32) != 0 ? 1'000 : 999;
        const bool over = (bits & 32) != 0;
        TraceState want = TraceState::unknown;
        if (!e.used_final) {
            if (over) want = TraceState::impossible;
            if (!over && !e.used_latest) want = TraceState::none;
        } else if (e.canceled) {
            want = TraceState::impossible;
        } else if (e.used_log) {
            want = e.transferred ? TraceState::done : TraceState::impossible;
        }
        EXPECT_EQ(judge_trace(e), want) << bits;
        // Nothing but a final use with its transfer is ever told as paid.
        if (judge_trace(e) == TraceState::done) {
            EXPECT_TRUE(e.used_final && e.used_log && e.transferred && !e.canceled);
        }
    }
}

TransferAction action_of(World& world, const Payment& payment) {
    return *read_action(world.plan(payment).actions[0].body);
}

TEST(Trace, UnusedThenPaidThenFinal) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    EXPECT_EQ(world.trace(payment).state, TraceState::none);
    const TransferAction action = action_of(world, payment);
    const std::string transaction = world.node.run(action.token, action.data);
    const std::uint64_t block = world.node.height();
    EXPECT_EQ(world.trace(payment).state, TraceState::unknown) << "used, but not final";
    world.node.mine(2);
    const Trace trace = world.trace(payment);
    ASSERT_EQ(trace.state, TraceState::done);
    EXPECT_EQ(trace.transaction, transaction);
    EXPECT_EQ(trace.sender, "0x5555555555555555555555555555555555555555");
    EXPECT_EQ(trace.block, block);
    EXPECT_EQ(to_unix_s(trace.at), world.node.time_s() - 4);
    EXPECT_EQ(world.trace(sample_payment(8)).state, TraceState::none) << "another nonce";
}

TEST(Trace, ExpiredIsImpossibleOnlyInFinalTime) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    world.node.mine(1, 10'000);
    EXPECT_EQ(world.trace(payment).state, TraceState::none) << "the finalized block is still young";
    world.node.mine(2);
    EXPECT_EQ(world.trace(payment).state, TraceState::impossible);
}

TEST(Trace, CancelledReadsAsUsedAndIsNoPayment) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const TransferAction action = action_of(world, payment);
    world.node.cancel(action.token, action.payer, action.nonce);
    world.node.mine(2);
    EXPECT_EQ(world.trace(payment).state, TraceState::impossible);
}

TEST(Trace, UsedWithoutAnyLogIsUnknown) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const TransferAction action = action_of(world, payment);
    world.node.token(kToken).used.insert({action.payer, action.nonce});
    world.node.mine(3);
    EXPECT_EQ(world.trace(payment).state, TraceState::unknown);
}

TEST(Trace, ATransferOfLessIsNoPayment) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const TransferAction action = action_of(world, payment);
    world.node.token(kToken).takes_fee = true;
    world.node.run(action.token, action.data);
    world.node.mine(3);
    EXPECT_EQ(world.trace(payment).state, TraceState::impossible);
}

TEST(Trace, TroubleIsUnknown) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const TransferAction action = action_of(world, payment);
    world.node.run(action.token, action.data);
    world.node.mine(3);
    for (const char* method :
         {"eth_getLogs", "eth_call", "eth_getTransactionReceipt", "eth_getBlockByNumber"}) {
        world.node.errors[method] = net::RpcError{-32005, "limit exceeded", {}};
        EXPECT_EQ(world.trace(payment).state, TraceState::unknown) << method;
        world.node.errors.clear();
    }
    world.node.down = true;
    EXPECT_EQ(world.trace(payment).state, TraceState::unknown);
    world.node.down = false;
    EXPECT_EQ(world.trace(payment).state, TraceState::done);
}

TEST(Trace, AnOldPaymentIsFoundWithFewQuestions) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const TransferAction action = action_of(world, payment);
    const std::string transaction = world.node.run(action.token, action.data);
    world.node.mine(6'000, 60);
    const Trace trace = world.trace(payment);
    ASSERT_EQ(trace.state, TraceState::done);
    EXPECT_EQ(trace.transaction, transaction);
    EXPECT_LE(world.node.count("eth_getLogs"), 2U);
    EXPECT_LE(world.node.count("eth_getBlockByNumber"), 40U);
}

Task<void> ask(World& world, const Payment& payment, std::optional<Errc>& code) {
    const auto got = co_await world.chain->trace(payment);
    if (!got) code = got.error().code;
}

TEST(Trace, APaymentOfOtherTermsIsAnError) {
    World world;
    Payment payment = sample_payment();
    payment.requirements.pay_to = testing::kStranger;
    std::optional<Errc> code;
    testing::run([&] { return ask(world, payment, code); });
    EXPECT_EQ(code, Errc::invalid);
}

}  // namespace
}  // namespace x402::evm
