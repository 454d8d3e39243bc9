// SPDX-License-Identifier: Apache-2.0
// What is known of a payment, whoever sent it: found by its message, and by nothing that looks like
// it.
#include <gtest/gtest.h>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/testing/settling.hpp"

namespace x402::svm {
namespace {

using testing::kFeePayer;
using testing::kPayee;
using testing::kPayer;
using testing::kStranger;
using testing::Process;
using testing::sample_address;
using testing::SampleOptions;
using testing::Settling;
using testing::Slotted;
using testing::wait_for;

using Reply = Result<net::RpcReply>;
constexpr std::string_view kRows = "getSignaturesForAddress";
constexpr std::string_view kTransaction = "getTransaction";

// Signed by a fee payer elsewhere: nobody told us the id.
struct Elsewhere {
    explicit Elsewhere(Settling& settling, std::string memo = "m1", std::uint8_t fee_payer = 0x90)
        : at(settling) {
        at.cluster.fund(sample_address(fee_payer), testing::kFunds);
        options = at.fresh(std::move(memo));
        options.fee_payer = fee_payer;
        payment = at.payment_for(options);
        signed_one = to_base64_text(testing::sign_as(sample_transaction(options), fee_payer));
    }
    std::string land() {
        auto id = at.cluster.land(signed_one);
        return id ? *id : "refused: " + id.error().detail;
    }
    Trace trace() {
        auto trace = wait_for(at.tracer().trace(payment));
        return trace ? std::move(*trace) : Trace{};
    }
    TraceState confirm(const std::string& id, Commitment commitment = Commitment::confirmed) {
        auto trace = wait_for(at.tracer().confirm(payment, {id, commitment}));
        return trace ? trace->state : TraceState::impossible;
    }

    Settling& at;
    SampleOptions options;
    Payment payment;
    std::string signed_one;
};

TEST(Trace, WhatWeSentIsKnownByItsId) {
    Settling at(2);
    Slotted it(at);
    EXPECT_EQ(it.trace().state, TraceState::none);
    it.land();
    EXPECT_EQ(it.trace().state, TraceState::unknown) << "not final yet";
    at.pass(32);
    const Trace trace = it.trace();
    EXPECT_EQ(trace.state, TraceState::done);
    EXPECT_EQ(trace.transaction, it.attempt.id);
    EXPECT_EQ(trace.sender, to_text(sample_address(kFeePayer)));
    EXPECT_EQ(trace.at, from_unix_s(to_unix_s(testing::kNow)));
    EXPECT_EQ(trace.block, at.cluster.at(Commitment::finalized).slot);
    EXPECT_EQ(at.cluster.count(std::string(kRows)), 0U);
}

TEST(Trace, WhatOthersSentIsFoundByThePayersTransactions) {
    Settling at(2);
    Elsewhere it(at);
    EXPECT_EQ(it.trace().state, TraceState::none);
    Elsewhere other(at, "m2");
    EXPECT_NE(other.land(), "");
    const std::string id = it.land();
    at.pass(1);
    EXPECT_EQ(it.trace().state, TraceState::unknown) << "not final yet";
    at.pass(32);
    const Trace trace = it.trace();
    EXPECT_EQ(trace.state, TraceState::done);
    EXPECT_EQ(trace.transaction, id);
    EXPECT_EQ(trace.sender, to_text(sample_address(0x90)));
    const auto asked = at.cluster.count(std::string(kTransaction));
    EXPECT_EQ(it.trace().state, TraceState::done);
    EXPECT_LE(at.cluster.count(std::string(kTransaction)), asked + 1) << "candidates are known";
}

// The same amount from the same payer to the same payee, under another message.
TEST(Trace, AnotherTransferIsNotThisPayments) {
    Settling at;
    Elsewhere it(at);
    Elsewhere other(at, "another memo");
    const std::string id = other.land();
    at.pass(40);
    EXPECT_EQ(it.trace().state, TraceState::none);
    EXPECT_EQ(other.trace().state, TraceState::done);
    EXPECT_EQ(it.confirm(id), TraceState::unknown);
    EXPECT_EQ(other.confirm(id), TraceState::done);
}

TEST(Trace, ImpossibleTakesTimeAndEverybody) {
    struct Row {
        const char* name;
        std::function<void(Settling&)> trouble;
        TraceState want;
    };
    const Row rows[] = {
        {"no trouble", [](Settling&) {}, TraceState::impossible},
        {"one is down", [](Settling& at) { at.cluster.endpoint(1).down = true; },
         TraceState::unknown},
        {"the first has no history", [](Settling& at) { at.cluster.endpoint(0).history = false; },
         TraceState::unknown},
        {"one still takes it",
         [](Settling& at) {
             at.cluster.endpoint(1).edits["isBlockhashValid"] = [](const auto&, Reply& answer) {
                 answer->result->as_object()["value"] = true;
             };
         },
         TraceState::none},
        {"one does not tell the time",
         [](Settling& at) {
             at.cluster.endpoint(0).errors["getBlockTime"] = net::RpcError{-32'004, "", {}};
         },
         TraceState::none},
        {"one lags by minutes", [](Settling& at) { at.cluster.endpoint(1).behind = 250; },
         TraceState::none},
    };
    for (const bool by_id : {true, false}) {
        for (const Row& row : rows) {
            SCOPED_TRACE(row.name);
            Settling at(2);
            Slotted it(at);
            if (!by_id) at.restart();
            at.pass(225);
            EXPECT_EQ(it.trace().state, TraceState::none) << "90 seconds have not passed";
            at.pass(60);
            row.trouble(at);
            EXPECT_EQ(it.trace().state, row.want);
        }
    }
}

TEST(Trace, OldPaymentsTakeAWholeHistory) {
    Settling at;
    Elsewhere it(at);
    at.pass(9'300);
    EXPECT_EQ(it.trace().state, TraceState::none);
    at.cluster.endpoint().edits["getFirstAvailableBlock"] = [](const auto&, Reply& answer) {
        net::RpcReply reply;
        reply.result = json::Value(0);
        answer = std::move(reply);
    };
    EXPECT_EQ(it.trace().state, TraceState::impossible);
}

// The facilitator's own proof of the slot's death is not lost on the payment's trace.
TEST(Trace, WhatWasProvenOverIsImpossible) {
    Settling at(2);
    Slotted it(at);
    at.pass(20);
    EXPECT_EQ(it.trace().state, TraceState::none);
    at.tracer().know_over(it.transfer.hash);
    EXPECT_TRUE(at.tracer().is_over(it.transfer.hash));
    EXPECT_EQ(it.trace().state, TraceState::impossible);
    at.cluster.endpoint(1).down = true;
    EXPECT_EQ(it.trace().state, TraceState::unknown);
    at.cluster.endpoint(1).down = false;
    it.land();
    at.pass(40);
    EXPECT_EQ(it.trace().state, TraceState::done) << "what is found outweighs it";
}

TEST(Trace, WhatFailedCanNeverPay) {
    for (const bool by_id : {true, false}) {
        Settling at(2);
        Slotted it(at);
        if (!by_id) at.restart();
        at.cluster.traps.insert(at.destination);
        it.land();
        at.pass(5);
        EXPECT_EQ(it.trace().state, TraceState::unknown);
        at.pass(40);
        at.cluster.endpoint(1).down = true;
        EXPECT_EQ(it.trace().state, TraceState::unknown) << "a no takes everybody";
        at.cluster.endpoint(1).down = false;
        EXPECT_EQ(it.trace().state, TraceState::impossible);
    }
}

TEST(Trace, NotCreditedIsAskedOfEveryEndpoint) {
    const auto nothing = [](const net::RpcCall&, Reply& answer) {
        if (answer->result->is_null()) return;
        json::Object& meta = answer->result->as_object()["meta"].as_object();
        meta["postTokenBalances"] = meta["preTokenBalances"];
    };
    Settling at(2);
    Slotted it(at);
    it.land();
    at.pass(40);
    at.cluster.endpoint(0).edits[std::string(kTransaction)] = nothing;
    EXPECT_EQ(it.trace().state, TraceState::unknown);
    at.cluster.endpoint(1).edits[std::string(kTransaction)] = nothing;
    EXPECT_EQ(it.trace().state, TraceState::impossible);
}

TEST(Trace, EndpointsThatDisagreeProveNothing) {
    Settling at(2);
    Slotted it(at);
    it.land();
    at.pass(40);
    at.cluster.endpoint(1).hidden.insert(it.attempt.id);
    EXPECT_EQ(it.trace().state, TraceState::unknown);
    at.cluster.endpoint(1).hidden.clear();
    EXPECT_EQ(it.trace().state, TraceState::done);
}

TEST(Trace, ABusyPayerIsLookedThroughBackToThePayment) {
    Settling at;
    for (int i = 0; i < 130; ++i) {
        Elsewhere early(at, "early " + std::to_string(i));
        early.land();
    }
    at.pass(1'200);  // more than five minutes
    Elsewhere it(at);
    const std::string id = it.land();
    for (int i = 0; i < 120; ++i) {
        Elsewhere late(at, "late " + std::to_string(i));
        late.land();
    }
    at.pass(40);
    EXPECT_EQ(it.trace().transaction, id) << "on the second page";
    EXPECT_LE(at.cluster.count(std::string(kTransaction)), 125U) << "what is older is not read";
    Elsewhere never(at, "never");
    EXPECT_EQ(never.trace().state, TraceState::none);
}

TEST(Trace, AHistoryTooLongIsUnknown) {
    Settling at;
    Elsewhere it(at);
    Elsewhere other(at, "m2");
    other.land();
    at.pass(2);
    // A page that never ends.
    at.cluster.endpoint().edits[std::string(kRows)] = [](const net::RpcCall& asked, Reply& answer) {
        json::Array& rows = answer->result->as_array();
        const auto limit = asked.params[1].as_object().at("limit").to_number<std::size_t>();
        const json::Value one = rows.at(0);
        while (rows.size() < limit) rows.push_back(one);
    };
    EXPECT_EQ(it.trace().state, TraceState::unknown);
}

TEST(Trace, ACandidateThatCannotBeReadLeavesItUnknown) {
    Settling at;
    Elsewhere it(at);
    Elsewhere other(at, "m2");
    other.land();
    at.pass(3);
    at.cluster.endpoint().errors[std::string(kTransaction)] = net::RpcError{-32'005, "busy", {}};
    EXPECT_EQ(it.trace().state, TraceState::unknown);
    at.cluster.endpoint().errors.clear();
    EXPECT_EQ(it.trace().state, TraceState::none);
    at.cluster.endpoint().errors[std::string(kTransaction)] = net::RpcError{-32'005, "busy", {}};
    EXPECT_EQ(it.trace().state, TraceState::none) << "it is remembered";
}

TEST(Trace, WhatNeverLandedIsNoCandidate) {
    Settling at;
    Elsewhere it(at);
    Elsewhere other(at, "m2");
    other.land();
    at.pass(3);
    at.cluster.endpoint().edits[std::string(kRows)] = [](const net::RpcCall&, Reply& answer) {
        json::Array& rows = answer->result->as_array();
        json::Value row = rows.at(0);
        row.as_object()["signature"] = to_base58(Signature{}.view());
        rows.push_back(row);
    };
    EXPECT_EQ(it.trace().state, TraceState::none);
}

// A node may name any bytes; only the fee payer's own signature binds an id to a message.
TEST(Trace, ALieAboutACandidateIsNotRemembered) {
    Settling at;
    Elsewhere it(at);
    Elsewhere other(at, "m2");
    const std::string id = it.land();
    other.land();
    at.pass(3);
    const auto theirs = wait_for(at.cluster.call(
        ask_transaction(to_base58(read_transaction_text(other.signed_one)->signatures[0].view()),
                        Commitment::confirmed)));
    at.cluster.endpoint().edits[std::string(kTransaction)] = [&](const net::RpcCall& asked,
                                                                 Reply& answer) {
        if (asked.params[0].as_string() == id) answer = *theirs;
    };
    EXPECT_EQ(it.trace().state, TraceState::unknown);
    at.cluster.endpoint().edits.clear();
    at.pass(40);
    EXPECT_EQ(it.trace().state, TraceState::done);
}

std::uint64_t condition_of(const net::RpcCall& asked) {
    const json::Value* least = json::find(asked.params[1].as_object(), "minContextSlot");
    return least == nullptr ? 0 : least->to_number<std::uint64_t>();
}

TEST(Trace, NodesThatAreBehindDoNotSearch) {
    Settling at(2);
    Elsewhere it(at);
    at.pass(300);
    std::uint64_t reach = 0;
    at.cluster.endpoint(1).edits[std::string(kRows)] = [&](const net::RpcCall& asked, Reply&) {
        reach = std::max(reach, condition_of(asked));
        EXPECT_EQ(asked.params[1].as_object().at("commitment").as_string(), "confirmed");
    };
    EXPECT_EQ(it.trace().state, TraceState::impossible);
    EXPECT_EQ(reach, at.cluster.at(Commitment::finalized).slot);
    at.cluster.endpoint(1).edits[std::string(kRows)] = [&](const net::RpcCall& asked,
                                                           Reply& answer) {
        if (condition_of(asked) == 0) return;
        net::RpcReply refused;
        refused.error = net::RpcError{-32'016, "Minimum context slot has not been reached", {}};
        answer = std::move(refused);
    };
    EXPECT_EQ(it.trace().state, TraceState::unknown);
}

// Some take the condition for a filter, and then tell nothing of what landed before it.
TEST(Trace, NodesThatFilterByTheConditionHideNothing) {
    Settling at;
    Elsewhere it(at);
    const std::string id = it.land();
    at.pass(300);
    at.cluster.endpoint().edits[std::string(kRows)] = [](const net::RpcCall& asked, Reply& answer) {
        if (condition_of(asked) != 0) answer->result = json::Value(json::Array{});
    };
    EXPECT_EQ(it.trace().transaction, id);
}

TEST(Trace, AClockAheadOfTheChainProvesNothing) {
    Settling at;
    Elsewhere it(at);
    it.land();
    at.pass(40);
    // Seen by a clock that is ten minutes ahead: the search ends before it comes to the landing.
    it.payment.seen = testing::kNow + std::chrono::minutes(10);
    at.clock.at = testing::kNow + std::chrono::minutes(12);
    at.cluster.advance(300);
    EXPECT_EQ(it.trace().state, TraceState::unknown);
}

TEST(Trace, APaymentForOtherTermsIsAnError) {
    Settling at;
    Elsewhere it(at);
    for (const char* field : {"amount", "payTo", "scheme", "payload"}) {
        SCOPED_TRACE(field);
        Payment payment = it.payment;
        PaymentRequirements& asked = payment.requirements;
        const std::string name = field;
        if (name == "amount") asked.amount = U256(1);
        if (name == "payTo") asked.pay_to = to_text(sample_address(kStranger));
        if (name == "scheme") asked.scheme = "upto";
        if (name == "payload") payment.payload.payload["transaction"] = "AAAA";
        const auto trace = wait_for(at.tracer().trace(payment));
        ASSERT_FALSE(trace);
        EXPECT_FALSE(trace.error().retryable);
        EXPECT_FALSE(wait_for(at.tracer().confirm(payment, {"x", Commitment::confirmed})));
    }
    EXPECT_EQ(at.cluster.count(std::string(kRows)), 0U) << "no node was asked";
}

TEST(Confirm, TheNamedTransactionMustCarryTheMessage) {
    Settling at(2);
    Elsewhere it(at);
    const std::string id = it.land();
    EXPECT_EQ(it.confirm(id), TraceState::unknown) << "only processed";
    at.pass(1);
    EXPECT_EQ(it.confirm(id), TraceState::done);
    EXPECT_EQ(it.confirm(id, Commitment::processed), TraceState::done);
    EXPECT_EQ(it.confirm(id, Commitment::finalized), TraceState::unknown);
    at.pass(40);
    EXPECT_EQ(it.confirm(id, Commitment::finalized), TraceState::done);
    EXPECT_EQ(it.confirm(""), TraceState::unknown);
    EXPECT_EQ(it.confirm("not base58 0OIl"), TraceState::unknown);
    EXPECT_EQ(it.confirm(std::string(500'000, '1')), TraceState::unknown);
    at.cluster.endpoint(1).hidden.insert(id);
    EXPECT_EQ(it.confirm(id), TraceState::unknown) << "disputed";
}

TEST(Confirm, AFailureSaysNothing) {
    Settling at;
    Elsewhere it(at);
    at.cluster.traps.insert(at.destination);
    const std::string id = it.land();
    at.pass(40);
    EXPECT_EQ(it.confirm(id), TraceState::unknown);
    EXPECT_EQ(it.trace().state, TraceState::impossible);
}

TEST(Trace, TheOldestAreForgotten) {
    Settling at;
    Tracer& tracer = at.tracer();
    const auto name = [](std::uint32_t i) {
        Hash32 hash;
        for (std::size_t k = 0; k < 4; ++k) hash.data[k] = static_cast<std::uint8_t>(i >> (8 * k));
        return hash;
    };
    for (std::uint32_t i = 0; i < 5'000; ++i) tracer.know_over(name(i));
    EXPECT_FALSE(tracer.is_over(name(0)));
    EXPECT_FALSE(tracer.is_over(name(903)));
    EXPECT_TRUE(tracer.is_over(name(904)));
    EXPECT_TRUE(tracer.is_over(name(4'999)));
}

}  // namespace
}  // namespace x402::svm
