// SPDX-License-Identifier: Apache-2.0
// Assets, amounts that carry them, and the texts people type for a price: "$0.01", "0.01 USDC",
// "10000" (atomic, only where the asset is named beside it). Any thread.
#pragma once

#include <string>
#include <string_view>

#include "x402/base/decimal.hpp"
#include "x402/protocol/types.hpp"

namespace x402 {

struct AssetInfo {
    AssetId id;
    std::string address;  // the wire's `asset`: "0x036C...", canonical for its chain
    std::string symbol;   // "USDC"
    std::uint8_t decimals = 0;
    bool usd = false;    // one unit is one US dollar: `$` prices apply
    json::Object extra;  // the module's: {"name": "USDC", "version": "2"}
};

struct Money {
    AssetInfo asset;
    U256 amount;
};

struct PriceText {
    bool usd = false;    // "$"
    std::string symbol;  // "USDC", or empty
    Decimal value;
};

// "$0.01", "0.01 USDC", "$0.01 USDC" is refused. No sign, exponent, thousands separator.
Result<PriceText> parse_price(std::string_view text);
// Exact by default: what cannot be represented is an error that names the two nearest. `$` on an
// asset that is not `usd`, or another symbol than the asset's, is refused. Zero is refused.
Result<U256> price_in(const PriceText& price, const AssetInfo& asset,
                      Rounding rounding = Rounding::exact);
// "0.001 USDC"
std::string show(const U256& amount, const AssetInfo& asset);

}  // namespace x402
