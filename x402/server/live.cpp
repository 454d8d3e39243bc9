// SPDX-License-Identifier: Apache-2.0
// The table of live grants. See live.hpp; any thread.
#include "x402/server/live.hpp"

#include <algorithm>
#include <vector>

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

LiveGrants::Seat LiveGrants::sit(const PaymentKey& key) {
    const std::scoped_lock lock(mutex_);
    Entry& entry = entries_[key];
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
    Entry& entry = entries_[key];
    if (!entry.settlement) {
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

void LiveGrants::drop(const PaymentKey& key) {
    const std::scoped_lock lock(mutex_);
    const auto at = entries_.find(key);
    if (at == entries_.end()) return;
    at->second.settlement.reset();
    if (!at->second.attended) entries_.erase(at);
}

void LiveGrants::let_go() {
    std::vector<std::shared_ptr<Settlement>> last;  // they die after the lock is gone
    const std::scoped_lock lock(mutex_);
    let_go_ = true;
    for (auto& [key, entry] : entries_) last.push_back(std::move(entry.settlement));
    std::erase_if(entries_, [](const auto& each) { return !each.second.attended; });
}

std::size_t LiveGrants::settlements() const {
    const std::scoped_lock lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(entries_.begin(), entries_.end(),
                      [](const auto& each) { return each.second.settlement != nullptr; }));
}

void LiveGrants::stand_up(const PaymentKey& key) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto at = entries_.find(key);
    if (at == entries_.end()) return;
    at->second.attended = false;
    if (!at->second.settlement) entries_.erase(at);
}

}  // namespace x402::server
