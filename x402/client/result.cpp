// SPDX-License-Identifier: Apache-2.0
// Results as exit codes, JSON and a line for people. Pure; any thread.
#include "x402/client/result.hpp"

#include <algorithm>
#include <array>

#include "x402/base/base64.hpp"
#include "x402/base/utf8.hpp"
#include "x402/protocol/codec.hpp"

namespace x402::client {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"none", "settled", "failed", "unknown",
                                                    "refused"};

// The code point of a well-formed sequence of `length` bytes.
std::uint32_t code_point(std::string_view text, std::size_t length) noexcept {
    const auto byte = [&](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at]));
    };
    if (length == 1) return byte(0);
    std::uint32_t point = byte(0) & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) point = (point << 6U) | (byte(i) & 0x3FU);
    return point;
}

struct PointRange {
    std::uint32_t first;
    std::uint32_t last;
};
// C0 and C1 controls, the marks that turn or hide text (UAX 9), and what has no shape of its own.
constexpr std::array<PointRange, 12> kUnsafe = {{{0x00, 0x08},
                                                 {0x0B, 0x1F},
                                                 {0x7F, 0x9F},
                                                 {0xAD, 0xAD},
                                                 {0x061C, 0x061C},
                                                 {0x180E, 0x180E},
                                                 {0x200B, 0x200F},
                                                 {0x2028, 0x202E},
                                                 {0x2060, 0x206F},
                                                 {0xFEFF, 0xFEFF},
                                                 {0xFFF9, 0xFFFB},
                                                 {0xE0000, 0xE0FFF}}};

bool is_unsafe(std::uint32_t point) noexcept {
    return std::any_of(kUnsafe.begin(), kUnsafe.end(), [point](const PointRange& range) {
        return point >= range.first && point <= range.last;
    });
}

// The words of `extra` that are worth something to a stranger.
void cover(json::Object& extra) {
    if (json::Value* quote = extra.if_contains("quote")) *quote = "[hidden]";
}

json::Object write_shown(const SettleResponse& payment) {
    SettleResponse shown = payment;
    cover(shown.extra);
    return write(shown);
}

json::Object write_error(const PayError& error) {
    json::Object object;
    object["code"] = error.code;
    object["message"] = error.message;
    if (!error.field.empty()) object["field"] = error.field;
    if (!error.next.empty()) object["next"] = error.next;
    return object;
}

std::string terms_of(const PayResult& result) {
    if (!result.accepted) return "nothing";
    const PaymentRequirements& accepted = *result.accepted;
    // What was charged is the server's word; more than was signed it cannot be.
    U256 amount = accepted.amount;
    if (result.payment && result.payment->amount)
        amount = std::min(amount, *result.payment->amount);
    const std::string money =
        result.asset ? show(amount, *result.asset) : amount.to_decimal() + " atomic units";
    return for_line(money + " on " + accepted.network.text() + " to " + accepted.pay_to, 400);
}

}  // namespace

std::string_view to_string(PayOutcome outcome) noexcept {
    return kNames[static_cast<std::size_t>(outcome)];
}

PayError pay_error(std::string code, std::string message, std::string next) {
    return {std::move(code), std::move(message), {}, std::move(next)};
}

PayError pay_error(const Error& error) {
    return {std::string(to_string(error.code)), error.detail, error.field, error.next};
}

int exit_code(const PayResult& result, ExitRules rules) noexcept {
    switch (result.outcome) {
        case PayOutcome::unknown:
            return 3;
        case PayOutcome::refused:
            return 4;
        case PayOutcome::failed:
            return 1;
        case PayOutcome::settled:
            return result.delivered ? 0 : 1;
        case PayOutcome::none:
            break;
    }
    if (result.status == 0) return 1;
    return result.status >= 400 && !rules.fail_never ? 1 : 0;
}

int worse_exit(int left, int right) noexcept {
    constexpr std::array<int, 4> kBestFirst = {0, 4, 1, 3};
    const auto rank = [&](int code) {
        return std::find(kBestFirst.begin(), kBestFirst.end(), code);
    };
    return rank(left) < rank(right) ? right : left;
}

json::Object write_shown(const PaymentRequirements& terms) {
    PaymentRequirements shown = terms;
    cover(shown.extra);
    return write(shown);
}

json::Object write(const PayResult& result) {
    json::Object object;
    object["status"] = result.status;
    object["outcome"] = to_string(result.outcome);
    object["proven"] = result.proven;
    object["attempts"] = result.attempts;
    object["accepted"] = nullptr;
    if (result.accepted) object["accepted"] = write_shown(*result.accepted);
    object["payment"] = nullptr;
    if (result.payment) object["payment"] = write_shown(*result.payment);
    object["ms"] = result.ms.count();
    if (is_utf8(result.body)) {
        object["body"] = result.body;
    } else {
        object["body_base64"] = base64_encode(as_bytes(result.body));
    }
    if (result.error) object["error"] = write_error(*result.error);
    if (!result.notices.empty()) {
        json::Array notices;
        for (const std::string& notice : result.notices) notices.emplace_back(notice);
        object["notices"] = std::move(notices);
    }
    return object;
}

std::string summary(const PayResult& result) {
    std::string line;
    switch (result.outcome) {
        case PayOutcome::none:
            line = "nothing was paid";
            break;
        case PayOutcome::settled:
            line = "paid " + terms_of(result);
            break;
        case PayOutcome::failed:
            line = "not paid: " + terms_of(result);
            break;
        case PayOutcome::unknown:
            line = "payment unknown: " + terms_of(result);
            break;
        case PayOutcome::refused:
            line = "refused, nothing was signed";
            break;
    }
    if (!result.transaction.empty())
        line += " (transaction " + for_line(result.transaction, 200) + ")";
    if (result.outcome == PayOutcome::settled && !result.delivered)
        line += ", but nothing was delivered";
    if (result.outcome == PayOutcome::settled && !result.told) {
        line += ", though the server told nothing of a settlement";
    }
    if (result.error) {
        line += ": " + for_line(result.error->message, 400) + " [" +
                for_line(result.error->code, 80) + "]";
        if (!result.error->next.empty()) line += "; next: " + for_line(result.error->next, 400);
    }
    return line;
}

std::string for_line(std::string_view text, std::size_t max) {
    std::string line = for_terminal(text, max);
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line;
}

std::string for_terminal(std::string_view text, std::size_t max) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = utf8_sequence(text);
        if (length != 0 && !is_unsafe(code_point(text, length))) {
            if (out.size() + length > max) return out + "...";
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

}  // namespace x402::client
