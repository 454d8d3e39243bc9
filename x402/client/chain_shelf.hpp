// SPDX-License-Identifier: Apache-2.0
// Networks connected on demand, for looking only: with the endpoints the user named (`--rpc
// NETWORK=URL`), else with the network's public one. One thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "x402/client/client.hpp"

namespace x402::client {

class ChainShelf {
public:
    explicit ChainShelf(const Modules& modules) : modules_(modules) {}
    // "eip155:8453=https://..." or "base=https://..."
    Result<void> add_endpoint(std::string_view text);
    // Errc::unsupported names a network without any endpoint.
    Result<OpenedChain> open(const ChainId& network);

private:
    const Modules& modules_;
    std::map<ChainId, std::vector<std::string>> endpoints_;
    std::map<ChainId, std::unique_ptr<Chain>> opened_;
};

}  // namespace x402::client
