// SPDX-License-Identifier: Apache-2.0
// What an operator says of one network: the keys of [networks."eip155:..."] that are this module's.
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/crypto/secret.hpp"
#include "x402/schemes/module.hpp"

namespace x402::evm {

struct Signer {
    std::string address;  // EIP-55
    crypto::Secret key;
};

struct Settings {
    std::vector<std::string> rpc;
    std::vector<Signer> signers;
    std::uint64_t confirmations = 1;
    bool any_token = false;
    U256 max_gas_price;                    // wei
    U256 max_tip{5'000'000'000};           // wei; of what a node suggests
    std::optional<U256> daily_gas_budget;  // wei; nothing: a share of the signers' funds at start
    std::optional<Duration> stuck_after;
    std::optional<Duration> poll;
};

// `public_rpc` is used where nothing else is said.
Result<Settings> read_settings(const NetworkSetup& setup, std::string_view public_rpc);

// "50gwei", "1.5gwei" or an integer of wei.
Result<U256> parse_gas_price(std::string_view text);
// "0.05" is the network's own money with 18 decimals; digits alone are wei.
Result<U256> parse_native(std::string_view text);

}  // namespace x402::evm
