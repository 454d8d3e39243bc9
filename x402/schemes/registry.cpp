// SPDX-License-Identifier: Apache-2.0
#include "x402/schemes/registry.hpp"

#include <algorithm>
#include <cctype>

namespace x402 {
namespace {

bool same_word(std::string_view left, std::string_view right) noexcept {
    return std::equal(
        left.begin(), left.end(), right.begin(), right.end(),
        [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

template <class Found>
const Found* find_scheme(const std::vector<const Found*>& schemes, std::string_view scheme,
                         const ChainId& network) {
    const Found* by_pattern = nullptr;
    for (const Found* each : schemes) {
        const SchemeId& id = each->id();
        if (id.scheme != scheme || !id.networks.matches(network)) continue;
        if (id.networks.text() == network.text()) return each;
        if (by_pattern == nullptr) by_pattern = each;
    }
    return by_pattern;
}

template <class Found>
Result<void> refuse_duplicates(const std::vector<const Found*>& schemes, std::string_view role) {
    for (std::size_t i = 0; i < schemes.size(); ++i) {
        for (std::size_t k = i + 1; k < schemes.size(); ++k) {
            const SchemeId& one = schemes[i]->id();
            const SchemeId& other = schemes[k]->id();
            if (one.scheme == other.scheme && one.networks.text() == other.networks.text()) {
                return fail(Errc::conflict, "two " + std::string(role) +
                                                " schemes are registered for " + one.scheme +
                                                " on " + one.networks.text());
            }
        }
    }
    return {};
}

}  // namespace

Result<void> Modules::add(std::unique_ptr<ChainModule> module) {
    if (family(module->family()) != nullptr) {
        return fail(Errc::conflict,
                    "the chain family " + std::string(module->family()) + " is registered twice");
    }
    for (const KnownNetwork& network : module->networks()) {
        if (network.id.family() != module->family()) {
            return fail(Errc::invalid, "the module " + std::string(module->family()) +
                                           " names a foreign network " + network.id.text());
        }
        if (network.v1_name.empty()) continue;
        if (const auto other = names().to_chain(network.v1_name)) {
            return fail(Errc::conflict, "the network name " + network.v1_name + " means both " +
                                            other->text() + " and " + network.id.text());
        }
    }
    X402_TRY_VOID(refuse_duplicates(module->client_schemes(), "client"));
    X402_TRY_VOID(refuse_duplicates(module->server_schemes(), "server"));
    modules_.push_back(std::move(module));
    return {};
}

const ChainModule* Modules::family(std::string_view name) const noexcept {
    for (const auto& module : modules_) {
        if (module->family() == name) return module.get();
    }
    return nullptr;
}

const ChainModule* Modules::of(const ChainId& network) const noexcept {
    return family(network.family());
}

const ClientScheme* Modules::client(std::string_view scheme,
                                    const ChainId& network) const noexcept {
    const ChainModule* module = of(network);
    return module == nullptr ? nullptr : find_scheme(module->client_schemes(), scheme, network);
}

const ServerScheme* Modules::server(std::string_view scheme,
                                    const ChainId& network) const noexcept {
    const ChainModule* module = of(network);
    return module == nullptr ? nullptr : find_scheme(module->server_schemes(), scheme, network);
}

const KnownNetwork* Modules::known(const ChainId& network) const noexcept {
    const ChainModule* module = of(network);
    if (module == nullptr) return nullptr;
    for (const KnownNetwork& each : module->networks()) {
        if (each.id == network) return &each;
    }
    return nullptr;
}

Result<ChainId> Modules::find_network(std::string_view text) const {
    for (const auto& module : modules_) {
        for (const KnownNetwork& each : module->networks()) {
            if (each.id.text() == text || (!each.v1_name.empty() && each.v1_name == text) ||
                same_word(each.title, text)) {
                return each.id;
            }
        }
    }
    X402_TRY(ChainId id, ChainId::parse(text));
    if (of(id) == nullptr) {
        return fail(Errc::unsupported,
                    "no module of this build knows the network " + std::string(text));
    }
    return id;
}

const AssetInfo* Modules::asset(const ChainId& network,
                                std::string_view address_or_symbol) const noexcept {
    const ChainModule* module = of(network);
    if (module == nullptr) return nullptr;
    for (const AssetInfo& each : module->assets()) {
        if (each.id.network != network) continue;
        if (same_word(each.address, address_or_symbol) || same_word(each.symbol, address_or_symbol))
            return &each;
    }
    return nullptr;
}

NetworkNames Modules::names() const {
    NetworkNames names;
    names.to_chain = [this](std::string_view v1_name) -> std::optional<ChainId> {
        for (const auto& module : modules_) {
            for (const KnownNetwork& each : module->networks()) {
                if (!each.v1_name.empty() && each.v1_name == v1_name) return each.id;
            }
        }
        return std::nullopt;
    };
    names.to_v1_name = [this](const ChainId& network) -> std::optional<std::string> {
        const KnownNetwork* each = known(network);
        if (each == nullptr || each->v1_name.empty()) return std::nullopt;
        return each->v1_name;
    };
    return names;
}

Result<void> FacilitatorSchemes::add(const ChainId& network, const FacilitatorScheme* scheme) {
    if (!scheme->id().networks.matches(network)) {
        return fail(Errc::invalid,
                    "the scheme " + scheme->id().scheme + " does not serve " + network.text());
    }
    for (const Row& row : rows_) {
        if (row.network == network && row.scheme->id().scheme == scheme->id().scheme) {
            return fail(Errc::conflict, "two facilitator schemes are registered for " +
                                            scheme->id().scheme + " on " + network.text());
        }
    }
    rows_.push_back(Row{network, scheme});
    return {};
}

const FacilitatorScheme* FacilitatorSchemes::find(std::string_view scheme,
                                                  const ChainId& network) const noexcept {
    for (const Row& row : rows_) {
        if (row.network == network && row.scheme->id().scheme == scheme) return row.scheme;
    }
    return nullptr;
}

}  // namespace x402
