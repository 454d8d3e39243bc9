// SPDX-License-Identifier: Apache-2.0
// What was answered is there: after SIGKILL, under many writers, on a disk that fails, between
// processes. The children of fork(2) use no GoogleTest and end with _exit.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <future>
#include <set>

#include "x402/base/limits.hpp"
#include "x402/store/fronts.hpp"
#include "x402/store/sqlite/sqlite_engine.hpp"
#include "x402/store/testing/support.hpp"

namespace x402::store::sqlite {

namespace {

using namespace test;
namespace asio = boost::asio;

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kBroken = 2;

class Durable : public ::testing::Test {
protected:
    Result<RoleStore> open() {
        return open_role_store(OpenOptions{"sqlite:" + path_, "", "facilitator"}, world_.env());
    }
    template <class Body>
    pid_t child(Body body) {
        const pid_t pid = ::fork();
        if (pid == 0) ::_exit(body());
        return pid;
    }
    static int wait_for(pid_t pid) {
        int status = 0;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    World world_;
    TempFolder folder_;
    std::string path_ = folder_ / "role.db";
};

// One byte for every answered claim.
int claim_for_ever(RoleStore& store, int out) {
    for (int i = 0;; ++i) {
        const std::string key = "k" + std::to_string(i);
        const auto claimed = await(store.settlements->claim_payment(sample_payment(key)));
        if (!claimed || !claimed->fresh) return kBroken;
        if (::write(out, "x", 1) != 1) return kBroken;
    }
}

TEST_F(Durable, WhatWasAnsweredSurvivesAKill) {
    int ends[2] = {};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t pid = child([&] {
        auto store = open();
        return store ? claim_for_ever(*store, ends[1]) : kBroken;
    });
    ::close(ends[1]);
    int answered = 0;
    char byte = 0;
    while (answered < 50 && ::read(ends[0], &byte, 1) == 1) ++answered;
    ASSERT_EQ(answered, 50);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    EXPECT_EQ(wait_for(pid), 128 + SIGKILL);
    while (::read(ends[0], &byte, 1) == 1) ++answered;
    ::close(ends[0]);
    auto store = open();
    ASSERT_TRUE(store.has_value()) << "the lock outlived its holder";
    EXPECT_EQ(store->settlements->owner().fence, 2U);
    const auto open_ones = X402_MUST(store->settlements->open_payments(100'000));
    // At most the one whose answer was on its way is there besides.
    EXPECT_GE(open_ones.size(), static_cast<std::size_t>(answered));
    EXPECT_LE(open_ones.size(), static_cast<std::size_t>(answered) + 1);
    std::set<std::string> keys;
    for (const PaymentRecord& record : open_ones) keys.insert(record.key.value());
    for (int i = 0; i < answered; ++i) EXPECT_TRUE(keys.contains("k" + std::to_string(i))) << i;
}

Task<void> claim_one(SettlementStore& store, std::string key, std::atomic<int>* fresh) {
    PaymentRecord intent = sample_payment(key);
    const auto claimed = co_await store.claim_payment(std::move(intent));
    if (claimed && claimed->fresh) *fresh += 1;
}

TEST_F(Durable, ManyWritersShareCommits) {
    constexpr int kWriters = 3'000;
    std::atomic<int> fresh{0};
    {
        const EngineOptions options{path_, &role_schema(), "facilitator", false, world_.clock.at};
        // Outlives the engine, whose thread may still be leaving its last post to it.
        asio::thread_pool pool(4);
        auto engine = SqliteEngine::open(options);
        ASSERT_TRUE(engine.has_value());
        const std::shared_ptr<SqliteEngine> shared(std::move(*engine));
        RoleStore store = make_role_store(shared, Owner{"me", shared->fence()});
        for (int i = 0; i < kWriters; ++i) {
            // Every key twice, from whatever threads: one of the two is fresh.
            for (int twice = 0; twice < 2; ++twice) {
                asio::co_spawn(pool, claim_one(*store.settlements, "k" + std::to_string(i), &fresh),
                               asio::detached);
            }
        }
        pool.join();
        EXPECT_EQ(shared->counts().operations, 2U * kWriters);
        EXPECT_LT(shared->counts().commits, shared->counts().operations);
    }
    EXPECT_EQ(fresh, kWriters);
    auto again = open();
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(X402_MUST(again->settlements->open_payments(100'000)).size(),
              static_cast<std::size_t>(kWriters));
}

// Jobs that are handed over together share a transaction: one that fails leaves its neighbours
// alone.
TEST_F(Durable, ARefusedWriteUndoesOnlyItself) {
    const EngineOptions options{path_, &role_schema(), "facilitator", false, world_.clock.at};
    auto engine = SqliteEngine::open(options);
    ASSERT_TRUE(engine.has_value());
    std::atomic<int> failed{0};
    const auto job = [&](const std::string& key, bool good) {
        Job one;
        one.work = [key, good](Session& session) -> Result<void> {
            X402_TRY_VOID(session.settlements().insert_payment(sample_payment(key)));
            if (good) return {};
            return fail(Errc::conflict, "changed its mind after writing");
        };
        one.done = [&failed](Result<void> result) { failed += result ? 0 : 1; };
        (*engine)->submit(std::move(one));
    };
    for (int i = 0; i < 100; ++i) job("k" + std::to_string(i), i % 3 != 0);
    Job thrower;
    thrower.work = [](Session& session) -> Result<void> {
        X402_TRY_VOID(session.settlements().insert_payment(sample_payment("thrown")));
        throw std::bad_alloc();
    };
    thrower.done = [&failed](Result<void> result) { failed += result ? 0 : 1; };
    (*engine)->submit(std::move(thrower));
    // Ending the engine does what was submitted.
    engine->reset();
    EXPECT_EQ(failed, 35);
    auto store = open();
    ASSERT_TRUE(store.has_value());
    for (int i = 0; i < 100; ++i) {
        const PaymentKey key("k" + std::to_string(i));
        EXPECT_EQ(X402_MUST(store->settlements->find_payment(key)).has_value(), i % 3 != 0) << i;
    }
    EXPECT_FALSE(X402_MUST(store->settlements->find_payment(PaymentKey("thrown"))).has_value());
}

// Holds the writer until it is let go, so that what is submitted meanwhile waits together.
class HeldWriter {
public:
    explicit HeldWriter(Engine& engine) {
        Job job;
        job.work = [this](Session&) -> Result<void> {
            started_.set_value();
            go_.get_future().wait();
            return {};
        };
        job.done = [](const Result<void>&) {};
        engine.submit(std::move(job));
        started_.get_future().wait();
    }
    void let_go() { go_.set_value(); }

private:
    std::promise<void> started_;
    std::promise<void> go_;
};

TEST_F(Durable, WhatWaitsTogetherIsCommittedTogether) {
    const EngineOptions options{path_, &role_schema(), "facilitator", false, world_.clock.at};
    auto engine = SqliteEngine::open(options);
    ASSERT_TRUE(engine.has_value());
    HeldWriter held(**engine);
    std::atomic<std::size_t> done{0};
    std::promise<void> all;
    for (std::size_t i = 0; i < 2 * limits::kGroupCommit; ++i) {
        Job job;
        job.work = [i](Session& session) {
            return session.settlements().insert_payment(sample_payment(std::to_string(i)));
        };
        job.done = [&](Result<void> result) {
            EXPECT_TRUE(result.has_value());
            if (++done == 2 * limits::kGroupCommit) all.set_value();
        };
        (*engine)->submit(std::move(job));
    }
    EXPECT_EQ(done, 0U);
    held.let_go();
    all.get_future().wait();
    EXPECT_EQ((*engine)->counts().operations, 1 + 2 * limits::kGroupCommit);
    EXPECT_EQ((*engine)->counts().commits, 3U);
}

TEST_F(Durable, TheQueueHasACapAndWhatItTookIsDone) {
    const EngineOptions options{path_, &role_schema(), "facilitator", false, world_.clock.at};
    auto engine = SqliteEngine::open(options);
    ASSERT_TRUE(engine.has_value());
    HeldWriter held(**engine);
    std::atomic<std::size_t> done{0};
    std::atomic<std::size_t> refused{0};
    for (std::size_t i = 0; i < limits::kStoreQueue + 3; ++i) {
        Job job;
        job.work = [](Session&) -> Result<void> { return {}; };
        job.done = [&](Result<void> result) {
            if (result) {
                ++done;
            } else if (result.error().code == Errc::unavailable) {
                ++refused;
            }
        };
        (*engine)->submit(std::move(job));
    }
    EXPECT_EQ(refused, 3U);
    held.let_go();
    engine->reset();
    EXPECT_EQ(done, limits::kStoreQueue);
}

// A log that is written for long is moved into the file while the store works.
TEST_F(Durable, TheLogDoesNotGrowForEver) {
    auto store = open();
    ASSERT_TRUE(store.has_value());
    GrantRecord grant = sample_grant("k");
    ASSERT_TRUE(await(store->grants->claim(grant)));
    for (const GrantState next : {GrantState::settling, GrantState::settled}) {
        GrantChange change;
        change.to = next;
        const GrantState from =
            next == GrantState::settling ? GrantState::claimed : GrantState::settling;
        EXPECT_TRUE(X402_MUST(store->grants->move(PaymentKey("k"), from, change, at_second(2))));
    }
    const std::string body(1024 * 1024, 'b');
    for (int i = 0; i < 60; ++i) {
        GrantChange change;
        change.to = GrantState::settled;
        change.answer = StoredAnswer{"{}", body, at_second(100)};
        EXPECT_TRUE(X402_MUST(
            store->grants->move(PaymentKey("k"), GrantState::settled, change, at_second(2))));
    }
    EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 40U * 1024 * 1024);
    EXPECT_EQ(X402_MUST(store->grants->find(PaymentKey("k")))->answer->body.size(), body.size());
}

TEST_F(Durable, WhoeverWasReplacedCannotWrite) {
    auto store = open();
    ASSERT_TRUE(store.has_value());
    EXPECT_TRUE(await(store->settlements->claim_payment(sample_payment("a"))));
    {
        const ConnectionOptions options{.path = path_};
        auto thief = Connection::open(options);
        ASSERT_TRUE(thief.has_value());
        EXPECT_TRUE((*thief)->execute("UPDATE meta SET value = value + 1"));
    }
    EXPECT_EQ(code_of(await(store->settlements->claim_payment(sample_payment("b")))),
              Errc::conflict);
    EXPECT_EQ(code_of(await(store->grants->claim(sample_grant("b")))), Errc::conflict);
    EXPECT_TRUE(X402_MUST(store->settlements->find_payment(PaymentKey("a"))).has_value());
}

// A disk that takes no more: the log may not grow past its present size and a little.
int write_until_the_disk_fails(RoleStore& store, int out) {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGXFSZ, &ignore, nullptr);
    const rlimit limit{400'000, 400'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return kBroken;
    int failures = 0;
    for (int i = 0; i < 200; ++i) {
        const std::string key = "k" + std::to_string(i);
        const auto claimed = await(store.settlements->claim_payment(sample_payment(key)));
        if (claimed && failures > 0) return kBroken;  // nothing may be built on a failed disk
        if (!claimed && claimed.error().code != Errc::unavailable) return kBroken;
        if (!claimed) ++failures;
        const char mark = claimed ? 'x' : '-';
        if (::write(out, &mark, 1) != 1) return kBroken;
    }
    return failures > 0 ? kDone : kBroken;
}

TEST_F(Durable, AFailedDiskFailsClosedAndLeavesNothingHalfDone) {
    int ends[2] = {};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t pid = child([&] {
        auto store = open();
        return store ? write_until_the_disk_fails(*store, ends[1]) : kBroken;
    });
    ::close(ends[1]);
    std::string marks;
    char byte = 0;
    while (::read(ends[0], &byte, 1) == 1) marks += byte;
    ::close(ends[0]);
    EXPECT_EQ(wait_for(pid), kDone);
    const std::size_t answered = marks.find('-');
    ASSERT_NE(answered, std::string::npos);
    ASSERT_GT(answered, 5U);
    auto store = open();
    ASSERT_TRUE(store.has_value());
    for (std::size_t i = 0; i < marks.size(); ++i) {
        const PaymentKey key("k" + std::to_string(i));
        const auto found = X402_MUST(store->settlements->find_payment(key));
        EXPECT_EQ(found.has_value(), i < answered) << i;
    }
    EXPECT_TRUE(X402_MUST(store->settlements->claim_payment(sample_payment("after"))).fresh);
}

TEST_F(Durable, TwoProcessesCannotBothFitUnderACap) {
    const std::string path = folder_ / "home/journal.db";
    constexpr int kProcesses = 4;
    for (int round = 0; round < 5; ++round) {
        SCOPED_TRACE(round);
        int gate[2] = {};
        ASSERT_EQ(::pipe(gate), 0);
        std::vector<pid_t> pids;
        for (int i = 0; i < kProcesses; ++i) {
            pids.push_back(child([&, i] {
                ::close(gate[1]);
                auto journal = open_journal(path, world_.env());
                char byte = 0;
                // All start when the gate closes; opening and creating the file race as well.
                if (::read(gate[0], &byte, 1) != 0 || !journal) return kBroken;
                NewEntry added = sample_entry(std::to_string(round) + "-" + std::to_string(i));
                added.usd_micros = U256(600);
                added.group = "round" + std::to_string(round);
                added.caps = {SpendingCap{added.group, at_second(-10), U256(1000)}};
                const Lease lease{"process" + std::to_string(i), std::chrono::seconds(60)};
                const auto begun = await((*journal)->begin(added, lease, at_second(0)));
                if (begun) return kDone;
                return begun.error().code == Errc::refused ? kRefused : kBroken;
            }));
        }
        ::close(gate[0]);
        ::close(gate[1]);
        int fitted = 0;
        for (const pid_t pid : pids) {
            const int code = wait_for(pid);
            EXPECT_NE(code, kBroken);
            fitted += code == kDone ? 1 : 0;
        }
        EXPECT_EQ(fitted, 1);
    }
}

TEST_F(Durable, AKilledPayersRecordIsTakenOverAfterItsLease) {
    const std::string path = folder_ / "journal.db";
    const pid_t pid = child([&] {
        auto journal = open_journal(path, world_.env());
        if (!journal) return kBroken;
        const Lease lease{"dead", std::chrono::seconds(60)};
        const auto id = await((*journal)->begin(sample_entry("k"), lease, at_second(0)));
        if (!id) return kBroken;
        ::kill(::getpid(), SIGKILL);
        return kBroken;
    });
    EXPECT_EQ(wait_for(pid), 128 + SIGKILL);
    auto journal = open_journal(path, world_.env());
    ASSERT_TRUE(journal.has_value());
    const Lease lease{"alive", std::chrono::seconds(60)};
    EXPECT_EQ(code_of(await((*journal)->take_unfinished(hash_of(9), lease, at_second(59)))),
              Errc::conflict);
    EXPECT_TRUE(
        X402_MUST((*journal)->take_unfinished(hash_of(9), lease, at_second(60))).has_value());
}

TEST_F(Durable, ManyJournalsOfOneProcessDoNotLoseEachOthersLocks) {
    const std::string path = folder_ / "journal.db";
    auto first = open_journal(path, world_.env());
    auto second = open_journal(path, world_.env());
    ASSERT_TRUE(first.has_value() && second.has_value());
    const Lease lease{"me", std::chrono::seconds(60)};
    for (int i = 0; i < 20; ++i) {
        auto& one = i % 2 == 0 ? *first : *second;
        EXPECT_TRUE(await(one->begin(sample_entry(std::to_string(i)), lease, at_second(0))));
    }
    EXPECT_EQ(X402_MUST((*first)->history(100)).size(), 20U);
    EXPECT_EQ(X402_MUST((*second)->history(100)).size(), 20U);
}

void end_one(SettlementStore& store, const std::string& key, Instant at) {
    ASSERT_TRUE(X402_MUST(store.claim_payment(sample_payment(key))).fresh);
    ASSERT_TRUE(await(store.take_slot(sample_slot(key, {key}))));
    ASSERT_TRUE(await(store.record_attempt(slot_name(key), sample_attempt("0x1"))));
    SlotEnd end = sample_end(key, SlotState::mined, "0x1");
    end.payments.push_back(payment_end(key, PaymentEnd::How::failed));
    end.by_payer = true;
    end.at = at;
    ASSERT_TRUE(await(store.end_slot(end)));
}

// Payers cost nothing to invent: what no day counts any more is not kept.
TEST_F(Durable, WhatPayersCostIsForgottenAfterTwoDays) {
    {
        auto store = open();
        ASSERT_TRUE(store.has_value());
        end_one(*store->settlements, "k1", at_second(0));
        end_one(*store->settlements, "k2", at_second(3600 * 48));
        end_one(*store->settlements, "k3", at_second(3600 * 49));
    }
    const ConnectionOptions options{.path = path_};
    auto connection = Connection::open(options);
    ASSERT_TRUE(connection.has_value());
    EXPECT_EQ((*connection)->query_number("SELECT count(*) FROM payer_costs").value(), 2);
    EXPECT_EQ((*connection)->query_number("SELECT count(*) FROM costs").value(), 3);
}

// Every question on the hot path is answered from an index: a million records cost no more than a
// thousand.
TEST_F(Durable, NoHotQuestionReadsAWholeTable) {
    {
        ASSERT_TRUE(open().has_value());
    }
    const ConnectionOptions options{.path = path_};
    auto connection = Connection::open(options);
    ASSERT_TRUE(connection.has_value());
    const char* const questions[] = {
        "SELECT * FROM payments LEFT JOIN payment_requests ON payment = id WHERE key = ?",
        "SELECT * FROM payments LEFT JOIN payment_requests ON payment = id "
        "WHERE state IN ('claimed', 'slotted', 'attempted') "
        "ORDER BY owner = ? AND fence = ?, created, id LIMIT ?",
        "SELECT attempt FROM slot_payments AS one JOIN attempts ON attempts.slot = one.slot "
        "WHERE one.key = ? ORDER BY attempts.id",
        "SELECT key FROM slots INDEXED BY slots_lane "
        "WHERE network = ? AND signer = ? AND state = 'mined' ORDER BY id DESC LIMIT 5",
        "SELECT * FROM slots INDEXED BY slots_open WHERE network = ? AND state = 'open'",
        "SELECT sum FROM costs WHERE network = ? AND hour >= ?",
        "SELECT sum FROM payer_costs WHERE network = ? AND payer = ? AND hour >= ?",
        "DELETE FROM payer_costs WHERE id IN "
        "(SELECT id FROM payer_costs WHERE hour < ? ORDER BY hour LIMIT 100)",
        "SELECT payer, count(*) FROM slot_payments AS one "
        "JOIN payments ON payments.key = one.key WHERE one.slot = ? GROUP BY payer",
        "SELECT * FROM grants LEFT JOIN grant_requests ON grant_id = id WHERE key = ?",
        "DELETE FROM grant_answers WHERE until <= ?"};
    std::vector<std::string>
        explained;  // a connection keeps the texts of its statements by reference
    for (const char* const question : questions) {
        explained.push_back(std::string("EXPLAIN QUERY PLAN ") + question);
    }
    for (const std::string& question : explained) {
        SCOPED_TRACE(question);
        Statement plan = (*connection)->prepare(question);
        int steps = 0;
        while (plan.step().value()) {
            for (int i = 0; i < 3; ++i) plan.skip();
            const std::string line = plan.take_text();
            ++steps;
            // A partial index may be walked whole: it holds only what is unfinished.
            const bool indexed = line.find("USING INDEX") != std::string::npos;
            EXPECT_TRUE(indexed || !line.starts_with("SCAN")) << line;
        }
        EXPECT_GT(steps, 0);
    }
}

}  // namespace

}  // namespace x402::store::sqlite
