// SPDX-License-Identifier: Apache-2.0
// Endpoints that lie, disagree, or fall silent at the worst moment: never a failure that is none,
// never a payment that is none, never a second transaction.
#include <gtest/gtest.h>

#include <optional>

#include "x402/base/hex.hpp"
#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/testing/world.hpp"
#include "x402/chains/evm/token.hpp"

namespace x402::evm {
namespace {

using testing::FakeNode;
using testing::kToken;
using testing::sample_payment;
using testing::World;
using testing::WorldOptions;

constexpr const char* kReceipt = "eth_getTransactionReceipt";
constexpr const char* kSend = "eth_sendRawTransaction";
constexpr std::string_view kOther = "0x1111111111111111111111111111111111111111";

class Hostile : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(world.prove());
        actions.push_back(world.plan(sample_payment()).actions[0]);
        slot = *world.next_slot({});
        attempt = *world.sign(slot, actions);
        other.token(kToken);
        other.fund(kToken, testing::payer_address(), 1'000'000);
        other.mine(4);
        world.node.peers.push_back(&other);
    }
    Seen look() { return world.observe(slot, actions, {attempt}); }
    Outcome judged(const Seen& seen) {
        return world.scheme().judge(actions[0], seen.parts.at(0)).outcome;
    }
    // Sent and mined at the first endpoint alone.
    void mine_at_first() {
        world.node.put_in_pool(attempt.raw);
        world.node.mine();
    }
    static FakeNode::Edit then(Errc code) {
        return [code](const net::RpcCall&, auto& answer) { answer = fail(code); };
    }
    static FakeNode::Edit says(std::string message) {
        return [message](const net::RpcCall&, auto& answer) {
            net::RpcReply reply;
            reply.error = net::RpcError{-32000, message, {}};
            answer = reply;
        };
    }
    static FakeNode::Edit with_receipt(void (*change)(json::Object& receipt)) {
        return [change](const net::RpcCall&, auto& answer) {
            if (answer && answer->result && answer->result->is_object())
                change(answer->result->as_object());
        };
    }

    World world;
    FakeNode other;
    std::vector<Action> actions;
    Slot slot;
    Attempt attempt;
};

TEST_F(Hostile, TheSecondDoesNotHaveWhatTheFirstHasMined) {
    mine_at_first();
    const Seen seen = look();
    ASSERT_EQ(seen.state, SeenState::mined);
    EXPECT_EQ(judged(seen), Outcome::settled);
}

TEST_F(Hostile, TheFirstHidesWhatTheSecondHasMined) {
    other.put_in_pool(attempt.raw);
    other.mine(9);
    world.node.world().nonces[testing::address_at(slot.signer)] = 1;
    world.node.mine(9);
    EXPECT_EQ(look().state, SeenState::waiting) << "neither dead nor failed";
}

TEST_F(Hostile, ALateEndpointOfAnotherChainIsFoundOut) {
    other.down = true;
    ASSERT_TRUE(world.prove());
    other.down = false;
    other.chain_id = 1;
    EXPECT_EQ(world.prove().error().field, "rpc");
}

TEST_F(Hostile, TakenAndThenSilentIsUnknown) {
    world.node.edits[kSend] = then(Errc::timeout);
    other.down = true;
    EXPECT_EQ(world.broadcast(attempt).sent, Sent::unknown);
    EXPECT_EQ(world.node.pool_size(), 1U) << "it was taken";
    other.down = false;
    other.edits[kSend] = says("nonce too low");
    EXPECT_EQ(world.broadcast(attempt).sent, Sent::unknown)
        << "one that refuses does not unsay that another may have taken it";
    world.node.mine();
    EXPECT_EQ(judged(look()), Outcome::settled);
}

TEST_F(Hostile, WhatIsSaidToARebroadcast) {
    struct Row {
        const char* message;
        Sent want;
    };
    static constexpr Row rows[] = {
        {"already known", Sent::accepted},
        {"nonce too low: next nonce 1, tx nonce 0", Sent::refused},
        {"replacement transaction underpriced", Sent::refused},
        {"transaction type not supported", Sent::unknown},
        {"unknown transaction type", Sent::unknown},
    };
    ASSERT_EQ(world.broadcast(attempt).sent, Sent::accepted);
    for (const Row& row : rows) {
        SCOPED_TRACE(row.message);
        world.node.edits[kSend] = says(row.message);
        other.edits[kSend] = says(row.message);
        EXPECT_EQ(world.broadcast(attempt).sent, row.want);
        EXPECT_EQ(look().state, SeenState::waiting) << "whatever is said, it may still be mined";
    }
    world.node.mine();
    EXPECT_EQ(judged(look()), Outcome::settled);
}

// The first endpoint shows a receipt that proves no payment; the second shows the true one.
TEST_F(Hostile, AForgedReceiptFailsNobodyWhileAnotherEndpointKnowsBetter) {
    struct Row {
        const char* name;
        void (*change)(json::Object& receipt);
    };
    static constexpr Row rows[] = {
        {"no logs", [](json::Object& r) { r["logs"] = json::Array{}; }},
        {"logs of another token",
         [](json::Object& r) {
             for (auto& log : r["logs"].as_array()) log.as_object()["address"] = kOther;
         }},
        {"logs of another payer",
         [](json::Object& r) {
             for (auto& log : r["logs"].as_array())
                 log.as_object()["topics"].as_array()[1] = "0x" + std::string(64, '3');
         }},
        {"less was moved (attack 14)",
         [](json::Object& r) {
             r["logs"].as_array()[1].as_object()["data"] = "0x" + std::string(63, '0') + "1";
         }},
        {"the use of another nonce (attack 13)",
         [](json::Object& r) {
             r["logs"].as_array()[0].as_object()["topics"].as_array()[2] =
                 "0x" + std::string(64, '4');
         }},
        {"it says reverted",
         [](json::Object& r) {
             r["status"] = "0x0";
             r["logs"] = json::Array{};
         }},
    };
    world.broadcast(attempt);
    world.node.mine(9);
    other.mine(9);
    ASSERT_EQ(judged(look()), Outcome::settled);
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        world.node.edits[kReceipt] = with_receipt(row.change);
        other.edits.clear();
        Seen seen = look();
        ASSERT_EQ(seen.state, SeenState::mined);
        EXPECT_NE(judged(seen), Outcome::settled);
        EXPECT_FALSE(seen.final);
        // Where all say so it is so.
        other.edits[kReceipt] = with_receipt(row.change);
        seen = look();
        EXPECT_NE(judged(seen), Outcome::settled);
        EXPECT_TRUE(seen.final);
    }
}

TEST_F(Hostile, AReceiptOfAnotherTransactionIsNoAnswer) {
    mine_at_first();
    const Payment payment = sample_payment();
    world.node.mine(4);
    ASSERT_EQ(look().state, SeenState::mined);
    ASSERT_EQ(world.trace(payment).state, TraceState::done);
    world.node.edits[kReceipt] =
        with_receipt([](json::Object& r) { r["transactionHash"] = "0x" + std::string(64, '5'); });
    EXPECT_EQ(look().state, SeenState::unknown);
    EXPECT_EQ(world.trace(payment).state, TraceState::unknown);
}

TEST_F(Hostile, TwoReceiptsForOneNonceAreNonsense) {
    const Attempt second = *world.sign(slot, actions, {attempt});
    mine_at_first();
    world.node.mine(5);
    world.node.edits[kReceipt] = [this](const net::RpcCall& asked, auto& answer) {
        if (asked.params[0].as_string() == attempt.id.c_str()) return;
        answer->result = json::Object{{"transactionHash", asked.params[0]},
                                      {"status", "0x0"},
                                      {"blockNumber", "0x1"},
                                      {"blockHash", "0x" + std::string(64, '7')},
                                      {"from", "0x" + std::string(40, '2')},
                                      {"gasUsed", "0x1"},
                                      {"logs", json::Array{}}};
    };
    EXPECT_EQ(world.observe(slot, actions, {attempt, second}).state, SeenState::unknown);
}

// A slot that only waits for its confirmations, or for an honest receipt, gets no dearer attempt.
TEST_F(Hostile, NoSecondAttemptForANonceThatIsUsed) {
    EXPECT_TRUE(world.sign(slot, actions, {attempt})) << "while it waits, it may be replaced";
    mine_at_first();
    const auto bumped = world.sign(slot, {}, {attempt});
    ASSERT_FALSE(bumped);
    EXPECT_EQ(bumped.error().code, Errc::refused);
}

// The first endpoint's story of a used authorization is one of no payment; the second's is not.
TEST_F(Hostile, ACancellationThatAnotherKnowsAsAUseIsUnknown) {
    world.broadcast(attempt);
    world.node.mine(9);
    other.mine(9);
    ASSERT_EQ(world.trace(sample_payment()).state, TraceState::done);
    world.node.edits["eth_getLogs"] = [](const net::RpcCall&, auto& answer) {
        for (auto& log : answer->result->as_array()) {
            log.as_object()["topics"].as_array()[0] =
                to_hex0x(authorization_canceled_topic().view());
        }
    };
    EXPECT_EQ(world.trace(sample_payment()).state, TraceState::unknown);
    other.down = true;
    EXPECT_EQ(world.trace(sample_payment()).state, TraceState::impossible);
}

TEST_F(Hostile, ATransferOfLessThatAnotherKnowsAsAllIsUnknown) {
    world.broadcast(attempt);
    world.node.mine(9);
    other.mine(9);
    world.node.edits[kReceipt] = with_receipt([](json::Object& r) {
        r["logs"].as_array()[1].as_object()["data"] = "0x" + std::string(63, '0') + "1";
    });
    EXPECT_EQ(world.trace(sample_payment()).state, TraceState::unknown);
    other.edits = world.node.edits;
    EXPECT_EQ(world.trace(sample_payment()).state, TraceState::impossible);
}

// Of an expired payment the first endpoint says that it was never used; the second knows better.
TEST_F(Hostile, UnusedByOneAndUsedByAnotherIsUnknown) {
    other.put_in_pool(attempt.raw);
    other.mine(9);
    world.node.mine(1, 10'000);
    world.node.mine(8);
    EXPECT_EQ(world.trace(sample_payment()).state, TraceState::unknown);
    other.down = true;
    EXPECT_EQ(world.trace(sample_payment()).state, TraceState::impossible);
}

}  // namespace
}  // namespace x402::evm
