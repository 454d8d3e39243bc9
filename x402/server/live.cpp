// SPDX-License-Identifier: Apache-2.0
// The table of live grants. See live.hpp; any thread.
#include "x402/server/live.hpp"

#include <algorithm>
#include <vector>

#include "x402/base/check.hpp"
#include "x402/server/settlement.hpp"

namespace x402::server {

LiveGrants::Seat& LiveGrants::Seat::operator=(Seat&& other) noexcept {
    if (this == &other) return *this;
    leave();
    table_ = std::exchange(other.table_, nullptr);
    key_ = std::move(other.key_);
    return *this;
}

void LiveGrants::Seat::leave() noexcept {
    if (table_ != nullptr) std::exchange(table_, nullptr)->stand_up(key_);
}

LiveGrants::Entry& LiveGrants::entry_of(const PaymentKey& key, const std::string& payer) {
    const auto [at, fresh] = entries_.try_emplace(key);
    if (fresh) {
        at->second.payer = payer;
        ++payers_[payer];
    }
    return at->second;
}

void LiveGrants::leave_if_empty(Entries::iterator at) noexcept {
    if (at->second.attended || at->second.settlement) return;
    const auto payer = payers_.find(at->second.payer);
    X402_CHECK(payer != payers_.end() && payer->second > 0);
    if (--payer->second == 0) payers_.erase(payer);
    entries_.erase(at);
}

LiveGrants::Seat LiveGrants::sit(const PaymentKey& key, const std::string& payer) {
    const std::scoped_lock lock(mutex_);
    Entry& entry = entry_of(key, payer);
    if (entry.attended) return {};
    entry.attended = true;
    return {this, key};
}

bool LiveGrants::attended(const PaymentKey& key) const {
    const std::scoped_lock lock(mutex_);
    const auto at = entries_.find(key);
    return at != entries_.end() && at->second.attended;
}

std::shared_ptr<Settlement> LiveGrants::settlement(const PaymentKey& key) const {
    const std::scoped_lock lock(mutex_);
    const auto at = entries_.find(key);
    return at == entries_.end() ? nullptr : at->second.settlement;
}

std::shared_ptr<Settlement> LiveGrants::put(const PaymentKey& key,
                                            std::shared_ptr<Settlement> fresh, Instant since) {
    const std::scoped_lock lock(mutex_);
    if (let_go_) return fresh;
    Entry& entry = entry_of(key, fresh->payer());
    // Its end is told before it leaves the table; a payment that was released by it may be claimed
    // anew meanwhile, and must not be given the old end.
    const bool over = !entry.settlement || entry.settlement->view().end != SettlementEnd::running;
    if (over) {
        entry.settlement = std::move(fresh);
        entry.since = since;
    }
    return entry.settlement;
}

std::optional<Instant> LiveGrants::oldest() const {
    const std::scoped_lock lock(mutex_);
    std::optional<Instant> oldest;
    for (const auto& [key, entry] : entries_) {
        if (entry.settlement && (!oldest || entry.since < *oldest)) oldest = entry.since;
    }
    return oldest;
}

void LiveGrants::drop(const PaymentKey& key, const Settlement& ended) {
    const std::scoped_lock lock(mutex_);
    const auto at = entries_.find(key);
    if (at == entries_.end() || at->second.settlement.get() != &ended) return;
    at->second.settlement.reset();
    leave_if_empty(at);
}

void LiveGrants::let_go() {
    std::vector<std::shared_ptr<Settlement>> last;  // they die after the lock is gone
    const std::scoped_lock lock(mutex_);
    let_go_ = true;
    for (auto at = entries_.begin(); at != entries_.end();) {
        const auto entry = at++;
        last.push_back(std::move(entry->second.settlement));
        leave_if_empty(entry);
    }
}

std::size_t LiveGrants::settlements() const {
    const std::scoped_lock lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(entries_.begin(), entries_.end(),
                      [](const auto& each) { return each.second.settlement != nullptr; }));
}

std::size_t LiveGrants::busy() const {
    const std::scoped_lock lock(mutex_);
    return entries_.size();
}

std::size_t LiveGrants::busy_for(const std::string& payer) const {
    const std::scoped_lock lock(mutex_);
    const auto at = payers_.find(payer);
    return at == payers_.end() ? 0 : at->second;
}

void LiveGrants::stand_up(const PaymentKey& key) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto at = entries_.find(key);
    if (at == entries_.end()) return;
    at->second.attended = false;
    leave_if_empty(at);
}

}  // namespace x402::server
