// SPDX-License-Identifier: Apache-2.0
// What a facilitator does for a server, wherever it runs: facilitator/service in this process, or
// transports/facilitator_client over HTTP. Any thread. (core spec, section 7)
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/base/result.hpp"
#include "x402/base/task.hpp"
#include "x402/protocol/types.hpp"

namespace x402 {

struct SettleContext {
    std::string
        idempotency_key;  // binds the one success to its caller; our gateway always sends one
    std::string caller;   // who asks, where the process knows; empty: anonymous
};

// What `GET /settlements/{key}` reports. Never a ground for a grant.
struct SettlementStatus {
    PaymentKey key;
    Outcome outcome = Outcome::unknown;
    std::string state;
    std::vector<std::string> transactions;
    std::optional<std::uint64_t> block;
    std::string payer;
    std::string amount;
    Instant updated_at{};
};

// A Result that holds an Error says that no judgement was had. For settle the code tells what that
// means: unreachable, unauthorized, invalid and too_large prove that nothing was begun; any other
// may have begun it.
class FacilitatorApi {
public:
    virtual ~FacilitatorApi() = default;
    virtual const std::string& name()
        const noexcept = 0;  // for logs and the grant: a URL, or "inside"
    virtual Task<Result<VerifyResponse>> verify(const FacilitatorRequest& request) = 0;
    virtual Task<Result<SettleResponse>> settle(const FacilitatorRequest& request,
                                                const SettleContext& context) = 0;
    virtual Task<Result<Supported>> supported() = 0;
    // Nothing where the key is unknown; Errc::unsupported where the facilitator has no such
    // endpoint.
    virtual Task<Result<std::optional<SettlementStatus>>> settlement(const PaymentKey& key,
                                                                     Duration wait) = 0;
};

// How a settle response is read: success with a transaction (or amount "0") is settled;
// settlement_pending is unknown, and so are the codes by which facilitators say that they lost
// sight of a settlement (unexpected_settle_error, unexpected_error, *_failed_to_get_receipt,
// *_failed_to_execute_*, time-outs, *transaction_failed that names no transaction, any code whose
// message begins with settlement_pending), a reason that is a sentence and no code, a success
// without a transaction, and a refusal that names a transaction without saying by its code how that
// ended; duplicate_settlement and every other code are failed, and is_duplicate tells the first
// apart.
Outcome outcome_of(const SettleResponse& response);
bool is_duplicate(const SettleResponse& response);
// Why a successful answer makes no sense for what was asked: no transaction and an amount that is
// not zero, an error code beside it, another network. Nothing where it does, or where the answer is
// no success.
std::optional<std::string> contradiction_in(const SettleResponse& response, const ChainId& asked);

// The body of `GET /settlements/{key}`; `updatedAt` counts milliseconds since 1970.
json::Object write(const SettlementStatus& status);
Result<SettlementStatus> read_settlement_status(std::string_view text);

}  // namespace x402
