// SPDX-License-Identifier: Apache-2.0
// The courier of a paid route: does what the tables of paywall_fsm.hpp and grant_fsm.hpp say. One
// Call a request, on the core that accepted it. What may outlive the request, the settlement, runs
// by itself.
#pragma once

#include <memory>

#include "x402/net/http_server.hpp"
#include "x402/server/desk.hpp"
#include "x402/server/path.hpp"
#include "x402/server/proxy.hpp"
#include "x402/server/site.hpp"

namespace x402::server {

// One request inside the gateway.
struct Visit {
    net::Exchange& exchange;
    const std::shared_ptr<Desk>& desk;
    std::shared_ptr<const Site> site;
    Upstreams& upstreams;
    Path path;

    std::string_view origin() const { return exchange.request().headers.get("Origin"); }
};

// Serves one request of a paid route that carries a payment header, or whose route cannot be sold
// now.
Task<void> serve_paid(Visit& visit, const Route& route);
// Where nothing is sold: the answer to a request whose payment has bought it already, because a
// reload changes nothing for that. False: it says nothing about this request, and nothing was
// answered.
Task<bool> serve_record(Visit& visit);
// The 402 of an unpaid request: no store, no facilitator; 503 where the route cannot be sold now.
Task<Result<void>> send_challenge(Visit& visit, const Route& route);
// The same without a coroutine, where nothing has to be added or waited for. False: send_challenge
// does it, or ends what was begun.
bool put_challenge(Visit& visit, const Route& route);
// A route that costs nothing: proxied, streaming both ways.
Task<void> serve_free(Visit& visit, std::size_t upstream);

// Sends a refusal of the gateway itself, with the rules for browsers added.
Task<Result<void>> send_refusal(Visit& visit, Refusal refusal,
                                std::optional<std::int64_t> retry_after_s);
Task<Result<void>> send_response(Visit& visit, net::Response response);

}  // namespace x402::server
