// SPDX-License-Identifier: Apache-2.0
// The family's names, networks and assets: data, no code of the core names any of it. Any thread.
#pragma once

#include <string_view>
#include <vector>

#include "x402/schemes/module.hpp"

namespace x402::mychain {

inline constexpr std::string_view kFamily = "mychain";  // the CAIP-2 namespace

std::vector<KnownNetwork> known_networks();
// The default asset of a network comes first.
std::vector<AssetInfo> known_assets();

}  // namespace x402::mychain
