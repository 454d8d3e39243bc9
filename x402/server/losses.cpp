// SPDX-License-Identifier: Apache-2.0
// Losses. See losses.hpp; any thread.
#include "x402/server/losses.hpp"

#include <algorithm>
#include <array>

#include "x402/protocol/reasons.hpp"

namespace x402::server {
namespace {

constexpr std::size_t kTolerated = 3;
constexpr auto kWindow = std::chrono::minutes(10);
constexpr auto kCoolDown = std::chrono::hours(1);
constexpr std::size_t kMostRows = 10'000;

// What a payer does between the verification and the settlement: spends, cancels, moves away. A
// reverted transaction was simulated before it was sent.
constexpr std::array kPayersDoing = {Reason::evm_nonce_used, Reason::evm_balance,
                                     Reason::evm_transaction_failed,
                                     Reason::invalid_transaction_state};

}  // namespace

bool is_payers_loss(Instant usable_until, Instant now, std::string_view code) noexcept {
    const auto reason = find_reason(code);
    if (!is_dying(usable_until, now)) return !reason || info(*reason).http_status < 500;
    return reason && std::ranges::find(kPayersDoing, *reason) != kPayersDoing.end();
}

void Losses::note(const std::string& payer, const std::string& route, Instant now) {
    const std::scoped_lock lock(mutex_);
    const auto known = rows_.find({payer, route});
    if (known == rows_.end() && !make_room(now)) return;
    Row& row = known == rows_.end() ? rows_[{payer, route}] : known->second;
    row.losses.push_back(now);
    if (row.losses.size() > kTolerated) row.losses.pop_front();
    if (row.losses.size() == kTolerated && row.losses.front() + kWindow >= now)
        row.until = now + kCoolDown;
}

// For one more row. Losses cost their causer a verified payment each, so a full table is an attack:
// whoever is not cooling down makes room, the one whose last loss is longest ago, or the table
// would protect nobody else.
bool Losses::make_room(Instant now) {
    if (rows_.size() < kMostRows) return true;
    std::erase_if(rows_, [now](const auto& each) {
        return each.second.until < now && each.second.losses.back() + kWindow < now;
    });
    if (rows_.size() < kMostRows) return true;
    auto idle = rows_.end();
    for (auto at = rows_.begin(); at != rows_.end(); ++at) {
        if (at->second.until >= now) continue;
        const bool older =
            idle == rows_.end() || at->second.losses.back() < idle->second.losses.back();
        if (older) idle = at;
    }
    if (idle == rows_.end()) return false;
    rows_.erase(idle);
    return true;
}

bool Losses::must_pay_first(const std::string& payer, const std::string& route, Instant now) const {
    const std::scoped_lock lock(mutex_);
    const auto at = rows_.find({payer, route});
    return at != rows_.end() && now < at->second.until;
}

}  // namespace x402::server
