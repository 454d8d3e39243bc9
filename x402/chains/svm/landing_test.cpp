// SPDX-License-Identifier: Apache-2.0
// Several endpoints' words about one transaction, folded.
#include "x402/chains/svm/landing.hpp"

#include <gtest/gtest.h>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm {
namespace {

using Answer = Result<Rpc::Statuses>;

Answer nothing(std::uint64_t slot) {
    return Rpc::Statuses{slot, {std::nullopt}};
}
Answer silent() {
    return fail(Errc::timeout);
}
Answer there(std::uint64_t slot, Commitment commitment, bool failed = false) {
    return Rpc::Statuses{slot + 40, {SignatureStatus{slot, failed, commitment}}};
}

TEST(Landing, Table) {
    constexpr auto kProcessed = Commitment::processed;
    constexpr auto kConfirmed = Commitment::confirmed;
    constexpr auto kFinalized = Commitment::finalized;
    struct Row {
        const char* name;
        std::vector<Answer> answers;
        bool found;
        Commitment commitment;
        bool disputed;
    };
    const Row rows[] = {
        {"nobody", {}, false, kProcessed, false},
        {"silent", {silent(), silent()}, false, kProcessed, false},
        {"nothing", {nothing(50), silent()}, false, kProcessed, false},
        {"one", {there(7, kConfirmed)}, true, kConfirmed, false},
        {"the furthest", {there(7, kProcessed), there(7, kFinalized)}, true, kFinalized, false},
        {"one is silent", {silent(), there(7, kConfirmed)}, true, kConfirmed, false},
        {"one is behind", {nothing(6), there(7, kConfirmed)}, true, kConfirmed, false},
        {"one has seen that slot", {nothing(7), there(7, kConfirmed)}, true, kConfirmed, true},
        {"another slot", {there(8, kConfirmed), there(7, kConfirmed)}, true, kConfirmed, true},
        {"another outcome",
         {there(7, kConfirmed), there(7, kConfirmed, true)},
         true,
         kConfirmed,
         true},
        {"an answer about two",
         {Rpc::Statuses{9, {std::nullopt, std::nullopt}}, there(20, kConfirmed)},
         true,
         kConfirmed,
         false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const Landing landing = fold_statuses(row.answers);
        EXPECT_EQ(landing.found, row.found);
        EXPECT_EQ(landing.commitment, row.commitment);
        EXPECT_EQ(landing.disputed, row.disputed);
    }
}

struct Sample {
    Sample() {
        landed.transaction = testing::sign_as(testing::sample_transaction({}), testing::kFeePayer);
        landed.slot = 7;
        landed.accounts = landed.transaction.message.keys;
        const TransferChecked transfer = testing::sample_transfer({});
        claim.message = message_hash(landed.transaction);
        claim.mint = transfer.mint;
        claim.amount = 10'000;
        claim.destinations = {testing::sample_address(testing::kStranger), transfer.destination};
        id = to_base58(landed.transaction.signatures.front().view());
        const auto at =
            std::find(landed.accounts.begin(), landed.accounts.end(), transfer.destination);
        place = static_cast<std::size_t>(at - landed.accounts.begin());
        set(5, 10'005);
    }
    void set(std::uint64_t before, std::uint64_t after) {
        landed.before = {TokenBalance{place, claim.mint, std::nullopt, before}};
        landed.after = {TokenBalance{place, claim.mint, std::nullopt, after}};
    }
    PaidState judged() const { return judge_paid(landed, id, claim).state; }

    LandedTransaction landed;
    Claim claim;
    std::string id;
    std::size_t place = 0;
};

TEST(Paid, OneEndpointsWord) {
    Sample it;
    EXPECT_EQ(it.judged(), PaidState::paid);
    EXPECT_EQ(judge_paid(it.landed, it.id, it.claim).credited, U256(10'000));
    it.set(5, 10'006);
    EXPECT_EQ(it.judged(), PaidState::paid) << "more is no less";
    it.set(5, 10'004);
    EXPECT_EQ(it.judged(), PaidState::unpaid);
    it.set(10'005, 5);
    EXPECT_EQ(it.judged(), PaidState::unpaid);
    it.landed.after.clear();
    EXPECT_EQ(it.judged(), PaidState::unclear);
    it.landed.failed = true;
    EXPECT_EQ(it.judged(), PaidState::unpaid) << "a failure needs no balances";
    it = Sample();
    it.id = to_base58(Signature{}.view());
    EXPECT_EQ(it.judged(), PaidState::unclear);
    it = Sample();
    it.claim.message = Hash32{};
    EXPECT_EQ(it.judged(), PaidState::unclear);
    it = Sample();
    it.claim.mint = testing::sample_address();
    EXPECT_EQ(it.judged(), PaidState::unclear) << "what arrived in another token is not told here";
}

TEST(Paid, AllTogether) {
    using One = Result<std::optional<LandedTransaction>>;
    Sample good;
    Sample less;
    less.set(5, 6);
    Sample untold;
    untold.landed.after.clear();
    const One yes = std::optional(good.landed);
    const One no = std::optional(less.landed);
    const One unclear = std::optional(untold.landed);
    const One absent = std::optional<LandedTransaction>{};
    const One error = fail(Errc::timeout);
    struct Row {
        const char* name;
        std::vector<One> answers;
        PaidState want;
    };
    const Row rows[] = {
        {"nobody", {}, PaidState::unclear},
        {"yes", {yes}, PaidState::paid},
        {"no", {no}, PaidState::unpaid},
        {"yes, whoever is silent", {error, absent, unclear, yes}, PaidState::paid},
        {"both", {yes, no}, PaidState::unclear},
        {"all say no", {no, no}, PaidState::unpaid},
        {"one no and silence", {no, error}, PaidState::unclear},
        {"one no, one has it not", {no, absent}, PaidState::unclear},
        {"one no, one does not tell", {unclear, no}, PaidState::unclear},
        {"silence", {error, absent}, PaidState::unclear},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const PaidAnswer answer = fold_paid(row.answers, good.id, good.claim);
        EXPECT_EQ(answer.state, row.want);
        EXPECT_EQ(answer.transaction.has_value(), row.want != PaidState::unclear);
    }
}

TEST(Paid, FitsItsLanding) {
    Sample it;
    const PaidAnswer answer = judge_paid(it.landed, it.id, it.claim);
    Landing landing;
    landing.found = true;
    landing.slot = 7;
    EXPECT_TRUE(fits(landing, answer));
    landing.failed = true;
    EXPECT_FALSE(fits(landing, answer));
    landing.failed = false;
    landing.slot = 8;
    EXPECT_FALSE(fits(landing, answer));
    EXPECT_FALSE(fits(landing, PaidAnswer{}));
}

}  // namespace
}  // namespace x402::svm
