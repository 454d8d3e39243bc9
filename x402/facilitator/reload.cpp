// SPDX-License-Identifier: Apache-2.0
// Everything is read and asked first, then taken over in one step on the home core.
#include "x402/facilitator/reload.hpp"

#include <algorithm>

#include "x402/base/log.hpp"

namespace x402::facilitator {
namespace {

struct NewLimits {
    ChainId network;
    Budget budget;
};

struct Change {
    Config config;
    std::vector<NewLimits> limits;
};

// What a network of the new file may spend; nothing when that cannot be had now.
Task<std::optional<Budget>> budget_of(DeskPtr desk, const NetworkConfig& network) {
    const ChainModule* module = desk->modules.of(network.id);
    if (module == nullptr || network.section == nullptr) co_return std::nullopt;
    NetworkSetup setup;
    setup.network = network.id;
    setup.section = network.section;
    setup.assets = desk->assets.configured_on(network.id);
    setup.base_dir = desk->config().base_dir;
    setup.any_token = network.any_token;
    const auto chain = module->connect(std::move(setup));
    if (!chain || (*chain)->network() == nullptr) co_return std::nullopt;
    const auto proven = co_await (*chain)->prove();
    if (!proven) co_return std::nullopt;
    co_return (*chain)->network()->budget();
}

// The running networks with what the new file says of them; a section of the file is not kept.
std::vector<NetworkConfig> merge(const std::vector<NetworkConfig>& running,
                                 const std::vector<NetworkConfig>& next) {
    std::vector<NetworkConfig> out;
    for (const NetworkConfig& old : running) {
        const auto same = std::find_if(
            next.begin(), next.end(), [&](const NetworkConfig& each) { return each.id == old.id; });
        out.push_back(same == next.end() ? old : *same);
        out.back().section = nullptr;
        // The module was opened with it.
        out.back().any_token = old.any_token;
    }
    return out;
}

Task<void> take_over(DeskPtr desk, Change& change) {
    for (const auto& line : desk->lines) {
        for (const NetworkConfig& network : change.config.networks) {
            if (network.id != line->config.id) continue;
            // One by one: other cores read the id just now.
            line->config.settle_wait = network.settle_wait;
            line->config.accept_observed = network.accept_observed;
        }
        for (const NewLimits& limits : change.limits) {
            if (limits.network == line->config.id) line->budget.set_limits(limits.budget);
        }
    }
    desk->set_config(std::move(change.config));
    co_return;
}

}  // namespace

Task<Result<void>> reload(DeskPtr desk, Config next) {
    const Config& running = desk->config();
    next.name = running.name;
    next.listen = running.listen;
    next.loopback = running.loopback;
    next.store = running.store;
    next.base_dir = running.base_dir;
    next.threads = running.threads;
    const bool guarded = next.open || !next.callers.empty() || !next.pay_to_allow.empty();
    if (!next.loopback && !guarded) {
        co_return fail_field(Errc::invalid, "callers",
                             "others can reach " + next.listen +
                                 " until it is restarted, and nothing says who may ask",
                             "keep callers, pay_to_allow or open until the restart");
    }
    Change change;
    for (std::size_t i = 0; i < next.networks.size(); ++i) {
        const NetworkConfig network = next.networks[i];
        if (find_line(*desk, network.id) == nullptr) continue;
        const auto budget = co_await budget_of(desk, network);
        if (budget) {
            change.limits.push_back({network.id, *budget});
        } else {
            log::warn("budget_not_reloaded", {{"network", network.id.text()}});
        }
    }
    next.networks = merge(running.networks, next.networks);
    change.config = std::move(next);
    co_await net::run_on(desk->home, [&] { return take_over(desk, change); });
    co_return Result<void>{};
}

}  // namespace x402::facilitator
