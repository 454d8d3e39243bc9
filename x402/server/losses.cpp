// SPDX-License-Identifier: Apache-2.0
// Losses. See losses.hpp; any thread.
#include "x402/server/losses.hpp"

#include <algorithm>

namespace x402::server {
namespace {

constexpr std::size_t kTolerated = 3;
constexpr auto kWindow = std::chrono::minutes(10);
constexpr auto kCoolDown = std::chrono::hours(1);
constexpr std::size_t kMostRows = 10'000;

}  // namespace

void Losses::note(const std::string& payer, const std::string& route, Instant now) {
    const std::scoped_lock lock(mutex_);
    if (rows_.size() >= kMostRows) {
        std::erase_if(rows_, [now](const auto& each) {
            return each.second.until < now && each.second.losses.back() + kWindow < now;
        });
    }
    // Losses cost their causer a verified payment each, so a full table is an attack: whoever is
    // not cooling down makes room, or it would protect nobody else.
    if (rows_.size() >= kMostRows) {
        const auto idle = std::find_if(rows_.begin(), rows_.end(),
                                       [now](const auto& each) { return each.second.until < now; });
        if (idle == rows_.end()) return;
        rows_.erase(idle);
    }
    Row& row = rows_[{payer, route}];
    row.losses.push_back(now);
    if (row.losses.size() > kTolerated) row.losses.pop_front();
    if (row.losses.size() == kTolerated && row.losses.front() + kWindow >= now)
        row.until = now + kCoolDown;
}

bool Losses::must_pay_first(const std::string& payer, const std::string& route, Instant now) const {
    const std::scoped_lock lock(mutex_);
    const auto at = rows_.find({payer, route});
    return at != rows_.end() && now < at->second.until;
}

}  // namespace x402::server
