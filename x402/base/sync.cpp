// SPDX-License-Identifier: Apache-2.0
// The bell. A waiter is an entry of a list, living in the waiter's own coroutine frame, with a
// timer on the waiter's own executor; to ring is to cancel every timer. One mutex covers the list
// and every touch of a timer, so a ring either comes before a waiter looked at the count or finds
// its timer: none is lost. Nothing is allocated per ring. Any thread.
#include "x402/base/sync.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/async_result.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>

namespace x402 {

namespace asio = boost::asio;

namespace {

constexpr Duration kLongestWait = std::chrono::hours{24 * 365};

struct Waiter {
    asio::steady_timer timer;
    Waiter* before = nullptr;
    Waiter* after = nullptr;
};

}  // namespace

struct Bell::State {
    std::mutex mutex;
    std::atomic<std::uint64_t> count{0};
    Waiter* first = nullptr;

    void add(Waiter& waiter) {
        const std::lock_guard lock(mutex);
        waiter.after = first;
        if (first != nullptr) first->before = &waiter;
        first = &waiter;
    }

    void remove(Waiter& waiter) {
        const std::lock_guard lock(mutex);
        if (waiter.before != nullptr) waiter.before->after = waiter.after;
        if (waiter.after != nullptr) waiter.after->before = waiter.before;
        if (first == &waiter) first = waiter.after;
    }

    void ring() {
        const std::lock_guard lock(mutex);
        count.fetch_add(1);
        for (Waiter* waiter = first; waiter != nullptr; waiter = waiter->after)
            waiter->timer.cancel();
    }

    // Starts the timer unless the bell was rung since `seen`; the timer then ends at once.
    template <class Handler>
    void start(Waiter& waiter, std::uint64_t seen, Handler handler) {
        const std::lock_guard lock(mutex);
        if (count.load() != seen) waiter.timer.expires_after(Duration{0});
        waiter.timer.async_wait(std::move(handler));
    }

    static Task<bool> wait(std::shared_ptr<State> state, std::uint64_t seen, Duration limit);
};

namespace {

// Leaves the list also when the frame is destroyed without being resumed (its executor has ended).
template <class State>
class Listed {
public:
    Listed(State& state, Waiter& waiter) : state_(state), waiter_(waiter) { state_.add(waiter_); }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { state_.remove(waiter_); }

private:
    State& state_;
    Waiter& waiter_;
};

}  // namespace

Task<bool> Bell::State::wait(std::shared_ptr<State> state, std::uint64_t seen, Duration limit) {
    if (state->count.load() != seen) co_return true;
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) co_return false;
    const auto executor = co_await asio::this_coro::executor;
    Waiter waiter{asio::steady_timer(executor, std::clamp(limit, Duration{0}, kLongestWait))};
    const Listed listed(*state, waiter);
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    // A free initiation rather than timer.async_wait, so that the start happens under the mutex.
    const auto initiate = [](auto handler, State* bell, Waiter* who, std::uint64_t count) {
        bell->start(*who, count, std::move(handler));
    };
    co_await asio::async_initiate<decltype(token), void(boost::system::error_code)>(
        initiate, token, state.get(), &waiter, seen);
    co_return state->count.load() != seen;
}

Bell::Bell() : state_(std::make_shared<State>()) {}

// Nobody is left waiting for a bell that is gone; the waiters hold the state.
Bell::~Bell() {
    state_->ring();
}

void Bell::ring() {
    state_->ring();
}

std::uint64_t Bell::count() const noexcept {
    return state_->count.load();
}

Task<bool> Bell::wait(std::uint64_t seen, Duration limit) {
    return State::wait(state_, seen, limit);
}

}  // namespace x402
