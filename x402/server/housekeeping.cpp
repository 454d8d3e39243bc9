// SPDX-License-Identifier: Apache-2.0
// See housekeeping.hpp.
#include "x402/server/housekeeping.hpp"

#include <algorithm>

#include "x402/base/log.hpp"

namespace x402::server {
namespace {

constexpr std::size_t kAtOnce = 1'000;  // others write as well
constexpr int kMostTurns = 100;
constexpr Duration kLeastMargin = std::chrono::minutes(10);  // clocks differ

// So long after its end a payment is of no interest to anybody.
Duration margin(const Config& config) {
    Duration longest = kLeastMargin;
    for (const RouteConfig& route : config.routes) longest = std::max(longest, route.replay);
    return longest;
}

}  // namespace

Task<void> keep_store_small(Desk& desk, const Config& config) {
    const Instant now = desk.env.clock.now();
    const auto answers = co_await desk.store.forget_answers(now);
    if (!answers) log::warn("answers_not_forgotten", {{"detail", to_string(answers.error())}});
    const Instant over = now - margin(config);
    for (int turn = 0; turn < kMostTurns && !desk.jobs.closed(); ++turn) {
        const auto grants = co_await desk.store.forget_released(over, kAtOnce);
        if (!grants) log::warn("grants_not_forgotten", {{"detail", to_string(grants.error())}});
        if (!grants || *grants < kAtOnce) co_return;
    }
}

}  // namespace x402::server
