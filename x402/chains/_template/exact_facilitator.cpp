// SPDX-License-Identifier: Apache-2.0
// Cheap checks first, the ledger last.
#include "x402/chains/_template/exact_facilitator.hpp"

#include "x402/chains/_template/exact.hpp"
#include "x402/chains/_template/keys.hpp"
#include "x402/chains/_template/transfer.hpp"
#include "x402/schemes/exact.hpp"

namespace x402::mychain {
namespace {

std::optional<Refusal> check_time(const Transfer& transfer, Instant now, std::int64_t timeout_s) {
    const Difference difference{
        "payload.expires", {}, std::to_string(to_unix_ms(transfer.expires))};
    switch (exact::judge_time(Instant{}, transfer.expires, now, timeout_s)) {
        case exact::TimeVerdict::expired:
            return refuse(Reason::authorization_expired, difference);
        case exact::TimeVerdict::too_long:
            return refuse_own("expires", "The transfer stays valid for longer than was asked for.",
                              difference);
        case exact::TimeVerdict::not_yet:
        case exact::TimeVerdict::good:
            break;
    }
    return std::nullopt;
}

std::optional<Refusal> check_signature(const Transfer& transfer) {
    const auto signer = recover_address(transfer.digest(), transfer.signature);
    if (signer && *signer == transfer.from) return std::nullopt;
    return refuse_own("signature", "The signature is not the payer's for this transfer.",
                      {"payload.signature", "by " + transfer.from, signer.value_or("")});
}

}  // namespace

ExactFacilitator::ExactFacilitator(ChainId network, Node& node, Clock& clock)
    : id_(exact_id()), network_(std::move(network)), node_(node), clock_(clock) {}

std::expected<PaymentFacts, Refusal> ExactFacilitator::facts(const Payment& payment) const {
    return exact_facts(payment);
}

Task<Result<Verdict>> ExactFacilitator::verify(const Payment& payment) const {
    Verdict verdict;
    const auto transfer = read_payment(payment);
    if (!transfer) {
        verdict.refusal = transfer.error();
        co_return verdict;
    }
    verdict.payer = transfer->from;
    verdict.refusal = check_terms(*transfer, payment.requirements);
    if (!verdict.refusal) verdict.refusal = check_signature(*transfer);
    if (!verdict.refusal) {
        verdict.refusal =
            check_time(*transfer, clock_.now(), payment.requirements.max_timeout_seconds);
    }
    if (verdict.refusal) co_return verdict;
    X402_CO_TRY(const auto receipt, co_await node_.receipt(transfer->id()));
    if (receipt) {
        verdict.refusal =
            refuse_own("used", "This transfer was already made.", {"payload.nonce", {}, {}});
        co_return verdict;
    }
    X402_CO_TRY(const U256 balance, co_await node_.balance(transfer->from, transfer->asset));
    if (balance < transfer->amount) {
        verdict.refusal = refuse_own("balance", "The payer's balance is too small.",
                                     {"payload.from", transfer->amount.to_decimal(), {}});
    }
    co_return verdict;
}

Task<Result<Plan>> ExactFacilitator::plan(const Payment& payment) const {
    const auto transfer = read_payment(payment);
    if (!transfer) co_return fail(Errc::invalid, to_sentence(transfer.error()));
    Plan plan;
    plan.actions.push_back(Action{transfer->key(), write(*transfer)});
    plan.charged = transfer->amount;
    co_return plan;
}

Judgement ExactFacilitator::judge(const Action& action, const Part& part) const {
    const auto transfer = read_transfer(action.body, network_.text());
    // Our own journal that cannot be read proves nothing in either direction.
    if (!transfer) return {};
    const bool ours = json::text_or_empty(part.body, "id") == transfer->id();
    if (ours && part.executed) return {Outcome::settled, std::nullopt};
    return {Outcome::failed, refuse(Reason::invalid_transaction_state)};
}

Task<Result<Trace>> ExactFacilitator::trace(const Payment& payment) const {
    co_return co_await trace_payment(node_, payment);
}

// The time is asked before the receipt: what is not there after the expiry was seen to pass never
// will be.
Task<Result<Trace>> trace_payment(Node& node, const Payment& payment) {
    const auto transfer = read_payment(payment);
    if (!transfer) co_return fail(Errc::invalid, to_sentence(transfer.error()));
    X402_CO_TRY(const Instant now, co_await node.time());
    X402_CO_TRY(const auto receipt, co_await node.receipt(transfer->id()));
    Trace trace;
    if (!receipt) {
        trace.state = now >= transfer->expires ? TraceState::impossible : TraceState::none;
        co_return trace;
    }
    trace.state = receipt->executed ? TraceState::done : TraceState::impossible;
    trace.transaction = transfer->id();
    trace.sender = receipt->sender;
    trace.at = receipt->at;
    trace.block = receipt->block;
    co_return trace;
}

}  // namespace x402::mychain
