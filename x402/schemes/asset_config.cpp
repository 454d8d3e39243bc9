// SPDX-License-Identifier: Apache-2.0
#include "x402/schemes/asset_config.hpp"

#include <algorithm>
#include <cctype>

namespace x402 {
namespace {

bool same_word(std::string_view left, std::string_view right) noexcept {
    return std::equal(
        left.begin(), left.end(), right.begin(), right.end(),
        [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

Result<NamedAsset> read_asset(const std::string& name, const Tree& section,
                              const Modules& modules) {
    if (!section.is_table())
        return section.wrong("an asset is a table", "write [assets." + name + "]");
    X402_TRY(const std::string network_text, section.get_text("network"));
    auto network = modules.find_network(network_text);
    if (!network) {
        return section.find("network")->wrong(network.error().detail,
                                              "write a CAIP-2 id such as \"eip155:8453\"");
    }
    const ChainModule* module = modules.of(*network);
    X402_TRY(AssetInfo asset, module->read_asset(*network, section));
    if (asset.symbol.empty()) asset.symbol = name;
    return NamedAsset{name, std::move(asset)};
}

}  // namespace

Result<std::vector<NamedAsset>> read_assets(const Tree& root, const Modules& modules) {
    std::vector<NamedAsset> assets;
    const Tree* sections = root.find("assets");
    if (sections == nullptr) return assets;
    if (!sections->is_table())
        return sections->wrong("assets is a table of tables", "write [assets.NAME]");
    for (const auto& member : sections->members()) {
        const Tree* section = sections->find(member.key);
        X402_TRY(NamedAsset asset, read_asset(member.key, *section, modules));
        assets.push_back(std::move(asset));
    }
    return assets;
}

AssetShelf::AssetShelf(std::vector<NamedAsset> configured, const Modules& modules)
    : configured_(std::move(configured)), modules_(modules) {}

Result<AssetInfo> AssetShelf::find(const ChainId& network, std::string_view name) const {
    for (const NamedAsset& each : configured_) {
        if (each.asset.id.network != network) continue;
        if (each.name == name || same_word(each.asset.address, name) ||
            same_word(each.asset.symbol, name)) {
            return each.asset;
        }
    }
    if (const AssetInfo* known = modules_.asset(network, name)) return *known;
    return fail(Errc::unsupported,
                "the asset " + std::string(name) + " is not known on " + network.text());
}

const NamedAsset* AssetShelf::named(std::string_view name) const noexcept {
    for (const NamedAsset& each : configured_) {
        if (each.name == name) return &each;
    }
    return nullptr;
}

Result<AssetInfo> AssetShelf::dollar(const ChainId& network) const {
    for (const NamedAsset& each : configured_) {
        if (each.asset.id.network == network && each.asset.usd) return each.asset;
    }
    const ChainModule* module = modules_.of(network);
    if (module != nullptr) {
        for (const AssetInfo& each : module->assets()) {
            if (each.id.network == network && each.usd) return each;
        }
    }
    return fail(Errc::unsupported, "no dollar asset is known on " + network.text());
}

std::vector<AssetInfo> AssetShelf::configured_on(const ChainId& network) const {
    std::vector<AssetInfo> assets;
    for (const NamedAsset& each : configured_) {
        if (each.asset.id.network == network) assets.push_back(each.asset);
    }
    return assets;
}

}  // namespace x402
