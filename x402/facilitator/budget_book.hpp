// SPDX-License-Identifier: Apache-2.0
// What a network may cost its operator: per payment, per day, and per payer and day, counting what
// is spent and what is in flight. Pure data; the engine's core.
#pragma once

#include "x402/base/clock.hpp"
#include "x402/facilitator/payer_book.hpp"
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
    // Whether `wanted` would fit into a day of which so much was spent, were nothing in flight.
    bool has_room(const U256& spent, const U256& wanted) const noexcept;
    void reserve(const U256& most, const Payers& payers = {});
    void release(const U256& most, const U256& spent, const Payers& payers = {});
    // Whether a slot that reserved `reserved` may come to cost `most` instead: a dearer attempt.
    bool fits_more(const U256& reserved, const U256& most, const Payers& payers) const;
    // Whether this payer can bear its part; what it spent was read while it was held.
    bool fits_payer(const std::string& payer, const Payers& payers, const U256& most) const;
    bool payer_exhausted(const std::string& payer) const;
    bool limits_payers() const noexcept { return !limits_.per_payer_per_day.amount.is_zero(); }
    PayerBook& payers() noexcept { return payers_; }
    // What the store says was spent in the last day, asked for when `mark` was taken. What ended
    // meanwhile is added, even if the store counted it too: the next reading corrects that.
    void refresh(const U256& spent, const U256& mark, Duration now) noexcept;
    const U256& mark() const noexcept { return ended_; }
    bool stale(Duration now) const noexcept;
    // Somebody else may have ended something: the store is read again before the next claim.
    void forget() noexcept { read_ = false; }
    void set_limits(Budget limits) noexcept { limits_ = std::move(limits); }
    bool limited() const noexcept;

    const U256& spent() const noexcept { return spent_; }
    const U256& in_flight() const noexcept { return in_flight_; }

private:
    Budget limits_;
    PayerBook payers_;
    U256 spent_;
    U256 in_flight_;
    U256 ended_;  // spent by all that ended since the start
    Duration read_at_{};
    bool read_ = false;
};

}  // namespace x402::facilitator
