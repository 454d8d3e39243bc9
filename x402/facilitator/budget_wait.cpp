// SPDX-License-Identifier: Apache-2.0
// A budget may also be raised, or a signer be funded: so nobody is sent away for longer than an
// hour, though a day may have to pass.
#include "x402/facilitator/budget_wait.hpp"

#include <algorithm>

#include "x402/base/log.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kDay = std::chrono::hours(24);
constexpr Duration kShortest = std::chrono::seconds(2);
constexpr Duration kLongest = std::chrono::hours(1);
constexpr Duration kStep = std::chrono::minutes(1);
constexpr Duration kKept = std::chrono::minutes(1);

// Whether there is room once that much time has passed, if nothing more is spent meanwhile.
Task<Result<bool>> has_room_after(DeskPtr desk, Line* line, Duration wait, const U256& wanted) {
    const Instant since = desk->env.clock.now() + wait - kDay;
    const auto spent = co_await desk->store.cost_since(line->config.id, since);
    if (!spent) co_return fail(spent.error());
    co_return line->budget.has_room(*spent, wanted);
}

Task<Result<Duration>> find_wait(DeskPtr desk, Line* line, U256 wanted) {
    // No day has room for it.
    if (!line->budget.has_room(U256{}, wanted)) co_return kLongest;
    // What is in the way is only reserved, or dear just now.
    if (line->budget.has_room(line->budget.spent(), wanted)) co_return kShortest;
    Duration full{};
    Duration free = kLongest;
    X402_CO_TRY(const bool within, co_await has_room_after(desk, line, free, wanted));
    if (!within) co_return kLongest;
    while (free - full > kStep) {
        const Duration middle = full + (free - full) / kStep / 2 * kStep;
        X402_CO_TRY(const bool room, co_await has_room_after(desk, line, middle, wanted));
        (room ? free : full) = middle;
    }
    co_return free;
}

}  // namespace

Task<void> note_budget_wait(DeskPtr desk, Line* line, U256 wanted) {
    const Duration now = desk->env.clock.steady();
    const BudgetWait& kept = line->budget_wait;
    const bool fresh = now < kept.until && now - kept.asked < kKept;
    if (fresh && wanted <= kept.wanted) co_return;
    auto wait = co_await find_wait(desk, line, wanted);
    if (!wait) log::warn("budget_unread", {{"error", to_string(wait.error())}});
    line->budget_wait = {wanted, now, now + (wait ? *wait : kStep)};
}

Duration budget_wait_left(const Desk& desk, const Line& line) noexcept {
    return std::clamp(line.budget_wait.until - desk.env.clock.steady(), kShortest, kLongest);
}

}  // namespace x402::facilitator
