// SPDX-License-Identifier: Apache-2.0
// A deadline that is set anew for every read and write of a connection, at the price of a store:
// the timer behind it runs on and looks, when it fires, whether the time has really come. One core.
#pragma once

#include <functional>
#include <memory>

#include "x402/base/clock.hpp"
#include "x402/net/runtime.hpp"

namespace x402::net {

class Deadline {
public:
    // `on_due` is called on the executor, at most once for each `set`.
    Deadline(const Executor& executor, std::function<void()> on_due);
    ~Deadline();
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    void set(Duration from_now);
    void clear() noexcept;
    // True from the call of `on_due` until the next `set`.
    bool passed() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;  // shared with the timer's callback
};

}  // namespace x402::net
