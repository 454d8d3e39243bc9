// SPDX-License-Identifier: Apache-2.0
// Prices as people type them, and the one place where they become atomic units.
#include "x402/protocol/money.hpp"

#include <algorithm>

namespace x402 {
namespace {

constexpr std::size_t kSymbolMax = 16;
constexpr std::string_view kForms =
    "write it like \"$0.01\", \"0.01 USDC\" or, in atomic units, \"10000\"";

// Any visible byte: token symbols in the field have characters beyond ASCII.
bool is_symbol(std::string_view text) {
    return !text.empty() && text.size() <= kSymbolMax && text.front() != '$' &&
           std::all_of(text.begin(), text.end(), [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return byte > 0x20 && byte != 0x7f;
           });
}

std::unexpected<Error> not_a_price(std::string detail) {
    return fail_field(Errc::invalid, "price", std::move(detail), std::string(kForms));
}

// A bare number is a count of atomic units, so it has no fraction.
Result<U256> atomic_in(const PriceText& price) {
    if (price.value.scale != 0)
        return not_a_price("a bare number counts atomic units and has no fraction");
    return price.value.digits;
}

Result<void> check_unit(const PriceText& price, const AssetInfo& asset) {
    if (price.usd && !asset.usd) {
        return fail_field(Errc::invalid, "price", "`$` does not apply to " + asset.symbol,
                          "price it in " + asset.symbol + ", or mark the asset with usd = true");
    }
    if (!price.symbol.empty() && price.symbol != asset.symbol) {
        return fail_field(Errc::invalid, "price",
                          "the price is in " + price.symbol + ", the asset is " + asset.symbol,
                          "price it in " + asset.symbol);
    }
    return {};
}

}  // namespace

Result<PriceText> parse_price(std::string_view text) {
    PriceText price;
    std::string_view number = text;
    if (number.starts_with('$')) {
        price.usd = true;
        number.remove_prefix(1);
    } else if (const auto space = number.find(' '); space != std::string_view::npos) {
        const auto symbol = number.substr(space + 1);
        if (!is_symbol(symbol)) return not_a_price("the price has no symbol after its number");
        price.symbol = symbol;
        number = number.substr(0, space);
    }
    auto value = parse_decimal(number);
    if (!value) return not_a_price("the price is not a plain decimal number");
    price.value = *value;
    const bool bare = !price.usd && price.symbol.empty();
    if (bare && price.value.scale != 0) {
        return not_a_price("a bare number counts atomic units and has no fraction");
    }
    return price;
}

Result<U256> price_in(const PriceText& price, const AssetInfo& asset, Rounding rounding) {
    X402_TRY_VOID(check_unit(price, asset));
    const bool bare = !price.usd && price.symbol.empty();
    auto amount = bare ? atomic_in(price) : to_atomic(price.value, asset.decimals, rounding);
    if (!amount) {
        Error error = std::move(amount).error();
        if (error.field.empty()) error.field = "price";
        return fail(std::move(error));
    }
    if (amount->is_zero()) {
        return fail_field(Errc::invalid, "price", "the price is zero",
                          "mark the route with free = true");
    }
    return amount;
}

std::string show(const U256& amount, const AssetInfo& asset) {
    return from_atomic(amount, asset.decimals) + " " + asset.symbol;
}

}  // namespace x402
