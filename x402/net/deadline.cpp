// SPDX-License-Identifier: Apache-2.0
// One steady timer that is moved only when the new deadline lies before the one it waits for.
#include "x402/net/deadline.hpp"

#include <boost/asio/steady_timer.hpp>

namespace x402::net {
namespace asio = boost::asio;

using SteadyTime = std::chrono::steady_clock::time_point;

struct Deadline::State : std::enable_shared_from_this<State> {
    State(const Executor& executor, std::function<void()> callback)
        : timer(executor), on_due(std::move(callback)) {}

    asio::steady_timer timer;
    std::function<void()> on_due;
    SteadyTime due = SteadyTime::max();
    bool armed = false;
    bool passed = false;

    void arm() {
        armed = true;
        timer.expires_at(due);
        timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (!error) self->fire();
        });
    }

    void fire() {
        armed = false;
        if (!on_due || due == SteadyTime::max()) return;
        if (std::chrono::steady_clock::now() < due) return arm();
        due = SteadyTime::max();
        passed = true;
        on_due();
    }
};

Deadline::Deadline(const Executor& executor, std::function<void()> on_due)
    : state_(std::make_shared<State>(executor, std::move(on_due))) {}

Deadline::~Deadline() {
    state_->on_due = nullptr;
    state_->timer.cancel();
}

void Deadline::set(Duration from_now) {
    state_->passed = false;
    state_->due = std::chrono::steady_clock::now() + from_now;
    // Moving the timer cancels the wait under way, whose callback then does nothing.
    if (!state_->armed || state_->timer.expiry() > state_->due) state_->arm();
}

void Deadline::clear() noexcept {
    state_->due = SteadyTime::max();
}

bool Deadline::passed() const noexcept {
    return state_->passed;
}

}  // namespace x402::net
