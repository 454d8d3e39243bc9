// SPDX-License-Identifier: Apache-2.0
// A payment beside the terms it is held against, and what its signed data says. Signed data is
// checked against the requirements, never against the payload's own `accepted`. Any thread.
#pragma once

#include <optional>

#include "x402/base/clock.hpp"
#include "x402/protocol/reasons.hpp"
#include "x402/protocol/types.hpp"

namespace x402 {

struct SchemeId {
    std::string scheme;     // "exact"
    ChainPattern networks;  // "eip155:*"
};

struct Payment {
    PaymentPayload payload;
    PaymentRequirements requirements;
    // When a journal of ours first had it; absent: only just now. What a signature without a time
    // was made with is at least as old.
    std::optional<Instant> seen = {};
};

// Read from the signed data alone; no network is asked, no signature is checked.
struct PaymentFacts {
    PaymentKey key;     // names this authorization however it is encoded
    std::string payer;  // canonical text of the chain
    U256 amount;        // what may be taken at most
    Instant usable_from{};
    Instant usable_until{};  // after it the network cannot take the payment any more
    // Where the signed data names no time: about how long a payment lives from when it was first
    // seen. A hint for time-outs, and for when to stop sending and ask the network instead; never
    // evidence that the payment cannot be taken any more.
    std::optional<Duration> usable_for = {};

    Instant usable_until_from(Instant seen) const noexcept {
        return usable_for ? seen + *usable_for : usable_until;
    }
};

// The answer of a check: valid when there is no refusal.
struct Verdict {
    std::optional<Refusal> refusal;
    std::string payer;
    json::Object extra;
    bool valid() const noexcept { return !refusal.has_value(); }
};

// When money moves relative to the seller's work (`extra.paymentFlow`).
enum class PaymentFlow {
    authorization,  // verify, work, settle
    upfront,        // settle, work
    escrow,         // settle (deposit), work, settle (claim)
};
std::string_view to_string(PaymentFlow flow) noexcept;
// Absent is authorization; an unknown word is an error.
Result<PaymentFlow> payment_flow_of(const PaymentRequirements& requirements);

}  // namespace x402
