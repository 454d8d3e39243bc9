// SPDX-License-Identifier: Apache-2.0
// Requests, and the answers that are short. Error codes are those of the reference node; where
// nodes word an error, the words of the common ones are listed.
#include "x402/chains/svm/rpc_codec.hpp"

#include <algorithm>
#include <array>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/rpc_json.hpp"

namespace x402::svm {
namespace {

constexpr std::int64_t kInvalidParams = -32602;  // JSON-RPC 2.0 section 5.1
constexpr std::int64_t kPreflightFailed = -32002;
constexpr std::int64_t kSignatureInvalid = -32003;
constexpr std::int64_t kPrecompileFailed = -32006;

json::Object at(Commitment commitment) {
    json::Object options;
    options["commitment"] = to_string(commitment);
    return options;
}

json::Array addresses_of(std::span<const Address> addresses) {
    json::Array out;
    for (const Address& each : addresses) out.emplace_back(to_text(each));
    return out;
}

bool contains(std::string_view text, std::string_view word) noexcept {
    return text.find(word) != std::string_view::npos;
}

// A preflight that we did not ask for names the transaction's error beside its sentence.
bool says(const net::RpcError& error, std::string_view name) {
    if (const auto* data = error.data.if_object()) {
        if (json::text_or_empty(*data, "err") == name) return true;
    }
    return contains(error.message, name);
}

// That a slot has no block is an answer about the slot: skipped, or no longer or not yet there.
bool is_no_block(std::int64_t code) noexcept {
    constexpr std::array<std::int64_t, 5> kCodes = {-32001, -32004, -32007, -32009, -32014};
    return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

Result<std::optional<Commitment>> told_confirmation(const json::Object& object) {
    const json::Value* said = json::find(object, "confirmationStatus");
    if (said == nullptr) return std::optional<Commitment>{};
    X402_TRY(const std::string_view text, text_of(*said, "confirmationStatus"));
    for (const Commitment each :
         {Commitment::processed, Commitment::confirmed, Commitment::finalized}) {
        if (text == to_string(each)) return std::optional<Commitment>(each);
    }
    return nonsense("an unknown confirmation");
}

Result<Commitment> confirmation_of(const json::Object& status) {
    X402_TRY(const auto told, told_confirmation(status));
    if (told) return *told;
    // Older nodes: a count of confirmations, null once the block is rooted.
    const json::Value* count = status.if_contains("confirmations");
    if (count == nullptr) return nonsense("a status says nothing of its confirmation");
    return count->is_null() ? Commitment::finalized : Commitment::processed;
}

Result<std::optional<SignatureStatus>> status_of(const json::Value& value) {
    if (value.is_null()) return std::optional<SignatureStatus>{};
    X402_TRY(const json::Object* object, object_of(value, "a status"));
    SignatureStatus status;
    X402_TRY(status.slot, member_number(*object, "slot"));
    X402_TRY(status.failed, has_error(*object));
    X402_TRY(status.confirmed, confirmation_of(*object));
    return std::optional<SignatureStatus>(status);
}

Result<SignatureRow> row_of(const json::Value& value) {
    X402_TRY(const json::Object* object, object_of(value, "a row of signatures"));
    SignatureRow row;
    X402_TRY(const std::string_view text, member_text(*object, "signature"));
    X402_TRY(row.signature, signature_of_text(text));
    X402_TRY(row.slot, member_number(*object, "slot"));
    X402_TRY(row.time_s, member_time(*object, "blockTime"));
    X402_TRY(row.failed, has_error(*object));
    X402_TRY(const auto told, told_confirmation(*object));
    row.confirmed = told.value_or(Commitment::finalized);
    return row;
}

}  // namespace

Height height_by(const Height& told, std::uint64_t slot) noexcept {
    if (slot >= told.slot) return told;
    const std::uint64_t gap = told.slot - slot;
    return Height{slot, told.height > gap ? told.height - gap : 0};
}

net::RpcCall ask(std::string method) {
    return {std::move(method), {}};
}

net::RpcCall ask_latest_blockhash(Commitment commitment) {
    json::Array params;
    params.emplace_back(at(commitment));
    return {"getLatestBlockhash", std::move(params)};
}

net::RpcCall ask_blockhash_valid(const Hash32& blockhash, Commitment commitment) {
    json::Array params;
    params.emplace_back(to_base58(blockhash.view()));
    params.emplace_back(at(commitment));
    return {"isBlockhashValid", std::move(params)};
}

net::RpcCall ask_epoch_info(Commitment commitment) {
    json::Array params;
    params.emplace_back(at(commitment));
    return {"getEpochInfo", std::move(params)};
}

net::RpcCall ask_slot(Commitment commitment) {
    json::Array params;
    params.emplace_back(at(commitment));
    return {"getSlot", std::move(params)};
}

net::RpcCall ask_block_time(std::uint64_t slot) {
    json::Array params;
    params.emplace_back(slot);
    return {"getBlockTime", std::move(params)};
}

net::RpcCall ask_accounts(std::span<const Address> addresses, Commitment commitment) {
    json::Object slice;
    slice["offset"] = 0;
    slice["length"] = kMostAccountBytes + 1;  // one more tells that there is more
    json::Object options = at(commitment);
    options["encoding"] = "base64";
    options["dataSlice"] = std::move(slice);
    json::Array params;
    params.emplace_back(addresses_of(addresses));
    params.emplace_back(std::move(options));
    return {"getMultipleAccounts", std::move(params)};
}

net::RpcCall ask_simulation(const std::string& base64, std::span<const Address> watched,
                            Commitment commitment) {
    json::Object options = at(commitment);
    options["encoding"] = "base64";
    options["sigVerify"] = false;
    options["replaceRecentBlockhash"] = false;
    options["innerInstructions"] = true;
    if (!watched.empty()) {
        json::Object accounts;
        accounts["encoding"] = "base64";
        accounts["addresses"] = addresses_of(watched);
        options["accounts"] = std::move(accounts);
    }
    json::Array params;
    params.emplace_back(base64);
    params.emplace_back(std::move(options));
    return {"simulateTransaction", std::move(params)};
}

net::RpcCall ask_statuses(std::span<const std::string> signatures) {
    json::Array list;
    for (const std::string& each : signatures) list.emplace_back(each);
    json::Object options;
    options["searchTransactionHistory"] = true;
    json::Array params;
    params.emplace_back(std::move(list));
    params.emplace_back(std::move(options));
    return {"getSignatureStatuses", std::move(params)};
}

net::RpcCall ask_transaction(const std::string& signature, Commitment commitment) {
    json::Object options = at(commitment);
    options["encoding"] = "base64";
    options["maxSupportedTransactionVersion"] = 0;
    json::Array params;
    params.emplace_back(signature);
    params.emplace_back(std::move(options));
    return {"getTransaction", std::move(params)};
}

net::RpcCall ask_signatures_for(const Address& address, const std::optional<std::string>& before,
                                std::size_t limit) {
    json::Object options = at(Commitment::finalized);
    options["limit"] = std::min(limit, kMostSignatures);
    if (before) options["before"] = *before;
    json::Array params;
    params.emplace_back(to_text(address));
    params.emplace_back(std::move(options));
    return {"getSignaturesForAddress", std::move(params)};
}

// The node neither checks it first, which would only ask again what was simulated, nor sends it
// again on its own: when to repeat is ours to say.
net::RpcCall ask_send(const std::string& base64) {
    json::Object options;
    options["encoding"] = "base64";
    options["skipPreflight"] = true;
    options["maxRetries"] = 0;
    json::Array params;
    params.emplace_back(base64);
    params.emplace_back(std::move(options));
    return {"sendTransaction", std::move(params)};
}

Result<std::string> read_text(const net::RpcReply& reply) {
    X402_TRY(const json::Value* value, result_of(reply));
    X402_TRY(const std::string_view text, text_of(*value, "the result"));
    return std::string(text);
}

Result<At<LatestBlockhash>> read_latest_blockhash(const net::RpcReply& reply) {
    X402_TRY(const Context context, context_of(reply));
    X402_TRY(const json::Object* object, object_of(*context.value, "a blockhash"));
    At<LatestBlockhash> out;
    out.slot = context.slot;
    X402_TRY(out.value.blockhash, member_address(*object, "blockhash"));
    X402_TRY(out.value.last_valid_height, member_number(*object, "lastValidBlockHeight"));
    return out;
}

Result<At<bool>> read_blockhash_valid(const net::RpcReply& reply) {
    X402_TRY(const Context context, context_of(reply));
    if (!context.value->is_bool()) return nonsense("neither true nor false");
    return At<bool>{context.slot, context.value->get_bool()};
}

Result<Height> read_epoch_info(const net::RpcReply& reply) {
    X402_TRY(const json::Value* value, result_of(reply));
    X402_TRY(const json::Object* object, object_of(*value, "the epoch"));
    Height out;
    X402_TRY(out.slot, member_number(*object, "absoluteSlot"));
    X402_TRY(out.height, member_number(*object, "blockHeight"));
    // Every block has a slot, and some slots have no block.
    if (out.height > out.slot) return nonsense("more blocks than slots");
    return out;
}

Result<std::uint64_t> read_number(const net::RpcReply& reply) {
    X402_TRY(const json::Value* value, result_of(reply));
    return number_of(*value, "the result");
}

Result<std::int64_t> read_block_time(const net::RpcReply& reply) {
    if (reply.error && is_no_block(reply.error->code)) {
        return fail(Errc::not_found, "the node knows no block in that slot");
    }
    X402_TRY(const json::Value* value, result_of(reply));
    if (value->is_null()) return fail(Errc::not_found, "the node knows no time of that block");
    return time_of(*value);
}

Result<At<std::vector<std::optional<Account>>>> read_accounts(const net::RpcReply& reply,
                                                              std::size_t asked) {
    X402_TRY(const Context context, context_of(reply));
    X402_TRY(const json::Array* list, array_of(*context.value, "the accounts", asked));
    if (list->size() != asked) return nonsense("another number of accounts");
    At<std::vector<std::optional<Account>>> out;
    out.slot = context.slot;
    for (const json::Value& each : *list) {
        X402_TRY(auto account, account_of(each));
        out.value.push_back(std::move(account));
    }
    return out;
}

Result<At<std::vector<std::optional<SignatureStatus>>>> read_statuses(const net::RpcReply& reply,
                                                                      std::size_t asked) {
    X402_TRY(const Context context, context_of(reply));
    X402_TRY(const json::Array* list, array_of(*context.value, "the statuses", asked));
    if (list->size() != asked) return nonsense("another number of statuses");
    At<std::vector<std::optional<SignatureStatus>>> out;
    out.slot = context.slot;
    for (const json::Value& each : *list) {
        X402_TRY(const auto status, status_of(each));
        out.value.push_back(status);
    }
    return out;
}

Result<std::vector<SignatureRow>> read_signatures(const net::RpcReply& reply) {
    X402_TRY(const json::Value* value, result_of(reply));
    X402_TRY(const json::Array* list, array_of(*value, "the signatures", kMostSignatures));
    std::vector<SignatureRow> out;
    out.reserve(list->size());
    for (const json::Value& each : *list) {
        X402_TRY(SignatureRow row, row_of(each));
        out.push_back(row);
    }
    return out;
}

SentAnswer read_sent(const Result<net::RpcReply>& reply) {
    if (!reply) return {Sent::unknown, to_string(reply.error())};
    if (reply->result) {
        if (reply->result->is_string()) return {Sent::accepted, {}};
        return {Sent::unknown, "the node answered a transaction with no signature"};
    }
    if (!reply->error) return {Sent::unknown, "neither result nor error"};
    const net::RpcError& error = *reply->error;
    if (says(error, "AlreadyProcessed") || contains(error.message, "already been processed")) {
        return {Sent::accepted, "already processed"};
    }
    static constexpr std::array<std::int64_t, 4> kRefused = {kInvalidParams, kPreflightFailed,
                                                             kSignatureInvalid, kPrecompileFailed};
    const bool refused = std::find(kRefused.begin(), kRefused.end(), error.code) != kRefused.end();
    return {refused ? Sent::refused : Sent::unknown, error.message};
}

}  // namespace x402::svm
