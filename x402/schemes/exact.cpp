// SPDX-License-Identifier: Apache-2.0
#include "x402/schemes/exact.hpp"

namespace x402::exact {

bool amount_fits(const U256& signed_amount, const U256& asked, AmountRule rule) noexcept {
    return rule == AmountRule::equal ? signed_amount == asked : signed_amount >= asked;
}

Result<PaymentFlow> flow(const PaymentRequirements& requirements) {
    X402_TRY(const PaymentFlow asked, payment_flow_of(requirements));
    if (asked == PaymentFlow::escrow) {
        return fail_field(Errc::unsupported, "extra.paymentFlow", "exact has no escrow flow",
                          "use authorization or upfront");
    }
    return asked;
}

TimeVerdict judge_time(Instant usable_from, Instant usable_until, Instant now,
                       std::int64_t max_timeout_seconds) {
    if (usable_until < now + kExpiryMargin) return TimeVerdict::expired;
    if (usable_from > now) return TimeVerdict::not_yet;
    // Clients count from their own clock and from before the request travelled: a minute of grace.
    constexpr std::int64_t kGrace = 60;
    const std::int64_t longest = to_unix_s(now) + max_timeout_seconds + kGrace;
    if (to_unix_s(usable_until) > longest) return TimeVerdict::too_long;
    return TimeVerdict::good;
}

}  // namespace x402::exact
