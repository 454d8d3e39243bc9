// SPDX-License-Identifier: Apache-2.0
// One suite for every backend of a PaymentJournal.
#include "x402/store/payment_journal.hpp"

#include <gtest/gtest.h>

#include "x402/store/rules.hpp"
#include "x402/store/testing/support.hpp"

namespace x402::store {

namespace {

using namespace test;
using J = JournalState;

class Journal : public testing::TestWithParam<const char*> {
protected:
    PaymentJournal& journal() { return *journal_; }
    std::int64_t begin(const std::string& key) {
        return X402_MUST(journal().begin(sample_entry(key), ours_, now_));
    }
    Result<void> change(std::int64_t id, J state) {
        JournalChange asked;
        asked.state = state;
        return await(journal().change(id, asked, ours_.owner, now_));
    }
    JournalEntry newest() {
        const auto found = X402_MUST(journal().history(1));
        EXPECT_EQ(found.size(), 1U);
        return found.empty() ? JournalEntry{} : found[0];
    }

    std::unique_ptr<Disk> disk_ = make_disk(GetParam());
    std::unique_ptr<PaymentJournal> journal_ = disk_->open_journal();
    const Lease ours_{"process-1", std::chrono::seconds(60)};
    const Lease theirs_{"process-2", std::chrono::seconds(60)};
    Instant now_ = at_second(0);
};

TEST_P(Journal, ARecordComesBackAsItWasGiven) {
    const std::int64_t id = begin("k");
    const JournalEntry got = newest();
    const JournalEntry given = sample_entry("k").entry;
    EXPECT_EQ(got.id, id);
    EXPECT_EQ(got.fingerprint, given.fingerprint);
    EXPECT_EQ(got.method, given.method);
    EXPECT_EQ(got.url, given.url);
    EXPECT_EQ(got.key, given.key);
    EXPECT_EQ(got.header, given.header);
    EXPECT_EQ(got.accepted, given.accepted);
    EXPECT_EQ(got.version, kVersion2);
    EXPECT_EQ(got.network, given.network);
    EXPECT_EQ(got.asset, given.asset);
    EXPECT_EQ(got.symbol, given.symbol);
    EXPECT_EQ(got.decimals, 6);
    EXPECT_EQ(got.amount, given.amount);
    EXPECT_EQ(got.pay_to, given.pay_to);
    EXPECT_EQ(got.payer, given.payer);
    EXPECT_EQ(got.usable_until, given.usable_until);
    EXPECT_EQ(got.state, J::signed_);
    EXPECT_FALSE(got.delivered);
    EXPECT_EQ(got.created, now_);
    EXPECT_EQ(got.updated, now_);
    EXPECT_EQ(got.lease_owner, ours_.owner);
    EXPECT_EQ(got.lease_until, now_ + ours_.length);
}

TEST_P(Journal, EveryStateWithEveryMove) {
    constexpr J states[] = {J::signed_, J::sent, J::unknown, J::settled, J::failed};
    int number = 0;
    for (const J from : states) {
        for (const J to : states) {
            SCOPED_TRACE(std::string(to_string(from)) + " to " + std::string(to_string(to)));
            const std::int64_t id = begin("k" + std::to_string(++number));
            ASSERT_TRUE(change(id, from));
            const auto moved = change(id, to);
            EXPECT_EQ(moved.has_value(), may_move(from, to));
            if (!moved) {
                EXPECT_EQ(moved.error().code, Errc::conflict);
            }
            EXPECT_EQ(newest().state, moved ? to : from);
        }
    }
}

TEST_P(Journal, AChangeTouchesWhatItNames) {
    const std::int64_t id = begin("k");
    JournalChange first;
    first.state = J::settled;
    first.transaction = "0xtx";
    first.response = "{}";
    now_ += std::chrono::seconds(5);
    EXPECT_TRUE(await(journal().change(id, first, ours_.owner, now_)));
    JournalChange second;
    second.delivered = true;
    EXPECT_TRUE(await(journal().change(id, second, ours_.owner, now_)));
    const JournalEntry got = newest();
    EXPECT_EQ(got.state, J::settled);
    EXPECT_TRUE(got.delivered);
    EXPECT_EQ(got.transaction, "0xtx");
    EXPECT_EQ(got.response, "{}");
    EXPECT_EQ(got.updated, now_);
    EXPECT_EQ(code_of(await(journal().change(id + 1, second, ours_.owner, now_))), Errc::not_found);
}

TEST_P(Journal, ALeaseKeepsOthersOutUntilItRunsOut) {
    const std::int64_t id = begin("k");
    ASSERT_TRUE(change(id, J::sent));
    EXPECT_EQ(code_of(await(journal().take_unfinished(hash_of(9), theirs_, now_))), Errc::conflict);
    EXPECT_FALSE(X402_MUST(journal().take_unfinished(hash_of(8), theirs_, now_)).has_value());
    const JournalChange nothing;
    EXPECT_EQ(code_of(await(journal().change(id, nothing, theirs_.owner, now_))), Errc::conflict);
    EXPECT_EQ(code_of(await(journal().renew(id, theirs_, now_))), Errc::conflict);
    EXPECT_EQ(code_of(await(journal().release(id, theirs_.owner))), Errc::conflict);
    now_ += std::chrono::seconds(50);
    EXPECT_TRUE(await(journal().renew(id, ours_, now_)));
    now_ += std::chrono::milliseconds(59'999);
    EXPECT_EQ(code_of(await(journal().take_unfinished(hash_of(9), theirs_, now_))), Errc::conflict);
    now_ += std::chrono::milliseconds(1);
    const auto taken = X402_MUST(journal().take_unfinished(hash_of(9), theirs_, now_));
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(taken->id, id);
    EXPECT_EQ(taken->state, J::sent);
    EXPECT_EQ(taken->header, sample_entry("k").entry.header);
    EXPECT_EQ(taken->lease_owner, theirs_.owner);
    // Whoever was replaced is shut out.
    EXPECT_EQ(code_of(change(id, J::settled)), Errc::conflict);
    EXPECT_EQ(code_of(await(journal().renew(id, ours_, now_))), Errc::conflict);
    EXPECT_TRUE(await(journal().change(id, nothing, theirs_.owner, now_)));
}

TEST_P(Journal, AnExpiredLeaseThatNobodyTookIsStillItsOwners) {
    const std::int64_t id = begin("k");
    now_ += std::chrono::hours(1);
    EXPECT_TRUE(change(id, J::unknown));
    EXPECT_TRUE(await(journal().renew(id, ours_, now_)));
    EXPECT_EQ(code_of(await(journal().take_unfinished(hash_of(9), theirs_, now_))), Errc::conflict);
}

TEST_P(Journal, AReleasedRecordIsFree) {
    const std::int64_t id = begin("k");
    ASSERT_TRUE(change(id, J::unknown));
    EXPECT_TRUE(await(journal().release(id, ours_.owner)));
    EXPECT_EQ(code_of(change(id, J::settled)), Errc::conflict);
    EXPECT_TRUE(X402_MUST(journal().take_unfinished(hash_of(9), theirs_, now_)).has_value());
    const Lease nobody{"", std::chrono::seconds(60)};
    EXPECT_EQ(code_of(await(journal().take_unfinished(hash_of(9), nobody, now_))), Errc::invalid);
}

TEST_P(Journal, OnlyUnfinishedRecordsAreTaken) {
    const struct {
        J state;
        bool taken;
    } rows[] = {{J::signed_, true},
                {J::sent, true},
                {J::unknown, true},
                {J::settled, false},
                {J::failed, false}};
    std::uint8_t number = 20;
    for (const auto& row : rows) {
        SCOPED_TRACE(to_string(row.state));
        NewEntry added = sample_entry("k" + std::to_string(++number));
        added.entry.fingerprint = hash_of(number);
        const std::int64_t id = X402_MUST(journal().begin(added, ours_, now_));
        ASSERT_TRUE(change(id, row.state));
        EXPECT_EQ(X402_MUST(journal().take_unfinished(hash_of(number), ours_, now_)).has_value(),
                  row.taken);
    }
}

TEST_P(Journal, AFreeRecordIsTakenBesideOneThatIsWorkedOn) {
    begin("theirs-running");
    const std::int64_t free = begin("free");
    EXPECT_TRUE(await(journal().release(free, ours_.owner)));
    const auto taken = X402_MUST(journal().take_unfinished(hash_of(9), theirs_, now_));
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(taken->id, free);
    // Our own running record is ours to go on with.
    const auto own = X402_MUST(journal().take_unfinished(hash_of(9), ours_, now_));
    ASSERT_TRUE(own.has_value());
    EXPECT_EQ(own->key, PaymentKey("theirs-running"));
}

TEST_P(Journal, OnePaymentIsJournalledOnceUnlessItFailed) {
    const std::int64_t id = begin("k");
    EXPECT_EQ(code_of(await(journal().begin(sample_entry("k"), ours_, now_))), Errc::conflict);
    ASSERT_TRUE(change(id, J::failed));
    begin("k");
    EXPECT_EQ(X402_MUST(journal().history(10)).size(), 2U);
    // Records without a key do not stand in each other's way.
    begin("");
    begin("");
}

TEST_P(Journal, ACapCountsEverythingThatDidNotFail) {
    const auto spend = [this](const std::string& key, std::uint64_t micros, std::uint64_t most) {
        NewEntry added = sample_entry(key);
        added.usd_micros = U256(micros);
        added.group = "run-1";
        added.caps = {SpendingCap{"run-1", at_second(-10), U256(most)}};
        return await(journal().begin(added, ours_, now_));
    };
    const auto first = spend("a", 600, 1000);
    ASSERT_TRUE(first.has_value());
    const auto over = spend("b", 401, 1000);
    EXPECT_EQ(code_of(over), Errc::refused);
    EXPECT_EQ(over.error().field, "budget");
    EXPECT_EQ(X402_MUST(journal().history(10)).size(), 1U);
    EXPECT_TRUE(spend("c", 400, 1000));
    EXPECT_EQ(code_of(spend("d", 1, 1000)), Errc::refused);
    // Unknown keeps its amount spent; failed gives it back.
    ASSERT_TRUE(change(*first, J::unknown));
    EXPECT_EQ(code_of(spend("d", 1, 1000)), Errc::refused);
    ASSERT_TRUE(change(*first, J::failed));
    EXPECT_TRUE(spend("d", 600, 1000));
    EXPECT_EQ(X402_MUST(journal().spent("run-1", at_second(-10))), U256(1000));
    EXPECT_EQ(X402_MUST(journal().spent("run-2", at_second(-10))), U256(0));
    EXPECT_EQ(X402_MUST(journal().spent("", at_second(-10))), U256(1000));
    EXPECT_EQ(X402_MUST(journal().spent("", at_second(1))), U256(0));
    // A sum that does not fit in 256 bits is over any cap.
    NewEntry huge = sample_entry("huge");
    huge.usd_micros = U256::max();
    huge.caps = {SpendingCap{"", at_second(-10), U256::max()}};
    EXPECT_EQ(code_of(await(journal().begin(huge, ours_, now_))), Errc::refused);
}

TEST_P(Journal, EveryCapMustHoldAndThePastDoesNotCount) {
    NewEntry old = sample_entry("old");
    old.usd_micros = U256(900);
    EXPECT_TRUE(await(journal().begin(old, ours_, at_second(-100))));
    NewEntry added = sample_entry("new");
    added.usd_micros = U256(200);
    added.group = "run-9";
    added.caps = {SpendingCap{"run-9", at_second(-200), U256(200)},
                  SpendingCap{"", at_second(-200), U256(1000)}};
    EXPECT_EQ(code_of(await(journal().begin(added, ours_, now_))), Errc::refused);
    added.caps[1].since = at_second(-99);
    EXPECT_TRUE(await(journal().begin(added, ours_, now_)));
}

TEST_P(Journal, HistoryIsNewestFirst) {
    for (int i = 0; i < 5; ++i) begin("k" + std::to_string(i));
    const auto found = X402_MUST(journal().history(3));
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].key.value(), "k4");
    EXPECT_EQ(found[2].key.value(), "k2");
    journal_.reset();
    journal_ = disk_->open_journal();
    EXPECT_EQ(X402_MUST(journal().history(100)).size(), 5U);
}

INSTANTIATE_TEST_SUITE_P(Backends, Journal, testing::Values("memory", "sqlite"),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace

}  // namespace x402::store
