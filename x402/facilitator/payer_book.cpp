// SPDX-License-Identifier: Apache-2.0
// Sums saturate: a cost too large to add is certainly over the limit.
#include "x402/facilitator/payer_book.hpp"

#include <algorithm>
#include <set>

#include "x402/store/rules.hpp"

namespace x402::facilitator {
namespace {

U256 part_of(const U256& cost, const std::string& payer, const Payers& payers) {
    const auto count = std::count(payers.begin(), payers.end(), payer);
    return store::share_of(cost, static_cast<std::size_t>(count), payers.size());
}

std::set<std::string> each_of(const Payers& payers) {
    std::set<std::string> each(payers.begin(), payers.end());
    each.erase(std::string{});
    return each;
}

}  // namespace

void PayerBook::let_go(const std::string& payer) {
    const auto found = rows_.find(payer);
    if (found != rows_.end() && --found->second.holders == 0) rows_.erase(found);
}

U256 PayerBook::mark(const std::string& payer) const {
    const auto found = rows_.find(payer);
    return found == rows_.end() ? U256{} : found->second.ended;
}

void PayerBook::refresh(const std::string& payer, const U256& spent, const U256& mark) {
    const auto found = rows_.find(payer);
    if (found == rows_.end()) return;
    found->second.spent = spent.saturating_add(found->second.ended.saturating_sub(mark));
}

void PayerBook::reserve(const U256& most, const Payers& payers) {
    for (const std::string& payer : each_of(payers)) {
        Row& row = rows_[payer];
        ++row.holders;
        row.in_flight = row.in_flight.saturating_add(part_of(most, payer, payers));
    }
}

void PayerBook::release(const U256& most, const U256& spent, const Payers& payers) {
    for (const std::string& payer : each_of(payers)) {
        const auto found = rows_.find(payer);
        if (found == rows_.end()) continue;
        Row& row = found->second;
        row.in_flight = row.in_flight.saturating_sub(part_of(most, payer, payers));
        const U256 part = part_of(spent, payer, payers);
        row.spent = row.spent.saturating_add(part);
        row.ended = row.ended.saturating_add(part);
        let_go(payer);
    }
}

bool PayerBook::exhausted(const std::string& payer, const U256& limit) const {
    const auto found = rows_.find(payer);
    if (limit.is_zero() || found == rows_.end()) return false;
    return found->second.spent.saturating_add(found->second.in_flight) >= limit;
}

bool PayerBook::fits(const std::string& payer, const U256& limit, const Payers& payers,
                     const U256& most, const U256& reserved) const {
    if (limit.is_zero() || payer.empty()) return true;
    const auto found = rows_.find(payer);
    const Row row = found == rows_.end() ? Row{} : found->second;
    const U256 others = row.in_flight.saturating_sub(part_of(reserved, payer, payers));
    return row.spent.saturating_add(others).saturating_add(part_of(most, payer, payers)) <= limit;
}

}  // namespace x402::facilitator
