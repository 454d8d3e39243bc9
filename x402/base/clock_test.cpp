// SPDX-License-Identifier: Apache-2.0
// The machine's clock: conversions, and that a sleep ends by time or by cancellation and says
// which.
#include "x402/base/clock.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <optional>

namespace x402 {
namespace {

namespace asio = boost::asio;

// Keeps going after a cancellation, as our servers' loops do.
Task<void> sleep_twice(Clock& clock, Duration pause, std::vector<bool>& out) {
    co_await asio::this_coro::throw_if_cancelled(false);
    const bool first = co_await clock.sleep(pause);
    out.push_back(first);
    const bool second = co_await clock.sleep(pause);
    out.push_back(second);
}

TEST(Instant, Conversions) {
    EXPECT_EQ(to_unix_s(from_unix_ms(1999)), 1);
    EXPECT_EQ(to_unix_s(from_unix_ms(-1)), -1);
    EXPECT_EQ(to_unix_ms(from_unix_s(3)), 3000);
}

TEST(SystemClock, Moves) {
    const auto clock = make_system_clock();
    const Duration before = clock->steady();
    EXPECT_GT(clock->now(), from_unix_s(1'700'000'000));
    EXPECT_LT(clock->now(), from_unix_s(10'000'000'000));
    EXPECT_GE(clock->steady(), before);
}

TEST(SystemClock, SleepsAndWakes) {
    const auto clock = make_system_clock();
    asio::io_context io;
    std::vector<bool> slept;
    for (const Duration pause : {Duration{1}, Duration{0}, Duration{-5}, Duration::min()}) {
        slept.clear();
        io.restart();
        asio::co_spawn(io, sleep_twice(*clock, pause, slept), asio::detached);
        io.run();
        EXPECT_EQ(slept, (std::vector{true, true}));
    }
}

TEST(SystemClock, CancellationWakesWithFalseAndStaysSo) {
    const auto clock = make_system_clock();
    asio::io_context io;
    asio::cancellation_signal signal;
    std::vector<bool> slept;
    const Duration start = clock->steady();
    const auto done = [](std::exception_ptr thrown) { EXPECT_FALSE(thrown); };
    asio::co_spawn(io, sleep_twice(*clock, Duration::max(), slept),
                   asio::bind_cancellation_slot(signal.slot(), done));
    asio::post(io, [&] { signal.emit(asio::cancellation_type::terminal); });
    io.run();
    EXPECT_EQ(slept, (std::vector{false, false}));
    EXPECT_LT(clock->steady() - start, Duration{60'000});
}

}  // namespace
}  // namespace x402
