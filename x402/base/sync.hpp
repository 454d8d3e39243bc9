// SPDX-License-Identifier: Apache-2.0
// Waiting for each other between coroutines, on whatever executors they run. Any thread.
#pragma once

#include <memory>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/base/task.hpp"

namespace x402 {

// A bell that can be rung many times: everyone who waits at that moment wakes. Spurious wakes are
// allowed, so the waiter looks again at what it waits for.
class Bell {
public:
    Bell();
    ~Bell();
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    void ring();
    // A count that grows with every ring. Read it before looking at the state, then wait for a
    // later one: so no ring between the look and the wait is lost.
    std::uint64_t count() const noexcept;
    // True when the bell was rung after `seen`; false when `limit` passed or the wait was
    // cancelled.
    Task<bool> wait(std::uint64_t seen, Duration limit);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace x402
