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

// What gas is on a network.
struct GasFacts {
    // Defaults of max_gas_price and max_tip, in wei.
    std::uint64_t max_price = 500'000'000'000;
    std::uint64_t max_tip = 5'000'000'000;
    // Gas counts only what a transaction does. Where the data fee is counted in it too, nobody can
    // bound what a neighbour costs, and every payment leaves alone.
    bool shares = true;
};
GasFacts gas_facts(std::uint64_t chain) noexcept;

// The number in "eip155:8453"; nothing for another family or a reference that is no canonical
// number.
std::optional<std::uint64_t> chain_number(const ChainId& network);

}  // namespace x402::evm
