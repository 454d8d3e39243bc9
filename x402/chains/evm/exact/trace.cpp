// SPDX-License-Identifier: Apache-2.0
// The log is looked for between the earliest moment the payer can have signed and the end of
// validBefore; both are turned into block numbers by bisection, so an old payment costs no more
// than a young one.
#include "x402/chains/evm/exact/trace.hpp"

#include <algorithm>

#include "x402/base/hex.hpp"
#include "x402/base/log.hpp"
#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/token.hpp"

namespace x402::evm {
namespace {

constexpr std::uint64_t kWindow = 2'000;  // blocks in one eth_getLogs
constexpr std::size_t kMostWindows = 128;
constexpr std::int64_t kSignedBefore = 3'600;  // clients date back, and clocks differ
constexpr std::int64_t kLongestTimeout = 1'000'000'000;

std::int64_t seconds_of(const U256& value) {
    constexpr std::uint64_t kLast = 253'402'300'799ULL;
    return static_cast<std::int64_t>(std::min(value.to_u64().value_or(kLast), kLast));
}

TransferAction action_of(const ReadPayment& read) {
    TransferAction action;
    const Authorization& authorization = read.payload.authorization;
    action.token = read.asset;
    action.payer = authorization.from;
    action.pay_to = authorization.to;
    action.value = authorization.value;
    action.nonce = authorization.nonce;
    return action;
}

// Those of the tables log as USDC does; a configured token may log its uses as it likes, and an
// echo of a use beside a transfer that the payer makes by himself would read as a payment.
UseFirst order_of(const Tokens& tokens, const Address& token) {
    return tokens.in_tables(token) ? UseFirst::proven : UseFirst::unproven;
}

Result<bool> read_state(const net::RpcReply& reply) {
    X402_TRY(const CallAnswer answer, read_call(reply));
    if (!answer.ok) return fail(Errc::unsupported, "the token does not answer authorizationState");
    const Result<bool> used = AbiReader(answer.data).boolean(0);
    // Where there is no contract the answer is empty.
    if (!used) return fail(Errc::unsupported, "authorizationState does not answer with a bool");
    return used;
}

LogFilter filter_of(const ReadPayment& read, std::uint64_t from, std::uint64_t to) {
    LogFilter filter;
    filter.address = read.asset;
    filter.topics = {{authorization_used_topic(), authorization_canceled_topic()},
                     {word_of(read.payload.authorization.from)},
                     {read.payload.authorization.nonce}};
    filter.from_block = from;
    filter.to_block = to;
    return filter;
}

std::optional<Log> matching(const ReadPayment& read, std::span<const Log> logs) {
    const Authorization& authorization = read.payload.authorization;
    for (const Log& log : logs) {
        if (log.address != read.asset || log.topics.size() != 3) continue;
        if (log.topics[1] != word_of(authorization.from)) continue;
        if (log.topics[2] == authorization.nonce) return log;
    }
    return std::nullopt;
}

}  // namespace

TraceState judge_trace(const TraceEvidence& evidence) noexcept {
    if (!evidence.used_final) {
        // Also where the time is over: the final state and the latest then contradict each other.
        if (evidence.used_latest) return TraceState::unknown;
        if (U256(static_cast<std::uint64_t>(evidence.final_time_s)) >= evidence.valid_before) {
            return TraceState::impossible;
        }
        return TraceState::none;
    }
    if (evidence.canceled) return TraceState::impossible;
    if (!evidence.used_log) return TraceState::unknown;
    return evidence.transferred ? TraceState::done : TraceState::impossible;
}

// What the search for the log brought.
struct Tracer::Found {
    std::optional<Log> log;
    bool canceled = false;
};

Task<Result<Trace>> Tracer::trace(const Payment& payment) {
    const auto read = read_payment(payment);
    if (!read) co_return fail_field(Errc::invalid, read.error().field, read.error().message);
    if (const auto refusal = check_terms(*read, payment)) {
        co_return fail_field(Errc::invalid, refusal->field, refusal->message);
    }
    const std::int64_t timeout =
        std::clamp<std::int64_t>(payment.requirements.max_timeout_seconds, 0, kLongestTimeout);
    auto found = co_await search(*read, timeout);
    if (found) co_return found;
    // Where there is no token nothing was ever paid: that is an answer, and no trouble.
    if (found.error().code == Errc::unsupported) co_return fail(found.error());
    log::warn("trace_failed",
              {{"key", key_of(*read).value()}, {"error", to_string(found.error())}});
    co_return Trace{};
}

Task<Result<Trace>> Tracer::confirm(const Payment& payment, Named named) {
    const auto read = read_payment(payment);
    if (!read) co_return fail_field(Errc::invalid, read.error().field, read.error().message);
    if (const auto refusal = check_terms(*read, payment)) {
        co_return fail_field(Errc::invalid, refusal->field, refusal->message);
    }
    auto found = co_await read_named(*read, std::move(named));
    if (!found) {
        log::warn("confirm_failed",
                  {{"key", key_of(*read).value()}, {"error", to_string(found.error())}});
    }
    // That this one did not pay it does not mean that none did.
    const bool done = found && found->state == TraceState::done;
    co_return done ? std::move(*found) : Trace{};
}

Task<Result<Trace>> Tracer::read_named(const ReadPayment& read, Named named) {
    const auto transaction = fixed_from_hex0x<32>(named.transaction);
    if (!transaction) co_return Trace{};
    X402_CO_TRY(const Block latest, co_await rpc_.block("latest"));
    if (latest.number + 1 < named.confirmations) co_return Trace{};
    const std::uint64_t last = latest.number + 1 - named.confirmations;
    co_return co_await read_found(read, last, *transaction);
}

Task<Result<Trace>> Tracer::search(const ReadPayment& read, std::int64_t timeout_s) {
    const Authorization& authorization = read.payload.authorization;
    X402_CO_TRY(const Block final_block, co_await rpc_.finalized());
    CallRequest question;
    question.to = read.asset;
    question.data = call_authorization_state(authorization.from, authorization.nonce);
    std::vector<net::RpcCall> calls;
    calls.push_back(ask_call(question, block_tag(final_block.number)));
    calls.push_back(ask_call(question, "latest"));
    X402_CO_TRY(const auto replies, co_await rpc_.batch(std::move(calls)));
    TraceEvidence evidence;
    X402_CO_TRY(evidence.used_final, read_state(replies[0]));
    X402_CO_TRY(evidence.used_latest, read_state(replies[1]));
    evidence.final_time_s = final_block.time_s;
    evidence.valid_before = authorization.valid_before;
    if (!evidence.used_final && !evidence.used_latest) {
        evidence.used_latest = co_await is_used_elsewhere(std::move(question));
    }
    if (evidence.used_final) {
        X402_CO_TRY(const Found found, co_await find_log(read, final_block, timeout_s));
        if (found.log && !found.canceled)
            co_return co_await read_found(read, final_block.number, found.log->transaction);
        evidence.canceled = found.canceled;
    }
    Trace trace;
    trace.state = judge_trace(evidence);
    co_return trace;
}

// One endpoint of several may be behind, or lie; that nothing was paid is not its word alone.
Task<bool> Tracer::is_used_elsewhere(CallRequest question) {
    if (rpc_.client().endpoints() < 2) co_return false;
    net::RpcCall state = ask_call(question, "latest");
    const auto replies = co_await rpc_.client().call_all(std::move(state));
    for (const auto& reply : replies) {
        if (!reply) continue;
        const auto used = read_state(*reply);
        if (used && *used) co_return true;
    }
    co_return false;
}

Task<bool> Tracer::is_logged_as_use_elsewhere(LogFilter filter) {
    if (rpc_.client().endpoints() < 2) co_return false;
    filter.topics[0] = {authorization_used_topic()};
    net::RpcCall question = ask_logs(filter);
    const auto replies = co_await rpc_.client().call_all(std::move(question));
    for (const auto& reply : replies) {
        if (!reply) continue;
        const auto logs = read_logs(*reply);
        if (!logs) continue;
        for (const Log& log : *logs) {
            if (!log.topics.empty() && log.topics[0] == authorization_used_topic()) co_return true;
        }
    }
    co_return false;
}

Task<bool> Tracer::is_paid_elsewhere(TransferAction action, std::string transaction) {
    if (rpc_.client().endpoints() < 2) co_return false;
    const UseFirst order = order_of(tokens_, action.token);
    net::RpcCall question = ask_receipt(transaction);
    const auto replies = co_await rpc_.client().call_all(std::move(question));
    for (const auto& reply : replies) {
        if (!reply) continue;
        const auto receipt = read_receipt(*reply);
        if (!receipt || !*receipt || !(*receipt)->ok) continue;
        const bool unpaid = is_paid_by(action, (*receipt)->logs, order) == false;
        if (!unpaid) co_return true;
    }
    co_return false;
}

Task<Result<Tracer::Found>> Tracer::find_log(const ReadPayment& read, const Block& final_block,
                                             std::int64_t timeout_s) {
    const Authorization& authorization = read.payload.authorization;
    const std::int64_t end_s = std::min(seconds_of(authorization.valid_before), final_block.time_s);
    const std::int64_t signed_s =
        seconds_of(authorization.valid_before) - timeout_s - kSignedBefore;
    const std::int64_t begin_s = std::min(std::max(signed_s, seconds_of(authorization.valid_after)),
                                          final_block.time_s - kSignedBefore);
    X402_CO_TRY(const std::uint64_t first, co_await block_at(begin_s, final_block));
    X402_CO_TRY(const std::uint64_t last, co_await block_at(end_s, final_block));
    std::uint64_t to = last;
    for (std::size_t i = 0; i < kMostWindows; ++i) {
        const std::uint64_t from = std::max(first, to >= kWindow ? to - kWindow + 1 : 0);
        LogFilter filter = filter_of(read, from, to);
        X402_CO_TRY(const auto logs, co_await rpc_.logs(std::move(filter)));
        const std::optional<Log> log = matching(read, logs);
        if (log && log->topics[0] != authorization_canceled_topic()) co_return Found{log, false};
        if (log) {
            LogFilter same = filter_of(read, from, to);
            const bool disputed = co_await is_logged_as_use_elsewhere(std::move(same));
            if (disputed) co_return fail(Errc::bad_peer, "the endpoints tell different stories");
            co_return Found{log, true};
        }
        if (from <= first || from == 0) break;
        to = from - 1;
    }
    co_return Found{};
}

Task<Result<Trace>> Tracer::read_found(const ReadPayment& read, std::uint64_t last,
                                       Hash32 transaction) {
    X402_CO_TRY(const auto receipt, co_await rpc_.receipt(to_hex0x(transaction.view())));
    // Beyond the last block it may still be taken back; a reverted transaction has no logs.
    if (!receipt || !receipt->ok || receipt->block > last) co_return Trace{};
    if (receipt->transaction != transaction) co_return Trace{};
    X402_CO_TRY(const Block block, co_await rpc_.block(block_tag(receipt->block)));
    if (block.hash != receipt->block_hash) co_return Trace{};
    const TransferAction action = action_of(read);
    const auto proofs = cut_logs({&action, 1}, receipt->logs);
    TraceEvidence evidence;
    evidence.used_final = true;
    evidence.used_log = proofs[0].used.has_value();
    // Shared by two payments of one payer, a transfer proves only the one that it belongs to.
    const UseFirst order = order_of(tokens_, action.token);
    const std::optional<bool> paid = is_paid_by(action, receipt->logs, order);
    if (!paid) {
        log::warn("transfer_of_whom", {{"key", key_of(read).value()},
                                       {"transaction", to_hex0x(receipt->transaction.view())}});
        co_return Trace{};
    }
    evidence.transferred = *paid;
    if (!evidence.transferred) {
        std::string hash = to_hex0x(receipt->transaction.view());
        const bool disputed = co_await is_paid_elsewhere(action, std::move(hash));
        if (disputed) co_return Trace{};
    }
    Trace trace;
    trace.state = judge_trace(evidence);
    trace.block = receipt->block;
    if (trace.state != TraceState::done) co_return trace;
    trace.transaction = to_hex0x(receipt->transaction.view());
    trace.sender = to_checksum(receipt->from);
    trace.at = from_unix_s(block.time_s);
    co_return trace;
}

Task<Result<std::uint64_t>> Tracer::block_at(std::int64_t time_s, Block last) {
    if (time_s >= last.time_s) co_return last.number;
    std::uint64_t low = 0;             // not later than time_s, or the first block
    std::uint64_t high = last.number;  // later than time_s
    while (high - low > 1) {
        const std::uint64_t middle = low + (high - low) / 2;
        X402_CO_TRY(const Block block, co_await rpc_.block(block_tag(middle)));
        (block.time_s <= time_s ? low : high) = middle;
    }
    co_return low;
}

}  // namespace x402::evm
