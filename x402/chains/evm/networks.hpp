// SPDX-License-Identifier: Apache-2.0
// The EVM networks we know by name, as data. Any other network of the family works too: it is then
// named by its CAIP-2 id and needs an `rpc` of its own. Any thread.
#pragma once

#include <optional>
#include <vector>

#include "x402/schemes/module.hpp"

namespace x402::evm {

inline constexpr std::string_view kFamily = "eip155";

std::vector<KnownNetwork> known_networks();

// The number in "eip155:8453"; nothing for another family or a reference that is no canonical
// number.
std::optional<std::uint64_t> chain_number(const ChainId& network);

}  // namespace x402::evm
