// SPDX-License-Identifier: Apache-2.0
// Every public code we send, with its HTTP status, whether the same request may succeed later, a
// sentence and the next step. The table in reasons.def is the only source of public words;
// docs/reasons.md is made from it. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "x402/base/json.hpp"

namespace x402 {

enum class Reason {
#define X402_REASON(name, wire, status, retryable, sentence, next) name,
#include "x402/protocol/reasons.def"
#undef X402_REASON
};

struct ReasonInfo {
    std::string_view wire;  // the code on the wire
    int http_status = 402;  // where the gateway answers with it
    bool retryable = false;
    std::string_view sentence;
    std::string_view next;
};

const ReasonInfo& info(Reason reason) noexcept;
std::string_view to_string(Reason reason) noexcept;  // the wire code
std::optional<Reason> find_reason(std::string_view wire) noexcept;

// A negative answer, ready for header, body, log and metric. `code` may be a peer's that we do not
// know.
struct Refusal {
    std::string code;
    std::string message;
    std::string field;
    std::string expected;
    std::string actual;
    std::string next;
    int http_status = 402;
    bool retryable = false;
};

struct Difference {
    std::string field;
    std::string expected;
    std::string actual;
};

Refusal refuse(Reason reason, Difference difference = {});
// {"code","message","field","expected","actual","retryable","next"}, empty members left out.
json::Object write(const Refusal& refusal);
// "amount differs: expected 1000, got 999" for wires that have one text only.
std::string to_sentence(const Refusal& refusal);

}  // namespace x402
