// SPDX-License-Identifier: Apache-2.0
// Labels come from what is configured here, never from a request.
#include "x402/facilitator/gauges.hpp"

#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/facilitator/gaps.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kFundsEvery = std::chrono::seconds(30);
constexpr Duration kShortPause = std::chrono::milliseconds(500);

// For a dashboard only: no decision reads it back.
double approximate(const U256& amount) {
    return std::stod(amount.to_decimal());
}

void set_pending_gauges(Desk& desk, const Line& line) {
    const std::string& chain = line.config.id.text();
    std::size_t pending = 0;
    Duration oldest{};
    for (const auto& [key, live] : desk.lives) {
        if (live->line != &line) continue;
        ++pending;
        oldest = std::max(oldest, desk.env.clock.now() - live->record.created);
    }
    desk.metrics.gauge("x402_pending_settlements", static_cast<double>(pending),
                       {{"chain", chain}});
    desk.metrics.gauge("x402_pending_oldest_seconds", static_cast<double>(oldest.count()) / 1000,
                       {{"chain", chain}});
}

void set_line_gauges(Desk& desk, Line& line) {
    const std::string& chain = line.config.id.text();
    for (const auto& lane : line.lanes) {
        const double busy = static_cast<double>(lane->in_flight + lane->departing);
        desk.metrics.gauge("x402_signer_inflight", busy,
                           {{"chain", chain}, {"signer", lane->signer}});
        desk.metrics.gauge("x402_signer_nonce_gap",
                           static_cast<double>(waiting_behind_gap(line, *lane)),
                           {{"chain", chain}, {"signer", lane->signer}});
        desk.metrics.gauge("x402_lane_waiting", static_cast<double>(lane->waiting.size()),
                           {{"chain", chain}, {"signer", lane->signer}});
    }
    for (const EndpointHealth& health : line.chain->health()) {
        CountedCalls& counted = line.counted[health.endpoint];
        const auto more_ok = static_cast<double>(health.ok - std::min(health.ok, counted.ok));
        const auto more_failed =
            static_cast<double>(health.failed - std::min(health.failed, counted.failed));
        counted = {health.ok, health.failed};
        desk.metrics.count("x402_rpc_requests_total",
                           {{"endpoint", health.endpoint}, {"result", "ok"}}, more_ok);
        desk.metrics.count("x402_rpc_requests_total",
                           {{"endpoint", health.endpoint}, {"result", "failed"}}, more_failed);
        desk.metrics.gauge("x402_rpc_breaker_state", health.resting ? 1 : 0,
                           {{"endpoint", health.endpoint}});
    }
}

Task<void> read_funds(DeskPtr desk, Line* line) {
    const auto funds = co_await line->network->funds();
    if (!funds) {
        log::warn("funds_unknown",
                  {{"network", line->config.id.text()}, {"error", to_string(funds.error())}});
        co_return;
    }
    bool any = funds->empty();
    for (const Funds& each : *funds) {
        any = any || !each.balance.amount.is_zero();
        desk->metrics.gauge("x402_signer_balance", approximate(each.balance.amount),
                            {{"chain", line->config.id.text()}, {"signer", each.signer}});
    }
    line->unfunded = !any;
}

}  // namespace

void set_gauges(Desk& desk) {
    for (const auto& line : desk.lines) {
        set_pending_gauges(desk, *line);
        set_line_gauges(desk, *line);
    }
}

Task<void> watch_funds(DeskPtr desk, Line* line) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    for (;;) {
        co_await read_funds(desk, line);
        // In short pauses, so that a stop is not kept waiting.
        const Duration until = desk->env.clock.steady() + kFundsEvery;
        while (desk->env.clock.steady() < until) {
            const bool on = co_await pause(desk, kShortPause);
            if (!on) co_return;
        }
    }
}

void count_served(Desk& desk, const Served& served) {
    const bool known = find_line(desk, served.asked.network) != nullptr &&
                       desk.schemes.find(served.asked.scheme, served.asked.network) != nullptr;
    const std::string chain = known ? served.asked.network.text() : "unknown";
    const std::string scheme = known ? served.asked.scheme : "unknown";
    const bool settles = served.what == "settle";
    desk.metrics.count(
        settles ? "facilitator_settle_requests_total" : "facilitator_verify_requests_total",
        {{"status", std::string(served.status)}, {"chain", chain}, {"scheme", scheme}});
    desk.metrics.observe_seconds(
        settles ? "facilitator_settle_duration_seconds" : "facilitator_verify_duration_seconds",
        static_cast<double>(served.took.count()) / 1000, {{"chain", chain}, {"scheme", scheme}});
}

}  // namespace x402::facilitator
