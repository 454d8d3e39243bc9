// SPDX-License-Identifier: Apache-2.0
// Reading limits and budgets as people type them. Pure; any thread.
#include "x402/client/policy.hpp"

#include <algorithm>

#include "x402/net/http.hpp"

namespace x402::client {
namespace {

constexpr std::string_view kLimitForms = "write it like \"$0.05\", or \"0.001 WETH\" for one asset";
constexpr std::string_view kBudgetForms = "write it like \"$1\", \"$1/hour\" or \"$5/day\"";

// 10^places; 36 places at most, as parse_decimal allows, and 10^77 still fits.
std::optional<U256> power_of_ten(unsigned places) {
    U256 power = 1;
    for (unsigned i = 0; i < places; ++i) {
        const auto next = power.checked_mul(10);
        if (!next) return std::nullopt;
        power = *next;
    }
    return power;
}

}  // namespace

Result<U256> usd_micros_of(std::string_view text) {
    X402_TRY(const PriceText price, parse_price(text));
    if (!price.usd) {
        return fail_field(Errc::invalid, "amount", "this amount must be in dollars",
                          "write it like \"$0.05\"");
    }
    return to_atomic(price.value, kUsdMicroDecimals, Rounding::exact);
}

Result<void> set_limit(Policy& policy, std::string_view text) {
    auto price = parse_price(text);
    if (!price) {
        Error error = std::move(price).error();
        error.field = "max";
        error.next = kLimitForms;
        return fail(std::move(error));
    }
    if (price->usd) {
        X402_TRY(policy.max_usd_micros,
                 to_atomic(price->value, kUsdMicroDecimals, Rounding::exact));
        return {};
    }
    if (price->symbol.empty()) {
        return fail_field(Errc::invalid, "max", "a limit needs a unit", std::string(kLimitForms));
    }
    policy.max_by_symbol.push_back({price->symbol, price->value});
    return {};
}

Result<Budget> read_budget(std::string_view text, std::string group) {
    Budget budget;
    std::string_view amount = text;
    if (const auto slash = text.find('/'); slash != std::string_view::npos) {
        const std::string_view unit = text.substr(slash + 1);
        amount = text.substr(0, slash);
        if (unit == "hour") budget.window = std::chrono::hours(1);
        if (unit == "day") budget.window = std::chrono::hours(24);
        if (!budget.window) {
            return fail_field(Errc::invalid, "budget", "the period is neither hour nor day",
                              std::string(kBudgetForms));
        }
    }
    auto micros = usd_micros_of(amount);
    if (!micros) {
        Error error = std::move(micros).error();
        error.field = "budget";
        error.next = kBudgetForms;
        return fail(std::move(error));
    }
    budget.most_usd_micros = *micros;
    if (!budget.window) budget.group = std::move(group);
    return budget;
}

std::optional<U256> to_usd_micros(const U256& amount, std::uint8_t decimals) {
    if (decimals <= kUsdMicroDecimals) {
        const auto factor = power_of_ten(static_cast<unsigned>(kUsdMicroDecimals - decimals));
        return factor ? amount.checked_mul(*factor) : std::nullopt;
    }
    const auto divisor = power_of_ten(static_cast<unsigned>(decimals - kUsdMicroDecimals));
    // A unit so small that no amount of it reaches a millionth still counts as one.
    if (!divisor) return U256(amount.is_zero() ? 0 : 1);
    const auto division = amount.divide(*divisor);
    return division.remainder.is_zero() ? division.quotient : division.quotient.checked_add(1);
}

std::string show_usd(const U256& micros) {
    return "$" + from_atomic(micros, kUsdMicroDecimals);
}

bool host_allowed(const Policy& policy, std::string_view host) noexcept {
    return std::any_of(
        policy.allow_hosts.begin(), policy.allow_hosts.end(),
        [&](const std::string& each) { return net::equal_ignoring_case(each, host); });
}

}  // namespace x402::client
