// SPDX-License-Identifier: Apache-2.0
// All modules of this process and what they bring, found by network, scheme, asset or name. A
// duplicate family, scheme or network name stops the start with a sentence that names it. Filled
// once, then const: any thread.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "x402/protocol/version.hpp"
#include "x402/schemes/module.hpp"

namespace x402 {

class Modules {
public:
    Result<void> add(std::unique_ptr<ChainModule> module);

    const ChainModule* family(std::string_view name) const noexcept;  // "eip155"
    const ChainModule* of(const ChainId& network) const noexcept;
    const std::vector<std::unique_ptr<ChainModule>>& all() const noexcept { return modules_; }

    const ClientScheme* client(std::string_view scheme, const ChainId& network) const noexcept;
    const ServerScheme* server(std::string_view scheme, const ChainId& network) const noexcept;

    const KnownNetwork* known(const ChainId& network) const noexcept;
    // "eip155:84532", "base-sepolia" or a title without case.
    Result<ChainId> find_network(std::string_view text) const;
    // By address or symbol on a network, in the tables.
    const AssetInfo* asset(const ChainId& network,
                           std::string_view address_or_symbol) const noexcept;
    // The V1 names of all modules. The object outlives the answer.
    NetworkNames names() const;

private:
    std::vector<std::unique_ptr<ChainModule>> modules_;
};

// A facilitator's schemes, found by scheme and network: the exact network before a pattern.
class FacilitatorSchemes {
public:
    // Errc::conflict names a pair that is there already.
    Result<void> add(const ChainId& network, const FacilitatorScheme* scheme);
    const FacilitatorScheme* find(std::string_view scheme, const ChainId& network) const noexcept;

private:
    struct Row {
        ChainId network;
        const FacilitatorScheme* scheme;
    };
    std::vector<Row> rows_;
};

}  // namespace x402
