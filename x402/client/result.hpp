// SPDX-License-Identifier: Apache-2.0
// What came of one request: the HTTP answer and what became of the payment, as two independent
// facts. The body is always handed over. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/net/http.hpp"
#include "x402/protocol/money.hpp"

namespace x402::client {

// none: nothing was asked for, or nothing could be agreed on. refused: policy said no, nothing was
// signed. unknown: money may have moved; the journal keeps the payment and the next run finishes
// it.
enum class PayOutcome { none, settled, failed, unknown, refused };
std::string_view to_string(PayOutcome outcome) noexcept;

// A stable code, a sentence, the input that is meant, and the next step.
struct PayError {
    std::string code;
    std::string message;
    std::string field;
    std::string next;
};
// The code of an answer that was paid for and that whoever asked could not take; it is still owed.
inline constexpr std::string_view kNotHandedOver = "not_handed_over";
// The code of an answer that was paid for and has not come; the next run asks for it again.
inline constexpr std::string_view kAnswerOwed = "answer_owed";
PayError pay_error(std::string code, std::string message, std::string next = {});
PayError pay_error(const Error& error);

struct PayResult {
    int status = 0;  // 0: no answer
    net::Headers headers;
    std::string body;
    PayOutcome outcome = PayOutcome::none;
    bool delivered = false;      // the answer that was paid for came, and was handed over
    bool told = true;            // false: delivered, but the server told nothing of a settlement
    bool proven = false;         // the chain itself showed the outcome; else it was only told
    std::uint32_t attempts = 0;  // how often the payment was sent
    std::optional<PaymentRequirements> accepted;
    std::optional<AssetInfo> asset;  // of `accepted`
    std::optional<SettleResponse> payment;
    std::string transaction;  // also where only the chain told it
    std::optional<PayError> error;
    std::vector<std::string> notices;  // sentences a person should read
    Duration ms{0};
};

struct ExitRules {
    bool fail_never = false;  // an HTTP status alone never makes the exit code non-zero
};
// 0 done, 1 failed, 3 payment unknown, 4 refused by policy.
int exit_code(const PayResult& result, ExitRules rules = {}) noexcept;
// The worst of several: 3 > 1 > 4 > 0.
int worse_exit(int left, int right) noexcept;

// {"status","outcome","proven","attempts","accepted","payment","ms","body"|"body_base64","error"}
json::Object write(const PayResult& result);
// An offer as it may be shown: its quote, which is as good as a password to who has seen the
// payment, is covered.
json::Object write_shown(const PaymentRequirements& terms);
// "paid 0.001 USDC on eip155:8453 to 0x... (tx 0x...)": one line, safe for a terminal.
std::string summary(const PayResult& result);
// Without control characters, direction marks and letters that nobody sees, and at most `max`
// bytes: a stranger's text for a terminal.
std::string for_terminal(std::string_view text, std::size_t max = 2000);
// The same on one line, so that no text can look like a line of ours.
std::string for_line(std::string_view text, std::size_t max = 2000);

}  // namespace x402::client
