// SPDX-License-Identifier: Apache-2.0
// One /settle request on the home core: claim, join, or answer from the record; then wait, and tell
// at most one success per payment key.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// A request whose payment was admitted.
struct Ask {
    Admitted admitted;
    RequestPrint print;
    std::string request;  // the body, for the record
    std::string caller;
    bool verified = false;  // judged valid just now: only then it may claim
    Duration deadline{};    // steady time until which it may wait
};

// Nothing: the payment may be claimed, but was not verified yet.
Task<std::optional<Result<SettleResponse>>> settle_at_home(DeskPtr desk, const Ask& ask);
// What `GET /settlements` says; waits until it is final, at most until `deadline`.
Task<Result<std::optional<SettlementStatus>>> report(DeskPtr desk, PaymentKey key,
                                                     Duration deadline);

}  // namespace x402::facilitator
