// SPDX-License-Identifier: Apache-2.0
// What `exact` means on every network: the signed amount is the amount that moves. Pure rules
// shared by the chains. (scheme spec: exact)
#pragma once

#include "x402/schemes/payment.hpp"

namespace x402::exact {

inline constexpr std::string_view kScheme = "exact";

// A payment must stay usable this long after now for a transaction to be mined in time.
inline constexpr auto kExpiryMargin = std::chrono::seconds(6);

enum class AmountRule { equal, at_least };  // version 2; version 1
bool amount_fits(const U256& signed_amount, const U256& asked, AmountRule rule) noexcept;

// upfront where extra says so, else authorization; exact knows no escrow.
Result<PaymentFlow> flow(const PaymentRequirements& requirements);

// Usable now, for at least the margin, and not longer than maxTimeoutSeconds plus a minute for
// clocks.
enum class TimeVerdict { good, expired, not_yet, too_long };
TimeVerdict judge_time(Instant usable_from, Instant usable_until, Instant now,
                       std::int64_t max_timeout_seconds);

}  // namespace x402::exact
