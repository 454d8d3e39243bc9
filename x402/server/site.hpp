// SPDX-License-Identifier: Apache-2.0
// A configuration made ready to serve: routes with their complete offers and prepared challenges.
// Built again when the configuration is reloaded or a facilitator was reached, and then swapped
// whole, so that a request sees one site from its beginning to its end. Const but for the counters:
// any thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "x402/schemes/registry.hpp"
#include "x402/server/challenge.hpp"
#include "x402/server/config.hpp"
#include "x402/server/facilitator_set.hpp"
#include "x402/server/matching.hpp"
#include "x402/server/quote.hpp"

namespace x402::server {

struct Offer {
    AssetInfo asset;
    const ServerScheme* scheme = nullptr;
    FacilitatorApi* facilitator = nullptr;
    ProofBy proof = ProofBy::facilitator;
};

struct Route {
    const RouteConfig* config = nullptr;
    std::vector<MatchOffer> matches;  // one an offer, same order
    std::vector<Offer> offers;
    PaymentRequired required;  // without quotes; with the URL where it is the same for all
    bool url_varies = false;
    Challenge challenge;
    QuoteScope scope;
    std::size_t upstream = 0;  // its number
    std::string missing;       // why it cannot be sold right now; empty: it can
    // First answers to unpaid requests since the last look: counted here because this path does
    // nothing more.
    std::unique_ptr<std::atomic<std::uint64_t>> challenged;
};

struct Site {
    std::shared_ptr<const Config> config;
    std::vector<Route> routes;  // as in the configuration
    RouteTable table;
    std::string origin_host;  // "api.example.com", for X-Forwarded-Host
    std::string origin_scheme;
    std::size_t open_upstream = 0;  // of what is not routed and open
    std::vector<std::string> warnings;
    // For payments whose route is gone: nothing is offered, and no upstream is asked.
    RouteConfig unsold_config;
    Route unsold;
};

// An error names the route and says what to change: no facilitator settles an offer, or its 402 is
// too large. Without the numbers of the upstreams, which the gateway gives.
Result<std::shared_ptr<Site>> build_site(std::shared_ptr<const Config> config,
                                         const Modules& modules,
                                         const FacilitatorSet& facilitators);

// Whether the route's 402 can be sent at all, as far as that can be told before any facilitator was
// asked.
Result<void> check_challenge(const RouteConfig& config, const std::string& origin,
                             const Modules& modules);

// The offers with their quotes, the URL of this request, and why they are sent.
PaymentRequired required_for(const Route& route, std::string_view quote, std::string_view url);

}  // namespace x402::server
