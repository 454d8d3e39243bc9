// SPDX-License-Identifier: Apache-2.0
#include "x402/protocol/facilitator_api.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include "x402/protocol/codec_detail.hpp"
#include "x402/protocol/reasons.hpp"

namespace x402 {
namespace {

// Codes after which money may still move, or may have moved. The first is the protocol's own word;
// the others are what facilitators in the field answer when something of theirs broke while they
// settled.
constexpr std::array<std::string_view, 4> kUndecided = {
    "settlement_pending", "unexpected_settle_error", "unexpected_error",
    "post_settlement_transfer_not_confirmed"};

// Parts of codes that tell of a send, or of a wait for its end, that broke on the way.
constexpr std::array<std::string_view, 5> kBroken = {"failed_to_get_receipt", "failed_to_execute",
                                                     "failed_to_confirm", "timed_out",
                                                     "not_confirmed"};

// Codes that are the end of a transaction, so that one named beside them moves nothing any more.
constexpr std::array<std::string_view, 6> kEnded = {"duplicate_settlement",
                                                    "invalid_transaction_state",
                                                    "invalid_exact_evm_transaction_failed",
                                                    "invalid_exact_evm_transfer_event_mismatch",
                                                    "transaction_failed",
                                                    "authorization_expired"};

bool is_one_of(std::string_view code, std::span<const std::string_view> codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

bool speaks_of_breaking(std::string_view code) {
    return std::any_of(kBroken.begin(), kBroken.end(),
                       [code](std::string_view part) { return code.contains(part); });
}

// The reference sends and waits in one try: its "transaction_failed" without a transaction may be a
// transfer that was sent and whose wait broke. Others tell the sentence of whatever was thrown.
bool may_have_been_sent(const SettleResponse& response) {
    if (!response.transaction.empty()) return false;
    const std::string& code = response.error_reason;
    const bool is_code = std::none_of(
        code.begin(), code.end(), [](unsigned char c) { return c == ' ' || std::isupper(c) != 0; });
    return code.ends_with("transaction_failed") || !is_code;
}

// Whoever names a transaction has sent it. Only a code that says how it ended undoes that.
bool may_be_mined(const SettleResponse& response) {
    return !response.transaction.empty() && !is_one_of(response.error_reason, kEnded);
}

bool moved_something_known(const SettleResponse& response) {
    return !response.transaction.empty() || (response.amount && response.amount->is_zero());
}

Result<std::vector<std::string>> read_transactions(const json::Object& object) {
    std::vector<std::string> transactions;
    if (json::find(object, "transactions") == nullptr) return transactions;
    X402_TRY(const json::Array values, json::get_array(object, "transactions"));
    for (const auto& value : values) {
        const auto* text = value.if_string();
        if (text == nullptr)
            return fail_field(Errc::invalid, "transactions", "expected an array of strings");
        transactions.emplace_back(text->data(), text->size());
    }
    return transactions;
}

}  // namespace

std::string_view to_string(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::settled:
            return "settled";
        case Outcome::failed:
            return "failed";
        case Outcome::unknown:
            return "unknown";
    }
    return "unknown";
}

std::optional<Outcome> find_outcome(std::string_view text) noexcept {
    for (const Outcome outcome : {Outcome::settled, Outcome::failed, Outcome::unknown}) {
        if (to_string(outcome) == text) return outcome;
    }
    return std::nullopt;
}

Outcome outcome_of(const SettleResponse& response) {
    if (response.success)
        return moved_something_known(response) ? Outcome::settled : Outcome::unknown;
    const std::string& code = response.error_reason;
    const bool undecided = is_one_of(code, kUndecided) || speaks_of_breaking(code);
    // The reference facilitator changes a pending settlement's code when its own store fails; its
    // message tells.
    const bool renamed = response.error_message.starts_with(kUndecided.front());
    const bool open =
        undecided || renamed || may_be_mined(response) || may_have_been_sent(response);
    return open ? Outcome::unknown : Outcome::failed;
}

bool is_duplicate(const SettleResponse& response) {
    return !response.success && response.error_reason == to_string(Reason::duplicate_settlement);
}

std::optional<std::string> contradiction_in(const SettleResponse& response, const ChainId& asked) {
    if (!response.success) return std::nullopt;
    if (!moved_something_known(response))
        return "success without a transaction, and the amount is not zero";
    if (!response.error_reason.empty()) return "success beside an error code";
    if (response.network != asked) return "success on another network than the one asked for";
    return std::nullopt;
}

json::Object write(const SettlementStatus& status) {
    json::Object object;
    object["key"] = status.key.value();
    object["outcome"] = to_string(status.outcome);
    object["state"] = status.state;
    json::Array transactions;
    for (const std::string& transaction : status.transactions)
        transactions.emplace_back(transaction);
    object["transactions"] = std::move(transactions);
    if (status.block) object["block"] = *status.block;
    if (!status.payer.empty()) object["payer"] = status.payer;
    if (!status.amount.empty()) object["amount"] = status.amount;
    object["updatedAt"] = to_unix_ms(status.updated_at);
    return object;
}

Result<SettlementStatus> read_settlement_status(std::string_view text) {
    X402_TRY(const json::Object object, json::parse_object(text));
    SettlementStatus status;
    X402_TRY(std::string key, detail::read_filled(object, "key", {}));
    status.key = PaymentKey{std::move(key)};
    X402_TRY(const std::string outcome, json::get_string(object, "outcome"));
    const auto known = find_outcome(outcome);
    if (!known) return fail_field(Errc::invalid, "outcome", "expected settled, failed or unknown");
    status.outcome = *known;
    X402_TRY(status.state, detail::read_optional(object, "state", {}));
    X402_TRY(status.transactions, read_transactions(object));
    X402_TRY(const auto block, json::opt_int(object, "block"));
    if (block && *block < 0) return fail_field(Errc::invalid, "block", "must not be negative");
    if (block) status.block = static_cast<std::uint64_t>(*block);
    X402_TRY(status.payer, detail::read_optional(object, "payer", {}));
    X402_TRY(status.amount, detail::read_optional(object, "amount", {}));
    X402_TRY(const auto updated_at, json::opt_int(object, "updatedAt"));
    if (updated_at) status.updated_at = from_unix_ms(*updated_at);
    return status;
}

}  // namespace x402
