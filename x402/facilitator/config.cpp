// SPDX-License-Identifier: Apache-2.0
// Reading and checking of facilitator.toml.
#include "x402/facilitator/config.hpp"

#include <algorithm>

namespace x402::facilitator {
namespace {

// A listener that others can reach is limited unless the file says otherwise (users.md: 50 a second
// is usual).
constexpr std::int64_t kPublicRate = 100;
constexpr std::int64_t kBurstSeconds = 5;
constexpr std::int64_t kMaxThreads = 256;
constexpr std::int64_t kMostPending = 1'000'000;
constexpr Duration kLongestSettleWait = std::chrono::minutes(10);

Result<std::vector<Caller>> read_callers(const Tree& root, const std::string& base_dir) {
    std::vector<Caller> callers;
    X402_TRY(const std::vector<std::string> references, root.opt_texts("callers"));
    for (const std::string& reference : references) {
        auto token = crypto::load_secret(reference, base_dir);
        // The reference is repeated only in its form: a token written into the file must not reach
        // a log.
        if (!token) {
            return root.find("callers")->wrong(
                "a caller's token could not be read: " + token.error().detail, token.error().next);
        }
        callers.push_back(make_caller(std::move(*token)));
    }
    return callers;
}

std::set<AllowedPayTo> readings_of(const std::string& text, const Modules& modules) {
    std::set<AllowedPayTo> readings;
    if (const auto account = AccountId::parse(text)) {
        const ChainModule* module = modules.of(account->network);
        if (module == nullptr) return readings;
        const auto address = module->read_address(account->address);
        if (address) readings.insert({std::string(module->family()), *address});
        return readings;
    }
    for (const auto& module : modules.all()) {
        const auto address = module->read_address(text);
        if (address) readings.insert({std::string(module->family()), *address});
    }
    return readings;
}

Result<std::set<AllowedPayTo>> read_pay_to_allow(const Tree& root, const Modules& modules) {
    std::set<AllowedPayTo> allowed;
    X402_TRY(const std::vector<std::string> texts, root.opt_texts("pay_to_allow"));
    for (const std::string& text : texts) {
        const auto readings = readings_of(text, modules);
        if (readings.empty()) {
            return root.find("pay_to_allow")
                ->wrong("\"" + text + "\" is no address of a network of this build",
                        "write an address, or \"eip155:8453:0x...\"");
        }
        allowed.insert(readings.begin(), readings.end());
    }
    return allowed;
}

Result<MinAmount> read_min_amount(const Tree& section) {
    MinAmount least;
    const Tree* value = section.find("min_amount");
    if (value == nullptr) return least;
    if (value->is_integer()) {
        X402_TRY(const std::int64_t units, value->as_integer());
        if (units < 0) return value->wrong("an amount is not negative");
        least.atomic = U256(static_cast<std::uint64_t>(units));
        return least;
    }
    X402_TRY(const std::string text, value->as_text());
    if (auto units = U256::from_decimal(text)) {
        least.atomic = *units;
        return least;
    }
    auto price = parse_price(text);
    if (!price) {
        return value->wrong(price.error().detail,
                            "write \"$0.001\", \"0.001 USDC\", or a count of atomic units");
    }
    least.price = std::move(*price);
    return least;
}

Result<NetworkConfig> read_network(const Tree& networks, const Tree::Member& member,
                                   const Modules& modules) {
    const Tree* section = networks.find(member.key);
    if (!section->is_table())
        return section->wrong("a network is a table", "write [networks.\"eip155:8453\"]");
    auto id = modules.find_network(member.key);
    if (!id) return section->wrong(id.error().detail, "write a CAIP-2 id such as \"eip155:8453\"");
    NetworkConfig config;
    config.id = std::move(*id);
    config.section = section;
    X402_TRY(const auto wait, section->opt_duration_ms("settle_wait"));
    if (wait) config.settle_wait = Duration(*wait);
    if (config.settle_wait.count() <= 0 || config.settle_wait > kLongestSettleWait) {
        return section->find("settle_wait")->wrong("settle_wait is at least 1ms and at most 10m");
    }
    X402_TRY(const auto observed, section->opt_boolean("accept_observed"));
    config.accept_observed = observed.value_or(false);
    X402_TRY(const auto any_token, section->opt_boolean("any_token"));
    config.any_token = any_token.value_or(false);
    X402_TRY(config.min_amount, read_min_amount(*section));
    return config;
}

Result<std::vector<NetworkConfig>> read_networks(const Tree& root, const Modules& modules,
                                                 bool only_with_signers) {
    std::vector<NetworkConfig> out;
    const Tree* networks = root.find("networks");
    if (networks == nullptr || !networks->is_table() || networks->members().empty()) {
        return root.wrong("no network is configured",
                          "add [networks.\"eip155:84532\"] with rpc and signers");
    }
    for (const auto& member : networks->members()) {
        const Tree* section = networks->find(member.key);
        const auto& keys = section->members();
        const bool signs = std::any_of(
            keys.begin(), keys.end(), [](const Tree::Member& key) { return key.key == "signers"; });
        if (only_with_signers && !signs) continue;
        X402_TRY(NetworkConfig config, read_network(*networks, member, modules));
        const bool twice = std::any_of(out.begin(), out.end(), [&](const NetworkConfig& other) {
            return other.id == config.id;
        });
        if (twice)
            return section->wrong("the network " + config.id.text() + " is configured twice");
        if (!signs) {
            return section->wrong("a facilitator's network needs signers",
                                  "add signers = [\"env:X402_SIGNER\"]");
        }
        out.push_back(std::move(config));
    }
    if (out.empty())
        return networks->wrong("no network has signers", "add signers = [\"env:X402_SIGNER\"]");
    return out;
}

Result<std::size_t> read_count(const Tree& root, std::string_view key, std::size_t usual) {
    X402_TRY(const auto count, root.opt_integer(key));
    if (!count) return usual;
    if (*count < 1 || *count > kMostPending)
        return root.find(key)->wrong(std::string(key) + " is 1 to " + std::to_string(kMostPending));
    return static_cast<std::size_t>(*count);
}

Result<void> read_rate(const Tree& root, Config& config) {
    X402_TRY(const auto rate, root.opt_integer("rate"));
    if (rate && *rate < 0)
        return root.find("rate")->wrong("a rate is not negative", "0 means no limit");
    config.rate.rate = rate ? *rate : (config.loopback ? 0 : kPublicRate);
    config.rate.burst = config.rate.rate * kBurstSeconds;
    return {};
}

}  // namespace

bool is_loopback_listener(std::string_view listen) noexcept {
    const std::size_t colon = listen.rfind(':');
    const std::string_view host = listen.substr(0, colon);
    if (host == "localhost" || host == "[::1]") return true;
    // All four numbers, because "127.example.com" is a name.
    if (!host.starts_with("127.")) return false;
    return std::all_of(host.begin(), host.end(),
                       [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

Result<Config> read_config(const Tree& root, const Modules& modules, std::string base_dir) {
    Config config;
    X402_TRY(const auto listen, root.opt_text("listen"));
    if (listen) config.listen = *listen;
    config.loopback = is_loopback_listener(config.listen);
    X402_TRY(const auto where, root.opt_text("store"));
    if (where) config.store = *where;
    X402_TRY(const auto threads, root.opt_integer("threads"));
    if (threads && (*threads < 1 || *threads > kMaxThreads)) {
        return root.find("threads")->wrong("threads is 1 to 256", "leave it out for one a core");
    }
    if (threads) config.threads = static_cast<std::size_t>(*threads);
    X402_TRY(const auto open, root.opt_boolean("open"));
    config.open = open.value_or(false);
    X402_TRY(config.callers, read_callers(root, base_dir));
    X402_TRY(config.pay_to_allow, read_pay_to_allow(root, modules));
    const bool guarded = config.open || !config.callers.empty() || !config.pay_to_allow.empty();
    if (!config.loopback && !guarded) {
        return root.wrong("others can reach " + config.listen + ", and nothing says who may ask",
                          "add callers = [\"env:TOKEN\"], pay_to_allow = [...], or open = true");
    }
    X402_TRY_VOID(read_rate(root, config));
    X402_TRY(config.pending, read_count(root, "max_pending", config.pending));
    X402_TRY(config.pending_per_payer,
             read_count(root, "max_pending_per_payer", config.pending_per_payer));
    X402_TRY(config.networks, read_networks(root, modules, false));
    config.base_dir = std::move(base_dir);
    return config;
}

Result<Config> read_inside_config(const Tree& root, const Modules& modules, std::string base_dir) {
    Config config;
    config.name = "inside";
    X402_TRY(config.networks, read_networks(root, modules, true));
    config.base_dir = std::move(base_dir);
    return config;
}

}  // namespace x402::facilitator
