// SPDX-License-Identifier: Apache-2.0
// Who enters counts itself in before it looks whether the gate is closed, and out again if so: a
// drain that sees nobody inside can therefore not be overtaken by somebody who saw the gate open.
// Any thread.
#include "x402/base/gate.hpp"

#include <algorithm>

#include "x402/base/check.hpp"

namespace x402 {

namespace {

// A drain happens once in an owner's life; looking again and again is cheaper than a bell at every
// exit.
constexpr Duration kFirstLook{1};
constexpr Duration kSlowestLook{50};

}  // namespace

Gate::Pass& Gate::Pass::operator=(Pass&& other) noexcept {
    if (this == &other) return *this;
    leave();
    gate_ = std::exchange(other.gate_, nullptr);
    return *this;
}

void Gate::Pass::leave() noexcept {
    Gate* gate = std::exchange(gate_, nullptr);
    if (gate == nullptr) return;
    const std::size_t before = gate->inside_.fetch_sub(1);
    X402_CHECK(before > 0);
}

Gate::Pass Gate::enter() noexcept {
    inside_.fetch_add(1);
    Pass pass(this);
    if (closed_) return Pass{};
    return pass;
}

Task<bool> Gate::drain(Clock& clock, Duration limit) {
    close();
    const Duration start = clock.steady();
    Duration pause = kFirstLook;
    while (inside_ != 0) {
        const Duration spent = clock.steady() - start;
        if (spent >= limit) co_return false;
        const Duration nap = std::min(pause, limit - spent);
        const bool slept = co_await clock.sleep(nap);
        if (!slept) co_return inside_ == 0;
        pause = std::min(2 * pause, kSlowestLook);
    }
    co_return true;
}

}  // namespace x402
