// SPDX-License-Identifier: Apache-2.0
// Several runs on one journal: crashes between any two steps, leases, budgets that processes share,
// parallel requests.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "x402/base/sync.hpp"
#include "x402/client/testing/test_world.hpp"
#include "x402/net/runtime.hpp"
#include "x402/store/open.hpp"

namespace x402::client {
namespace {

using namespace testing;
using std::chrono::seconds;
using store::JournalState;

// Passes everything on until its process "dies" before the n-th write; then nothing is written any
// more.
class DyingJournal final : public store::PaymentJournal {
public:
    DyingJournal(store::PaymentJournal& under, int writes) : under_(under), left_(writes) {}
    Task<Result<std::int64_t>> begin(store::NewEntry entry, store::Lease lease,
                                     Instant now) override {
        if (dead()) co_return fail(Errc::unavailable);
        co_return co_await under_.begin(std::move(entry), std::move(lease), now);
    }
    Task<Result<std::optional<store::JournalEntry>>> take_unfinished(Hash32 hash,
                                                                     store::Lease lease,
                                                                     Instant now) override {
        co_return co_await under_.take_unfinished(hash, std::move(lease), now);
    }
    Task<Result<void>> change(std::int64_t id, store::JournalChange change, std::string owner,
                              Instant now) override {
        if (dead()) co_return fail(Errc::unavailable);
        co_return co_await under_.change(id, std::move(change), std::move(owner), now);
    }
    Task<Result<void>> renew(std::int64_t, store::Lease, Instant) override {
        co_return Result<void>{};
    }
    Task<Result<void>> release(std::int64_t id, std::string owner) override {
        if (dead()) co_return fail(Errc::unavailable);
        co_return co_await under_.release(id, std::move(owner));
    }
    Task<Result<std::vector<store::JournalEntry>>> history(std::size_t limit) override {
        co_return co_await under_.history(limit);
    }
    Task<Result<U256>> spent(std::string group, Instant since) override {
        co_return co_await under_.spent(std::move(group), since);
    }

private:
    bool dead() { return left_-- <= 0; }
    store::PaymentJournal& under_;
    int left_;
};

// Who the answers go to; broken: it has no room for them.
struct Receiver {
    explicit Receiver(TestWorld& of) : world(of) {}
    Request request() {
        Request request{.url = std::string(kUrl)};
        request.hand_over = [this](const PayResult& result) -> Result<void> {
            bodies.push_back(result.body);
            std::vector<store::JournalEntry> entries;
            std::thread([&] { entries = world.history(); }).join();
            EXPECT_FALSE(entries.empty() || entries.front().delivered);
            if (broken) return fail(Errc::io, "no room is left");
            return {};
        };
        return request;
    }
    TestWorld& world;
    bool broken = false;
    std::vector<std::string> bodies;
};

class Earlier : public ::testing::Test, public TestWorld {
protected:
    // A run whose payment was sent and never judged.
    void lose_one() {
        serve([](std::size_t) -> Answer { return fail(Errc::interrupted); });
        ASSERT_EQ(fetch().outcome, PayOutcome::unknown);
        transport.payments.clear();
    }
};

TEST_F(Earlier, Row11TheNextRunSendsTheSamePaymentAgain) {
    lose_one();
    const std::string header = history().at(0).header;
    serve([](std::size_t) { return paid_answer("at last"); });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_EQ(result.body, "at last");
    ASSERT_TRUE(result.accepted);
    EXPECT_EQ(transport.payments, std::vector<std::string>{header});
    EXPECT_EQ(signatures(), 1);
    EXPECT_EQ(history().size(), 1u);
    EXPECT_EQ(history()[0].state, JournalState::settled);
}

TEST_F(Earlier, A402ToAResendMakesNoNewSignature) {
    lose_one();
    serve([](std::size_t) -> Answer { return answer402(); });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::unknown);
    EXPECT_EQ(exit_code(result), 3);
    EXPECT_EQ(signatures(), 1);
}

TEST_F(Earlier, ACrashBetweenAnyTwoWrites) {
    // begin, sent, settled, release: after which of them the first process dies. The answer is
    // handed over before `settled`, so it is never lost, and at worst seen twice.
    struct Row {
        const char* name;
        int writes;
        int first_sends;
        int signatures;
        std::size_t first_answers;
    };
    const Row rows[] = {
        {"before it was recorded", 0, 0, 2, 0},
        {"recorded, not sent", 1, 0, 1, 0},
        {"sent, its end not written", 2, 1, 1, 1},
        {"finished, not released", 3, 1, 2, 1},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.serve([](std::size_t) { return paid_answer(); });
        DyingJournal dying(*world.journal, row.writes);
        Receiver receiver(world);
        (void)fetch_blocking(*world.client(dying), receiver.request());
        EXPECT_EQ(world.transport.payments.size(), static_cast<std::size_t>(row.first_sends));
        EXPECT_EQ(receiver.bodies.size(), row.first_answers);
        const auto before = world.history();
        const PayResult result = world.fetch(receiver.request());
        EXPECT_EQ(result.outcome, PayOutcome::settled);
        EXPECT_EQ(receiver.bodies.size(), row.first_answers + 1);
        EXPECT_EQ(world.signatures(), row.signatures);
        if (row.signatures == 1) {
            EXPECT_EQ(world.transport.payments.back(), before.at(0).header);
            EXPECT_GE(world.clock.slept(),
                      seconds(10) - seconds(8));  // the dead one's lease ran out first
        }
    }
}

// The process dies with the answer in its hands, before anybody has seen it.
TEST_F(Earlier, ADeathBeforeTheAnswerIsHandedOverLosesNothing) {
    serve([](std::size_t n) { return paid_answer("answer " + std::to_string(n)); });
    DyingJournal dying(*journal, 2);  // begin, sent
    Receiver receiver(*this);
    receiver.broken = true;
    (void)fetch_blocking(*client(dying), receiver.request());
    ASSERT_EQ(history().size(), 1u);
    EXPECT_EQ(history()[0].state, JournalState::sent);
    receiver.broken = false;
    const PayResult result = fetch(receiver.request());
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_TRUE(result.delivered);
    EXPECT_EQ(receiver.bodies, (std::vector<std::string>{"answer 1", "answer 2"}));
    EXPECT_EQ(signatures(), 1);
    EXPECT_EQ(history().size(), 1u);
}

TEST_F(Earlier, AnAnswerThatCouldNotBeHandedOverIsFetchedAgain) {
    struct Row {
        const char* name;
        Duration later;  // 60 s after its signing a payment has expired
        Answer again;
        bool new_payment;
        bool delivered;
        int exit;
        int signatures;
        const char* code;
    };
    const net::ClientResponse no = with_settlement(answer402(), false, "invalid_payload");
    const Row rows[] = {
        {"at once", seconds(0), paid_answer("again"), false, true, 0, 1, ""},
        {"after it has expired", seconds(100), paid_answer("again"), false, true, 0, 1, ""},
        {"without a word", seconds(0), answer(200, "again"), false, true, 0, 1, ""},
        {"the seller says no", seconds(0), no, false, false, 1, 1, "settled_undelivered"},
        {"the seller says no, late", seconds(100), no, false, false, 1, 1, "settled_undelivered"},
        {"silence", seconds(0), fail(Errc::timeout), false, false, 1, 1, "answer_owed"},
        {"the seller is gone", seconds(100), fail(Errc::unreachable), false, false, 1, 1,
         "answer_owed"},
        {"still broken", seconds(100), answer(503), false, false, 1, 1, "answer_owed"},
        {"a new one instead", seconds(100), paid_answer("again"), true, true, 0, 2, ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.serve([](std::size_t) { return paid_answer("first"); });
        Receiver receiver(world);
        receiver.broken = true;
        const PayResult first = world.fetch(receiver.request());
        EXPECT_EQ(first.outcome, PayOutcome::settled);
        ASSERT_EQ(world.history().size(), 1u);
        EXPECT_EQ(world.history()[0].transaction, "0xaa");
        receiver.broken = false;
        world.clock.advance(row.later);
        world.serve([&](std::size_t) { return row.again; });
        Request request = receiver.request();
        request.new_payment = row.new_payment;
        const PayResult result = world.fetch(std::move(request));
        EXPECT_EQ(result.outcome, PayOutcome::settled);
        EXPECT_EQ(result.delivered, row.delivered);
        EXPECT_EQ(exit_code(result), row.exit);
        EXPECT_EQ(result.transaction, "0xaa");
        ASSERT_TRUE(result.payment);
        EXPECT_TRUE(result.payment->success);
        EXPECT_EQ(receiver.bodies.size(), row.delivered ? 2u : 1u);
        EXPECT_EQ(world.signatures(), row.signatures);
        const auto entries = world.history();
        const bool owed = std::string_view(row.code) == "answer_owed";
        EXPECT_EQ(entries.back().state, owed ? JournalState::sent : JournalState::settled);
        EXPECT_EQ(entries.back().delivered, row.delivered && !row.new_payment);
        EXPECT_EQ(result.error ? result.error->code : "", row.code);
        if (!owed) continue;
        world.serve([](std::size_t) { return paid_answer("back again"); });
        EXPECT_EQ(world.fetch(receiver.request()).body, "back again");
        EXPECT_EQ(world.history().back().state, JournalState::settled);
        EXPECT_EQ(world.signatures(), 1);
    }
}

TEST_F(Earlier, AfterExpiryTheChainDecides) {
    struct Row {
        const char* name;
        std::optional<TraceState> told;
        PayOutcome outcome;
        int exit;
        int signatures;
        JournalState first;
    };
    const Row rows[] = {
        {"taken", TraceState::done, PayOutcome::settled, 0, 1, JournalState::settled},
        {"unused for ever: pay anew", TraceState::impossible, PayOutcome::settled, 0, 2,
         JournalState::failed},
        {"not final yet", TraceState::none, PayOutcome::unknown, 3, 1, JournalState::unknown},
        {"no answer", TraceState::unknown, PayOutcome::unknown, 3, 1, JournalState::unknown},
        {"no network to ask", std::nullopt, PayOutcome::unknown, 3, 1, JournalState::unknown},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.serve([](std::size_t) -> Answer { return fail(Errc::timeout); });
        ASSERT_EQ(world.fetch().outcome, PayOutcome::unknown);
        world.clock.advance(seconds(100));
        world.transport.payments.clear();
        world.with_chain = row.told.has_value();
        if (row.told) world.toy_chain.told = Trace{*row.told, "0xcc", "t-sender", {}, 9};
        world.serve([](std::size_t) { return paid_answer(); });
        const PayResult result = world.fetch();
        EXPECT_EQ(result.outcome, row.outcome);
        EXPECT_EQ(exit_code(result), row.exit);
        EXPECT_EQ(world.signatures(), row.signatures);
        // Only what was taken is sent again; what may yet be is not.
        EXPECT_EQ(world.transport.payments.size(), row.exit == 0 ? 1u : 0u);
        const auto entries = world.history();
        EXPECT_EQ(entries.back().state, row.first);
        if (row.told == TraceState::done) {
            EXPECT_EQ(result.transaction, "0xcc");
        }
        if (row.exit == 3) {
            EXPECT_EQ(result.error->code, "earlier_unknown");
        }
    }
}

// The server is asked once a run for what the chain shows as paid, and the chain's word stands
// whatever it says. Only its no closes it without the answer.
// About how long it lives is a hint: for when to stop sending and to ask, and no proof.
TEST_F(Earlier, APaymentWithoutASignedTimeIsForTheChainToJudge) {
    toy->scheme.lives_for = seconds(60);
    lose_one();
    EXPECT_EQ(history().at(0).usable_until, clock.now() - clock.slept() + seconds(60));
    serve([](std::size_t) -> Answer { return fail(Errc::interrupted); });
    clock.advance(seconds(100));
    with_chain = true;
    EXPECT_EQ(fetch().outcome, PayOutcome::unknown) << "the chain does not know it: no proof";
    EXPECT_EQ(transport.payments.size(), 0u) << "not sent any more";
    EXPECT_EQ(toy_chain.seen, history().at(0).created);
    toy_chain.told.state = TraceState::impossible;
    serve([](std::size_t) { return paid_answer(); });
    EXPECT_EQ(fetch().outcome, PayOutcome::settled);
    EXPECT_EQ(signatures(), 2);
    EXPECT_EQ(history().back().state, JournalState::failed);
}

TEST_F(Earlier, WhatTheChainShowsAsTakenIsAskedForOnceMore) {
    struct Row {
        const char* name;
        Answer answer;
        bool delivered;
        std::string body;
        const char* code = "";
    };
    const Row rows[] = {
        {"its answer", with_settlement(answer(200, "kept"), true, {}, "0xcc"), true, "kept"},
        {"another transaction", paid_answer("kept"), true, "kept"},
        {"no word", answer(200, "kept"), true, "kept"},
        {"a new invoice", answer402(), false, "{}", "settled_undelivered"},
        {"a no", with_settlement(answer402(), false, "invalid_payload"), false, "{}",
         "settled_undelivered"},
        {"used", answer(409, R"({"error":"payment_already_used"})"), false,
         R"({"error":"payment_already_used"})", "settled_undelivered"},
        {"pending", with_settlement(answer(409), false, "settlement_pending"), false, "",
         "answer_owed"},
        {"broken", answer(503, "later"), false, "later", "answer_owed"},
        {"taken and broken", with_settlement(answer(502, "oops"), true), false, "oops",
         "answer_owed"},
        {"silence", fail(Errc::timeout), false, "", "answer_owed"},
        {"nobody there", fail(Errc::unreachable), false, "", "answer_owed"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.serve([](std::size_t) -> Answer { return fail(Errc::timeout); });
        ASSERT_EQ(world.fetch().outcome, PayOutcome::unknown);
        const std::string header = world.history().at(0).header;
        world.clock.advance(seconds(100));
        world.transport.payments.clear();
        world.with_chain = true;
        world.toy_chain.told = Trace{TraceState::done, "0xcc", "t-sender", {}, 9};
        world.serve([&](std::size_t) { return row.answer; });
        Receiver receiver(world);
        const PayResult result = world.fetch(receiver.request());
        EXPECT_EQ(world.transport.payments, std::vector<std::string>{header});
        EXPECT_EQ(world.signatures(), 1);
        EXPECT_EQ(result.outcome, PayOutcome::settled);
        EXPECT_TRUE(result.proven);
        EXPECT_EQ(result.delivered, row.delivered);
        EXPECT_EQ(exit_code(result), row.delivered ? 0 : 1);
        EXPECT_EQ(result.body, row.body);
        EXPECT_EQ(receiver.bodies.size(), row.delivered ? 1u : 0u);
        EXPECT_EQ(result.transaction, "0xcc");
        ASSERT_TRUE(result.payment);
        EXPECT_TRUE(result.payment->success);
        EXPECT_EQ(result.payment->transaction, "0xcc");
        EXPECT_EQ(result.error ? result.error->code : "", row.code);
        const bool owed = std::string_view(row.code) == "answer_owed";
        const auto entry = world.history().at(0);
        EXPECT_EQ(entry.state, owed ? JournalState::sent : JournalState::settled);
        EXPECT_EQ(entry.delivered, row.delivered);
        EXPECT_EQ(entry.transaction, "0xcc");
        if (!owed) continue;
        // The next run asks again, signs nothing, and knows still what the chain showed.
        world.with_chain = false;
        world.serve([](std::size_t) { return paid_answer("at last"); });
        const PayResult next = world.fetch(receiver.request());
        EXPECT_EQ(exit_code(next), 0);
        EXPECT_EQ(next.body, "at last");
        EXPECT_TRUE(next.proven);
        EXPECT_EQ(next.transaction, "0xcc");
        EXPECT_EQ(world.transport.payments, (std::vector<std::string>{header, header}));
        EXPECT_EQ(world.signatures(), 1);
        EXPECT_EQ(world.history().at(0).state, JournalState::settled);
        EXPECT_TRUE(world.history().at(0).delivered);
        EXPECT_EQ(world.history().at(0).response.find("proven"), std::string::npos);
    }
}

TEST_F(Earlier, ADeathAfterTheSendAndAReturnAfterExpiryStillEndWithTheAnswer) {
    with_chain = true;
    serve([](std::size_t) { return paid_answer(); });
    DyingJournal dying(*journal, 2);  // begin, sent
    (void)fetch_blocking(*client(dying), Request{.url = std::string(kUrl)});
    ASSERT_EQ(history().at(0).state, JournalState::sent);
    clock.advance(seconds(100));
    // Not final yet: nothing is sent, and the next run looks again.
    EXPECT_EQ(fetch().outcome, PayOutcome::unknown);
    EXPECT_EQ(transport.payments.size(), 1u);
    toy_chain.told = Trace{TraceState::done, "0xaa", "t-sender", {}, 9};
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_TRUE(result.delivered);
    EXPECT_EQ(result.body, "sunny");
    EXPECT_EQ(transport.payments.size(), 2u);
    EXPECT_EQ(transport.payments.front(), transport.payments.back());
    EXPECT_EQ(signatures(), 1);
    EXPECT_TRUE(history().at(0).delivered);
}

TEST_F(Earlier, ANewPaymentIsNotForTheEarlierOnesAnswer) {
    lose_one();
    clock.advance(seconds(100));
    with_chain = true;
    toy_chain.told = Trace{TraceState::done, "0xcc", "t-sender", {}, 9};
    serve([](std::size_t) { return paid_answer(); });
    Receiver receiver(*this);
    Request request = receiver.request();
    request.new_payment = true;
    const PayResult result = fetch(std::move(request));
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_EQ(result.transaction, "0xaa");
    EXPECT_EQ(receiver.bodies.size(), 1u);
    EXPECT_EQ(transport.payments.size(), 1u);
    EXPECT_EQ(signatures(), 2);
    ASSERT_FALSE(result.notices.empty());
    EXPECT_NE(result.notices.back().find("0xcc"), std::string::npos);
    EXPECT_EQ(history().back().state, JournalState::settled);
    EXPECT_FALSE(history().back().delivered);
}

TEST_F(Earlier, ADeniedPaymentIsSentAgain) {
    serve([](std::size_t) -> Answer {
        return with_settlement(answer402(), false, "insufficient_funds");
    });
    const PayResult denied = fetch();
    EXPECT_EQ(denied.outcome, PayOutcome::failed);
    EXPECT_EQ(denied.error->code, "insufficient_funds");
    serve([](std::size_t) { return paid_answer(); });  // funded meanwhile
    EXPECT_EQ(fetch().outcome, PayOutcome::settled);
    EXPECT_EQ(signatures(), 1);
}

// A server that says no and takes the money later: only the chain can say that it did not.
TEST_F(Earlier, ADeniedPaymentThatExpiredIsForTheChainToJudge) {
    struct Row {
        const char* name;
        std::optional<TraceState> told;
        PayOutcome outcome;
        int exit;
        int signatures;
        JournalState first;
    };
    const Row rows[] = {
        {"taken after all", TraceState::done, PayOutcome::settled, 0, 1, JournalState::settled},
        {"unused for ever: pay anew", TraceState::impossible, PayOutcome::settled, 0, 2,
         JournalState::failed},
        {"not final yet", TraceState::none, PayOutcome::unknown, 3, 1, JournalState::unknown},
        {"no answer", TraceState::unknown, PayOutcome::unknown, 3, 1, JournalState::unknown},
        {"no network to ask", std::nullopt, PayOutcome::unknown, 3, 1, JournalState::unknown},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.policy.budgets = {*read_budget("$0.0015/day", "test")};
        world.serve([](std::size_t) -> Answer { return answer402(); });
        ASSERT_EQ(world.fetch().outcome, PayOutcome::failed);
        world.clock.advance(seconds(100));
        world.with_chain = row.told.has_value();
        if (row.told) world.toy_chain.told = Trace{*row.told, "0xcc", "t-sender", {}, 9};
        world.serve([](std::size_t) { return paid_answer(); });
        for (int again = 0; again < (row.exit == 3 ? 3 : 1); ++again) {
            const PayResult result = world.fetch();
            EXPECT_EQ(result.outcome, row.outcome);
            EXPECT_EQ(exit_code(result), row.exit);
            if (row.exit == 3) {
                EXPECT_EQ(result.error->code, "earlier_unknown");
            }
        }
        EXPECT_EQ(world.signatures(), row.signatures);
        EXPECT_EQ(world.history().back().state, row.first);
        if (row.first != JournalState::unknown) continue;
        EXPECT_FALSE(world.history().back().response.empty());  // what the server said is kept
        const PayResult other = world.fetch("https://api.example.com/other");
        EXPECT_EQ(other.outcome, PayOutcome::refused);  // its amount stays spent
        EXPECT_EQ(other.error->code, "over_budget");
        world.policy.budgets.clear();
        const PayResult anew = world.fetch(Request{.url = std::string(kUrl), .new_payment = true});
        EXPECT_EQ(anew.outcome, PayOutcome::settled);
        ASSERT_FALSE(anew.notices.empty());
        EXPECT_NE(anew.notices.back().find("may have been taken"), std::string::npos);
        EXPECT_EQ(world.history().back().state, JournalState::unknown);
    }
}

TEST_F(Earlier, NewIsRefusedWhileTheEarlierOneIsUsable) {
    lose_one();
    serve([](std::size_t) { return paid_answer(); });
    const PayResult refused = fetch(Request{.url = std::string(kUrl), .new_payment = true});
    EXPECT_EQ(refused.outcome, PayOutcome::refused);
    EXPECT_EQ(refused.error->code, "earlier_usable");
    EXPECT_EQ(exit_code(refused), 4);
    EXPECT_TRUE(transport.payments.empty());

    clock.advance(seconds(100));
    const PayResult anew = fetch(Request{.url = std::string(kUrl), .new_payment = true});
    EXPECT_EQ(anew.outcome, PayOutcome::settled);
    EXPECT_EQ(signatures(), 2);
    ASSERT_FALSE(anew.notices.empty());
    EXPECT_NE(anew.notices.back().find("may have been taken"), std::string::npos);
    EXPECT_EQ(history().at(1).state, JournalState::unknown);
}

TEST_F(Earlier, AFinishedPaymentIsNeverReused) {
    serve([](std::size_t) { return paid_answer(); });
    for (int i = 0; i < 3; ++i) EXPECT_EQ(fetch().outcome, PayOutcome::settled);
    EXPECT_EQ(signatures(), 3);
    EXPECT_EQ(history().size(), 3u);
}

TEST_F(Earlier, AnotherRequestHasNothingToDoWithIt) {
    lose_one();
    serve([](std::size_t) { return paid_answer(); });
    EXPECT_EQ(fetch("https://api.example.com/other").outcome, PayOutcome::settled);
    EXPECT_EQ(fetch(Request{.method = "POST", .url = std::string(kUrl), .body = "x"}).outcome,
              PayOutcome::settled);
    EXPECT_EQ(signatures(), 3);
}

Task<void> hold(store::PaymentJournal& journal, Hash32 hash, Instant now, Duration length) {
    const store::Lease lease{"somebody else", length};
    (void)co_await journal.take_unfinished(hash, lease, now);
}

TEST_F(Earlier, AnotherProcessThatHoldsTheRecordIsWaitedFor) {
    lose_one();
    const Hash32 hash = history().at(0).fingerprint;
    serve([](std::size_t) { return paid_answer(); });
    net::run_blocking([&] { return hold(*journal, hash, clock.now(), seconds(600)); });
    const PayResult blocked = fetch();
    EXPECT_EQ(blocked.outcome, PayOutcome::refused);
    EXPECT_EQ(blocked.error->code, "payment_in_progress");
    EXPECT_EQ(signatures(), 1);
    EXPECT_TRUE(transport.payments.empty());
    clock.advance(seconds(600));
    EXPECT_NE(fetch().outcome, PayOutcome::refused);
}

// Stopped for so long that another process took the record over before this one had sent.
class TakenJournal final : public store::PaymentJournal {
public:
    explicit TakenJournal(store::PaymentJournal& under) : under_(under) {}
    Task<Result<std::int64_t>> begin(store::NewEntry entry, store::Lease lease,
                                     Instant now) override {
        store::Lease expired = std::move(lease);
        expired.length = Duration{1};
        const Hash32 hash = entry.entry.fingerprint;
        const auto id = co_await under_.begin(std::move(entry), std::move(expired), now);
        const store::Lease other{"somebody else", seconds(600)};
        (void)co_await under_.take_unfinished(hash, other, now + seconds(1));
        co_return id;
    }
    Task<Result<std::optional<store::JournalEntry>>> take_unfinished(Hash32 hash,
                                                                     store::Lease lease,
                                                                     Instant now) override {
        co_return co_await under_.take_unfinished(hash, std::move(lease), now);
    }
    Task<Result<void>> change(std::int64_t id, store::JournalChange change, std::string owner,
                              Instant now) override {
        co_return co_await under_.change(id, std::move(change), std::move(owner), now);
    }
    Task<Result<void>> renew(std::int64_t, store::Lease, Instant) override {
        co_return Result<void>{};
    }
    Task<Result<void>> release(std::int64_t id, std::string owner) override {
        co_return co_await under_.release(id, std::move(owner));
    }
    Task<Result<std::vector<store::JournalEntry>>> history(std::size_t limit) override {
        co_return co_await under_.history(limit);
    }
    Task<Result<U256>> spent(std::string group, Instant since) override {
        co_return co_await under_.spent(std::move(group), since);
    }

private:
    store::PaymentJournal& under_;
};

TEST_F(Earlier, ARecordThatAnotherProcessTookOverIsUnknownHereAndNotSent) {
    TakenJournal taken(*journal);
    serve([](std::size_t) { return paid_answer(); });
    const PayResult result = fetch_blocking(*client(taken), Request{.url = std::string(kUrl)});
    EXPECT_EQ(result.outcome, PayOutcome::unknown);  // the other one may be sending it now
    EXPECT_EQ(exit_code(result), 3);
    EXPECT_EQ(result.error->code, "payment_in_progress");
    EXPECT_TRUE(transport.payments.empty());
    EXPECT_EQ(signatures(), 1);
    EXPECT_EQ(history().at(0).state, JournalState::signed_);  // the other one's to write
}

TEST_F(Earlier, BudgetsHoldAcrossRunsAndCountWhatMayYetBeTaken) {
    policy.budgets = {*read_budget("$0.0025", "test")};
    serve([](std::size_t) { return paid_answer(); });
    EXPECT_EQ(fetch("https://api.example.com/1").outcome, PayOutcome::settled);
    serve([](std::size_t) -> Answer { return answer402(); });
    EXPECT_EQ(fetch("https://api.example.com/2").outcome,
              PayOutcome::failed);  // denied, and still takeable
    serve([](std::size_t) { return paid_answer(); });
    const PayResult result = fetch("https://api.example.com/3");
    EXPECT_EQ(result.outcome, PayOutcome::refused);
    EXPECT_EQ(result.error->code, "over_budget");
    EXPECT_EQ(exit_code(result), 4);
    EXPECT_EQ(transport.payments.size(), 2u);
}

TEST_F(Earlier, ARollingBudgetForgets) {
    policy.budgets = {*read_budget("$0.0015/hour", "ignored")};
    serve([](std::size_t) { return paid_answer(); });
    EXPECT_EQ(fetch("https://api.example.com/1").outcome, PayOutcome::settled);
    policy.group = "another command";
    EXPECT_EQ(fetch("https://api.example.com/2").outcome, PayOutcome::refused);
    clock.advance(std::chrono::minutes(61));
    EXPECT_EQ(fetch("https://api.example.com/3").outcome, PayOutcome::settled);
}

TEST_F(Earlier, TwoProcessesOneBudget) {
    const auto folder =
        std::filesystem::temp_directory_path() / ("x402-client-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    const std::string path = (folder / "journal.db").string();
    std::atomic<int> settled{0};
    std::atomic<int> refused{0};
    const auto process = [&](int index) {
        TestWorld world;
        world.random = make_test_random(static_cast<std::uint64_t>(index) + 100);
        world.policy.budgets = {*read_budget("$0.005", "test")};
        world.serve([](std::size_t) { return paid_answer(); });
        const auto shared = store::open_journal(path, Env{world.clock, *world.random});
        ASSERT_TRUE(shared) << shared.error().detail;
        for (int i = 0; i < 5; ++i) {
            const std::string url =
                "https://api.example.com/" + std::to_string(index) + "/" + std::to_string(i);
            const PayResult result = fetch_blocking(*world.client(**shared), Request{.url = url});
            if (result.outcome == PayOutcome::settled) ++settled;
            if (result.outcome == PayOutcome::refused) ++refused;
        }
    };
    std::thread one(process, 1);
    std::thread other(process, 2);
    one.join();
    other.join();
    EXPECT_EQ(settled, 5);
    EXPECT_EQ(refused, 5);
    std::filesystem::remove_all(folder);
}

struct Crowd {
    Client& client;
    std::size_t running = 0;
    std::vector<PayResult> results;
    Bell bell;
};

Task<void> one_of(Crowd& crowd) {
    Request request{.url = std::string(kUrl)};
    PayResult result = co_await crowd.client.fetch(std::move(request));
    crowd.results.push_back(std::move(result));
    --crowd.running;
    crowd.bell.ring();
}

Task<void> all_of(Crowd& crowd, std::size_t count) {
    const auto executor = co_await net::this_executor();
    crowd.running = count;
    for (std::size_t i = 0; i < count; ++i)
        net::spawn_on(executor, [&crowd] { return one_of(crowd); });
    while (crowd.running > 0) {
        const std::uint64_t seen = crowd.bell.count();
        co_await crowd.bell.wait(seen, seconds(5));
    }
}

TEST_F(Earlier, ParallelRequestsEachPayOnceAndFinishWhatWasLeft) {
    lose_one();
    const std::string left = history().at(0).header;
    serve([](std::size_t) { return paid_answer(); });
    const auto shared = client();
    Crowd crowd{*shared, 0, {}, {}};
    net::run_blocking([&] { return all_of(crowd, 10); });
    ASSERT_EQ(crowd.results.size(), 10u);
    for (const PayResult& result : crowd.results) EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_EQ(signatures(), 10);  // nine new ones; the tenth finished the one that was left
    EXPECT_EQ(std::count(transport.payments.begin(), transport.payments.end(), left), 1);
    const std::set<std::string> different(transport.payments.begin(), transport.payments.end());
    EXPECT_EQ(different.size(), 10u);
    for (const auto& entry : history()) EXPECT_EQ(entry.state, JournalState::settled);
}

TEST_F(Earlier, ParallelRequestsDoNotPayAnewBesideAnUnknownPayment) {
    lose_one();
    clock.advance(seconds(100));
    serve([](std::size_t) { return paid_answer(); });
    const auto shared = client();
    Crowd crowd{*shared, 0, {}, {}};
    net::run_blocking([&] { return all_of(crowd, 6); });
    for (const PayResult& result : crowd.results) {
        EXPECT_EQ(result.outcome, PayOutcome::unknown);
        EXPECT_EQ(result.error ? result.error->code : "", "earlier_unknown");
    }
    EXPECT_EQ(crowd.results.size(), 6u);
    EXPECT_EQ(signatures(), 1);
    EXPECT_TRUE(transport.payments.empty());
}

}  // namespace
}  // namespace x402::client
