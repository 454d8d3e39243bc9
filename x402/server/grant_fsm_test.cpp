// SPDX-License-Identifier: Apache-2.0
// Every reply in every memory, every combination of repeat facts.
#include "x402/server/grant_fsm.hpp"

#include <gtest/gtest.h>

#include "x402/base/json.hpp"
#include "x402/protocol/codec.hpp"

namespace x402::server {
namespace {

using store::GrantState;

PaymentRequirements terms() {
    PaymentRequirements out;
    out.scheme = "exact";
    out.network = *ChainId::parse("toy:one");
    out.amount = U256(1000);
    return out;
}

SettleResponse success() {
    SettleResponse out;
    out.success = true;
    out.transaction = "0x1";
    out.network = terms().network;
    return out;
}

SettleResponse of(const char* payer) {
    SettleResponse out = success();
    out.payer = payer;
    return out;
}

SettleResponse refusal(const char* reason, const char* transaction = "") {
    SettleResponse out;
    out.error_reason = reason;
    out.transaction = transaction;
    out.network = terms().network;
    return out;
}

// attacks.md 9 and 10
TEST(ReadReply, Table) {
    struct Row {
        const char* name;
        Result<SettleResponse> answer;
        SettleReply reply;
    };
    SettleResponse elsewhere = success();
    elsewhere.network = *ChainId::parse("toy:two");
    SettleResponse less = success();
    less.amount = U256(999);
    SettleResponse nothing = success();
    nothing.transaction.clear();
    nothing.amount = U256(0);
    SettleResponse equal = success();
    equal.amount = U256(1000);
    SettleResponse no_transaction = success();
    no_transaction.transaction.clear();
    const Row rows[] = {
        {"success", success(), SettleReply::settled},
        {"success with the amount", equal, SettleReply::settled},
        {"success on another network", elsewhere, SettleReply::no_judgement},
        {"success of less", less, SettleReply::no_judgement},
        {"success of the payer", of("0xabc"), SettleReply::settled},
        {"success of the payer, as CAIP-10", of("toy:one:0xABC"), SettleReply::settled},
        {"success of another payer", of("0xabd"), SettleReply::no_judgement},
        {"success of another payer, as CAIP-10", of("toy:one:0xabd"), SettleReply::no_judgement},
        {"success of nothing", nothing, SettleReply::no_judgement},
        {"success without a transaction", no_transaction, SettleReply::pending},
        {"failed", refusal("invalid_exact_evm_signature"), SettleReply::failed},
        {"unknown code", refusal("something_new"), SettleReply::failed},
        {"unknown code with a transaction", refusal("something_new", "0x2"), SettleReply::pending},
        {"known code with a transaction", refusal("invalid_transaction_state", "0x2"),
         SettleReply::failed},
        {"a wait that ended", refusal("confirmation_timed_out"), SettleReply::pending},
        {"duplicate", refusal("duplicate_settlement", "0x2"), SettleReply::duplicate},
        {"pending", refusal("settlement_pending", "0x2"), SettleReply::pending},
        {"unreachable", fail(Errc::unreachable), SettleReply::unreached},
        {"unauthorized", fail(Errc::unauthorized), SettleReply::turned_away},
        {"invalid", fail(Errc::invalid), SettleReply::turned_away},
        {"too large", fail(Errc::too_large), SettleReply::turned_away},
        {"timeout", fail(Errc::timeout), SettleReply::no_judgement},
        {"interrupted", fail(Errc::interrupted), SettleReply::no_judgement},
        {"unavailable", fail(Errc::unavailable), SettleReply::no_judgement},
        {"garbled", fail(Errc::bad_peer), SettleReply::no_judgement},
        {"cancelled", fail(Errc::cancelled), SettleReply::no_judgement},
        {"internal", fail(Errc::internal), SettleReply::no_judgement},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(read_reply(row.answer, terms(), "0xAbC"), row.reply);
    }
}

constexpr SettleReply kReplies[] = {SettleReply::settled,     SettleReply::failed,
                                    SettleReply::duplicate,   SettleReply::pending,
                                    SettleReply::unreached,   SettleReply::turned_away,
                                    SettleReply::no_judgement};

TEST(Judge, OnceBegunNoNegativeAnswerMeansFailed) {
    for (const SettleReply first : {SettleReply::pending, SettleReply::no_judgement}) {
        for (const SettleReply second : kReplies) {
            for (const SettleReply third : kReplies) {
                SettleMemory memory;
                EXPECT_EQ(judge(memory, first), SettleVerdict::again);
                judge(memory, second);
                const SettleVerdict verdict = judge(memory, third);
                EXPECT_TRUE(memory.begun);
                EXPECT_NE(verdict, SettleVerdict::failed);
                EXPECT_NE(verdict, SettleVerdict::duplicate);
                EXPECT_NE(verdict, SettleVerdict::give_back);
                EXPECT_EQ(verdict == SettleVerdict::settled, third == SettleReply::settled);
            }
        }
    }
}

TEST(Judge, FirstAnswerIsBelieved) {
    struct Row {
        SettleReply reply;
        SettleVerdict verdict;
    };
    static constexpr Row rows[] = {
        {SettleReply::settled, SettleVerdict::settled},
        {SettleReply::failed, SettleVerdict::failed},
        {SettleReply::duplicate, SettleVerdict::duplicate},
        {SettleReply::pending, SettleVerdict::again},
        {SettleReply::unreached, SettleVerdict::again},
        {SettleReply::turned_away, SettleVerdict::give_back},
        {SettleReply::no_judgement, SettleVerdict::again},
    };
    for (const Row& row : rows) {
        SettleMemory memory;
        EXPECT_EQ(judge(memory, row.reply), row.verdict);
    }
}

TEST(Judge, NobodyReachedIsGivenBackAfterThreeTries) {
    SettleMemory memory;
    EXPECT_EQ(judge(memory, SettleReply::unreached), SettleVerdict::again);
    EXPECT_EQ(judge(memory, SettleReply::unreached), SettleVerdict::again);
    EXPECT_EQ(judge(memory, SettleReply::unreached), SettleVerdict::give_back);
    EXPECT_FALSE(memory.begun);
}

// Every memory there can be: a claim is only made where the facilitator's word is not enough.
template <class Check>
void for_all_memories(Check check) {
    for (const bool begun : {false, true}) {
        for (std::uint32_t unreached = 0; unreached < kUnreachedTries; ++unreached) {
            for (const ProofBy proof : {ProofBy::facilitator, ProofBy::chain}) {
                check(SettleMemory{begun, unreached, proof, false});
                if (begun && proof == ProofBy::chain)
                    check(SettleMemory{begun, unreached, proof, true});
            }
        }
    }
}

std::string text_of(const SettleMemory& memory) {
    return std::string(memory.begun ? "begun " : "") + std::to_string(memory.unreached) +
           (memory.proof == ProofBy::chain ? " chain" : "") + (memory.claimed ? " claimed" : "");
}

// What is decided, and what is remembered.
TEST(Judge, EveryMemoryWithEveryReply) {
    using R = SettleReply;
    using V = SettleVerdict;
    for_all_memories([](const SettleMemory& before) {
        for (const R reply : kReplies) {
            SCOPED_TRACE(text_of(before) + " " + std::to_string(static_cast<int>(reply)));
            SettleMemory memory = before;
            const V verdict = judge(memory, reply);
            const bool begun = before.begun;
            const bool claims = reply == R::settled && before.proof == ProofBy::chain;
            const bool ambiguous = reply == R::pending || reply == R::no_judgement;
            EXPECT_EQ(memory.begun, begun || ambiguous || claims) << "never forgotten again";
            EXPECT_EQ(memory.claimed, before.claimed || claims) << "never forgotten again";
            EXPECT_EQ(memory.proof, before.proof);
            const bool counts = reply == R::unreached && !begun;
            EXPECT_EQ(memory.unreached, before.unreached + (counts ? 1 : 0));
            V want = V::again;
            if (reply == R::settled) want = claims ? V::prove : V::settled;
            if (reply == R::failed) want = begun ? V::prove : V::failed;
            if (reply == R::duplicate) want = begun ? V::prove : V::duplicate;
            if (reply == R::turned_away && !begun) want = V::give_back;
            if (counts && before.unreached + 1 == kUnreachedTries) want = V::give_back;
            if (before.claimed) want = V::prove;
            EXPECT_EQ(verdict, want);
        }
    });
}

// attacks.md 44: whatever is said in whatever order.
TEST(Judge, NoWordOfTheFacilitatorIsEnoughWhereTheChainIsAsked) {
    for (const SettleReply first : kReplies) {
        for (const SettleReply second : kReplies) {
            for (const SettleReply third : kReplies) {
                SettleMemory memory{false, 0, ProofBy::chain, false};
                bool said_yes = false;
                for (const SettleReply reply : {first, second, third}) {
                    const SettleVerdict verdict = judge(memory, reply);
                    said_yes = said_yes || reply == SettleReply::settled;
                    EXPECT_NE(verdict, SettleVerdict::settled);
                    EXPECT_EQ(memory.claimed, said_yes);
                    if (said_yes) {
                        EXPECT_EQ(verdict, SettleVerdict::prove);
                    }
                }
            }
        }
    }
}

TEST(ProofNeeded, OnlyWhereSomethingIsCharged) {
    for (const ProofBy configured : {ProofBy::facilitator, ProofBy::chain}) {
        EXPECT_EQ(proof_needed(configured, terms()), configured);
        PaymentRequirements nothing = terms();
        nothing.amount = U256(0);
        EXPECT_EQ(proof_needed(configured, nothing), ProofBy::facilitator);
    }
}

// The facilitator's own books: proof where its word is enough, a claim at most where it is not, and
// nothing against a claim that it made before.
TEST(WeighBooks, EveryMemoryWithEveryWord) {
    for_all_memories([](const SettleMemory& before) {
        for (const Proof told : {Proof::settled, Proof::unused, Proof::foreign, Proof::none}) {
            SCOPED_TRACE(text_of(before) + " " + std::to_string(static_cast<int>(told)));
            SettleMemory memory = before;
            const Proof proof = weigh_books(memory, told);
            if (before.proof == ProofBy::facilitator) {
                EXPECT_EQ(proof, told);
                EXPECT_FALSE(memory.claimed);
                continue;
            }
            EXPECT_NE(proof, Proof::settled);
            EXPECT_EQ(memory.claimed, before.claimed || told == Proof::settled);
            EXPECT_EQ(memory.begun, before.begun || told == Proof::settled);
            EXPECT_EQ(proof, memory.claimed ? Proof::none : told);
        }
    });
}

// Only these four kinds of trouble say that nothing was begun.
TEST(ReadReply, EveryKindOfTrouble) {
    static constexpr Errc kAll[] = {
#define X402_ERRC_EACH(name, retryable) Errc::name,
        X402_ERRC_TABLE(X402_ERRC_EACH)
#undef X402_ERRC_EACH
    };
    for (const Errc code : kAll) {
        SCOPED_TRACE(to_string(code));
        const SettleReply reply = read_reply(fail(code), terms(), "0xabc");
        SettleReply want = SettleReply::no_judgement;
        if (code == Errc::unreachable) want = SettleReply::unreached;
        if (code == Errc::invalid || code == Errc::unauthorized || code == Errc::too_large)
            want = SettleReply::turned_away;
        EXPECT_EQ(reply, want);
    }
}

store::GrantRecord grant() {
    store::GrantRecord out;
    out.key = PaymentKey("toy~1");
    out.payer = "0xAbC";
    out.created = from_unix_s(1000);
    return out;
}

TEST(ProofOfStatus, Table) {
    struct Row {
        const char* name;
        Outcome outcome;
        const char* key;
        const char* payer;
        std::int64_t at;
        bool duplicate;
        Proof proof;
    };
    static constexpr Row rows[] = {
        {"settled after the intent", Outcome::settled, "toy~1", "0xabc", 1001, false,
         Proof::settled},
        {"settled for another caller", Outcome::settled, "toy~1", "0xabc", 1001, true,
         Proof::foreign},
        {"settled before the intent", Outcome::settled, "toy~1", "0xabc", 900, false,
         Proof::foreign},
        {"of another payer", Outcome::settled, "toy~1", "0xabd", 1001, false, Proof::none},
        {"of another key", Outcome::settled, "toy~2", "0xabc", 1001, false, Proof::none},
        {"failed after the intent", Outcome::failed, "toy~1", "0xabc", 1001, false, Proof::unused},
        {"failed before the intent", Outcome::failed, "toy~1", "0xabc", 900, false, Proof::none},
        {"unknown", Outcome::unknown, "toy~1", "0xabc", 1001, false, Proof::none},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        SettlementStatus status;
        status.key = PaymentKey(row.key);
        status.outcome = row.outcome;
        status.payer = row.payer;
        status.updated_at = from_unix_s(row.at);
        EXPECT_EQ(proof_of(status, grant(), row.duplicate), row.proof);
    }
}

TEST(ProofOfStatus, EveryCombination) {
    for (const Outcome outcome : {Outcome::settled, Outcome::failed, Outcome::unknown}) {
        for (unsigned bits = 0; bits < 16; ++bits) {
            const bool same_key = (bits & 1) != 0;
            const bool same_payer = (bits & 2) != 0;
            const bool after = (bits & 4) != 0;
            const bool told_duplicate = (bits & 8) != 0;
            SettlementStatus status;
            status.key = PaymentKey(same_key ? "toy~1" : "toy~2");
            status.outcome = outcome;
            status.payer = same_payer ? "0xABC" : "0xdef";
            status.updated_at = from_unix_s(after ? 1001 : 900);
            const Proof proof = proof_of(status, grant(), told_duplicate);
            EXPECT_EQ(proof == Proof::settled, outcome == Outcome::settled && same_key &&
                                                   same_payer && after && !told_duplicate);
            EXPECT_EQ(proof == Proof::unused, outcome == Outcome::failed && same_key && after);
            if (proof == Proof::foreign) {
                EXPECT_TRUE(outcome == Outcome::settled && same_key);
                EXPECT_TRUE(told_duplicate || (same_payer && !after));
            }
        }
    }
}

TEST(ProofOfTrace, EveryCombination) {
    for (const TraceState state :
         {TraceState::none, TraceState::unknown, TraceState::impossible, TraceState::done}) {
        for (const bool ours : {false, true}) {
            for (const bool after : {false, true}) {
                Trace trace;
                trace.state = state;
                trace.sender = ours ? "0xF00" : "0xbad";
                trace.at = from_unix_s(after ? 1001 : 900);
                const Proof proof = proof_of(trace, grant(), {"0xf01", "0xf00"});
                EXPECT_EQ(proof == Proof::settled, state == TraceState::done && ours && after);
                EXPECT_EQ(proof == Proof::unused, state == TraceState::impossible);
                EXPECT_NE(proof, Proof::foreign);
                EXPECT_NE(proof_of(trace, grant(), {}), Proof::settled)
                    << "a facilitator that names no signers proves nothing";
            }
        }
    }
}

TEST(ProofOfTrace, Table) {
    struct Row {
        const char* name;
        TraceState state;
        const char* sender;
        std::int64_t at;
        Proof proof;
    };
    static constexpr Row rows[] = {
        {"by the facilitator's signer", TraceState::done, "0xF00", 1001, Proof::settled},
        {"by a stranger", TraceState::done, "0xbad", 1001, Proof::none},
        {"before the intent", TraceState::done, "0xf00", 900, Proof::none},
        {"no longer possible", TraceState::impossible, "", 0, Proof::unused},
        {"still possible", TraceState::none, "", 0, Proof::none},
        {"unknown", TraceState::unknown, "", 0, Proof::none},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Trace trace;
        trace.state = row.state;
        trace.sender = row.sender;
        trace.at = from_unix_s(row.at);
        EXPECT_EQ(proof_of(trace, grant(), {"0xf00"}), row.proof);
    }
}

// Anybody may have sent it, but not before it was asked for; and what was not paid is proven only
// by what cannot be paid any more.
TEST(ProofOfClaim, EveryCombination) {
    for (const TraceState state :
         {TraceState::none, TraceState::unknown, TraceState::impossible, TraceState::done}) {
        for (const char* sender : {"0xf00", "0xbad", ""}) {
            // The intent is of second 1000, and a minute is what clocks may differ.
            for (const std::int64_t at : {900, 939, 940, 1000, 1001, 9000}) {
                Trace trace;
                trace.state = state;
                trace.sender = sender;
                trace.at = from_unix_s(at);
                const Proof proof = proof_of_claim(trace, grant());
                Proof want = Proof::none;
                if (state == TraceState::done && at >= 940) want = Proof::settled;
                if (state == TraceState::impossible) want = Proof::unused;
                EXPECT_EQ(proof, want) << sender << " " << at;
            }
        }
    }
}

TEST(ClaimOf, OnlyASuccessInAnOpenSettlement) {
    const std::string yes = json::dump(write(success()));
    SettleResponse pending = refusal("settlement_pending", "0x1");
    struct Row {
        const char* name;
        GrantState state;
        std::string response;
        bool claim;
    };
    const Row rows[] = {
        {"a success", GrantState::settling, yes, true},
        {"nothing was said", GrantState::settling, "", false},
        {"a refusal", GrantState::settling, json::dump(write(refusal("invalid_payload"))), false},
        {"pending", GrantState::settling, json::dump(write(pending)), false},
        {"no answer", GrantState::settling, "yes", false},
        {"claimed", GrantState::claimed, yes, false},
        {"released", GrantState::released, yes, false},
        {"settled", GrantState::settled, yes, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        store::GrantRecord record = grant();
        record.state = row.state;
        record.response = row.response;
        const auto claim = claim_of(record);
        ASSERT_EQ(claim.has_value(), row.claim);
        if (claim) {
            EXPECT_EQ(claim->transaction, "0x1");
        }
    }
}

template <class Check>
void for_all_facts(Check check) {
    for (const GrantState state : {GrantState::claimed, GrantState::settling, GrantState::settled,
                                   GrantState::delivered, GrantState::released}) {
        for (unsigned bits = 0; bits < 32; ++bits) {
            for (const std::optional<bool> body :
                 {std::optional<bool>{}, std::optional<bool>{false}, std::optional<bool>{true}}) {
                check(RepeatFacts{state, (bits & 1) != 0, (bits & 2) != 0, body, (bits & 4) != 0,
                                  (bits & 8) != 0, (bits & 16) != 0});
            }
        }
    }
}

TEST(DecideRepeat, NothingIsGivenWithoutQuoteRequestAndBody) {
    for_all_facts([](const RepeatFacts& facts) {
        const Repeat repeat = decide_repeat(facts);
        const bool gives = repeat == Repeat::stored_answer || repeat == Repeat::run_again ||
                           repeat == Repeat::await_settlement || repeat == Repeat::undeliverable;
        const bool entitled =
            facts.same_quote && facts.same_request && facts.same_body == std::optional<bool>(true);
        if (gives) {
            EXPECT_TRUE(entitled);
        }
        if (facts.state != GrantState::released && (!facts.same_quote || !facts.same_request)) {
            EXPECT_EQ(repeat, Repeat::already_used);
        }
    });
}

TEST(DecideRepeat, OnlyAReleasedPaymentStartsAnew) {
    for_all_facts([](const RepeatFacts& facts) {
        EXPECT_EQ(decide_repeat(facts) == Repeat::anew, facts.state == GrantState::released);
    });
}

TEST(DecideRepeat, RunsAreForPaidAndUndeliveredOnly) {
    for_all_facts([](const RepeatFacts& facts) {
        if (decide_repeat(facts) != Repeat::run_again) return;
        EXPECT_EQ(facts.state, GrantState::settled);
        EXPECT_TRUE(facts.may_run);
        EXPECT_FALSE(facts.attended);
        EXPECT_FALSE(facts.answer_kept);
    });
}

// The same rules as sentences in the order of the design, for all 480 combinations.
Repeat as_the_design_says(const RepeatFacts& facts) {
    if (facts.state == GrantState::released) return Repeat::anew;
    const bool entitled = facts.same_quote && facts.same_request;
    if (!entitled) return Repeat::already_used;
    const bool working = facts.state == GrantState::claimed ||
                         (facts.state == GrantState::settling && facts.attended);
    if (working) return Repeat::in_progress;
    if (!facts.same_body.has_value()) return Repeat::read_body;
    if (!facts.same_body.value()) return Repeat::already_used;
    switch (facts.state) {
        case GrantState::settling:
            return Repeat::await_settlement;
        case GrantState::delivered:
            return facts.answer_kept ? Repeat::stored_answer : Repeat::already_used;
        default:
            break;
    }
    if (facts.answer_kept) return Repeat::stored_answer;
    if (facts.attended) return Repeat::in_progress;
    return facts.may_run ? Repeat::run_again : Repeat::undeliverable;
}

TEST(DecideRepeat, EveryCombination) {
    int count = 0;
    for_all_facts([&count](const RepeatFacts& facts) {
        ++count;
        EXPECT_EQ(decide_repeat(facts), as_the_design_says(facts));
        if (facts.state == GrantState::claimed) {
            EXPECT_NE(decide_repeat(facts), Repeat::read_body) << "no body is read for nothing";
        }
    });
    EXPECT_EQ(count, 480);
}

TEST(DecideRepeat, Table) {
    struct Row {
        const char* name;
        RepeatFacts facts;
        Repeat repeat;
    };
    static constexpr Row rows[] = {
        {"claimed", {GrantState::claimed, true, true, {}, true, false, false}, Repeat::in_progress},
        {"settling attended",
         {GrantState::settling, true, true, true, true, false, false},
         Repeat::in_progress},
        {"settling alone",
         {GrantState::settling, true, true, true, false, false, false},
         Repeat::await_settlement},
        {"settling unread",
         {GrantState::settling, true, true, {}, false, false, false},
         Repeat::read_body},
        {"settled kept",
         {GrantState::settled, true, true, true, false, true, false},
         Repeat::stored_answer},
        {"settled lost",
         {GrantState::settled, true, true, true, false, false, true},
         Repeat::run_again},
        {"settled running",
         {GrantState::settled, true, true, true, true, false, true},
         Repeat::in_progress},
        {"settled run out",
         {GrantState::settled, true, true, true, false, false, false},
         Repeat::undeliverable},
        {"delivered kept",
         {GrantState::delivered, true, true, true, false, true, false},
         Repeat::stored_answer},
        {"delivered gone",
         {GrantState::delivered, true, true, true, false, false, true},
         Repeat::already_used},
        {"other body",
         {GrantState::settled, true, true, false, false, true, true},
         Repeat::already_used},
        {"other request",
         {GrantState::settled, true, false, true, false, true, true},
         Repeat::already_used},
        {"other quote",
         {GrantState::settled, false, true, true, false, true, true},
         Repeat::already_used},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(decide_repeat(row.facts), row.repeat);
    }
}

}  // namespace
}  // namespace x402::server
