// SPDX-License-Identifier: Apache-2.0
// V1 names are those of the reference implementation; a network without one was never in version 1.
// Any thread.
#include "x402/chains/evm/networks.hpp"

#include "x402/base/check.hpp"

namespace x402::evm {
namespace {

struct Row {
    std::uint64_t chain;
    std::string_view v1_name;
    std::string_view title;
    bool testnet;
    std::string_view public_rpc;
};

constexpr Row kRows[] = {
    {1, "ethereum", "Ethereum", false, "https://ethereum-rpc.publicnode.com"},
    {14, "flare", "Flare", false, "https://flare-api.flare.network/ext/C/rpc"},
    {50, "", "XDC", false, "https://erpc.xinfin.network"},
    {51, "", "XDC Apothem", true, "https://erpc.apothem.network"},
    {137, "polygon", "Polygon", false, "https://polygon-bor-rpc.publicnode.com"},
    {143, "monad", "Monad", false, "https://rpc.monad.xyz"},
    {988, "stable", "Stable", false, "https://rpc.stable.xyz"},
    {1328, "sei-testnet", "Sei Testnet", true, "https://evm-rpc-testnet.sei-apis.com"},
    {1329, "sei", "Sei", false, "https://evm-rpc.sei-apis.com"},
    {1514, "story", "Story", false, "https://mainnet.storyrpc.io"},
    {2201, "stable-testnet", "Stable Testnet", true, "https://rpc.testnet.stable.xyz"},
    {2741, "abstract", "Abstract", false, "https://api.mainnet.abs.xyz"},
    {3338, "peaq", "peaq", false, ""},
    {4326, "megaeth", "MegaETH", false, "https://mainnet.megaeth.com/rpc"},
    {4689, "iotex", "IoTeX", false, "https://babel-api.mainnet.iotex.io"},
    {8453, "base", "Base", false, "https://mainnet.base.org"},
    {11124, "abstract-testnet", "Abstract Testnet", true, "https://api.testnet.abs.xyz"},
    {31611, "", "Mezo Testnet", true, "https://rpc.test.mezo.org"},
    {31612, "", "Mezo", false, ""},
    {36900, "", "ADI", false, ""},
    {38833, "", "Igra", false, ""},
    {41923, "educhain", "EDU Chain", false, ""},
    {42161, "", "Arbitrum One", false, "https://arb1.arbitrum.io/rpc"},
    {42220, "celo", "Celo", false, "https://forno.celo.org"},
    {43113, "avalanche-fuji", "Avalanche Fuji", true, "https://api.avax-test.network/ext/bc/C/rpc"},
    {43114, "avalanche", "Avalanche", false, "https://api.avax.network/ext/bc/C/rpc"},
    {72344, "", "Radius Testnet", true, ""},
    {80002, "polygon-amoy", "Polygon Amoy", true, "https://rpc-amoy.polygon.technology"},
    {84532, "base-sepolia", "Base Sepolia", true, "https://sepolia.base.org"},
    {181228, "", "HPP Sepolia", true, ""},
    {190415, "", "HPP", false, ""},
    {421614, "", "Arbitrum Sepolia", true, "https://sepolia-rollup.arbitrum.io/rpc"},
    {723487, "", "Radius", false, ""},
    {1440000, "", "XRPL EVM", false, "https://rpc.xrplevm.org"},
    {11142220, "", "Celo Sepolia", true, "https://forno.celo-sepolia.celo-testnet.org"},
    {11155111, "sepolia", "Sepolia", true, "https://ethereum-sepolia-rpc.publicnode.com"},
    {324705682, "skale-base-sepolia", "SKALE Base Sepolia", true, ""},
};

constexpr std::uint64_t kGwei = 1'000'000'000;

struct GasRow {
    std::uint64_t chain;
    GasFacts facts;
};

constexpr GasRow kGas[] = {
    // Money of little worth, and a tip of 25 gwei or more is demanded.
    {137, {2'000 * kGwei, 200 * kGwei, true}},
    {80002, {2'000 * kGwei, 200 * kGwei, true}},
    // The base fee alone is 1000 gwei.
    {4689, {4'000 * kGwei, 5 * kGwei, true}},
    // Arbitrum's stack and ZKsync's count the data fee as gas.
    {42161, {500 * kGwei, 5 * kGwei, false}},
    {421614, {500 * kGwei, 5 * kGwei, false}},
    {41923, {500 * kGwei, 5 * kGwei, false}},
    {190415, {500 * kGwei, 5 * kGwei, false}},
    {181228, {500 * kGwei, 5 * kGwei, false}},
    {2741, {500 * kGwei, 5 * kGwei, false}},
    {11124, {500 * kGwei, 5 * kGwei, false}},
};

}  // namespace

GasFacts gas_facts(std::uint64_t chain) noexcept {
    for (const GasRow& row : kGas) {
        if (row.chain == chain) return row.facts;
    }
    return {};
}

std::vector<KnownNetwork> known_networks() {
    std::vector<KnownNetwork> out;
    for (const Row& row : kRows) {
        auto id = ChainId::parse(std::string(kFamily) + ":" + std::to_string(row.chain));
        X402_CHECK(id.has_value());
        out.push_back(KnownNetwork{*id, std::string(row.v1_name), std::string(row.title),
                                   row.testnet, std::string(row.public_rpc)});
    }
    return out;
}

std::optional<std::uint64_t> chain_number(const ChainId& network) {
    if (network.family() != kFamily) return std::nullopt;
    const auto number = U256::from_decimal(network.reference());
    if (!number || number->is_zero()) return std::nullopt;
    return number->to_u64();
}

}  // namespace x402::evm
