// SPDX-License-Identifier: Apache-2.0
// The gateway: a reverse proxy that asks for payment. It decides per request between free, unpaid
// and paid, takes over what an earlier process left unfinished, and keeps asking facilitators until
// every route can be sold. Start, reload and drain are the owner's; the handler runs on every core.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "x402/net/http_server.hpp"
#include "x402/server/config.hpp"
#include "x402/server/desk.hpp"

namespace x402::server {

// What is referred to outlives the gateway and the runtime's threads.
struct GatewayOptions {
    Config config;
    const Modules& modules;
    std::vector<FacilitatorEntry> facilitators;  // in the order of preference
    store::GrantStore& store;
    net::Runtime& runtime;
    ops::Metrics& metrics;
    Env env;
    std::vector<Chain*> chains;   // opened [networks], for proof
    crypto::Secret quote_secret;  // load_quote_secret()
    Pauses pauses;
    std::size_t most_settlements = limits::kQueuedSettlements;
    std::size_t most_per_payer = kMostPerPayer;
};

class Gateway {
public:
    // An error is a sentence for the operator: an offer that no facilitator settles, a store that
    // cannot be read. A facilitator that is not reached stops nothing: the gateway starts and is
    // not ready.
    static Task<Result<std::unique_ptr<Gateway>>> start(GatewayOptions options);
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    net::Handler handler() const;
    // Takes another configuration for all requests from now on. Listeners, store and facilitators
    // cannot change.
    Result<void> reload(Config config);
    // Lets nobody in and waits for requests and settlements. False when `limit` passed first; what
    // was not ended is in the store as settling.
    Task<bool> drain(Duration limit);
    // Whether every paid route can be sold; else the reason.
    Result<void> ready() const;
    // What start found worth telling: a large 402, a missing origin. Reload writes its own to the
    // log.
    std::vector<std::string> warnings() const;
    // Brings counters up to date that the hot path keeps beside the routes.
    void refresh_metrics() const;

    struct State;

private:
    explicit Gateway(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;  // shared with the loops and requests that may outlive us
};

}  // namespace x402::server
