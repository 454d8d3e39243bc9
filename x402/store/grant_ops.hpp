// SPDX-License-Identifier: Apache-2.0
// The operations of a GrantStore, written once for every backend. Called inside a transaction; one
// thread at a time.
#pragma once

#include "x402/store/rows.hpp"

namespace x402::store::ops {

Result<GrantClaim> claim_grant(GrantRows& rows, const Owner& owner, GrantRecord grant);

struct GrantMove {
    PaymentKey key;
    GrantState from = GrantState::claimed;
    GrantChange change;
    Instant at{};
};
Result<bool> move_grant(GrantRows& rows, const Owner& owner, const GrantMove& move);
Result<std::vector<GrantRecord>> take_over(GrantRows& rows, const Owner& owner, std::size_t limit);

}  // namespace x402::store::ops
