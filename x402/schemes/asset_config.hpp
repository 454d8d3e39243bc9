// SPDX-License-Identifier: Apache-2.0
// The [assets.X] sections of a configuration, and a shelf of everything that may be priced in:
// configured assets first, then the modules' known ones. One thread while reading, then const.
#pragma once

#include <string>
#include <vector>

#include "x402/schemes/registry.hpp"

namespace x402 {

struct NamedAsset {
    std::string name;  // "usdc-local", the section's name
    AssetInfo asset;
};

// Network, address, decimals and usd are read here; what else the section holds goes to the
// network's module.
Result<std::vector<NamedAsset>> read_assets(const Tree& root, const Modules& modules);

class AssetShelf {
public:
    AssetShelf(std::vector<NamedAsset> configured, const Modules& modules);
    // By the section's name, an address or a symbol on the network; configured ones win.
    Result<AssetInfo> find(const ChainId& network, std::string_view name) const;
    // By the section's name alone, which tells the network.
    const NamedAsset* named(std::string_view name) const noexcept;
    // What `$` prices are taken in when a route names only the network: the first that is `usd`.
    Result<AssetInfo> dollar(const ChainId& network) const;
    std::vector<AssetInfo> configured_on(const ChainId& network) const;

private:
    std::vector<NamedAsset> configured_;
    const Modules& modules_;
};

}  // namespace x402
