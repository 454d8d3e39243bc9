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
            if (!e.used_latest) want = over ? TraceState::impossible : TraceState::none;
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

Task<void> confirm_into(World& world, const Payment& payment, const std::string& transaction,
                        Trace& out) {
    const auto got = co_await world.chain->confirm(payment, transaction);
    EXPECT_TRUE(got.has_value());
    if (got) out = *got;
}

Trace confirm(World& world, const Payment& payment, const std::string& transaction) {
    Trace out;
    testing::run([&] { return confirm_into(world, payment, transaction, out); });
    return out;
}

TEST(Trace, ANamedTransactionIsConfirmedBeforeItIsFinal) {
    for (const std::uint64_t confirmations : {1U, 3U}) {
        SCOPED_TRACE(confirmations);
        testing::WorldOptions options;
        options.confirmations = confirmations;
        World world(options);
        ASSERT_TRUE(world.prove());
        const Payment payment = sample_payment();
        const Payment other = sample_payment(8);
        const TransferAction action = action_of(world, payment);
        const TransferAction another = action_of(world, other);
        const std::string transaction = world.node.run(action.token, action.data);
        const std::string elsewhere = world.node.run(another.token, another.data);
        world.node.mine(confirmations - 1);
        const Trace trace = confirm(world, payment, transaction);
        ASSERT_EQ(trace.state, TraceState::done);
        EXPECT_EQ(trace.transaction, transaction);
        EXPECT_EQ(trace.sender, "0x5555555555555555555555555555555555555555");
        EXPECT_EQ(confirm(world, other, elsewhere).state, TraceState::done);
        // A transaction that is there, and paid for something else.
        EXPECT_EQ(confirm(world, payment, elsewhere).state, TraceState::unknown);
        EXPECT_EQ(confirm(world, sample_payment(9), transaction).state, TraceState::unknown);
        for (const std::string& named :
             {std::string(), std::string("0x1"), "0x" + std::string(64, 'd'), transaction + "00",
              std::string(1 << 16, 'x')})
            EXPECT_EQ(confirm(world, payment, named).state, TraceState::unknown);
    }
}

TEST(Trace, WithFewerConfirmationsThanAskedForItIsUnknown) {
    testing::WorldOptions options;
    options.confirmations = 3;
    World world(options);
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const TransferAction action = action_of(world, payment);
    const std::string transaction = world.node.run(action.token, action.data);
    EXPECT_EQ(confirm(world, payment, transaction).state, TraceState::unknown);
    world.node.mine(1);
    EXPECT_EQ(confirm(world, payment, transaction).state, TraceState::unknown);
    world.node.mine(1);
    EXPECT_EQ(confirm(world, payment, transaction).state, TraceState::done);
    world.node.down = true;
    EXPECT_EQ(confirm(world, payment, transaction).state, TraceState::unknown);
}

TEST(Trace, ATransferOfLessIsNotConfirmed) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const TransferAction action = action_of(world, payment);
    world.node.token(kToken).takes_fee = true;
    const std::string transaction = world.node.run(action.token, action.data);
    EXPECT_EQ(confirm(world, payment, transaction).state, TraceState::unknown);
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

// Puts the receipt's two logs together anew: u, the payment's use; t, its transfer; U, another use
// of the same payer; T, his transfer of another value.
void rewrite_logs(json::Object& receipt, const std::string& pattern) {
    const json::Array made = receipt.at("logs").as_array();
    ASSERT_EQ(made.size(), 2U);
    json::Array logs;
    for (const char letter : pattern) {
        json::Object log = made[letter == 'u' || letter == 'U' ? 0 : 1].as_object();
        if (letter == 'U') log["topics"].as_array()[2] = "0x" + std::string(64, '9');
        if (letter == 'T') log["data"] = "0x" + std::string(63, '0') + "7";
        logs.emplace_back(std::move(log));
    }
    receipt["logs"] = std::move(logs);
}

TEST(Trace, ATransferThatMayBeAnothersIsNoProof) {
    struct Row {
        const char* name;
        const char* logs;
        TraceState want;
    };
    const Row rows[] = {
        {"alone", "ut", TraceState::done},
        {"alone, the transfer first", "tu", TraceState::done},
        {"alone, said twice", "uut", TraceState::done},
        {"two equal, both moved", "utUt", TraceState::done},
        {"two equal, both moved, the other one first", "Utut", TraceState::done},
        {"two equal, both moved, transfers first", "tutU", TraceState::done},
        {"two equal, one transfer between", "utU", TraceState::unknown},
        {"two equal, one transfer between, the other way", "Utu", TraceState::unknown},
        {"two equal, one transfer behind", "Uut", TraceState::unknown},
        {"two equal, one transfer in front", "tuU", TraceState::unknown},
        {"the only transfer is nearest to the other", "uUt", TraceState::unknown},
        {"an echo in front of another's transfer", "utUU", TraceState::unknown},
        {"one transfer logged twice", "uttU", TraceState::unknown},
        {"beside one of another value", "utUT", TraceState::done},
        {"behind one of another value", "UTut", TraceState::done},
        {"beside one of another value, and one in front", "TutUT", TraceState::done},
        {"in front of another's, and one behind", "tuTUT", TraceState::impossible},
        {"what it moved is another value", "uTUt", TraceState::impossible},
        {"nothing moved", "u", TraceState::impossible},
        {"nothing moved for either", "uU", TraceState::impossible},
        {"only another value moved", "uUT", TraceState::impossible},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        World world;
        ASSERT_TRUE(world.prove());
        const Payment payment = sample_payment();
        const TransferAction action = action_of(world, payment);
        world.node.run(action.token, action.data);
        world.node.mine(3);
        world.node.edits["eth_getTransactionReceipt"] = [row](const net::RpcCall&, auto& answer) {
            rewrite_logs(answer->result->as_object(), row.logs);
        };
        EXPECT_EQ(world.trace(payment).state, row.want);
    }
}

TEST(Trace, OfAConfiguredTokenTheOrderOfItsLogsIsNotKnown) {
    constexpr std::string_view kConfigured = "0x00000000000000000000000000000000000000BB";
    AssetInfo asset;
    asset.address = to_checksum(testing::address_at(kConfigured));
    asset.id = AssetId{*ChainId::parse("eip155:84532"), "erc20", asset.address};
    asset.symbol = "FUN";
    asset.decimals = 6;
    testing::WorldOptions options;
    options.configured = {asset};
    World world(options);
    world.node.token(kConfigured) = world.node.token(kToken);
    ASSERT_TRUE(world.prove());
    testing::SampleOptions sample;
    sample.asset = std::string(kConfigured);
    const Payment payment = testing::make_payment(sample);
    const TransferAction action = action_of(world, payment);
    world.node.run(action.token, action.data);
    world.node.mine(3);
    EXPECT_EQ(world.trace(payment).state, TraceState::done);
    world.node.edits["eth_getTransactionReceipt"] = [](const net::RpcCall&, auto& answer) {
        rewrite_logs(answer->result->as_object(), "TutUT");
    };
    EXPECT_EQ(world.trace(payment).state, TraceState::unknown);
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
