// SPDX-License-Identifier: Apache-2.0
// What a network may cost its operator: per payment and per day, counting what is spent and what is
// in flight. Pure data; the engine's core.
#pragma once

#include "x402/base/clock.hpp"
#include "x402/schemes/network.hpp"

namespace x402::facilitator {

class BudgetBook {
public:
    BudgetBook() = default;
    explicit BudgetBook(Budget limits) : limits_(std::move(limits)) {}

    // Whether anything at all may be begun: asked before a payment is claimed.
    bool exhausted() const noexcept;
    // Whether a transaction of `payments` payments that may cost `most` fits: asked before a slot
    // is taken.
    bool fits(const U256& most, std::size_t payments) const noexcept;
    void reserve(const U256& most) noexcept { in_flight_ = in_flight_.saturating_add(most); }
    void release(const U256& most, const U256& spent) noexcept;
    // What the store says was spent in the last day.
    void refresh(const U256& spent, Duration now) noexcept;
    bool stale(Duration now) const noexcept;
    bool limited() const noexcept;

    const U256& spent() const noexcept { return spent_; }
    const U256& in_flight() const noexcept { return in_flight_; }

private:
    Budget limits_;
    U256 spent_;
    U256 in_flight_;
    Duration read_at_{};
    bool read_ = false;
};

}  // namespace x402::facilitator
