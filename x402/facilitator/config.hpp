// SPDX-License-Identifier: Apache-2.0
// facilitator.toml, checked. Keys of [networks.X] that are the module's are read by the module when
// it connects; the configuration's tree must therefore live until the service has started. A
// facilitator inside a gateway reads the same [networks] and nothing else. Every error names file,
// line, key and remedy. One thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "x402/base/limits.hpp"
#include "x402/base/tree.hpp"
#include "x402/facilitator/callers.hpp"
#include "x402/protocol/money.hpp"
#include "x402/schemes/registry.hpp"

namespace x402::facilitator {

// The least a payment must be worth: a count of atomic units, or a price such as "$0.001".
struct MinAmount {
    std::optional<U256> atomic;
    std::optional<PriceText> price;
};

struct NetworkConfig {
    ChainId id;
    const Tree* section = nullptr;
    Duration settle_wait =
        std::chrono::seconds(30);  // how long /settle waits before it says pending
    bool accept_observed = false;  // payTo is used by this store alone
    bool any_token = false;
    MinAmount min_amount;
};

// A recipient this facilitator settles for: the family's canonical text.
struct AllowedPayTo {
    std::string family;
    std::string address;
    friend auto operator<=>(const AllowedPayTo&, const AllowedPayTo&) = default;
};

struct Config {
    std::string name = "facilitator";
    std::string listen = "127.0.0.1:4020";
    std::string store = "sqlite:facilitator.db";
    std::string base_dir;
    std::size_t threads = 0;              // 0: the machine's cores
    bool open = false;                    // anybody may ask
    bool loopback = true;                 // the listener is reachable from this machine only
    std::vector<Caller> callers;          // empty: no token is asked for
    std::set<AllowedPayTo> pay_to_allow;  // empty: any
    BucketRule rate;                      // per caller
    // Undecided payments at once: of a network, and of one payer with one token there.
    std::size_t pending = limits::kQueuedSettlements;
    std::size_t pending_per_payer = 64;
    std::vector<NetworkConfig> networks;
};

Result<Config> read_config(const Tree& root, const Modules& modules, std::string base_dir);
// For a gateway's own facilitator: the networks that have signers, no listener, no callers.
Result<Config> read_inside_config(const Tree& root, const Modules& modules, std::string base_dir);

// "127.0.0.1:4020", "[::1]:0", "localhost:80": reachable from this machine only.
bool is_loopback_listener(std::string_view listen) noexcept;

}  // namespace x402::facilitator
