// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/_template/networks.hpp"

#include "x402/base/check.hpp"

namespace x402::mychain {
namespace {

ChainId network(std::string_view reference) {
    const auto id = ChainId::parse(std::string(kFamily) + ":" + std::string(reference));
    X402_CHECK(id.has_value());
    return *id;
}

}  // namespace

std::vector<KnownNetwork> known_networks() {
    KnownNetwork local;
    local.id = network("local");
    local.title = "mychain local";
    local.testnet = true;
    return {local};
}

std::vector<AssetInfo> known_assets() {
    AssetInfo coin;
    coin.id = AssetId{network("local"), "token", "coin"};
    coin.address = "coin";
    coin.symbol = "COIN";
    coin.decimals = 6;
    coin.usd = true;
    return {coin};
}

}  // namespace x402::mychain
