// SPDX-License-Identifier: Apache-2.0
// The tokens we know, as data; the first of a network is its default. Their `extra` is what a
// payer's wallet must sign with: the token's EIP-712 name and version. Peers' tables contradict
// each other in places, so a facilitator proves each against the chain before it believes it
// (token.hpp). Any thread.
#pragma once

#include <vector>

#include "x402/base/tree.hpp"
#include "x402/protocol/money.hpp"

namespace x402::evm {

inline constexpr std::string_view kMethodKey = "assetTransferMethod";
inline constexpr std::string_view kEip3009 = "eip3009";
inline constexpr std::string_view kPermit2 = "permit2";

std::vector<AssetInfo> known_assets();

// A section [assets.X]: address, decimals, symbol, usd, eip712 = { name, version }, transfer. Keys
// that every family shares (network) are the caller's.
Result<AssetInfo> read_asset_section(const ChainId& network, const Tree& section);

// "eip3009" unless `extra` says otherwise.
std::string transfer_method(const json::Object& extra);

}  // namespace x402::evm
