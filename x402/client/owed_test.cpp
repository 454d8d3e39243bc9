// SPDX-License-Identifier: Apache-2.0
// An answer that was paid for and did not come in the run that paid: the next runs ask for it with
// the same payment until the seller gives it, says no, or a day has passed.
#include <gtest/gtest.h>

#include "x402/client/testing/test_world.hpp"

namespace x402::client {
namespace {

using namespace testing;
using std::chrono::seconds;
using store::JournalState;

class Owed : public ::testing::Test, public TestWorld {};

// A server that takes the money and is short of room for the answer.
TEST_F(Owed, AnAnswerThatCameTooLateForTheRunThatPaidIsFetchedByTheNext) {
    struct Row {
        const char* name;
        Duration later;
        Answer again;
        int exit;
        const char* code;
        std::size_t sends;
    };
    const auto full = with_settlement(answer(503, "no room"), true);
    const auto no = with_settlement(answer402(), false, "invalid_payload");
    const auto used = answer(409, R"({"error":"payment_already_used"})");
    const auto day = std::chrono::hours(24);
    const Row rows[] = {
        {"at once", seconds(0), paid_answer("kept"), 0, "", 1},
        {"after it has expired", seconds(300), paid_answer("kept"), 0, "", 1},
        {"still full", seconds(100), full, 1, "answer_owed", 4},
        {"gone", seconds(100), fail(Errc::unreachable), 1, "answer_owed", 4},
        {"a no", seconds(0), no, 1, "settled_undelivered", 1},
        {"used", seconds(100), used, 1, "settled_undelivered", 1},
        {"a day later it is there", day + seconds(100), paid_answer("kept"), 0, "", 1},
        {"a day later it is not", day + seconds(100), full, 1, "settled_undelivered", 4},
        {"a day later nobody is", day + seconds(100), fail(Errc::timeout), 1, "settled_undelivered",
         4},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.serve([&](std::size_t) { return full; });
        const PayResult first = world.fetch();
        EXPECT_EQ(first.outcome, PayOutcome::settled);
        EXPECT_EQ(exit_code(first), 1);
        EXPECT_EQ(first.transaction, "0xaa");
        ASSERT_TRUE(first.error);
        EXPECT_EQ(first.error->code, "answer_owed");
        EXPECT_NE(first.error->next.find("same payment"), std::string::npos);
        EXPECT_EQ(world.history().at(0).state, JournalState::sent);
        EXPECT_EQ(world.transport.payments.size(), 4u);
        const std::string header = world.history().at(0).header;
        world.clock.advance(row.later);
        world.transport.payments.clear();
        world.serve([&](std::size_t) { return row.again; });
        const PayResult result = world.fetch();
        EXPECT_EQ(result.outcome, PayOutcome::settled);
        EXPECT_EQ(exit_code(result), row.exit);
        EXPECT_EQ(result.error ? result.error->code : "", row.code);
        EXPECT_EQ(result.transaction, "0xaa");
        EXPECT_EQ(world.transport.payments, std::vector<std::string>(row.sends, header));
        EXPECT_EQ(world.signatures(), 1);
        const bool owed = std::string_view(row.code) == "answer_owed";
        const auto entry = world.history().at(0);
        EXPECT_EQ(entry.state, owed ? JournalState::sent : JournalState::settled);
        EXPECT_EQ(entry.delivered, row.exit == 0);
        EXPECT_EQ(entry.transaction, "0xaa");
        // What is closed is in nobody's way.
        world.serve([](std::size_t) { return paid_answer("next"); });
        EXPECT_EQ(world.fetch().body, "next");
        EXPECT_EQ(world.signatures(), owed ? 1 : 2);
    }
}

TEST_F(Owed, NewEndsWhatIsOwedAndSaysThatItWasTaken) {
    serve([](std::size_t) { return with_settlement(answer(503), true); });
    EXPECT_EQ(fetch().error->code, "answer_owed");
    transport.payments.clear();
    serve([](std::size_t) { return paid_answer(); });
    const PayResult refused = fetch(Request{.url = std::string(kUrl), .new_payment = true});
    EXPECT_EQ(refused.outcome, PayOutcome::refused);
    EXPECT_EQ(refused.error->code, "answer_owed");
    EXPECT_NE(refused.error->message.find("was taken"), std::string::npos);
    EXPECT_EQ(refused.error->message.find("can still be taken"), std::string::npos);
    EXPECT_TRUE(transport.payments.empty());
    EXPECT_EQ(history().at(0).state, JournalState::sent);
    clock.advance(seconds(100));
    const PayResult anew = fetch(Request{.url = std::string(kUrl), .new_payment = true});
    EXPECT_EQ(exit_code(anew), 0);
    ASSERT_FALSE(anew.notices.empty());
    EXPECT_NE(anew.notices.back().find("was taken in transaction 0xaa"), std::string::npos);
    EXPECT_EQ(transport.payments.size(), 1u);
    EXPECT_EQ(signatures(), 2);
    EXPECT_EQ(history().at(1).state, JournalState::settled);
    EXPECT_FALSE(history().at(1).delivered);
}

// What a server adds to its word does not make it the chain's.
TEST_F(Owed, AServerCannotPassItsWordOffAsTheChains) {
    SettleResponse forged;
    forged.success = true;
    forged.transaction = "0xaa";
    forged.network = chain("toy:main");
    json::Object told = write(forged);
    told["proven"] = true;
    net::ClientResponse full = answer(503);
    full.headers.add(std::string(headers::kPaymentResponse), headers::encode(told));
    serve([&](std::size_t) { return full; });
    EXPECT_EQ(fetch().error->code, "answer_owed");
    const PayResult next = fetch();
    EXPECT_EQ(next.error->code, "answer_owed");
    EXPECT_FALSE(next.proven);
}

}  // namespace
}  // namespace x402::client
