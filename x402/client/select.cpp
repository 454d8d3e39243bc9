// SPDX-License-Identifier: Apache-2.0
// The order of the checks is the order in which a person would care: what cannot be paid at all,
// what may not be paid, what costs too much. The reason told for the whole is that of the offer
// that came furthest. Pure.
#include "x402/client/select.hpp"

#include <algorithm>

#include "x402/net/http.hpp"

namespace x402::client {
namespace {

using net::equal_ignoring_case;

// How far an offer came before it was refused; the last one is none.
enum class Check { network, scheme, flow, asset, taste, terms, wallet, payee, limit, passed };

struct Judged {
    Check reached = Check::network;
    std::optional<PayError> refusal;
    std::optional<AssetInfo> asset;
    U256 usd_micros;
    const ClientScheme* scheme = nullptr;
    const Wallet* wallet = nullptr;
};

std::string canonical(const ChainModule& module, std::string_view address) {
    auto read = module.read_address(address);
    return read ? std::move(*read) : std::string(address);
}

bool is_allowed(const Policy& policy, const ChainModule& module, const PaymentRequirements& offer) {
    const std::string address = canonical(module, offer.asset);
    return std::any_of(policy.allow_assets.begin(), policy.allow_assets.end(),
                       [&](const AssetId& allowed) {
                           return allowed.network == offer.network &&
                                  canonical(module, allowed.reference) == address;
                       });
}

const AssetInfo* read_asset(const SelectInput& input, const ChainModule& module,
                            const PaymentRequirements& offer) {
    const std::string address = canonical(module, offer.asset);
    for (const AssetInfo& each : input.read_assets) {
        if (each.id.network == offer.network && canonical(module, each.address) == address)
            return &each;
    }
    return nullptr;
}

const Wallet* wallet_for(const SelectInput& input, std::string_view family) {
    for (const auto& wallet : input.wallets) {
        if (wallet->family() == family) return wallet.get();
    }
    return nullptr;
}

bool any_word(std::span<const std::string> words, const PaymentRequirements& offer,
              const AssetInfo* asset, const Modules& modules) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
        return matches_word(word, offer, asset, modules);
    });
}

bool payee_changed(const SelectInput& input, const PaymentRequirements& offer,
                   const ChainModule& module) {
    const Policy& policy = input.policy;
    const std::string pay_to = canonical(module, offer.pay_to);
    for (const std::string& allowed : policy.allow_pay_to) {
        if (allowed == "any" || canonical(module, allowed) == pay_to) return false;
    }
    bool seen_other = false;
    for (const KnownPayee& known : input.payees) {
        if (known.url != input.url || known.network != offer.network) continue;
        if (canonical(module, known.pay_to) == pay_to) return false;
        seen_other = true;
    }
    return seen_other;
}

std::optional<PayError> check_limit(const Policy& policy, const PaymentRequirements& offer,
                                    bool usd, Judged& judged) {
    const AssetInfo& asset = *judged.asset;
    const auto raise = "pass --max with a higher limit if you want to pay this";
    for (const SymbolLimit& limit : policy.max_by_symbol) {
        if (!equal_ignoring_case(limit.symbol, asset.symbol)) continue;
        const auto most = to_atomic(limit.most, asset.decimals, Rounding::down);
        if (most && offer.amount > *most) {
            return pay_error("over_limit",
                             "the offer of " + show(offer.amount, asset) + " is above your limit",
                             raise);
        }
        if (most && !usd && policy.budgets.empty()) return std::nullopt;
    }
    if (!usd) {
        return pay_error(
            "limit_missing",
            asset.symbol + " is not counted in dollars, so no limit or budget covers it",
            "name a limit in it, like --max '0.01 " + asset.symbol + "', and no --budget");
    }
    const auto micros = to_usd_micros(offer.amount, asset.decimals);
    if (!micros || *micros > policy.max_usd_micros) {
        return pay_error("over_limit",
                         "the offer of " + show(offer.amount, asset) + " is above the limit of " +
                             show_usd(policy.max_usd_micros) + " a payment",
                         raise);
    }
    judged.usd_micros = *micros;
    return std::nullopt;
}

std::optional<PayError> check_scheme(const SelectInput& input, const PaymentRequirements& offer,
                                     Judged& judged) {
    judged.reached = Check::network;
    if (input.modules.of(offer.network) == nullptr) {
        return pay_error("unsupported_network",
                         "no module of this build knows the network " + offer.network.text());
    }
    judged.reached = Check::scheme;
    judged.scheme = input.modules.client(offer.scheme, offer.network);
    if (judged.scheme == nullptr) {
        return pay_error("unsupported_scheme", "the scheme " + offer.scheme +
                                                   " cannot be signed on " + offer.network.text());
    }
    judged.reached = Check::flow;
    if (const auto flow = payment_flow_of(offer); !flow)
        return pay_error("unsupported_flow", flow.error().detail);
    if (const auto refusal = judged.scheme->cannot_pay(offer)) {
        return PayError{refusal->code, refusal->message, refusal->field, refusal->next};
    }
    return std::nullopt;
}

std::optional<PayError> check_asset(const SelectInput& input, const PaymentRequirements& offer,
                                    Judged& judged) {
    judged.reached = Check::asset;
    const ChainModule& module = *input.modules.of(offer.network);
    const bool allowed = is_allowed(input.policy, module, offer);
    const AssetInfo* asset = table_asset(input.modules, offer.network, offer.asset);
    if (asset == nullptr && allowed) asset = read_asset(input, module, offer);
    if (asset != nullptr) judged.asset = *asset;
    const std::string space = module.assets().empty() ? "token" : module.assets().front().id.space;
    const std::string id = offer.network.text() + "/" + space + ":" + offer.asset;
    if (asset == nullptr) {
        return pay_error(
            "unknown_asset",
            allowed ? "the network told nothing of the token " + offer.asset
                    : "the token " + offer.asset + " is not known on " + offer.network.text(),
            allowed ? "name an endpoint with --rpc"
                    : "pass --allow-asset " + id + " if you trust it");
    }
    if (!allowed && !asset->usd) {
        return pay_error(
            "unknown_asset", asset->symbol + " is no dollar token, and you did not allow it",
            "pass --allow-asset with its CAIP-19 name and --max with a limit in " + asset->symbol);
    }
    judged.reached = Check::taste;
    const auto& symbols = input.policy.symbols;
    const auto same = [&](const std::string& symbol) {
        return equal_ignoring_case(symbol, asset->symbol);
    };
    if (!symbols.empty() && std::none_of(symbols.begin(), symbols.end(), same)) {
        return pay_error("asset_not_chosen",
                         "you asked to pay in another asset than " + asset->symbol);
    }
    if (any_word(input.policy.avoid, offer, asset, input.modules)) {
        return pay_error("avoided", "you asked to avoid this offer");
    }
    return std::nullopt;
}

std::optional<PayError> check_terms(const SelectInput& input, const PaymentRequirements& offer,
                                    Judged& judged) {
    judged.reached = Check::terms;
    if (offer.amount.is_zero())
        return pay_error("zero_amount", "the offer asks for a signature over nothing");
    const auto longest = std::chrono::ceil<std::chrono::seconds>(input.policy.max_validity).count();
    if (offer.max_timeout_seconds > longest) {
        return pay_error("valid_too_long", "the seller wants a payment that stays valid for " +
                                               std::to_string(offer.max_timeout_seconds) + " s");
    }
    const ChainModule& module = *input.modules.of(offer.network);
    judged.reached = Check::wallet;
    judged.wallet = wallet_for(input, module.family());
    if (judged.wallet == nullptr && input.need_wallet) {
        return pay_error(
            "no_wallet", "there is no key for " + offer.network.text(),
            "set " + std::string(module.wallets().default_key_variable()) + " or pass --key");
    }
    judged.reached = Check::payee;
    if (payee_changed(input, offer, module)) {
        return pay_error(
            "pay_to_changed",
            "the recipient " + offer.pay_to + " is not the one paid for this before",
            "pass --allow-pay-to with the address if the seller told you of the change");
    }
    judged.reached = Check::limit;
    const bool usd = counts_as_usd(*judged.asset, is_allowed(input.policy, module, offer));
    if (auto refusal = check_limit(input.policy, offer, usd, judged)) return refusal;
    judged.reached = Check::passed;
    return std::nullopt;
}

Judged judge(const SelectInput& input, const PaymentRequirements& offer) {
    Judged judged;
    judged.refusal = check_scheme(input, offer, judged);
    if (!judged.refusal) judged.refusal = check_asset(input, offer, judged);
    if (!judged.refusal) judged.refusal = check_terms(input, offer, judged);
    return judged;
}

// Smaller is better: what the payer prefers, then what costs less, then paying after the work.
struct Rank {
    std::size_t preference = 0;
    U256 usd_micros;
    int flow = 0;
    friend auto operator<=>(const Rank&, const Rank&) = default;
};

Rank rank_of(const SelectInput& input, const PaymentRequirements& offer, const Judged& judged) {
    Rank rank;
    const auto& prefer = input.policy.prefer;
    while (rank.preference < prefer.size() &&
           !matches_word(prefer[rank.preference], offer, &*judged.asset, input.modules)) {
        ++rank.preference;
    }
    rank.usd_micros = judged.usd_micros;
    const auto flow = payment_flow_of(offer);
    rank.flow = flow && *flow == PaymentFlow::authorization ? 0 : 1;
    return rank;
}

}  // namespace

const AssetInfo* table_asset(const Modules& modules, const ChainId& network,
                             std::string_view address) {
    const ChainModule* module = modules.of(network);
    if (module == nullptr) return nullptr;
    const std::string wanted = canonical(*module, address);
    for (const AssetInfo& each : module->assets()) {
        if (each.id.network == network && each.address == wanted) return &each;
    }
    return nullptr;
}

bool counts_as_usd(const AssetInfo& asset, bool allowed_by_payer) {
    if (asset.usd) return true;
    std::string symbol = asset.symbol;
    for (char& c : symbol) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return allowed_by_payer && symbol.find("USD") != std::string::npos;
}

bool matches_word(std::string_view word, const PaymentRequirements& offer, const AssetInfo* asset,
                  const Modules& modules) {
    const ChainId& network = offer.network;
    if (word == "*" || word == network.text() || equal_ignoring_case(word, network.family()))
        return true;
    if (equal_ignoring_case(word, offer.scheme)) return true;
    if (asset != nullptr && equal_ignoring_case(word, asset->symbol)) return true;
    if (word.ends_with(":*")) {
        const auto pattern = ChainPattern::parse(word);
        if (pattern && pattern->matches(network)) return true;
    }
    const KnownNetwork* known = modules.known(network);
    // A network that no table has is nobody's test network.
    if (word == "mainnet") return known == nullptr || !known->testnet;
    if (word == "testnet") return known != nullptr && known->testnet;
    return known != nullptr && (word == known->v1_name || equal_ignoring_case(word, known->title));
}

bool is_known_word(std::string_view word, const Modules& modules) {
    if (word == "mainnet" || word == "testnet") return true;
    if (ChainPattern::parse(word)) return true;
    for (const auto& module : modules.all()) {
        if (equal_ignoring_case(word, module->family())) return true;
        for (const AssetInfo& asset : module->assets()) {
            if (equal_ignoring_case(word, asset.symbol)) return true;
        }
        for (const ClientScheme* scheme : module->client_schemes()) {
            if (equal_ignoring_case(word, scheme->id().scheme)) return true;
        }
    }
    return modules.find_network(word).has_value();
}

std::vector<AssetId> assets_to_read(const PaymentRequired& required, const Modules& modules,
                                    const Policy& policy) {
    std::vector<AssetId> wanted;
    for (const PaymentRequirements& offer : required.accepts) {
        const ChainModule* module = modules.of(offer.network);
        if (module == nullptr || table_asset(modules, offer.network, offer.asset) != nullptr)
            continue;
        if (!is_allowed(policy, *module, offer)) continue;
        AssetId id;
        id.network = offer.network;
        id.reference = canonical(*module, offer.asset);
        if (std::find(wanted.begin(), wanted.end(), id) == wanted.end())
            wanted.push_back(std::move(id));
    }
    return wanted;
}

Selection select(const SelectInput& input) {
    Selection selection;
    selection.why =
        pay_error("no_offers", "the server asks for a payment but offers no way to pay");
    std::optional<Rank> best;
    Check furthest = Check::network;
    bool first = true;
    for (const PaymentRequirements& offer : input.required.accepts) {
        Judged judged = judge(input, offer);
        selection.offers.push_back({offer, judged.asset, judged.refusal});
        if (judged.refusal) {
            if (first || judged.reached > furthest) selection.why = *judged.refusal;
            furthest = first ? judged.reached : std::max(furthest, judged.reached);
            first = false;
            continue;
        }
        const Rank rank = rank_of(input, offer, judged);
        if (best && *best <= rank) continue;
        best = rank;
        selection.choice =
            Choice{offer, *judged.asset, judged.usd_micros, judged.scheme, judged.wallet};
    }
    for (const Error& unreadable : input.required.unreadable) {
        if (!selection.choice && first) selection.why = pay_error(unreadable);
    }
    return selection;
}

}  // namespace x402::client
