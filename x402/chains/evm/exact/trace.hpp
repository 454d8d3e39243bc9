// SPDX-License-Identifier: Apache-2.0
// What the chain knows of an authorization, whoever sent it, at finalized state: the proof that
// ends an ambiguous settlement. A cancelled authorization reads as used too; only the transfer's
// log proves a payment. Any thread.
#pragma once

#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/exact/rules.hpp"
#include "x402/chains/evm/rpc.hpp"
#include "x402/chains/evm/tokens.hpp"
#include "x402/schemes/network.hpp"

namespace x402::evm {

struct TraceEvidence {
    bool used_final = false;   // authorizationState in the finalized state
    bool used_latest = false;  // and now, by any endpoint
    std::int64_t final_time_s = 0;
    U256 valid_before;
    bool canceled = false;     // AuthorizationCanceled was found
    bool used_log = false;     // AuthorizationUsed was found
    bool transferred = false;  // with the payment's own Transfer in the same transaction
};
TraceState judge_trace(const TraceEvidence& evidence) noexcept;

class Tracer {
public:
    // Both outlive the tracer.
    Tracer(Rpc& rpc, const Tokens& tokens) noexcept : rpc_(rpc), tokens_(tokens) {}
    // Trouble with the node is the state unknown; an Error is a payment that is not this scheme's.
    Task<Result<Trace>> trace(const Payment& payment);
    // Whether this transaction paid it, so many blocks deep: done or unknown.
    struct Named {
        std::string transaction;
        std::uint64_t confirmations = 1;
    };
    Task<Result<Trace>> confirm(const Payment& payment, Named named);

private:
    struct Found;
    // Whether another endpoint contradicts what would end a payment as not made.
    Task<bool> is_used_elsewhere(CallRequest question);
    Task<bool> is_logged_as_use_elsewhere(LogFilter filter);
    Task<bool> is_paid_elsewhere(TransferAction action, std::string transaction);
    Task<Result<Trace>> search(const ReadPayment& read, std::int64_t timeout_s);
    Task<Result<Found>> find_log(const ReadPayment& read, const Block& final_block,
                                 std::int64_t timeout_s);
    // In a block up to `last`.
    Task<Result<Trace>> read_found(const ReadPayment& read, std::uint64_t last, Hash32 transaction);
    Task<Result<Trace>> read_named(const ReadPayment& read, Named named);
    // The highest block up to `last` whose time is not later than `time_s`.
    Task<Result<std::uint64_t>> block_at(std::int64_t time_s, Block last);

    Rpc& rpc_;
    const Tokens& tokens_;
};

}  // namespace x402::evm
