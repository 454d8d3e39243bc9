// SPDX-License-Identifier: Apache-2.0
// Building a site. See site.hpp.
#include "x402/server/site.hpp"

#include "x402/crypto/hash.hpp"
#include "x402/net/ssrf_guard.hpp"
#include "x402/protocol/codec.hpp"

namespace x402::server {
namespace {

// What a path may add to a header whose URL varies.
constexpr std::size_t kUrlRoom = 256;

std::unexpected<Error> wrong_route(const RouteConfig& config, std::string what, std::string next) {
    return fail_field(Errc::invalid, config.where, config.where + ": " + std::move(what),
                      std::move(next));
}

PaymentRequirements plain_requirements(const OfferConfig& offer, const RouteConfig& route) {
    PaymentRequirements out;
    out.scheme = offer.scheme;
    out.network = offer.asset.id.network;
    out.amount = offer.amount;
    out.asset = offer.asset.address;
    out.pay_to = offer.pay_to;
    out.max_timeout_seconds = route.max_timeout_seconds;
    out.extra = offer.extra;
    if (!offer.transfer.empty()) out.extra["assetTransferMethod"] = offer.transfer;
    if (route.timing.moment == SettleMoment::before) {
        out.extra["paymentFlow"] = to_string(PaymentFlow::upfront);
    }
    return out;
}

Result<void> add_offer(Route& route, const OfferConfig& offer, const Modules& modules,
                       const FacilitatorSet& facilitators) {
    const ChainId& network = offer.asset.id.network;
    const auto choice = facilitators.choose(offer.scheme, network);
    if (!choice) {
        if (facilitators.may_yet_serve(network)) {
            route.missing =
                "no facilitator was reached that settles " + offer.scheme + " on " + network.text();
            return {};
        }
        return wrong_route(*route.config,
                           "no facilitator settles " + offer.scheme + " on " + network.text(),
                           "name one that does in facilitators, or change the route's networks");
    }
    const ServerScheme* scheme = modules.server(offer.scheme, network);
    PaymentRequirements requirements = plain_requirements(offer, *route.config);
    const auto enriched = scheme->enrich(requirements, offer.asset, choice->extra);
    if (!enriched)
        return wrong_route(*route.config, enriched.error().detail, enriched.error().next);
    if (scheme->flow(requirements) == PaymentFlow::escrow) {
        return wrong_route(*route.config, "this build has no escrow payments yet",
                           "write scheme = \"exact\"");
    }
    route.required.accepts.push_back(requirements);
    route.matches.push_back({std::move(requirements), scheme->dynamic_extra()});
    route.offers.push_back({offer.asset, scheme, choice->api, choice->proof});
    return {};
}

Hash32 terms_hash(const Route& route) {
    std::string text;
    for (const PaymentRequirements& each : route.required.accepts) {
        text.append(terms_text(each))
            .append("\n")
            .append(std::to_string(each.max_timeout_seconds))
            .append("\n");
    }
    return crypto::sha256(x402::as_bytes(text));
}

Result<void> prepare_challenge(Route& route, std::vector<std::string>& warnings) {
    auto made = Challenge::make(route.required, route.url_varies);
    if (!made) return wrong_route(*route.config, made.error().detail, made.error().next);
    route.challenge = std::move(*made);
    const std::size_t size = route.challenge.header_size(route.url_varies ? kUrlRoom : 0);
    if (size > limits::kRequiredHeaderBytes) {
        return wrong_route(
            *route.config,
            "its PAYMENT-REQUIRED would have " + std::to_string(size) + " bytes, over 8 KiB",
            "offer fewer ways to pay, or shorten the description");
    }
    if (size > limits::kRequiredHeaderWarnBytes) {
        warnings.push_back(route.config->where + ": its PAYMENT-REQUIRED has " +
                           std::to_string(size) +
                           " bytes; some clients and proxies refuse headers over 3 KiB");
    }
    return {};
}

// A route with everything but its offers.
Route plain_route(const RouteConfig& config, const std::string& origin) {
    Route route;
    route.config = &config;
    route.challenged = std::make_unique<std::atomic<std::uint64_t>>(0);
    if (config.free) return route;
    route.required.error = info(Reason::payment_required).wire;
    route.required.resource.description = config.description;
    route.required.resource.mime_type = config.mime_type;
    route.url_varies = !config.pattern.literal();
    if (!route.url_varies) route.required.resource.url = origin + config.pattern.path();
    return route;
}

Result<Route> build_route(const RouteConfig& config, const std::string& origin,
                          const Modules& modules, const FacilitatorSet& facilitators) {
    Route route = plain_route(config, origin);
    if (config.free) return route;
    for (const OfferConfig& offer : config.offers)
        X402_TRY_VOID(add_offer(route, offer, modules, facilitators));
    // Some ways to pay are enough; what is missing is told while there is none.
    if (!route.offers.empty()) route.missing.clear();
    route.scope = {route_tag(config.pattern.text), terms_hash(route)};
    return route;
}

}  // namespace

Result<std::shared_ptr<Site>> build_site(std::shared_ptr<const Config> config,
                                         const Modules& modules,
                                         const FacilitatorSet& facilitators) {
    std::vector<RouteEntry> entries;
    for (const RouteConfig& each : config->routes) entries.push_back({each.pattern, each.free});
    auto site = std::make_shared<Site>(Site{config,
                                            {},
                                            RouteTable(std::move(entries), config->open_by_default),
                                            {},
                                            {},
                                            0,
                                            config->warnings,
                                            {},
                                            {}});
    site->unsold_config.pending_wait = config->pending_wait;
    site->unsold.config = &site->unsold_config;
    X402_TRY(const auto parts, net::split_url(config->origin));
    site->origin_scheme = parts.scheme;
    site->origin_host = parts.origin().substr(parts.scheme.size() + 3);
    for (const RouteConfig& each : config->routes) {
        X402_TRY(Route route, build_route(each, config->origin, modules, facilitators));
        if (!route.offers.empty()) X402_TRY_VOID(prepare_challenge(route, site->warnings));
        site->routes.push_back(std::move(route));
    }
    return site;
}

Result<void> check_challenge(const RouteConfig& config, const std::string& origin,
                             const Modules& modules) {
    if (config.free) return {};
    Route route = plain_route(config, origin);
    for (const OfferConfig& offer : config.offers) {
        PaymentRequirements requirements = plain_requirements(offer, config);
        const ServerScheme* scheme = modules.server(offer.scheme, requirements.network);
        // What a scheme needs from a facilitator is not there yet; the size is right without it but
        // for a little.
        const auto enriched = scheme->enrich(requirements, offer.asset, {});
        if (!enriched) requirements = plain_requirements(offer, config);
        route.required.accepts.push_back(std::move(requirements));
    }
    std::vector<std::string> ignored;
    return prepare_challenge(route, ignored);
}

PaymentRequired required_for(const Route& route, std::string_view quote, std::string_view url) {
    PaymentRequired required = route.required;
    if (route.url_varies) required.resource.url = url;
    for (PaymentRequirements& offer : required.accepts) offer.extra[kQuoteMember] = quote;
    return required;
}

}  // namespace x402::server
