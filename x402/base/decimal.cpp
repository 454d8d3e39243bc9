// SPDX-License-Identifier: Apache-2.0
// Prices as people write them, to and from atomic units, in integers all the way. A price that an
// asset cannot represent is never rounded silently: the caller names the rounding, or gets the two
// neighbours. Any thread.
#include "x402/base/decimal.hpp"

#include <algorithm>

namespace x402 {

namespace {

constexpr std::size_t kMaxPlaces = 36;
// 78 digits before the dot, the dot, 36 places: no longer text can be a number that we hold.
constexpr std::size_t kMaxText = 78 + 1 + kMaxPlaces;

bool all_digits(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// 10^exponent; nothing where that has more than 256 bits.
std::optional<U256> power_of_ten(unsigned exponent) {
    if (exponent > 77) return std::nullopt;
    U256 out = 1;
    for (unsigned i = 0; i < exponent; ++i) out = *out.checked_mul(10);
    return out;
}

std::unexpected<Error> not_exact(const U256& below, std::uint8_t decimals) {
    std::string next = "write " + from_atomic(below, decimals);
    if (const auto above = below.checked_add(1)) next += " or " + from_atomic(*above, decimals);
    return fail_field(
        Errc::invalid, {},
        "the amount has more than the " + std::to_string(decimals) + " decimal places of its asset",
        std::move(next));
}

}  // namespace

Result<Decimal> parse_decimal(std::string_view text) {
    if (text.size() > kMaxText) return fail(Errc::invalid, "the amount is too long");
    const std::size_t dot = text.find('.');
    const std::string_view whole = text.substr(0, dot);
    const std::string_view places =
        dot == std::string_view::npos ? std::string_view{} : text.substr(dot + 1);
    if (whole.empty() || (dot != std::string_view::npos && places.empty())) {
        return fail(Errc::invalid, "the amount needs a digit on each side of its dot");
    }
    if (!all_digits(whole) || !all_digits(places)) {
        return fail(Errc::invalid, "the amount may have digits and one dot only");
    }
    if (places.size() > kMaxPlaces)
        return fail(Errc::invalid, "the amount has more than 36 decimal places");
    std::string digits;
    digits.append(whole).append(places);
    const std::size_t first = std::min(digits.find_first_not_of('0'), digits.size() - 1);
    X402_TRY(const U256 value, U256::from_decimal(std::string_view(digits).substr(first)));
    return Decimal{value, static_cast<std::uint8_t>(places.size())};
}

Result<U256> to_atomic(const Decimal& value, std::uint8_t decimals, Rounding rounding) {
    if (value.digits.is_zero()) return U256{};
    if (decimals >= value.scale) {
        const auto factor = power_of_ten(static_cast<unsigned>(decimals - value.scale));
        const auto amount = factor ? value.digits.checked_mul(*factor) : std::nullopt;
        if (!amount) return fail(Errc::invalid, "the amount does not fit in 256 bits");
        return *amount;
    }
    const auto divisor = power_of_ten(static_cast<unsigned>(value.scale - decimals));
    U256::Division parts{U256{}, value.digits};
    if (divisor) parts = value.digits.divide(*divisor);
    if (parts.remainder.is_zero() || rounding == Rounding::down) return parts.quotient;
    if (rounding == Rounding::exact) return not_exact(parts.quotient, decimals);
    // A division by ten at least leaves room for one more.
    return *parts.quotient.checked_add(1);
}

std::string from_atomic(const U256& amount, std::uint8_t decimals) {
    std::string digits = amount.to_decimal();
    if (decimals == 0) return digits;
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    const std::size_t dot = digits.size() - decimals;
    std::string places = digits.substr(dot);
    places.erase(places.find_last_not_of('0') + 1);
    digits.resize(dot);
    if (!places.empty()) digits.append(".").append(places);
    return digits;
}

}  // namespace x402
