// SPDX-License-Identifier: Apache-2.0
// The facilitator: verify, settle, supported, and the truth about a payment key. Verification runs
// on the calling core; settlements live on core 0, each in its own coroutine that does not die with
// the request that asked for it. The collaborators outlive the service, and the runtime is stopped
// before they go. Any thread.
#pragma once

#include <memory>
#include <string>

#include "x402/base/env.hpp"
#include "x402/facilitator/config.hpp"
#include "x402/net/runtime.hpp"
#include "x402/ops/metrics.hpp"
#include "x402/protocol/facilitator_api.hpp"
#include "x402/schemes/asset_config.hpp"
#include "x402/store/settlement_store.hpp"

namespace x402::facilitator {

struct Desk;

struct ServiceOptions {
    Config config;
    const Modules& modules;
    AssetShelf assets;
    store::SettlementStore& store;
    net::Runtime& runtime;
    ops::Metrics& metrics;
    Env env;
};

class Service final : public FacilitatorApi {
public:
    // Connects and proves every network, takes over what the journal holds unfinished, starts the
    // lanes.
    static Task<Result<std::unique_ptr<Service>>> start(ServiceOptions options);
    ~Service() override;

    const std::string& name() const noexcept override;
    Task<Result<VerifyResponse>> verify(const FacilitatorRequest& request) override;
    // Judged within settle_wait, or settlement_pending; the settlement goes on. Errc::unreachable:
    // nothing was begun.
    Task<Result<SettleResponse>> settle(const FacilitatorRequest& request,
                                        const SettleContext& context) override;
    Task<Result<Supported>> supported() override;
    Task<Result<std::optional<SettlementStatus>>> settlement(const PaymentKey& key,
                                                             Duration wait) override;

    // How long somebody whom the network's budget has just turned away should wait.
    Task<Duration> budget_wait(const ChainId& network);

    // Begins nothing more, waits for what runs, then stops the couriers. False when `limit` passed
    // first: what is left is in the journal, and the next start goes on with it.
    Task<bool> drain(Duration limit);
    // Takes over what may change while it runs: callers, recipients, rate, limits, least amounts,
    // settle_wait, accept_observed and what the networks may spend. Networks that are new or gone
    // wait for a restart. An Error changes nothing. `next` refers to a tree that must live until
    // this is done.
    Task<Result<void>> reload(Config next);
    // An Error says why it cannot work now.
    Result<void> ready() const;
    // Signer balances, queue lengths and endpoint health, read anew.
    Task<void> refresh_gauges();
    // The opened network, for others of this process that read it; null when it is not configured.
    Chain* chain(const ChainId& network) const noexcept;
    // What it was started with; lives as long as the service.
    const Config& config() const noexcept;
    const Modules& modules() const noexcept;
    Clock& clock() const noexcept;

private:
    explicit Service(std::shared_ptr<Desk> desk);
    std::shared_ptr<Desk> desk_;
};

}  // namespace x402::facilitator
