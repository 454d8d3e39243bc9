// SPDX-License-Identifier: Apache-2.0
#include "x402/schemes/payment.hpp"

namespace x402 {

std::string_view to_string(PaymentFlow flow) noexcept {
    switch (flow) {
        case PaymentFlow::authorization:
            return "authorization";
        case PaymentFlow::upfront:
            return "upfront";
        case PaymentFlow::escrow:
            return "escrow";
    }
    return "authorization";
}

Result<PaymentFlow> payment_flow_of(const PaymentRequirements& requirements) {
    X402_TRY(const auto word, json::opt_string(requirements.extra, "paymentFlow", "extra"));
    if (!word || *word == "authorization") return PaymentFlow::authorization;
    if (*word == "upfront") return PaymentFlow::upfront;
    if (*word == "escrow") return PaymentFlow::escrow;
    return fail_field(Errc::unsupported, "extra.paymentFlow",
                      "unknown payment flow \"" + *word + "\"",
                      "use authorization, upfront or escrow");
}

}  // namespace x402
