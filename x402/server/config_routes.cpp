// SPDX-License-Identifier: Apache-2.0
// Reading [[routes]]. See config_routes.hpp.
#include "x402/server/config_routes.hpp"

#include <algorithm>
#include <set>

#include "x402/net/ssrf_guard.hpp"

namespace x402::server {
namespace {

constexpr std::int64_t kMostSeconds = 24 * 3600;
constexpr std::int64_t kMostHeld = 256 * 1024 * 1024;

struct RouteReader {
    const Tree& section;
    const RouteDefaults& defaults;
    RouteConfig& route;
};

// An error of a reader below, told at the place of this value.
std::unexpected<Error> wrong_here(const Tree& at, const Error& error) {
    return at.wrong(error.detail, error.next);
}

// pay_to of a network: said at the offer or the route, else by family or network in the table, else
// the one text.
Result<std::string> read_pay_to(const Tree& section, const ChainId& network,
                                const RouteReader& reader) {
    const ChainModule* module = reader.defaults.modules.of(network);
    const Tree* value = section.find("pay_to");
    if (value == nullptr) value = reader.section.find("pay_to");
    if (value == nullptr) value = reader.defaults.pay_to;
    if (value != nullptr && value->is_table()) {
        if (value->find("by") != nullptr || value->find("lua") != nullptr ||
            value->find("url") != nullptr) {
            return value->wrong("this build has no pay_to that is decided per request yet",
                                "write an address");
        }
        const Tree* whole = value->find(network.text());
        value = whole != nullptr ? whole : value->find(network.family());
    }
    if (value == nullptr) {
        return section.wrong("nobody is named to be paid on " + network.text(),
                             "add pay_to = { " + std::string(network.family()) + " = \"...\" }");
    }
    X402_TRY(const std::string text, value->as_text());
    if (text.starts_with("role:"))
        return value->wrong("this build has no pay_to roles yet", "write an address");
    auto address = module->read_address(text);
    if (!address) return wrong_here(*value, address.error());
    return address;
}

// "$0.01", "0.01 USDC"; an integer of atomic units only where the asset is named.
Result<U256> read_price(const Tree& value, const AssetInfo& asset, bool asset_named) {
    if (value.is_table()) {
        return value.wrong("this build has no prices that are decided per request yet",
                           "write a price such as \"$0.01\"");
    }
    if (value.is_integer()) {
        X402_TRY(const std::int64_t atomic, value.as_integer());
        if (!asset_named)
            return value.wrong("a bare number has no unit", "write \"$0.01\" or \"0.01 USDC\"");
        if (atomic <= 0)
            return value.wrong("a price is above zero", "use free = true for a free route");
        return U256(static_cast<std::uint64_t>(atomic));
    }
    X402_TRY(const std::string text, value.as_text());
    const auto price = parse_price(text);
    if (!price) return wrong_here(value, price.error());
    auto amount = price_in(*price, asset);
    if (!amount) return wrong_here(value, amount.error());
    return amount;
}

Result<void> add_offer(RouteReader& reader, OfferConfig offer, const Tree& at) {
    const ChainId& network = offer.asset.id.network;
    if (reader.defaults.modules.server(offer.scheme, network) == nullptr) {
        return at.wrong("this build has no scheme \"" + offer.scheme + "\" on " + network.text(),
                        "write scheme = \"exact\"");
    }
    if (!reader.route.offers.empty() && reader.route.offers.size() >= limits::kAcceptsCount) {
        return at.wrong("a route has at most 32 offers", "remove some");
    }
    reader.route.offers.push_back(std::move(offer));
    return {};
}

Result<AssetInfo> find_asset(const Tree& item, const std::string& name, const RouteReader& reader) {
    X402_TRY(const auto network_text, item.opt_text("network"));
    if (const NamedAsset* named = reader.defaults.shelf.named(name);
        named != nullptr && !network_text) {
        return named->asset;
    }
    std::vector<ChainId> networks = reader.defaults.config.networks;
    if (network_text) {
        const auto network = reader.defaults.modules.find_network(*network_text);
        if (!network) return wrong_here(*item.find("network"), network.error());
        networks = {*network};
    }
    for (const ChainId& network : networks) {
        if (auto asset = reader.defaults.shelf.find(network, name)) return *asset;
    }
    return item.find("asset")->wrong(
        "unknown asset \"" + name + "\"",
        "add [assets." + name + "], or name its network beside a known symbol");
}

// What an offer says in `extra` by other means.
struct TakenMember {
    std::string_view key;
    const char* what;
    const char* next;
};
constexpr TakenMember kTakenMembers[] = {
    {"quote", "the gateway writes the quote itself", "remove it"},
    {"assetTransferMethod", "how the money is moved has a key of its own",
     "write transfer = \"...\" in the offer"},
    {"paymentFlow", "when the money is moved has a key of its own",
     "write settle = \"before\" in the route"},
};

Result<json::Value> read_member(const Tree& value) {
    if (value.is_integer()) {
        X402_TRY(const std::int64_t number, value.as_integer());
        return json::Value(number);
    }
    if (value.is_boolean()) {
        X402_TRY(const bool yes, value.as_boolean());
        return json::Value(yes);
    }
    if (!value.is_text())
        return value.wrong("a member of extra is a text, an integer or a boolean",
                           "write extra = { memo = \"order-17\" }");
    X402_TRY(const std::string text, value.as_text());
    return json::Value(text);
}

Result<json::Object> read_extra(const Tree& item) {
    json::Object extra;
    const Tree* table = item.find("extra");
    if (table == nullptr) return extra;
    if (!table->is_table())
        return table->wrong("extra is a table", "write extra = { memo = \"order-17\" }");
    for (const Tree::Member& member : table->members()) {
        const Tree* value = table->find(member.key);
        for (const TakenMember& taken : kTakenMembers) {
            if (member.key == taken.key) return value->wrong(taken.what, taken.next);
        }
        X402_TRY(extra[member.key], read_member(*value));
    }
    return extra;
}

Result<void> read_accept(RouteReader& reader, const Tree& item) {
    if (!item.is_table())
        return item.wrong("an offer is a table", "write { asset = \"...\", pay_to = \"...\" }");
    X402_TRY_VOID(refuse_reserved(item, {"shares"}));
    OfferConfig offer;
    X402_TRY(const std::string name, item.get_text("asset"));
    X402_TRY(offer.asset, find_asset(item, name, reader));
    X402_TRY(const auto scheme, item.opt_text("scheme"));
    if (scheme) offer.scheme = *scheme;
    X402_TRY(const auto transfer, item.opt_text("transfer"));
    offer.transfer = transfer.value_or("");
    X402_TRY(offer.extra, read_extra(item));
    X402_TRY(offer.pay_to, read_pay_to(item, offer.asset.id.network, reader));
    const Tree* price = item.find("price");
    if (price == nullptr) price = reader.section.find("price");
    if (price == nullptr)
        return item.wrong("this offer has no price", "add price = \"$0.01\" to it or to the route");
    X402_TRY(offer.amount, read_price(*price, offer.asset, true));
    return add_offer(reader, std::move(offer), item);
}

// The networks of a route that does not write its offers out.
Result<std::vector<ChainId>> route_networks(const RouteReader& reader) {
    std::vector<ChainId> networks;
    if (const Tree* list = reader.section.find("networks")) {
        if (!list->is_list())
            return list->wrong("networks is a list", "write networks = [\"eip155:8453\"]");
        for (const Tree& each : list->items()) {
            X402_TRY(const std::string text, each.as_text());
            const auto network = reader.defaults.modules.find_network(text);
            if (!network)
                return each.wrong("unknown network \"" + text + "\"",
                                  "write a CAIP-2 id such as \"eip155:8453\"");
            networks.push_back(*network);
        }
        return networks;
    }
    networks = reader.defaults.config.networks;
    for (const NamedAsset& each : reader.defaults.config.assets) {
        const ChainId& network = each.asset.id.network;
        if (std::find(networks.begin(), networks.end(), network) == networks.end())
            networks.push_back(network);
    }
    return networks;
}

Result<void> read_plain_offers(RouteReader& reader) {
    const Tree* price = reader.section.find("price");
    if (price == nullptr) {
        return reader.section.wrong("this route has no price",
                                    "add price = \"$0.01\", or free = true");
    }
    X402_TRY(const auto networks, route_networks(reader));
    if (networks.empty()) {
        return reader.section.wrong("it is not said where this route is paid",
                                    "add networks = [\"eip155:8453\"]");
    }
    for (const ChainId& network : networks) {
        OfferConfig offer;
        std::string symbol;
        if (price->is_text()) {
            X402_TRY(const std::string text, price->as_text());
            const auto parsed = parse_price(text);
            if (!parsed) return wrong_here(*price, parsed.error());
            symbol = parsed->symbol;
        }
        auto asset = symbol.empty() ? reader.defaults.shelf.dollar(network)
                                    : reader.defaults.shelf.find(network, symbol);
        if (!asset)
            return price->wrong(asset.error().detail,
                                "add [assets.NAME] for it, or write accepts = [...]");
        offer.asset = std::move(*asset);
        X402_TRY(offer.amount, read_price(*price, offer.asset, false));
        X402_TRY(offer.pay_to, read_pay_to(reader.section, network, reader));
        X402_TRY_VOID(add_offer(reader, std::move(offer), reader.section));
    }
    return {};
}

Result<void> read_offers(RouteReader& reader) {
    const Tree* accepts = reader.section.find("accepts");
    if (accepts == nullptr) return read_plain_offers(reader);
    if (!accepts->is_list())
        return accepts->wrong("accepts is a list of tables",
                              "write accepts = [{ asset = \"...\" }]");
    if (accepts->items().empty()) {
        return accepts->wrong("this build has no routes that only ask for a sign-in yet",
                              "add an offer");
    }
    if (reader.section.find("networks") != nullptr) {
        return accepts->wrong("both accepts and networks say where to pay", "keep one of them");
    }
    for (const Tree& item : accepts->items()) X402_TRY_VOID(read_accept(reader, item));
    if (const Tree* price = reader.section.find("price")) price->mark_read();
    return {};
}

Result<void> refuse_twins(const RouteReader& reader) {
    std::set<std::string> seen;
    for (const OfferConfig& offer : reader.route.offers) {
        const std::string text = offer.scheme + " " + offer.asset.id.network.text() + " " +
                                 offer.asset.address + " " + offer.transfer;
        if (!seen.insert(text).second)
            return reader.section.wrong("two offers differ in nothing but money",
                                        "remove one of them");
    }
    return {};
}

Result<void> read_timing(RouteReader& reader) {
    const Tree* settle = reader.section.find("settle");
    if (settle == nullptr) return {};
    if (settle->is_text()) {
        X402_TRY(const std::string word, settle->as_text());
        if (word != "before" && word != "after")
            return settle->wrong("settle is \"before\" or \"after\"", "choose one");
        reader.route.timing.moment = word == "before" ? SettleMoment::before : SettleMoment::after;
        return {};
    }
    if (!settle->is_table())
        return settle->wrong("settle is a word or a table",
                             "write settle = { when = \"status < 300\" }");
    X402_TRY(const std::string when, settle->get_text("when"));
    auto tests = read_status_tests(when);
    if (!tests) return wrong_here(*settle, tests.error());
    reader.route.timing.when = std::move(*tests);
    return {};
}

Result<void> read_times(RouteReader& reader) {
    RouteConfig& route = reader.route;
    const Tree& section = reader.section;
    X402_TRY(const auto timeout, section.opt_integer("max_timeout_seconds"));
    if (timeout && (*timeout < 1 || *timeout > kMostSeconds)) {
        return section.find("max_timeout_seconds")
            ->wrong("from 1 to 86400 seconds", "leave it out for 300");
    }
    route.max_timeout_seconds = timeout.value_or(route.max_timeout_seconds);
    X402_TRY(const auto upstream, section.opt_duration_ms("upstream_timeout"));
    if (upstream) route.upstream_timeout = Duration{*upstream};
    if (route.upstream_timeout <= Duration::zero()) {
        return section.find("upstream_timeout")
            ->wrong("the upstream needs some time", "leave it out for 30s");
    }
    X402_TRY(const auto replay, section.opt_duration_ms("replay"));
    if (replay) route.replay = Duration{*replay};
    return {};
}

Result<void> read_sizes(RouteReader& reader) {
    struct Size {
        const char* key;
        std::size_t* to;
    };
    const Size sizes[] = {{"max_held", &reader.route.max_held},
                          {"max_body", &reader.route.max_body}};
    for (const Size& size : sizes) {
        X402_TRY(const auto bytes, reader.section.opt_size_bytes(size.key));
        if (!bytes) continue;
        if (*bytes < 1 || *bytes > kMostHeld) {
            return reader.section.find(size.key)->wrong("from 1 byte to 256 MiB",
                                                        "write a size such as \"8MiB\"");
        }
        *size.to = static_cast<std::size_t>(*bytes);
    }
    return {};
}

Result<void> read_texts(RouteReader& reader) {
    RouteConfig& route = reader.route;
    X402_TRY(const auto description, reader.section.opt_text("description"));
    route.description = description.value_or("");
    X402_TRY(const auto mime_type, reader.section.opt_text("mime_type"));
    route.mime_type = mime_type.value_or("");
    X402_TRY(const auto mirror, reader.section.opt_boolean("body_mirror"));
    route.body_mirror = mirror.value_or(true);
    route.upstream = reader.defaults.config.upstream;
    if (const Tree* upstream = reader.section.find("upstream")) {
        X402_TRY(route.upstream, read_upstream(*upstream));
    }
    if (route.upstream.empty()) {
        return reader.section.wrong("no upstream is named",
                                    "add upstream = \"http://127.0.0.1:3000\" at the top");
    }
    return {};
}

}  // namespace

Result<RouteConfig> read_route(const Tree& section, const RouteDefaults& defaults) {
    RouteConfig route;
    route.where =
        section.place().file + ":" + std::to_string(section.place().line) + ": " + section.path();
    if (!section.is_table()) return section.wrong("a route is a table", "write [[routes]]");
    X402_TRY_VOID(refuse_reserved(section, {"sign_in", "session", "balance", "shares"}));
    X402_TRY(const std::string match, section.get_text("match"));
    auto pattern = read_pattern(match);
    if (!pattern) return wrong_here(*section.find("match"), pattern.error());
    route.pattern = std::move(*pattern);
    RouteReader reader{section, defaults, route};
    X402_TRY(const auto free, section.opt_boolean("free"));
    route.free = free.value_or(false);
    X402_TRY_VOID(read_texts(reader));
    X402_TRY_VOID(read_times(reader));
    X402_TRY_VOID(read_sizes(reader));
    X402_TRY_VOID(read_timing(reader));
    if (route.free) {
        if (const Tree* price = section.find("price"))
            return price->wrong("a free route has no price", "remove one of both");
        return route;
    }
    X402_TRY_VOID(read_offers(reader));
    X402_TRY_VOID(refuse_twins(reader));
    return route;
}

Result<std::string> read_upstream(const Tree& value) {
    std::string url;
    bool insecure = false;
    if (value.is_table()) {
        X402_TRY(url, value.get_text("url"));
        X402_TRY(const auto said, value.opt_boolean("insecure"));
        insecure = said.value_or(false);
    } else {
        X402_TRY(url, value.as_text());
    }
    const auto parts = net::split_url(url);
    if (!parts)
        return value.wrong("\"" + url + "\" is no URL: " + parts.error().detail,
                           "write \"http://127.0.0.1:3000\"");
    if (parts->target.find('?') != std::string::npos)
        return value.wrong("an upstream has no query", "remove it");
    if (parts->scheme == "http" && !insecure && !net::is_loopback_host(parts->host)) {
        return value.wrong("plain http to another machine",
                           "use https, or write { url = \"" + url + "\", insecure = true }");
    }
    return url;
}

Result<void> refuse_reserved(const Tree& table, std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) {
        const Tree* value = table.find(key);
        if (value == nullptr) continue;
        return value->wrong("this build does not have `" + std::string(key) + "` yet", "remove it");
    }
    return {};
}

}  // namespace x402::server
