// SPDX-License-Identifier: Apache-2.0
#include "x402/protocol/reasons.hpp"

#include <array>

namespace x402 {
namespace {

constexpr std::array kReasons = {
#define X402_REASON(name, wire, status, retryable, sentence, next) \
    ReasonInfo{wire, status, retryable, sentence, next},
#include "x402/protocol/reasons.def"
#undef X402_REASON
};

void set_if_filled(json::Object& object, std::string_view key, const std::string& value) {
    if (!value.empty()) object[key] = value;
}

}  // namespace

const ReasonInfo& info(Reason reason) noexcept {
    return kReasons[static_cast<std::size_t>(reason)];
}

std::string_view to_string(Reason reason) noexcept {
    return info(reason).wire;
}

std::optional<Reason> find_reason(std::string_view wire) noexcept {
    for (std::size_t i = 0; i < kReasons.size(); ++i) {
        if (kReasons[i].wire == wire) return static_cast<Reason>(i);
    }
    return std::nullopt;
}

Refusal refuse(Reason reason, Difference difference) {
    const ReasonInfo& row = info(reason);
    Refusal refusal;
    refusal.code = row.wire;
    refusal.message = row.sentence;
    refusal.field = std::move(difference.field);
    refusal.expected = std::move(difference.expected);
    refusal.actual = std::move(difference.actual);
    refusal.next = row.next;
    refusal.http_status = row.http_status;
    refusal.retryable = row.retryable;
    return refusal;
}

json::Object write(const Refusal& refusal) {
    json::Object object;
    object["code"] = refusal.code;
    set_if_filled(object, "message", refusal.message);
    set_if_filled(object, "field", refusal.field);
    set_if_filled(object, "expected", refusal.expected);
    set_if_filled(object, "actual", refusal.actual);
    object["retryable"] = refusal.retryable;
    set_if_filled(object, "next", refusal.next);
    return object;
}

std::string to_sentence(const Refusal& refusal) {
    if (refusal.field.empty()) return refusal.message.empty() ? refusal.code : refusal.message;
    if (refusal.expected.empty() && refusal.actual.empty()) {
        const std::string& message = refusal.message.empty() ? refusal.code : refusal.message;
        return message + " (" + refusal.field + ")";
    }
    std::string text = refusal.field + " differs: expected ";
    text += refusal.expected.empty() ? "another" : refusal.expected;
    text += ", got ";
    text += refusal.actual.empty() ? "nothing" : refusal.actual;
    return text;
}

}  // namespace x402
