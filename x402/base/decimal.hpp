// SPDX-License-Identifier: Apache-2.0
// Exact decimal fractions: what a human types for a price, without floating point. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "x402/base/u256.hpp"

namespace x402 {

// digits x 10^-scale: "1.50" is {150, 2}.
struct Decimal {
    U256 digits;
    std::uint8_t scale = 0;
};

// Digits with at most one dot and at least one digit on each side of it; no sign, no exponent, no
// spaces; at most 36 places after the dot.
Result<Decimal> parse_decimal(std::string_view text);

enum class Rounding { exact, down, up };

// digits x 10^(decimals - scale). With Rounding::exact a remainder is Errc::invalid, and the
// error's `next` names the two nearest representable texts.
Result<U256> to_atomic(const Decimal& value, std::uint8_t decimals, Rounding rounding);

// 1500 with 6 decimals is "0.0015"; whole numbers have no dot.
std::string from_atomic(const U256& amount, std::uint8_t decimals);

}  // namespace x402
