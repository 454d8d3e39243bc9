// SPDX-License-Identifier: Apache-2.0
// A refusal is told whole: code and sentence where every peer looks for them, and field, expected,
// actual and the next step in `extra.error`, which peers that do not know it pass over.
#include "x402/facilitator/answers.hpp"

#include "x402/protocol/codec.hpp"

namespace x402::facilitator {
namespace {

json::Object extra_of(const Subject& subject) {
    json::Object extra;
    if (!subject.key.value().empty()) extra["paymentKey"] = subject.key.value();
    return extra;
}

}  // namespace

Subject subject_of(const store::PaymentRecord& record) {
    return {record.key, record.payer, record.network};
}

std::string sentence_about(std::string sentence, std::string_view about) {
    if (about.empty()) return sentence;
    if (sentence.ends_with('.')) sentence.pop_back();
    return sentence.append(" (").append(about).append(").");
}

std::string sentence_of(const Refusal& refusal) {
    std::string about = refusal.field;
    if (!refusal.expected.empty()) about += ": expected " + refusal.expected;
    if (!refusal.actual.empty())
        about += (refusal.expected.empty() ? ": got " : ", got ") + refusal.actual;
    return sentence_about(refusal.message.empty() ? refusal.code : refusal.message, about);
}

VerifyResponse valid_answer(const Subject& subject, const Verdict& verdict) {
    VerifyResponse response;
    response.is_valid = true;
    response.payer = verdict.payer.empty() ? subject.payer : verdict.payer;
    response.extra = extra_of(subject);
    for (const auto& [key, value] : verdict.extra) response.extra[key] = value;
    return response;
}

VerifyResponse invalid_answer(const Subject& subject, const Refusal& refusal) {
    VerifyResponse response;
    response.invalid_reason = refusal.code;
    response.invalid_message = sentence_of(refusal);
    response.payer = subject.payer;
    response.extra = extra_of(subject);
    response.extra["error"] = write(refusal);
    return response;
}

SettleResponse settled_answer(const Subject& subject, const std::string& transaction,
                              const U256& amount) {
    SettleResponse response;
    response.success = true;
    response.payer = subject.payer;
    response.network = subject.network;
    response.transaction = transaction;
    response.amount = amount;
    response.extra = extra_of(subject);
    return response;
}

SettleResponse failed_answer(const Subject& subject, const Refusal& refusal) {
    SettleResponse response;
    response.error_reason = refusal.code;
    response.error_message = sentence_of(refusal);
    response.payer = subject.payer;
    response.network = subject.network;
    response.extra = extra_of(subject);
    response.extra["error"] = write(refusal);
    return response;
}

SettleResponse pending_answer(const Subject& subject, const std::string& transaction) {
    SettleResponse response = failed_answer(subject, refuse(Reason::settlement_pending));
    response.transaction = transaction;
    return response;
}

SettleResponse duplicate_answer(const Subject& subject, const std::string& transaction) {
    SettleResponse response = failed_answer(subject, refuse(Reason::duplicate_settlement));
    response.transaction = transaction;
    return response;
}

SettleResponse recorded_answer(const store::PaymentRecord& record) {
    const Subject subject = subject_of(record);
    if (record.state == store::PaymentState::settled) {
        // A record without its response was written by hand or by nobody: the record itself still
        // says enough.
        if (auto stored = read_settle_response(record.response)) return std::move(*stored);
        return settled_answer(subject, record.transaction, record.amount);
    }
    Refusal refusal;
    if (const auto known = find_reason(record.reason)) {
        refusal = refuse(*known);
    } else {
        // Recorded by a build that knew more codes: it ended as every failure does, for good.
        refusal = refuse(Reason::invalid_transaction_state);
        refusal.code = record.reason;
        if (!record.message.empty()) refusal.message = record.message;
    }
    SettleResponse response = failed_answer(subject, refusal);
    if (!record.message.empty()) response.error_message = record.message;
    response.transaction = record.transaction;
    return response;
}

std::unexpected<Error> not_judged(Errc code, Reason reason, std::string detail) {
    return fail_field(code, std::string(to_string(reason)), std::move(detail),
                      std::string(info(reason).next));
}

Reason reason_of(const Error& error) {
    const auto reason = find_reason(error.field);
    return reason.value_or(Reason::unavailable);
}

}  // namespace x402::facilitator
