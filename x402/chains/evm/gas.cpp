// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/gas.hpp"

#include <algorithm>

namespace x402::evm {
namespace {

U256 eighth_more(const U256& value) {
    const U256 part = value.divide(U256(8)).quotient;
    return value.saturating_add(part).saturating_add(1);
}

}  // namespace

Result<Fees> fees_for(const FeeMarket& market, const U256& cap) {
    const U256 least = market.base_fee.saturating_add(market.base_fee.divide(U256(8)).quotient);
    if (least > cap) {
        return fail_field(Errc::unavailable, "max_gas_price",
                          "gas costs " + market.base_fee.to_decimal() + " wei now, the cap is " +
                              cap.to_decimal(),
                          "wait, or raise max_gas_price");
    }
    Fees fees;
    fees.max_fee = std::min(market.base_fee.saturating_mul(2).saturating_add(market.tip), cap);
    fees.tip = std::min(market.tip, fees.max_fee);
    return fees;
}

Result<Fees> bumped(const Fees& before, const FeeMarket& market, const U256& cap) {
    Fees fees{eighth_more(before.tip), eighth_more(before.max_fee)};
    if (fees.max_fee > cap) {
        return fail_field(Errc::refused, "max_gas_price",
                          "a higher fee would exceed the cap of " + cap.to_decimal(),
                          "wait, or raise max_gas_price");
    }
    const auto now = fees_for(market, cap);
    if (now) {
        fees.max_fee = std::max(fees.max_fee, now->max_fee);
        fees.tip = std::max(fees.tip, now->tip);
    }
    fees.tip = std::min(fees.tip, fees.max_fee);
    return fees;
}

}  // namespace x402::evm
