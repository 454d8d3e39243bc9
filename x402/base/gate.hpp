// SPDX-License-Identifier: Apache-2.0
// Counts work in flight so that an owner can stop letting more in and wait until all of it has
// left. Every server and every background loop owns one. Any thread.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "x402/base/clock.hpp"
#include "x402/base/task.hpp"

namespace x402 {

class Gate {
public:
    // Held while the work runs; counts out when it dies. Empty when the gate was closed.
    class Pass {
    public:
        Pass() = default;
        explicit Pass(Gate* gate) : gate_(gate) {}
        Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
        Pass& operator=(Pass&& other) noexcept;
        ~Pass() { leave(); }
        explicit operator bool() const noexcept { return gate_ != nullptr; }

    private:
        void leave() noexcept;
        Gate* gate_ = nullptr;
    };

    Pass enter() noexcept;
    void close() noexcept { closed_ = true; }
    bool closed() const noexcept { return closed_; }
    std::size_t inside() const noexcept { return inside_; }
    // Closes, then waits until nobody is inside. False when `limit` passed first.
    Task<bool> drain(Clock& clock, Duration limit);

private:
    std::atomic<std::size_t> inside_{0};
    std::atomic<bool> closed_{false};
};

}  // namespace x402
