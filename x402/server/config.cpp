// SPDX-License-Identifier: Apache-2.0
// Reading gateway.toml. See config.hpp.
#include "x402/server/config.hpp"

#include <algorithm>

#include "x402/net/ssrf_guard.hpp"
#include "x402/server/config_routes.hpp"
#include "x402/server/site.hpp"
#include "x402/transports/facilitator_client.hpp"

namespace x402::server {
namespace {

constexpr std::int64_t kMostThreads = 256;
constexpr auto kMargin = std::chrono::seconds(10);

Result<ChainPattern> read_network_pattern(const Tree& value, const Modules& modules) {
    X402_TRY(const std::string text, value.as_text());
    if (auto pattern = ChainPattern::parse(text)) return *pattern;
    const auto network = modules.find_network(text);
    if (!network)
        return value.wrong("unknown network \"" + text + "\"",
                           "write a CAIP-2 id such as \"eip155:8453\"");
    return ChainPattern::parse(network->text());
}

Result<std::vector<ChainPattern>> read_network_patterns(const Tree& section,
                                                        const Modules& modules) {
    std::vector<ChainPattern> patterns;
    const Tree* networks = section.find("networks");
    if (networks == nullptr) return patterns;
    if (!networks->is_list())
        return networks->wrong("networks is a list", "write networks = [\"solana:*\"]");
    for (const Tree& each : networks->items()) {
        X402_TRY(auto pattern, read_network_pattern(each, modules));
        patterns.push_back(std::move(pattern));
    }
    return patterns;
}

Result<ProofBy> read_proof(const Tree& section) {
    X402_TRY(const auto word, section.opt_text("proof"));
    if (!word || *word == "facilitator") return ProofBy::facilitator;
    if (*word == "chain") return ProofBy::chain;
    return section.find("proof")->wrong("proof is \"facilitator\" or \"chain\"", "choose one");
}

Result<FacilitatorConfig> read_facilitator(const Tree& value, const Modules& modules,
                                           const std::string& base_dir) {
    FacilitatorConfig facilitator;
    if (value.is_text()) {
        X402_TRY(facilitator.url, value.as_text());
    } else if (value.is_table()) {
        X402_TRY(facilitator.url, value.get_text("url"));
        X402_TRY(const auto insecure, value.opt_boolean("insecure"));
        facilitator.insecure = insecure.value_or(false);
        X402_TRY(const auto token, value.opt_text("token"));
        if (token) {
            auto secret = crypto::load_secret(*token, base_dir);
            if (!secret)
                return value.find("token")->wrong(secret.error().detail, secret.error().next);
            facilitator.token = std::move(*secret);
        }
        X402_TRY(facilitator.networks, read_network_patterns(value, modules));
        X402_TRY(facilitator.proof, read_proof(value));
    } else {
        return value.wrong("a facilitator is a URL or a table",
                           "write { url = \"https://...\", token = \"env:NAME\" }");
    }
    const auto allowed = transports::check_facilitator_url(facilitator.url, facilitator.insecure);
    if (!allowed) {
        return value.wrong(allowed.error().detail,
                           allowed.error().next.empty()
                               ? "use https, or say insecure = true at this entry"
                               : allowed.error().next);
    }
    return facilitator;
}

Result<void> read_facilitators(Config& config, const Tree& root, const Modules& modules,
                               const std::string& base_dir) {
    const Tree* list = root.find("facilitators");
    if (list == nullptr) return {};
    if (!list->is_list())
        return list->wrong("facilitators is a list", "write facilitators = [\"https://...\"]");
    for (const Tree& each : list->items()) {
        X402_TRY(auto facilitator, read_facilitator(each, modules, base_dir));
        const bool twice = std::any_of(
            config.facilitators.begin(), config.facilitators.end(),
            [&](const FacilitatorConfig& other) { return other.url == facilitator.url; });
        if (twice) return each.wrong("this facilitator stands here twice", "remove one of them");
        config.facilitators.push_back(std::move(facilitator));
    }
    return {};
}

Result<void> read_networks(Config& config, const Tree& root, const Modules& modules) {
    const Tree* networks = root.find("networks");
    if (networks == nullptr) {
        if (config.facilitators.empty()) {
            return root.wrong("no facilitator is named, and the one inside needs a network",
                              "add facilitators = [\"https://...\"], or "
                              "[networks.\"eip155:84532\"] with rpc and signers");
        }
        return {};
    }
    if (!networks->is_table())
        return networks->wrong("networks is a table of tables", "write [networks.\"eip155:8453\"]");
    for (const Tree::Member& member : networks->members()) {
        const Tree* section = networks->find(member.key);
        const auto network = modules.find_network(member.key);
        if (!network) {
            return section->wrong("unknown network \"" + member.key + "\"",
                                  "write a CAIP-2 id such as \"eip155:8453\"");
        }
        config.networks.push_back(*network);
    }
    return {};
}

Result<std::string> read_origin(const Tree& root, const Config& config,
                                std::vector<std::string>& warnings) {
    const Tree* value = root.find("origin");
    if (value == nullptr) {
        warnings.push_back("origin is missing: offers will name http://" + config.listen +
                           "; say origin = \"https://your.host\"");
        return "http://" + config.listen;
    }
    X402_TRY(const std::string text, value->as_text());
    const auto parts = net::split_url(text);
    if (!parts || parts->target != "/") {
        return value->wrong("\"" + text + "\" is no origin",
                            "write scheme and host only, such as \"https://api.example.com\"");
    }
    if (parts->scheme == "http" && !net::is_loopback_host(parts->host)) {
        warnings.push_back(
            "origin is plain http: clients will be told to pay over a connection that is not "
            "private");
    }
    return parts->origin();
}

Result<void> read_listeners(Config& config, const Tree& root) {
    X402_TRY(const auto listen, root.opt_text("listen"));
    if (listen) config.listen = *listen;
    X402_TRY(const auto admin, root.opt_text("admin"));
    if (admin) config.admin = *admin;
    for (const auto& [key, text] :
         {std::pair{"listen", config.listen}, std::pair{"admin", config.admin}}) {
        const bool off = std::string_view(key) == "admin" && text == "off";
        if (off || text.rfind(':') != std::string::npos) continue;
        return root.find(key)->wrong("\"" + text + "\" is no address",
                                     "write host:port, such as \"127.0.0.1:4021\"");
    }
    X402_TRY(const auto store, root.opt_text("store"));
    if (store) config.store = *store;
    if (!config.store.starts_with("sqlite:") && config.store != "memory:") {
        return root.find("store")->wrong("this build has no store \"" + config.store + "\"",
                                         "write store = \"sqlite:gateway.db\"");
    }
    X402_TRY(const auto threads, root.opt_integer("threads"));
    if (threads && (*threads < 1 || *threads > kMostThreads)) {
        return root.find("threads")->wrong("threads is from 1 to 256",
                                           "leave it out to use every core");
    }
    config.threads = static_cast<std::size_t>(threads.value_or(0));
    return {};
}

Result<void> read_held_total(Config& config, const Tree& root) {
    X402_TRY(const auto bytes, root.opt_size_bytes("max_held_total"));
    if (!bytes) return {};
    if (*bytes < static_cast<std::int64_t>(HeldBytes::kLeast)) {
        return root.find("max_held_total")
            ->wrong("all held answers together need 16 KiB at least", "leave it out for 256MiB");
    }
    config.max_held_total = static_cast<std::size_t>(*bytes);
    return {};
}

Result<void> read_cors(Config& config, const Tree& root) {
    const Tree* cors = root.find("cors");
    if (cors == nullptr) return {};
    if (!cors->is_table())
        return cors->wrong("cors is a table",
                           "write cors = { origins = [\"https://app.example\"] }");
    X402_TRY(config.cors_origins, cors->opt_texts("origins"));
    if (config.cors_origins.empty())
        return cors->wrong("cors names no origins", "write cors = { origins = [\"*\"] }");
    for (const std::string& origin : config.cors_origins) {
        if (origin == "*") continue;
        const auto parts = net::split_url(origin);
        if (!parts || parts->origin() != origin) {
            return cors->wrong("\"" + origin + "\" is no origin",
                               "write scheme and host only, or \"*\"");
        }
    }
    return {};
}

Result<void> read_default(Config& config, const Tree& root) {
    X402_TRY(const auto word, root.opt_text("default"));
    if (!word) return {};
    if (*word != "free") {
        return root.find("default")->wrong("default can only be \"free\"",
                                           "leave it out: then 404 for what is not routed");
    }
    if (config.upstream.empty()) {
        return root.find("default")->wrong("nothing is named that free requests could go to",
                                           "add upstream = \"http://127.0.0.1:3000\"");
    }
    config.open_by_default = true;
    return {};
}

Result<void> refuse_shadowed(const Config& config) {
    for (std::size_t later = 1; later < config.routes.size(); ++later) {
        for (std::size_t earlier = 0; earlier < later; ++earlier) {
            const RouteConfig& first = config.routes[earlier];
            const RouteConfig& second = config.routes[later];
            if (!covers(first.pattern, second.pattern)) continue;
            return fail_field(Errc::invalid, "routes[" + std::to_string(later) + "].match",
                              second.where + ".match: \"" + second.pattern.text +
                                  "\" is never reached, because \"" + first.pattern.text +
                                  "\" above it takes its requests",
                              "put the more special route first");
        }
    }
    return {};
}

// The shortest life of the payments that a route takes, where a network limits it.
std::optional<Duration> lifetime_of(const RouteConfig& route, const Modules& modules) {
    std::optional<Duration> shortest;
    for (const OfferConfig& offer : route.offers) {
        const auto lifetime = modules.of(offer.asset.id.network)->lifetime();
        if (lifetime && (!shortest || *lifetime < *shortest)) shortest = lifetime;
    }
    return shortest;
}

std::string seconds_text(Duration time) {
    return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

// The waits of a route, shorter by default where its payments live for less; nothing that was
// written is changed.
Result<void> set_waits(RouteConfig& route, const Tree& section, const Tree& root,
                       const RouteDefaults& defaults) {
    route.pending_wait = defaults.config.pending_wait;
    const auto lifetime = lifetime_of(route, defaults.modules);
    if (!lifetime) return {};
    const Tree* upstream = section.find("upstream_timeout");
    const Tree* pending = root.find("pending_wait");
    if (upstream == nullptr) route.upstream_timeout = *lifetime / 4;
    if (pending == nullptr) route.pending_wait = *lifetime / 2;
    if (needed_time(route) <= *lifetime) return {};
    const bool waits_too_long = pending != nullptr && route.pending_wait > *lifetime / 2;
    const Tree* fault = waits_too_long ? pending : upstream;
    const Duration other = waits_too_long ? route.upstream_timeout : route.pending_wait;
    const auto room = std::chrono::floor<std::chrono::seconds>(*lifetime - kMargin - other);
    std::string remedy = "shorten upstream_timeout and pending_wait";
    if (fault != nullptr && room > Duration::zero()) {
        remedy = std::string(waits_too_long ? "pending_wait" : "upstream_timeout") + " = \"" +
                 std::to_string(room.count()) + "s\" fits, or leave it out";
    }
    return (fault != nullptr ? *fault : section)
        .wrong("a payment for \"" + route.pattern.text + "\" lives for " + seconds_text(*lifetime) +
                   " on one of its networks: upstream_timeout + "
                   "pending_wait + 10 s is " +
                   seconds_text(needed_time(route)),
               remedy);
}

Result<void> read_routes(Config& config, const Tree& root, const RouteDefaults& defaults) {
    const Tree* routes = root.find("routes");
    if (routes == nullptr || routes->items().empty()) {
        return root.wrong("no routes",
                          "add [[routes]] with match = \"GET /path\" and price = \"$0.01\"");
    }
    for (const Tree& section : routes->items()) {
        X402_TRY(RouteConfig route, read_route(section, defaults));
        X402_TRY_VOID(set_waits(route, section, root, defaults));
        if (needed_time(route) > std::chrono::seconds(route.max_timeout_seconds) && !route.free) {
            const auto least = std::chrono::ceil<std::chrono::seconds>(needed_time(route)).count();
            return section.wrong("a payment of " + std::to_string(route.max_timeout_seconds) +
                                     " s may expire before it is settled: upstream_timeout + "
                                     "pending_wait + 10 s is " +
                                     std::to_string(least) + " s",
                                 "set max_timeout_seconds = " + std::to_string(least) +
                                     " or more, or shorten the waits");
        }
        if (!route.free && route.max_held > config.max_held_total) {
            return section.wrong("max_held is more than max_held_total, which all answers share",
                                 "raise max_held_total at the top, or lower max_held");
        }
        X402_TRY_VOID(check_challenge(route, config.origin, defaults.modules));
        config.routes.push_back(std::move(route));
    }
    return refuse_shadowed(config);
}

bool is_for(const FacilitatorConfig& facilitator, const ChainId& network) noexcept {
    const auto& patterns = facilitator.networks;
    return patterns.empty() ||
           std::any_of(patterns.begin(), patterns.end(),
                       [&network](const ChainPattern& each) { return each.matches(network); });
}

// By its id: so it is found when it is opened.
Result<bool> names_rpc(const Tree& root, const ChainId& network) {
    const Tree* networks = root.find("networks");
    const Tree* section = networks == nullptr ? nullptr : networks->find(network.text());
    if (section == nullptr) return false;
    X402_TRY(const auto rpc, section->opt_texts("rpc"));
    return !rpc.empty();
}

// Which facilitator settles an offer is learned later: the chain must be there for each that may.
Result<void> refuse_unprovable(const Config& config, const Tree& root, std::size_t index) {
    const FacilitatorConfig& facilitator = config.facilitators[index];
    if (facilitator.proof != ProofBy::chain) return {};
    for (const RouteConfig& route : config.routes) {
        for (const OfferConfig& offer : route.offers) {
            const ChainId& network = offer.asset.id.network;
            if (!is_for(facilitator, network)) continue;
            X402_TRY(const bool named, names_rpc(root, network));
            if (named) continue;
            const Tree& entry = root.find("facilitators")->items()[index];
            return entry.find("proof")->wrong(
                "\"chain\" asks " + network.text() +
                    " itself what was paid, and no rpc of it is named",
                "add [networks.\"" + network.text() +
                    "\"] with rpc = [\"https://...\"], or say by networks = [...] what this "
                    "facilitator is for");
        }
    }
    return {};
}

}  // namespace

Duration needed_time(const RouteConfig& route) {
    return route.upstream_timeout + route.pending_wait + kMargin;
}

Result<Config> read_config(const Tree& root, const Modules& modules, std::string base_dir) {
    Config config;
    X402_TRY_VOID(refuse_reserved(
        root, {"prefer", "avoid", "siwx", "sessions", "payout", "authorizer", "tenants"}));
    X402_TRY_VOID(read_listeners(config, root));
    X402_TRY(config.origin, read_origin(root, config, config.warnings));
    if (const Tree* upstream = root.find("upstream")) {
        X402_TRY(config.upstream, read_upstream(*upstream));
    }
    X402_TRY_VOID(read_facilitators(config, root, modules, base_dir));
    X402_TRY_VOID(read_networks(config, root, modules));
    X402_TRY(const auto pending_wait, root.opt_duration_ms("pending_wait"));
    if (pending_wait) config.pending_wait = Duration{*pending_wait};
    X402_TRY_VOID(read_held_total(config, root));
    X402_TRY_VOID(read_cors(config, root));
    X402_TRY_VOID(read_default(config, root));
    X402_TRY(config.assets, read_assets(root, modules));
    const AssetShelf shelf(config.assets, modules);
    const RouteDefaults defaults{modules, shelf, root.find("pay_to"), config};
    X402_TRY_VOID(read_routes(config, root, defaults));
    for (std::size_t i = 0; i < config.facilitators.size(); ++i)
        X402_TRY_VOID(refuse_unprovable(config, root, i));
    return config;
}

}  // namespace x402::server
