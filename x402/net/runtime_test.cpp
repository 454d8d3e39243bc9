// SPDX-License-Identifier: Apache-2.0
// Where coroutines run, how they end, and that stopping in the middle of them is safe.
#include "x402/net/runtime.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "x402/base/clock.hpp"
#include "x402/net/deadline.hpp"

namespace x402::net {
namespace {

using namespace std::chrono_literals;

Task<void> note_thread(std::thread::id& into) {
    into = std::this_thread::get_id();
    co_return;
}

struct Places {
    std::thread::id before, inside, after;
};

Task<void> go_there_and_back(Runtime& runtime, Places& places) {
    places.before = std::this_thread::get_id();
    std::function<Task<void>()> there = [&places] { return note_thread(places.inside); };
    co_await run_on(runtime.core(1), there);
    places.after = std::this_thread::get_id();
}

TEST(Runtime, RunOnGoesThereAndComesBack) {
    Runtime runtime(2);
    runtime.start();
    Places places;
    run_blocking([&] { return go_there_and_back(runtime, places); });
    EXPECT_EQ(places.before, std::this_thread::get_id());
    EXPECT_EQ(places.after, places.before);
    EXPECT_NE(places.inside, places.before);
}

TEST(Runtime, SpawnKeepsACapturingCallableAlive) {
    Runtime runtime(3);
    std::atomic<int> sum{0};
    for (std::size_t core = 0; core < runtime.cores(); ++core) {
        const auto value = std::make_shared<int>(static_cast<int>(core) + 1);
        runtime.spawn(core, [value, &sum, &runtime]() -> Task<void> {
            if ((sum += *value) == 6) runtime.stop();
            co_return;
        });
    }
    runtime.run();
    EXPECT_EQ(sum, 6);
}

Task<void> sleep_long(Clock& clock, std::shared_ptr<int> held) {
    const bool slept = co_await clock.sleep(1h);
    EXPECT_FALSE(slept) << held.use_count();
}

Task<void> sleep_elsewhere(Runtime& runtime, Clock& clock, std::shared_ptr<int> held) {
    std::function<Task<void>()> start = [&clock, held] { return sleep_long(clock, held); };
    co_await run_on(runtime.core(1), start);
}

TEST(Runtime, StoppingDestroysWhatWaitsAcrossCores) {
    auto clock = make_system_clock();
    const auto held = std::make_shared<int>(7);
    {
        Runtime runtime(2);
        runtime.spawn(0, [&] { return sleep_long(*clock, held); });
        runtime.spawn(0, [&] { return sleep_elsewhere(runtime, *clock, held); });
        runtime.start();
        while (held.use_count() < 4) std::this_thread::yield();
    }
    EXPECT_EQ(held.use_count(), 1);
}

TEST(Runtime, Signals) {
    Runtime runtime(1);
    std::atomic<int> got{0};
    runtime.on_signal([&](int number) {
        got = number;
        if (number == SIGTERM) return runtime.stop();
        std::raise(SIGTERM);
    });
    std::raise(SIGHUP);
    runtime.run();
    EXPECT_EQ(got, SIGTERM);
}

Task<void> watch_deadline(Clock& clock, std::vector<int>& fired) {
    const Executor executor = co_await this_executor();
    Deadline deadline(executor, [&fired] { fired.push_back(static_cast<int>(fired.size())); });
    deadline.set(1h);
    deadline.set(5ms);
    EXPECT_FALSE(deadline.passed());
    while (!deadline.passed()) co_await clock.sleep(1ms);
    deadline.set(5ms);
    EXPECT_FALSE(deadline.passed());
    deadline.clear();
    co_await clock.sleep(20ms);
    EXPECT_FALSE(deadline.passed());
    deadline.set(1ms);
    deadline.set(30ms);
    co_await clock.sleep(10ms);
    EXPECT_FALSE(deadline.passed())
        << "a deadline that was moved back does not pass at its old time";
    while (!deadline.passed()) co_await clock.sleep(1ms);
}

TEST(DeadlineTest, PassesOncePerSet) {
    auto clock = make_system_clock();
    std::vector<int> fired;
    run_blocking([&] { return watch_deadline(*clock, fired); });
    EXPECT_EQ(fired.size(), 2U);
}

Task<void> throw_up() {
    throw std::runtime_error("nobody catches this");
    co_return;
}

TEST(RuntimeDeathTest, AnExceptionThatLeavesACoroutineEndsTheProcess) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(run_blocking([] { return throw_up(); }), "coroutine_threw");
}

}  // namespace
}  // namespace x402::net
