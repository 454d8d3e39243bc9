// SPDX-License-Identifier: Apache-2.0
// The Solana networks and tokens we know, as data; a network's first token is its default. Any
// thread.
#pragma once

#include <vector>

#include "x402/base/tree.hpp"
#include "x402/schemes/module.hpp"

namespace x402::svm {

inline constexpr std::string_view kFamily = "solana";
// About how long a transaction lives: 150 blocks.
inline constexpr auto kLifetime = std::chrono::seconds(60);
// How many blocks a blockhash stays valid after its own.
inline constexpr std::uint64_t kBlockhashBlocks = 150;

std::vector<KnownNetwork> known_networks();
std::vector<AssetInfo> known_assets();

// Where an asset names its token program (an address) in AssetInfo::extra.
inline constexpr std::string_view kTokenProgramKey = "tokenProgram";

// A section [assets.X]: address (the mint), decimals, symbol, usd, token_program = "spl-token" or
// "token-2022" (read from the mint where it is not said).
Result<AssetInfo> read_asset_section(const ChainId& network, const Tree& section);

}  // namespace x402::svm
