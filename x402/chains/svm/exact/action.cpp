// SPDX-License-Identifier: Apache-2.0
// {"transaction": base64, "payer", "feePayer", "mint", "destination", "amount": decimal,
//  "path": "plain" | "wallet", "fee": decimal lamports, "lastHeight": decimal, where it is known}
#include "x402/chains/svm/exact/action.hpp"

namespace x402::svm {
namespace {

constexpr std::string_view kAction = "action";
constexpr std::string_view kPlain = "plain";
constexpr std::string_view kWallet = "wallet";
constexpr std::string_view kCredited = "credited";

Result<std::uint64_t> number_of_text(std::string_view text, std::string_view key) {
    const auto number = U256::from_decimal(text);
    const auto small = number ? number->to_u64() : std::nullopt;
    if (small) return *small;
    return fail_field(Errc::invalid, std::string(kAction) + "." + std::string(key),
                      "no decimal number of 64 bits");
}

Result<std::uint64_t> read_number(const json::Object& body, std::string_view key) {
    X402_TRY(const std::string text, json::get_string(body, key, kAction));
    return number_of_text(text, key);
}

Result<Address> read_address(const json::Object& body, std::string_view key) {
    X402_TRY(const std::string text, json::get_string(body, key, kAction));
    return parse_address(text);
}

Result<TransferPath> read_path(const json::Object& body) {
    X402_TRY(const std::string path, json::get_string(body, "path", kAction));
    if (path == kPlain) return TransferPath::plain;
    if (path == kWallet) return TransferPath::wallet;
    return fail_field(Errc::invalid, "action.path", "neither plain nor wallet");
}

// What names slot and payment is never read from the journal, but made of the bytes that are sent.
Result<void> take_transaction(TransferAction& action) {
    X402_TRY(const Transaction transaction, read_transaction_text(action.transaction));
    if (transaction.fee_payer() != action.fee_payer)
        return fail_field(Errc::invalid, "action.feePayer", "the transaction has another one");
    if (!transaction.signatures.front().is_zero())
        return fail_field(Errc::invalid, "action.transaction", "its fee payer has signed already");
    action.hash = message_hash(transaction);
    return {};
}

}  // namespace

json::Object write(const TransferAction& action) {
    json::Object body;
    body["transaction"] = action.transaction;
    body["payer"] = to_text(action.payer);
    body["feePayer"] = to_text(action.fee_payer);
    body["mint"] = to_text(action.mint);
    body["destination"] = to_text(action.destination);
    body["amount"] = std::to_string(action.amount);
    body["path"] = action.path == TransferPath::wallet ? kWallet : kPlain;
    body["fee"] = std::to_string(action.fee);
    if (action.last_height) body["lastHeight"] = std::to_string(*action.last_height);
    return body;
}

Result<TransferAction> read_action(const json::Object& body) {
    TransferAction action;
    X402_TRY(action.transaction, json::get_string(body, "transaction", kAction));
    X402_TRY(action.payer, read_address(body, "payer"));
    X402_TRY(action.fee_payer, read_address(body, "feePayer"));
    X402_TRY(action.mint, read_address(body, "mint"));
    X402_TRY(action.destination, read_address(body, "destination"));
    X402_TRY(action.amount, read_number(body, "amount"));
    if (action.amount == 0) return fail_field(Errc::invalid, "action.amount", "it is zero");
    X402_TRY(action.path, read_path(body));
    X402_TRY(action.fee, read_number(body, "fee"));
    X402_TRY(const auto last_height, json::opt_string(body, "lastHeight", kAction));
    if (last_height) {
        X402_TRY(action.last_height, number_of_text(*last_height, "lastHeight"));
    }
    X402_TRY_VOID(take_transaction(action));
    return action;
}

json::Object write_part(const std::optional<U256>& credited) {
    json::Object body;
    if (credited) body[kCredited] = credited->to_decimal();
    return body;
}

std::optional<U256> read_part(const json::Object& body) {
    const auto text = json::opt_string(body, kCredited);
    if (!text || !*text) return std::nullopt;
    auto credited = U256::from_decimal(**text);
    if (!credited) return std::nullopt;
    return *credited;
}

}  // namespace x402::svm
