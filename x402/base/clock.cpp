// SPDX-License-Identifier: Apache-2.0
// The machine's clock. Sleeping is a timer on the executor of the coroutine that sleeps, so it
// costs no thread and wakes where it slept. Any thread.
#include "x402/base/clock.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace x402 {

namespace {

namespace asio = boost::asio;

// Far beyond any wait of ours, and no sum of it with a present time overflows.
constexpr Duration kLongestSleep = std::chrono::hours{24 * 365};

class SystemClock final : public Clock {
public:
    Instant now() const override {
        return std::chrono::floor<Duration>(std::chrono::system_clock::now());
    }

    Duration steady() const override {
        return std::chrono::floor<Duration>(std::chrono::steady_clock::now().time_since_epoch());
    }

    Task<bool> sleep(Duration pause) override {
        // The signal of an earlier cancellation does not come twice: a timer started now would run
        // its time.
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return false;
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, std::clamp(pause, Duration{0}, kLongestSleep));
        boost::system::error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        co_await timer.async_wait(token);
        co_return !error;
    }
};

}  // namespace

std::unique_ptr<Clock> make_system_clock() {
    return std::make_unique<SystemClock>();
}

}  // namespace x402
