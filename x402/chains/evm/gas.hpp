// SPDX-License-Identifier: Apache-2.0
// What a transaction offers for its gas. Pure. An attempt that waits too long is signed again with
// higher fees; nodes replace a transaction only where both fees grow by a tenth or more, so a level
// adds an eighth. Any thread.
#pragma once

#include <optional>

#include "x402/base/u256.hpp"

namespace x402::evm {

struct Fees {
    U256 tip;      // maxPriorityFeePerGas
    U256 max_fee;  // maxFeePerGas, the tip included
    friend bool operator==(const Fees&, const Fees&) = default;
};

struct FeeMarket {
    U256 base_fee;  // of the latest block
    U256 tip;       // what nodes suggest
};

// Room for six full blocks in a row: twice the base fee. Errc::unavailable when even the present
// base fee does not fit under the cap.
Result<Fees> fees_for(const FeeMarket& market, const U256& cap);
// At least an eighth more than the attempt before, and at least what the market asks now.
// Errc::refused when the cap leaves no room: waiting is all that is left.
Result<Fees> bumped(const Fees& before, const FeeMarket& market, const U256& cap);

}  // namespace x402::evm
