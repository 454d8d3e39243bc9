// SPDX-License-Identifier: Apache-2.0
// What a payer allows, as data: whom, where, in what and how much. Everything is closed unless it
// is known to the modules' tables or was opened here by name; a 402 opens nothing. Amounts are
// exact: millionths of a US dollar, or atomic units of the asset. Filled once, then const: any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/protocol/money.hpp"

namespace x402::client {

inline constexpr std::uint8_t kUsdMicroDecimals = 6;

// What one payment may cost in an asset that is not counted in dollars: "0.001 WETH".
struct SymbolLimit {
    std::string symbol;
    Decimal most;
};

// How much all payments of a group may cost together since a moment.
struct Budget {
    std::string group;               // empty: every payment in the journal
    std::optional<Duration> window;  // rolling; none: the whole life of the group
    U256 most_usd_micros;
};

struct Policy {
    U256 max_usd_micros = 1'000'000;  // a payment: $1
    std::vector<SymbolLimit> max_by_symbol;
    std::vector<Budget> budgets;
    std::string group;  // what our own payments are filed under
    std::vector<std::string>
        prefer;  // networks, patterns, families, "mainnet", "testnet", symbols, schemes
    std::vector<std::string> avoid;
    std::vector<std::string> symbols;      // only these; empty: any that is allowed
    std::vector<AssetId> allow_assets;     // beyond the dollar tokens of the tables
    std::vector<std::string> allow_hosts;  // private addresses, plain http, look-alikes
    std::vector<std::string>
        allow_pay_to;             // recipients that may differ from the ones seen before; "any"
    bool allow_loopback = false;  // a loopback URL that a person typed
    Duration max_validity = std::chrono::hours(24);  // of what we sign
};

// "$0.05" sets the dollar limit; "0.001 WETH" adds one for a symbol.
Result<void> set_limit(Policy& policy, std::string_view text);
// "$1", "$5/day", "$1/hour". Only dollars. Without a window it counts `group` alone, with one
// everything.
Result<Budget> read_budget(std::string_view text, std::string group);
// "$0.05" in millionths; more than six places are refused.
Result<U256> usd_micros_of(std::string_view text);
// What an amount of a dollar asset counts, rounded up; nothing when it does not fit 256 bits.
std::optional<U256> to_usd_micros(const U256& amount, std::uint8_t decimals);
std::string show_usd(const U256& micros);  // "$0.05"

bool host_allowed(const Policy& policy, std::string_view host) noexcept;

}  // namespace x402::client
