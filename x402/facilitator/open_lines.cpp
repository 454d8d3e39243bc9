// SPDX-License-Identifier: Apache-2.0
#include "x402/facilitator/open_lines.hpp"

#include <algorithm>

#include "x402/base/log.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kProveFor = std::chrono::seconds(15);
constexpr Duration kProvePause = std::chrono::milliseconds(500);

Task<Result<void>> prove(DeskPtr desk, Chain* chain) {
    const Duration until = desk->env.clock.steady() + kProveFor;
    for (;;) {
        auto proven = co_await chain->prove();
        if (proven || !proven.error().retryable) co_return proven;
        if (desk->env.clock.steady() >= until) co_return proven;
        log::warn("network_not_reached",
                  {{"network", chain->id().text()}, {"error", to_string(proven.error())}});
        const bool on = co_await pause(desk, kProvePause);
        if (!on) co_return proven;
    }
}

void add_lanes(Line& line) {
    for (const SignerId& signer : line.network->signers()) {
        const bool twice = std::any_of(line.lanes.begin(), line.lanes.end(),
                                       [&](const auto& lane) { return lane->signer == signer; });
        // Two lanes of one signer would choose the same slots.
        if (twice) continue;
        line.lanes.push_back(std::make_unique<Lane>());
        line.lanes.back()->signer = signer;
    }
}

Task<Result<void>> open_line(DeskPtr desk, NetworkConfig config) {
    const ChainModule* module = desk->modules.of(config.id);
    if (module == nullptr)
        co_return fail(Errc::unsupported, "no module of this build serves " + config.id.text());
    NetworkSetup setup;
    setup.network = config.id;
    setup.section = config.section;
    setup.assets = desk->assets.configured_on(config.id);
    setup.base_dir = desk->config().base_dir;
    setup.any_token = config.any_token;
    auto line = std::make_unique<Line>();
    line->config = config;
    X402_CO_TRY(line->chain, module->connect(std::move(setup)));
    X402_CO_TRY_VOID(co_await prove(desk, line->chain.get()));
    line->network = line->chain->network();
    if (line->network == nullptr || line->network->signers().empty()) {
        co_return fail_field(
            Errc::invalid, "networks." + config.id.text() + ".signers",
            "a facilitator cannot settle on " + config.id.text() + " without a signer",
            "add signers = [\"env:X402_SIGNER\"]");
    }
    line->schemes = line->chain->facilitator_schemes();
    for (const FacilitatorScheme* scheme : line->schemes)
        X402_CO_TRY_VOID(desk->schemes.add(config.id, scheme));
    line->budget = BudgetBook(line->network->budget());
    add_lanes(*line);
    desk->lines.push_back(std::move(line));
    co_return Result<void>{};
}

}  // namespace

Task<Result<void>> open_lines(DeskPtr desk) {
    for (std::size_t i = 0; i < desk->config().networks.size(); ++i) {
        const NetworkConfig config = desk->config().networks[i];
        X402_CO_TRY_VOID(co_await open_line(desk, config));
    }
    co_return Result<void>{};
}

}  // namespace x402::facilitator
