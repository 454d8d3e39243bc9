// SPDX-License-Identifier: Apache-2.0
// What became of a slot, on a cluster whose endpoints are silent, behind, forgetful, or lie.
#include <gtest/gtest.h>

#include "x402/chains/svm/exact/diagnose.hpp"
#include "x402/chains/svm/testing/settling.hpp"

namespace x402::svm {
namespace {

using testing::Settling;
using testing::Slotted;

constexpr std::string_view kStatuses = "getSignatureStatuses";
constexpr std::string_view kTransaction = "getTransaction";
constexpr std::string_view kValid = "isBlockhashValid";

using Reply = Result<net::RpcReply>;
using Edit = testing::FakeEndpoint::Edit;

Edit lose() {
    return [](const net::RpcCall&, Reply& answer) { answer = fail(Errc::interrupted, "lost"); };
}
// What a node that is not as far answers.
Edit from_slot(std::uint64_t slot) {
    return [slot](const net::RpcCall&, Reply& answer) {
        answer->result->as_object()["context"].as_object()["slot"] = slot;
    };
}
// Says that nothing arrived.
Edit nothing_arrived() {
    return [](const net::RpcCall&, Reply& answer) {
        if (answer->result->is_null()) return;
        json::Object& meta = answer->result->as_object()["meta"].as_object();
        meta["postTokenBalances"] = meta["preTokenBalances"];
    };
}
Edit balances_untold() {
    return [](const net::RpcCall&, Reply& answer) {
        if (answer->result->is_null()) return;
        answer->result->as_object()["meta"].as_object()["postTokenBalances"] = nullptr;
    };
}

SeenState state_of(const Seen& seen) {
    return seen.state;
}

TEST(Observe, FromWaitingToFinal) {
    Settling at;
    Slotted it(at);
    EXPECT_EQ(it.look().state, SeenState::waiting);
    EXPECT_EQ(it.send().sent, Sent::accepted);
    EXPECT_EQ(it.look().state, SeenState::waiting);
    at.pass(1);
    EXPECT_EQ(it.look().state, SeenState::waiting) << "processed is not confirmed";
    at.pass(1);
    const Seen seen = it.look();
    ASSERT_EQ(seen.state, SeenState::mined);
    EXPECT_TRUE(it.paid(seen));
    EXPECT_FALSE(seen.final);
    EXPECT_EQ(seen.attempt, it.attempt.id);
    EXPECT_EQ(seen.block, at.cluster.at(Commitment::processed).slot - 1);
    EXPECT_EQ(seen.cost.unit, "lamports");
    EXPECT_EQ(seen.cost.amount, U256(testing::kSampleFee));
    EXPECT_EQ(read_part(seen.parts[0].body), U256(10'000));
    at.cluster.finalize();
    EXPECT_TRUE(it.look().final);
    EXPECT_EQ(at.cluster.tokens(at.destination), 10'005U);
    EXPECT_EQ(at.cluster.lamports(it.transfer.fee_payer), testing::kFunds - testing::kSampleFee);
}

TEST(Observe, FinalizedWhereThatIsConfigured) {
    Settling at(1, Commitment::finalized);
    Slotted it(at);
    it.land();
    at.pass(5);
    EXPECT_EQ(it.look().state, SeenState::waiting);
    at.cluster.finalize();
    EXPECT_TRUE(it.paid(it.look()));
}

TEST(Observe, WhatABroadcastAnswersProvesNothing) {
    struct Row {
        const char* name;
        std::function<void(testing::FakeEndpoint&)> trouble;
        Sent want;
    };
    const Row rows[] = {
        {"the answer is lost", [](auto& node) { node.edits["sendTransaction"] = lose(); },
         Sent::unknown},
        {"refused, and landed",
         [](auto& node) {
             node.errors["sendTransaction"] = net::RpcError{-32'002, "Blockhash not found", {}};
         },
         Sent::refused},
        {"busy",
         [](auto& node) { node.errors["sendTransaction"] = net::RpcError{-32'005, "", {}}; },
         Sent::unknown},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Settling at;
        Slotted it(at);
        row.trouble(at.cluster.endpoint());
        EXPECT_EQ(it.send().sent, row.want);
        at.pass(2);
        EXPECT_TRUE(it.paid(it.look()));
    }
}

TEST(Observe, SilenceIsUnknown) {
    Settling at(2);
    Slotted it(at);
    for (std::size_t i = 0; i < 2; ++i) at.cluster.endpoint(i).down = true;
    EXPECT_EQ(it.look().state, SeenState::unknown);
    at.expire();
    at.pass(300);
    EXPECT_EQ(it.look().state, SeenState::unknown);
    at.cluster.endpoint(0).down = false;
    EXPECT_EQ(it.look().state, SeenState::waiting) << "one of two is no proof";
    at.cluster.endpoint(1).down = false;
    at.pass(5);
    EXPECT_EQ(it.look().state, SeenState::dead);
}

TEST(Observe, DeadOnlyWhenItCanLandNoMore) {
    for (const std::size_t endpoints : {1U, 2U, 3U}) {
        SCOPED_TRACE(endpoints);
        Settling at(endpoints);
        Slotted it(at);
        at.cluster.endpoint(0).forwards = false;
        it.send();
        at.cluster.drop_pool();
        std::size_t blocks = 0;
        for (; it.look().state != SeenState::dead && blocks < 400; ++blocks) at.pass(1);
        const auto last = at.cluster.last_height(it.options.blockhash);
        ASSERT_TRUE(last);
        EXPECT_GT(at.cluster.at(Commitment::finalized).height, *last + 1);
        EXPECT_LT(at.cluster.at(Commitment::finalized).height, *last + 10);
        EXPECT_FALSE(at.cluster.land(it.attempt.raw));
        EXPECT_EQ(it.trace().state, TraceState::impossible);
    }
}

// The last block that takes it, and never dead until then or afterwards.
TEST(Observe, WhatLandsInTheLastBlockIsNotDead) {
    Settling at(2);
    Slotted it(at);
    const auto last = at.cluster.last_height(it.options.blockhash);
    while (at.cluster.at(Commitment::processed).height + 1 < *last) {
        at.pass(1);
        ASSERT_EQ(it.look().state, SeenState::waiting);
    }
    it.land();
    bool paid = false;
    for (int i = 0; i < 250; ++i) {
        at.pass(1);
        const Seen seen = it.look();
        ASSERT_NE(seen.state, SeenState::dead);
        paid = paid || it.paid(seen);
        EXPECT_EQ(paid, it.paid(seen));
    }
    EXPECT_TRUE(paid);
}

// Heights go slower than slots where slots are skipped: only heights count.
TEST(Observe, SkippedSlotsExpireNothing) {
    Settling at;
    Slotted it(at);
    at.cluster.skip(400);
    at.pass(40);
    EXPECT_EQ(it.look().state, SeenState::waiting);
    at.expire();
    EXPECT_EQ(it.look().state, SeenState::dead);
}

struct Doubt {
    const char* name;
    std::function<void(Settling&, Slotted&)> make;
};

TEST(Observe, NoProofFromTwoEndpointsOfWhichOneFails) {
    const Doubt rows[] = {
        {"one is down", [](Settling& at, Slotted&) { at.cluster.endpoint(1).down = true; }},
        {"the first has no history",
         [](Settling& at, Slotted&) { at.cluster.endpoint(0).history = false; }},
        {"the second has none",
         [](Settling& at, Slotted&) { at.cluster.endpoint(1).history = false; }},
        {"one is far behind", [](Settling& at, Slotted&) { at.cluster.endpoint(1).behind = 100; }},
        {"one cannot tell validity",
         [](Settling& at, Slotted&) {
             at.cluster.endpoint(1).errors[std::string(kValid)] = net::RpcError{-32'005, "", {}};
         }},
        {"one answers validity from a node that is behind",
         [](Settling& at, Slotted&) {
             const auto slot = at.cluster.at(Commitment::finalized).slot - 1;
             at.cluster.endpoint(1).edits[std::string(kValid)] = from_slot(slot);
         }},
        {"one still takes the blockhash",
         [](Settling& at, Slotted&) {
             at.cluster.endpoint(1).edits[std::string(kValid)] = [](const auto&, Reply& answer) {
                 answer->result->as_object()["value"] = true;
             };
         }},
        {"one searched a node that is behind",
         [](Settling& at, Slotted&) {
             const auto slot = at.cluster.at(Commitment::finalized).slot - 1;
             at.cluster.endpoint(1).edits[std::string(kStatuses)] = from_slot(slot);
         }},
        {"one tells nonsense",
         [](Settling& at, Slotted&) {
             at.cluster.endpoint(1).edits[std::string(kStatuses)] = [](const auto&, Reply& answer) {
                 answer->result->as_object()["value"] = "none";
             };
         }},
    };
    for (const Doubt& row : rows) {
        SCOPED_TRACE(row.name);
        Settling at(2);
        Slotted it(at);
        at.expire();
        row.make(at, it);
        const Seen seen = it.look();
        EXPECT_TRUE(seen.state == SeenState::waiting || seen.state == SeenState::unknown);
        at.cluster.endpoint(0).history = true;
        testing::FakeEndpoint& other = at.cluster.endpoint(1);
        other.down = false;
        other.history = true;
        other.behind = 0;
        other.errors.clear();
        other.edits.clear();
        at.pass(5);
        EXPECT_EQ(it.look().state, SeenState::dead);
    }
}

TEST(Observe, AHeightThatOneEndpointInventsIsNotBelieved) {
    for (const std::size_t liar : {0U, 1U}) {
        SCOPED_TRACE(liar);
        Settling at(2);
        Slotted it(at);
        at.pass(10);
        const Height now = at.cluster.at(Commitment::finalized);
        at.cluster.endpoint(liar).claims[Commitment::finalized] =
            Height{now.slot + 500, now.height + 500};
        at.cluster.endpoint(liar).claims[Commitment::processed] =
            Height{now.slot + 600, now.height + 600};
        at.cluster.endpoint(liar).edits[std::string(kValid)] = [](const auto&, Reply& answer) {
            answer->result->as_object()["value"] = false;
        };
        EXPECT_EQ(it.look().state, SeenState::waiting);
        it.land();
        at.pass(3);
        EXPECT_NE(it.look().state, SeenState::dead);
    }
}

// One endpoint's word is what there is, but it must not contradict itself.
TEST(Observe, OneEndpointMustAgreeWithItself) {
    const Doubt rows[] = {
        {"no history", [](Settling& at, Slotted&) { at.cluster.endpoint().history = false; }},
        {"a height, but still valid",
         [](Settling& at, Slotted&) {
             at.cluster.endpoint().edits[std::string(kValid)] = [](const auto&, Reply& answer) {
                 answer->result->as_object()["value"] = true;
             };
         }},
        {"validity from an older slot",
         [](Settling& at, Slotted&) {
             const auto slot = at.cluster.at(Commitment::finalized).slot - 1;
             at.cluster.endpoint().edits[std::string(kValid)] = from_slot(slot);
         }},
        {"a search of an older slot",
         [](Settling& at, Slotted&) {
             const auto slot = at.cluster.at(Commitment::finalized).slot - 1;
             at.cluster.endpoint().edits[std::string(kStatuses)] = from_slot(slot);
         }},
    };
    for (const Doubt& row : rows) {
        SCOPED_TRACE(row.name);
        Settling at;
        Slotted it(at);
        at.expire();
        row.make(at, it);
        EXPECT_NE(it.look().state, SeenState::dead);
    }
}

TEST(Observe, WhatOneEndpointSawIsNotDead) {
    Settling at(2);
    Slotted it(at);
    at.cluster.endpoint(0).hidden.insert(it.attempt.id);
    it.land();
    at.pass(2);
    EXPECT_EQ(it.look().state, SeenState::waiting) << "a fork looks the same";
    at.expire();
    const Seen seen = it.look();
    ASSERT_EQ(seen.state, SeenState::mined);
    EXPECT_TRUE(it.paid(seen));
    EXPECT_FALSE(seen.final) << "the endpoints still disagree";
}

TEST(Observe, AConfirmationThatOnlyOneEndpointShowsHasToBecomeFinal) {
    Settling at(2);
    Slotted it(at);
    at.cluster.endpoint(1).hidden.insert(it.attempt.id);
    it.land();
    for (int i = 0; i < 31; ++i) {
        EXPECT_EQ(it.look().state, SeenState::waiting);
        at.pass(1);
    }
    at.pass(1);
    EXPECT_TRUE(it.paid(it.look()));
}

TEST(Observe, AnEndpointThatIsBehindContradictsNothing) {
    Settling at(2);
    Slotted it(at);
    at.cluster.endpoint(1).behind = 20;
    it.land();
    at.pass(2);
    EXPECT_TRUE(it.paid(it.look()));
    at.cluster.endpoint(1).down = true;
    EXPECT_TRUE(it.paid(it.look()));
}

// Confirmed, then gone with its fork; the same bytes land again, or never.
TEST(Observe, WhatWasDroppedIsWaitedForAgain) {
    for (const bool lands : {true, false}) {
        SCOPED_TRACE(lands);
        Settling at(2, Commitment::finalized);
        Slotted it(at);
        it.land();
        at.pass(3);
        EXPECT_EQ(it.look().state, SeenState::waiting);
        for (std::size_t i = 0; i < 2; ++i) at.cluster.endpoint(i).hidden.insert(it.attempt.id);
        at.pass(3);
        EXPECT_EQ(it.look().state, SeenState::waiting);
        if (lands) {
            for (std::size_t i = 0; i < 2; ++i) at.cluster.endpoint(i).hidden.clear();
        }
        at.expire();
        const Seen seen = it.look();
        EXPECT_EQ(seen.state, lands ? SeenState::mined : SeenState::dead);
        EXPECT_EQ(it.paid(seen), lands);
    }
}

TEST(Observe, AFailureIsFinalOnlyAtTheEnd) {
    Settling at(2);
    Slotted it(at);
    at.cluster.traps.insert(at.destination);
    it.land();
    at.pass(2);
    Seen seen = it.look();
    ASSERT_EQ(seen.state, SeenState::mined);
    EXPECT_FALSE(seen.parts[0].executed);
    EXPECT_FALSE(seen.final);
    EXPECT_FALSE(at.tracer().is_over(it.transfer.hash));
    EXPECT_TRUE(at.simulate(it.action)->refusals.size() == 1);
    at.cluster.finalize();
    at.cluster.endpoint(1).down = true;
    EXPECT_EQ(it.look().state, SeenState::unknown) << "a no takes everybody";
    at.cluster.endpoint(1).down = false;
    seen = it.look();
    EXPECT_EQ(seen.state, SeenState::mined);
    EXPECT_TRUE(seen.final);
    EXPECT_EQ(seen.cost.amount, U256(testing::kSampleFee));
    EXPECT_TRUE(at.tracer().is_over(it.transfer.hash));
    EXPECT_FALSE(at.simulate(it.action)->ok());
    EXPECT_EQ(it.trace().state, TraceState::impossible);
}

TEST(Observe, ThatNothingArrivedIsAskedOfEveryEndpoint) {
    struct Row {
        const char* name;
        std::vector<std::optional<Edit>> edits;
        SeenState state;
        bool paid;
    };
    const Row rows[] = {
        {"one says so, the other not", {nothing_arrived(), {}}, SeenState::unknown, false},
        {"a yes of the first is believed",
         {std::nullopt, nothing_arrived()},
         SeenState::mined,
         true},
        {"both say so", {nothing_arrived(), nothing_arrived()}, SeenState::mined, false},
        {"the first does not tell", {balances_untold(), {}}, SeenState::mined, true},
        {"one says so, the other does not tell",
         {nothing_arrived(), balances_untold()},
         SeenState::unknown,
         false},
        {"one says so, the other is silent",
         {nothing_arrived(), lose()},
         SeenState::unknown,
         false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Settling at(2);
        Slotted it(at);
        it.land();
        at.cluster.finalize();
        for (std::size_t i = 0; i < 2; ++i) {
            if (row.edits[i])
                at.cluster.endpoint(i).edits[std::string(kTransaction)] = *row.edits[i];
        }
        const Seen seen = it.look();
        EXPECT_EQ(seen.state, row.state);
        EXPECT_EQ(it.paid(seen), row.paid);
        if (row.state == SeenState::mined) {
            EXPECT_TRUE(seen.final);
            EXPECT_EQ(read_part(seen.parts[0].body), U256(row.paid ? 10'000 : 0));
        }
    }
}

// Another transaction in the place of ours, told by a node that mixes them up.
TEST(Observe, AnotherTransactionProvesNothing) {
    Settling at;
    Slotted it(at);
    Slotted other(at, "m2");
    it.land();
    other.land();
    at.pass(2);
    const std::string id = other.attempt.id;
    const auto call = ask_transaction(id, Commitment::confirmed);
    const auto theirs = testing::wait_for(at.cluster.call(call));
    at.cluster.endpoint().edits[std::string(kTransaction)] =
        [&theirs](const net::RpcCall&, Reply& answer) { answer = *theirs; };
    EXPECT_EQ(it.look().state, SeenState::unknown);
    EXPECT_TRUE(it.paid(other.look()) == other.paid(other.look()));
}

TEST(Observe, NothingHasToBeRemembered) {
    Settling at(2);
    Slotted one(at, "m1");
    Slotted two(at, "m2");
    Slotted three(at, "m3");
    one.land();
    at.restart();
    EXPECT_EQ(two.look().state, SeenState::waiting);
    two.send();
    at.pass(3);
    at.restart();
    EXPECT_TRUE(one.paid(one.look()));
    EXPECT_TRUE(two.paid(two.look()));
    at.expire();
    at.restart();
    EXPECT_EQ(three.look().state, SeenState::dead);
    EXPECT_TRUE(two.paid(two.look()));
    EXPECT_EQ(three.trace().state, TraceState::impossible);
    EXPECT_EQ(two.trace().state, TraceState::done);
}

TEST(Observe, WithoutAHeightTheTimeDecides) {
    Settling at(2);
    Slotted it(at);
    it.note(std::nullopt);
    at.expire();
    at.clock.at = testing::kNow + std::chrono::seconds(89);
    EXPECT_EQ(it.look().state, SeenState::waiting);
    at.clock.at = testing::kNow + std::chrono::seconds(90);
    EXPECT_EQ(it.look().state, SeenState::waiting) << "the final block is not that young yet";
    at.pass(100);
    EXPECT_EQ(it.look().state, SeenState::dead);
    // Where the blocks are slow, time says nothing.
    Settling slow(2);
    Slotted that(slow);
    that.note(std::nullopt);
    slow.clock.at += std::chrono::hours(1);
    EXPECT_EQ(that.look().state, SeenState::waiting);
    slow.cluster.advance(40);
    EXPECT_EQ(that.look().state, SeenState::waiting);
}

TEST(Observe, AHeightThatWasNotedTooHighIsNotTheLastWord) {
    Settling at;
    Slotted it(at);
    it.note(1'000'000'000);
    at.expire();
    at.pass(50);
    EXPECT_EQ(it.look().state, SeenState::waiting);
    at.pass(550);
    EXPECT_EQ(it.look().state, SeenState::dead);
}

TEST(Observe, ASlotThatDoesNotTellItsTimeIsNeverDeadByTime) {
    Settling at;
    Slotted it(at);
    it.note(std::nullopt);
    it.slot.body.clear();
    at.expire();
    at.pass(300);
    EXPECT_EQ(it.look().state, SeenState::waiting);
}

// A node that dropped its old blocks knows nothing of what landed in them.
TEST(Observe, AfterALongStopTheHistoryMustBeWhole) {
    const auto first_block = [](std::uint64_t slot) {
        return [slot](const net::RpcCall&, Reply& answer) {
            net::RpcReply reply;
            reply.result = json::Value(slot);
            answer = std::move(reply);
        };
    };
    Settling at(2);
    Slotted it(at);
    const std::uint64_t then = at.cluster.at(Commitment::processed).slot;
    at.pass(9'300);
    at.restart();
    EXPECT_EQ(it.look().state, SeenState::waiting) << "nobody says since when he keeps records";
    for (std::size_t i = 0; i < 2; ++i)
        at.cluster.endpoint(i).edits["getFirstAvailableBlock"] = first_block(then + 500);
    at.pass(3);
    EXPECT_EQ(it.look().state, SeenState::waiting) << "dropped";
    for (std::size_t i = 0; i < 2; ++i)
        at.cluster.endpoint(i).edits["getFirstAvailableBlock"] = first_block(0);
    at.pass(3);
    EXPECT_EQ(it.look().state, SeenState::dead);
}

TEST(Observe, TheProofIsNotAskedForAtEveryLook) {
    Settling at;
    Slotted it(at);
    at.cluster.endpoint().history = true;
    at.expire();
    at.cluster.endpoint().edits[std::string(kValid)] = [](const auto&, Reply& answer) {
        answer->result->as_object()["value"] = true;
    };
    for (int i = 0; i < 20; ++i) EXPECT_EQ(it.look().state, SeenState::waiting);
    EXPECT_LE(at.cluster.count(std::string(kValid)), 2U);
}

TEST(Observe, ManyInFlight) {
    Settling at(2);
    std::vector<std::unique_ptr<Slotted>> all;
    for (int i = 0; i < 64; ++i)
        all.push_back(std::make_unique<Slotted>(at, "memo " + std::to_string(i)));
    for (const auto& each : all) EXPECT_EQ(each->send().sent, Sent::accepted);
    at.pass(2);
    for (const auto& each : all) EXPECT_TRUE(each->paid(each->look()));
    EXPECT_EQ(at.cluster.tokens(at.destination), 5U + 64 * 10'000U);
    EXPECT_EQ(at.cluster.lamports(all[0]->transfer.fee_payer),
              testing::kFunds - 64 * testing::kSampleFee);
}

TEST(Observe, WhatDoesNotFitTogetherIsAnError) {
    Settling at;
    Slotted it(at);
    Slotted other(at, "m2");
    const auto observe = [&](const Slot& slot, std::span<const Action> actions,
                             std::span<const Attempt> attempts) {
        return testing::wait_for(at.network().observe(slot, actions, attempts));
    };
    EXPECT_EQ(observe(other.slot, {&it.action, 1}, {&it.attempt, 1}).error().code, Errc::invalid);
    EXPECT_EQ(observe(it.slot, {}, {&it.attempt, 1}).error().code, Errc::unsupported);
    const std::vector<Attempt> two{it.attempt, other.attempt};
    EXPECT_EQ(observe(it.slot, {&it.action, 1}, two).error().code, Errc::unsupported);
    EXPECT_EQ(state_of(*observe(it.slot, {&it.action, 1}, {})), SeenState::waiting);
}

}  // namespace
}  // namespace x402::svm
