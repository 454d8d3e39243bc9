// SPDX-License-Identifier: Apache-2.0
// The bell: no ring is lost, waits end at their limit or when cancelled, frames may die unresumed,
// and rings come from other threads than the waiters'.
#include "x402/base/sync.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <thread>

namespace x402 {
namespace {

namespace asio = boost::asio;

constexpr Duration kForever{1'000'000'000};

Task<void> wait_once(Bell& bell, std::uint64_t seen, Duration limit, std::optional<bool>& out) {
    co_await asio::this_coro::throw_if_cancelled(false);
    const bool rung = co_await bell.wait(seen, limit);
    out = rung;
}

TEST(Bell, ARingBeforeTheWaitIsNotLost) {
    Bell bell;
    const auto seen = bell.count();
    bell.ring();
    EXPECT_EQ(bell.count(), seen + 1);
    asio::io_context io;
    std::optional<bool> out;
    asio::co_spawn(io, wait_once(bell, seen, kForever, out), asio::detached);
    io.run();
    EXPECT_EQ(out, true);
}

TEST(Bell, WakesEveryoneWhoWaits) {
    Bell bell;
    asio::io_context io;
    std::vector<std::optional<bool>> outs(50);
    for (auto& out : outs)
        asio::co_spawn(io, wait_once(bell, bell.count(), kForever, out), asio::detached);
    io.poll();
    for (const auto& out : outs) EXPECT_FALSE(out.has_value());
    bell.ring();
    io.run();
    for (const auto& out : outs) EXPECT_EQ(out, true);
}

TEST(Bell, AnOldRingDoesNotWakeANewWait) {
    Bell bell;
    bell.ring();
    asio::io_context io;
    std::optional<bool> out;
    asio::co_spawn(io, wait_once(bell, bell.count(), Duration{1}, out), asio::detached);
    io.run();
    EXPECT_EQ(out, false);
}

TEST(Bell, LimitsOfNothingOrLessEndAtOnce) {
    Bell bell;
    for (const Duration limit : {Duration{0}, Duration{-1}, Duration::min()}) {
        asio::io_context io;
        std::optional<bool> out;
        asio::co_spawn(io, wait_once(bell, bell.count(), limit, out), asio::detached);
        io.run();
        EXPECT_EQ(out, false);
    }
}

TEST(Bell, CancellationEndsAWait) {
    Bell bell;
    asio::io_context io;
    asio::cancellation_signal signal;
    std::optional<bool> out;
    const auto done = [](std::exception_ptr thrown) { EXPECT_FALSE(thrown); };
    asio::co_spawn(io, wait_once(bell, bell.count(), Duration::max(), out),
                   asio::bind_cancellation_slot(signal.slot(), done));
    asio::post(io, [&] { signal.emit(asio::cancellation_type::terminal); });
    io.run();
    EXPECT_EQ(out, false);
}

TEST(Bell, TheBellMayDieBeforeItsWaiters) {
    asio::io_context io;
    std::optional<bool> out;
    auto bell = std::make_unique<Bell>();
    asio::co_spawn(io, wait_once(*bell, 0, kForever, out), asio::detached);
    io.poll();
    bell.reset();
    io.run();
    EXPECT_EQ(out, true);
}

TEST(Bell, AWaitersFrameMayDieUnresumed) {
    Bell bell;
    std::optional<bool> out;
    {
        asio::io_context io;
        asio::co_spawn(io, wait_once(bell, bell.count(), kForever, out), asio::detached);
        asio::co_spawn(io, wait_once(bell, bell.count(), kForever, out), asio::detached);
        io.poll();
    }
    // The dead waiters must not be touched any more.
    bell.ring();
    EXPECT_FALSE(out.has_value());
}

// Takes what others put down, and stops when everything was taken.
struct Shelf {
    Bell bell;
    std::atomic<int> offered{0};
    std::atomic<int> taken{0};
    std::atomic<int> timeouts{0};
};

constexpr int kItems = 3000;

Task<void> take_all(Shelf& shelf) {
    while (true) {
        const std::uint64_t seen = shelf.bell.count();
        int available = shelf.offered.load();
        while (available > 0 && !shelf.offered.compare_exchange_weak(available, available - 1)) {
        }
        if (available > 0) {
            if (shelf.taken.fetch_add(1) + 1 == kItems) shelf.bell.ring();
            continue;
        }
        if (shelf.taken.load() >= kItems) co_return;
        const bool rung = co_await shelf.bell.wait(seen, Duration{20'000});
        if (!rung) ++shelf.timeouts;
    }
}

TEST(Bell, NoWakeUpIsLostBetweenThreads) {
    Shelf shelf;
    asio::thread_pool pool(2);
    asio::io_context io;
    asio::co_spawn(pool, take_all(shelf), asio::detached);
    asio::co_spawn(pool, take_all(shelf), asio::detached);
    asio::co_spawn(io, take_all(shelf), asio::detached);
    std::thread waiter([&] { io.run(); });
    for (int i = 0; i < kItems; ++i) {
        ++shelf.offered;
        shelf.bell.ring();
        if (i % 64 == 0) std::this_thread::yield();
    }
    waiter.join();
    pool.join();
    EXPECT_EQ(shelf.taken, kItems);
    EXPECT_EQ(shelf.timeouts, 0);
}

}  // namespace
}  // namespace x402
