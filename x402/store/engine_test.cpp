// SPDX-License-Identifier: Apache-2.0
// The bridge from an engine's thread to a waiting coroutine, with an engine that the test holds in
// its hand.
#include "x402/store/engine.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <thread>

#include "x402/store/testing/support.hpp"

namespace x402::store {

namespace {

namespace asio = boost::asio;

class HeldEngine final : public Engine {
public:
    void submit(Job job) override { jobs.push_back(std::move(job)); }
    std::vector<Job> jobs;
};

class NoSession final : public Session {
public:
    SettlementRows& settlements() override { std::terminate(); }
    GrantRows& grants() override { std::terminate(); }
    JournalRows& journal() override { std::terminate(); }
};

struct Seen {
    std::optional<Result<int>> result;
    std::thread::id thread;
    int worked = 0;
    std::exception_ptr thrown;
};

Task<Result<int>> ask(Engine& engine, Seen* seen) {
    return run<int>(engine, Access::write, [seen](Session&) -> Result<int> {
        seen->worked += 1;
        return 7;
    });
}

Task<void> wait_for(Engine& engine, Seen* seen) {
    seen->result = co_await ask(engine, seen);
    seen->thread = std::this_thread::get_id();
}

TEST(Engine, TheWaiterGoesOnWhereItWas) {
    HeldEngine engine;
    asio::io_context io;
    Seen seen;
    asio::co_spawn(io, wait_for(engine, &seen), [&](std::exception_ptr e) { seen.thrown = e; });
    io.poll();
    ASSERT_EQ(engine.jobs.size(), 1U);
    EXPECT_EQ(seen.worked, 0);
    std::thread other([&] {
        NoSession session;
        engine.jobs[0].done(engine.jobs[0].work(session));
    });
    // Keeps running although nothing but the engine can wake it.
    io.run();
    other.join();
    ASSERT_TRUE(seen.result.has_value());
    EXPECT_EQ(seen.result->value(), 7);
    EXPECT_EQ(seen.thread, std::this_thread::get_id());
}

TEST(Engine, AnErrorOfTheCommitCountsMoreThanTheValue) {
    HeldEngine engine;
    asio::io_context io;
    Seen seen;
    asio::co_spawn(io, wait_for(engine, &seen), [&](std::exception_ptr e) { seen.thrown = e; });
    io.poll();
    NoSession session;
    EXPECT_TRUE(engine.jobs.at(0).work(session));
    engine.jobs[0].done(fail(Errc::unavailable, "the disk is full"));
    io.run();
    ASSERT_TRUE(seen.result.has_value());
    EXPECT_EQ(seen.result->error().code, Errc::unavailable);
}

TEST(Engine, ACancelledWaiterStillGetsTheTruth) {
    HeldEngine engine;
    asio::io_context io;
    asio::cancellation_signal signal;
    Seen seen;
    asio::co_spawn(io, wait_for(engine, &seen),
                   asio::bind_cancellation_slot(signal.slot(),
                                                [&](std::exception_ptr e) { seen.thrown = e; }));
    io.poll();
    signal.emit(asio::cancellation_type::terminal);
    io.poll();
    EXPECT_FALSE(seen.result.has_value());
    NoSession session;
    engine.jobs.at(0).done(engine.jobs[0].work(session));
    io.run();
    EXPECT_EQ(seen.worked, 1);
    EXPECT_FALSE(seen.thrown);
    ASSERT_TRUE(seen.result.has_value());
    EXPECT_EQ(seen.result->value(), 7);
}

}  // namespace

}  // namespace x402::store
