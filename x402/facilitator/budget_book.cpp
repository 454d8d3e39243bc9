// SPDX-License-Identifier: Apache-2.0
// Sums saturate: a cost too large to add is certainly over the limit.
#include "x402/facilitator/budget_book.hpp"

namespace x402::facilitator {
namespace {

// The day slides: what fell out of it is only known from the store.
constexpr Duration kReadAgain = std::chrono::seconds(60);

}  // namespace

bool BudgetBook::limited() const noexcept {
    return !limits_.per_day.amount.is_zero() || !limits_.per_payment.amount.is_zero() ||
           limits_payers();
}

bool BudgetBook::exhausted() const noexcept {
    if (limits_.per_day.amount.is_zero()) return false;
    return spent_.saturating_add(in_flight_) >= limits_.per_day.amount;
}

bool BudgetBook::fits(const U256& most, std::size_t payments) const noexcept {
    const U256& each = limits_.per_payment.amount;
    if (!each.is_zero() && most > each.saturating_mul(U256(payments))) return false;
    const U256& day = limits_.per_day.amount;
    return day.is_zero() || spent_.saturating_add(in_flight_).saturating_add(most) <= day;
}

bool BudgetBook::has_room(const U256& spent, const U256& wanted) const noexcept {
    const U256& day = limits_.per_day.amount;
    return day.is_zero() || spent.saturating_add(wanted) <= day;
}

bool BudgetBook::fits_more(const U256& reserved, const U256& most, const Payers& payers) const {
    if (most <= reserved) return true;
    const U256& each = limits_.per_payment.amount;
    if (!each.is_zero() && most > each.saturating_mul(U256(payers.size()))) return false;
    const U256& share = limits_.per_payer_per_day.amount;
    for (const std::string& payer : payers) {
        if (!payers_.fits(payer, share, payers, most, reserved)) return false;
    }
    const U256& day = limits_.per_day.amount;
    const U256 others = in_flight_.saturating_sub(reserved);
    return day.is_zero() || spent_.saturating_add(others).saturating_add(most) <= day;
}

bool BudgetBook::fits_payer(const std::string& payer, const Payers& payers,
                            const U256& most) const {
    return payers_.fits(payer, limits_.per_payer_per_day.amount, payers, most);
}

bool BudgetBook::payer_exhausted(const std::string& payer) const {
    return payers_.exhausted(payer, limits_.per_payer_per_day.amount);
}

void BudgetBook::reserve(const U256& most, const Payers& payers) {
    in_flight_ = in_flight_.saturating_add(most);
    payers_.reserve(most, payers);
}

void BudgetBook::release(const U256& most, const U256& spent, const Payers& payers) {
    payers_.release(most, spent, payers);
    in_flight_ = in_flight_.saturating_sub(most);
    spent_ = spent_.saturating_add(spent);
    ended_ = ended_.saturating_add(spent);
}

void BudgetBook::refresh(const U256& spent, const U256& mark, Duration now) noexcept {
    spent_ = spent.saturating_add(ended_.saturating_sub(mark));
    read_at_ = now;
    read_ = true;
}

bool BudgetBook::stale(Duration now) const noexcept {
    if (limits_.per_day.amount.is_zero()) return false;
    return !read_ || now - read_at_ >= kReadAgain;
}

}  // namespace x402::facilitator
