// SPDX-License-Identifier: Apache-2.0
// The two negative answers about a slot, and what they take: that a part of a mined slot was not
// paid is final only where no other block can pay it, and a slot is dead only by the word of an
// endpoint that is itself past it.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "x402/base/hex.hpp"
#include "x402/chains/evm/absence.hpp"
#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/testing/world.hpp"

namespace x402::evm {
namespace {

using testing::FakeNode;
using testing::kToken;
using testing::sample_payment;
using testing::World;
using testing::WorldOptions;

constexpr std::string_view kReceipt = "eth_getTransactionReceipt";
constexpr std::string_view kNonce = "eth_getTransactionCount";
constexpr std::string_view kBlock = "eth_getBlockByNumber";

net::RpcReply said(json::Value value) {
    net::RpcReply reply;
    reply.result = std::move(value);
    return reply;
}

json::Value quantity(std::uint64_t value) {
    return json::Value(U256(value).to_quantity());
}

std::string tag_of(const net::RpcCall& asked, std::size_t at) {
    return std::string(asked.params[at].as_string());
}

// One payment in one slot, signed and not yet sent, and a second endpoint of the same history.
struct Slotted {
    explicit Slotted(std::vector<std::uint64_t> seeds = {1}, WorldOptions options = {})
        : world(std::move(options)) {
        EXPECT_TRUE(world.prove());
        for (const std::uint64_t seed : seeds)
            actions.push_back(world.plan(sample_payment(seed)).actions[0]);
        slot = *world.next_slot({});
        attempt = *world.sign(slot, actions);
        other.token(kToken);
        other.add_multicall();
        other.fund(kToken, testing::payer_address(), 1'000'000);
        other.mine(4);
    }
    Seen look() { return world.observe(slot, actions, {attempt}); }
    void spend_first() { world.node.fund(kToken, testing::payer_address(), 0); }
    void settle() {
        world.broadcast(attempt);
        world.node.mine();
    }
    Outcome judged(const Seen& seen, std::size_t i = 0) {
        return world.scheme().judge(actions[i], seen.parts[i]).outcome;
    }

    World world;
    FakeNode other;
    std::vector<Action> actions;
    Slot slot;
    Attempt attempt;
};

TEST(Finality, ARevertIsFinalOnlyBelowTheFinalizedBlock) {
    Slotted it;
    it.spend_first();
    it.settle();
    Seen seen = it.look();
    ASSERT_EQ(seen.state, SeenState::mined);
    ASSERT_EQ(it.judged(seen), Outcome::failed);
    EXPECT_FALSE(seen.final) << "another block could still pay it";
    it.world.node.mine();
    EXPECT_FALSE(it.look().final);
    it.world.node.mine();
    seen = it.look();
    EXPECT_TRUE(seen.final);
    EXPECT_EQ(it.judged(seen), Outcome::failed);
}

TEST(Finality, WhatIsPaidIsToldAtOnceAndAsksNothingMore) {
    Slotted it;
    it.world.node.peers.push_back(&it.other);
    it.settle();
    const std::size_t blocks = it.world.node.count(std::string(kBlock));
    const std::size_t receipts = it.world.node.count(std::string(kReceipt));
    const Seen seen = it.look();
    ASSERT_EQ(it.judged(seen), Outcome::settled);
    EXPECT_TRUE(seen.final);
    EXPECT_EQ(it.world.node.count(std::string(kBlock)), blocks);
    EXPECT_EQ(it.world.node.count(std::string(kReceipt)), receipts + 1);
    EXPECT_EQ(it.other.count(std::string(kReceipt)), 0U);
}

// Executed, but the token moved less or nothing: as failed as a revert, and as little final.
TEST(Finality, AMissingTransferIsJudgedLikeARevert) {
    Slotted it;
    it.world.node.token(kToken).takes_fee = true;
    it.settle();
    const Seen seen = it.look();
    ASSERT_TRUE(seen.parts[0].executed);
    ASSERT_EQ(it.judged(seen), Outcome::failed);
    EXPECT_FALSE(seen.final);
    it.world.node.mine(2);
    EXPECT_TRUE(it.look().final);
}

TEST(Finality, OneUnpaidPartOfAGroupIsEnough) {
    Slotted it({1, 2, 3});
    it.world.node.fund(kToken, testing::payer_address(), 20'000);
    it.settle();
    const Seen seen = it.look();
    ASSERT_EQ(it.judged(seen, 0), Outcome::settled);
    ASSERT_EQ(it.judged(seen, 2), Outcome::failed);
    EXPECT_FALSE(seen.final);
    it.world.node.mine(2);
    EXPECT_TRUE(it.look().final);
}

TEST(Finality, AFillerHasNothingToPay) {
    Slotted it;
    const Attempt filler = *it.world.sign(it.slot, {});
    it.world.broadcast(filler);
    it.world.node.mine();
    const Seen seen = it.world.observe(it.slot, {}, {filler});
    EXPECT_EQ(seen.state, SeenState::mined);
    EXPECT_TRUE(seen.final);
}

TEST(Finality, WithoutTheTagSixtyFourBlocks) {
    Slotted it;
    it.world.node.knows_final_tag = false;
    it.spend_first();
    it.settle();
    it.world.node.mine(63);
    EXPECT_FALSE(it.look().final);
    it.world.node.mine();
    EXPECT_TRUE(it.look().final);
}

TEST(Finality, TroubleIsNotFinal) {
    Slotted it;
    it.spend_first();
    it.settle();
    it.world.node.mine(5);
    ASSERT_TRUE(it.look().final);
    it.world.node.errors[std::string(kBlock)] = net::RpcError{-32000, "overloaded", {}};
    const Seen seen = it.look();
    EXPECT_EQ(seen.state, SeenState::mined) << "neighbours that were paid are told";
    EXPECT_FALSE(seen.final);
}

// The receipt is of a block that the finalized chain does not have.
TEST(Finality, AReceiptOfAnotherForkProvesNothing) {
    Slotted it;
    it.spend_first();
    it.settle();
    it.world.node.mine(5);
    it.world.node.edits[std::string(kReceipt)] = [](const net::RpcCall&, auto& answer) {
        if (!answer || !answer->result || !answer->result->is_object()) return;
        answer->result->as_object()["blockHash"] = "0x" + std::string(64, '7');
    };
    EXPECT_EQ(it.look().state, SeenState::unknown);
}

enum class Word { same, paid, reverted_elsewhere, absent, silent, nonsense };

struct SecondWord {
    const char* name;
    Word word;
    bool final;
};

// The first endpoint says: mined, reverted, final. What the second makes of it.
TEST(Finality, AnotherEndpointMayContradictAndThenNobodyIsTold) {
    static constexpr SecondWord rows[] = {
        {"the same receipt", Word::same, true},
        {"a receipt that pays", Word::paid, false},
        {"reverted, but in another block", Word::reverted_elsewhere, false},
        {"it does not have it", Word::absent, true},
        {"it does not answer", Word::silent, true},
        {"it answers nonsense", Word::nonsense, false},
    };
    for (const SecondWord& row : rows) {
        SCOPED_TRACE(row.name);
        Slotted it;
        it.world.node.peers.push_back(&it.other);
        if (row.word == Word::same) it.other.fund(kToken, testing::payer_address(), 0);
        it.spend_first();
        it.settle();
        if (row.word == Word::absent) it.other.drop_pool();
        if (row.word == Word::reverted_elsewhere) {
            it.other.fund(kToken, testing::payer_address(), 0);
            it.other.drop_pool();
            it.other.mine();
            it.other.put_in_pool(it.attempt.raw);
        }
        it.other.mine(1);
        it.world.node.mine(6);
        it.other.mine(6);
        if (row.word == Word::silent) it.other.down = true;
        if (row.word == Word::nonsense) {
            it.other.edits[std::string(kReceipt)] = [](const net::RpcCall&, auto& answer) {
                answer = said(json::Object{{"status", "maybe"}});
            };
        }
        const Seen seen = it.look();
        ASSERT_EQ(seen.state, SeenState::mined);
        EXPECT_EQ(seen.final, row.final);
    }
}

TEST(JudgeAbsence, EveryTriple) {
    using enum EndpointWord;
    constexpr EndpointWord kWords[] = {silent, behind, absent, receipt};
    for (const EndpointWord a : kWords) {
        for (const EndpointWord b : kWords) {
            for (const EndpointWord c : kWords) {
                const EndpointWord all[] = {a, b, c};
                const auto any = [&all](EndpointWord word) {
                    return std::find(std::begin(all), std::end(all), word) != std::end(all);
                };
                SeenState want = SeenState::waiting;
                if (any(silent)) want = SeenState::unknown;
                if (any(absent)) want = SeenState::dead;
                if (any(receipt)) want = SeenState::waiting;
                EXPECT_EQ(judge_absence(all), want);
            }
        }
    }
    EXPECT_NE(judge_absence({}), SeenState::dead);
}

// What an endpoint can be when a slot's transaction is nowhere to be seen by the first look.
enum class Is { behind, silent, absent, receipt };
constexpr Is kAll[] = {Is::behind, Is::silent, Is::absent, Is::receipt};
constexpr const char* kNames[] = {"behind", "silent", "absent", "receipt"};

// Past the nonce by somebody else's transaction, and deep below the finalized block.
void pass(FakeNode& node, const Slotted& it) {
    node.world().nonces[testing::address_at(it.slot.signer)] = 1;
    node.mine(8);
}

void make(FakeNode& node, const Slotted& it, Is is) {
    pass(node, it);
    if (is == Is::behind) {
        node.edits[std::string(kNonce)] = [](const net::RpcCall& asked, auto& answer) {
            if (tag_of(asked, 1) != "latest") answer = said(quantity(0));
        };
    }
    if (is == Is::silent) node.down = true;
    if (is == Is::receipt) {
        const Bytes hash = *from_hex(it.attempt.id);
        json::Object receipt;
        receipt["transactionHash"] = it.attempt.id;
        receipt["status"] = "0x1";
        receipt["blockNumber"] = quantity(node.height());
        receipt["blockHash"] = "0x" + std::string(64, '7');
        receipt["from"] = "0x" + std::string(40, '2');
        receipt["gasUsed"] = "0x1";
        receipt["logs"] = json::Array{};
        node.edits[std::string(kReceipt)] = [receipt](const net::RpcCall&, auto& answer) {
            answer = said(receipt);
        };
    }
}

TEST(Absence, EveryPairOfEndpoints) {
    for (const Is first : kAll) {
        for (const Is second : kAll) {
            SCOPED_TRACE(std::string(kNames[static_cast<int>(first)]) + ", " +
                         kNames[static_cast<int>(second)]);
            for (const bool tag : {true, false}) {
                Slotted it;
                it.world.node.peers.push_back(&it.other);
                it.world.node.knows_final_tag = tag;
                it.other.knows_final_tag = tag;
                make(it.world.node, it, first);
                make(it.other, it, second);
                if (!tag) it.world.node.mine(64);
                if (!tag) it.other.mine(64);
                const SeenState got = it.look().state;
                const bool receipt = first == Is::receipt || second == Is::receipt;
                const bool absent = first == Is::absent || second == Is::absent;
                EXPECT_EQ(got == SeenState::dead, absent && !receipt) << "tag " << tag;
                if (receipt || absent) continue;
                const bool silent = first == Is::silent || second == Is::silent;
                EXPECT_EQ(got, silent ? SeenState::unknown : SeenState::waiting);
            }
        }
    }
}

TEST(Absence, OneWithoutTheTagSpeaksOnlySixtyFourBlocksDeep) {
    Slotted it;
    it.world.node.peers.push_back(&it.other);
    it.other.knows_final_tag = false;
    make(it.world.node, it, Is::behind);
    pass(it.other, it);
    EXPECT_EQ(it.look().state, SeenState::waiting);
    it.other.mine(64);
    EXPECT_EQ(it.look().state, SeenState::dead);
}

TEST(Absence, AnEndpointOfAnotherChainHasNoVoice) {
    Slotted it;
    it.world.node.peers.push_back(&it.other);
    make(it.world.node, it, Is::behind);
    pass(it.other, it);
    ASSERT_EQ(it.look().state, SeenState::dead);
    it.other.chain_id = 1;
    EXPECT_NE(it.look().state, SeenState::dead);
}

TEST(Absence, AWordAboutOneAttemptIsNoWordAboutAll) {
    Slotted it;
    const Attempt second = *it.world.sign(it.slot, it.actions, {it.attempt});
    pass(it.world.node, it);
    it.world.node.edits[std::string(kReceipt)] = [&it](const net::RpcCall& asked, auto& answer) {
        if (tag_of(asked, 0) != it.attempt.id) answer = fail(Errc::timeout);
    };
    EXPECT_EQ(it.world.observe(it.slot, it.actions, {it.attempt, second}).state,
              SeenState::unknown);
}

}  // namespace
}  // namespace x402::evm
