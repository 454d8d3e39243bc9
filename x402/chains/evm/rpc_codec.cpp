// SPDX-License-Identifier: Apache-2.0
// Nodes differ in how they word an error; where one is told from another by its words, the words of
// the common clients are listed. Any thread.
#include "x402/chains/evm/rpc_codec.hpp"

#include <algorithm>
#include <array>

#include "x402/base/hex.hpp"

namespace x402::evm {
namespace {

constexpr std::size_t kMostLogs = 10'000;
constexpr std::int64_t kExecutionReverted = 3;   // geth, erigon, anvil
constexpr std::int64_t kInvalidParams = -32602;  // JSON-RPC 2.0 section 5.1

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

template <std::size_t N>
bool has_any(std::string_view text, const std::array<std::string_view, N>& words) {
    return std::any_of(words.begin(), words.end(), [text](std::string_view word) {
        return text.find(word) != std::string_view::npos;
    });
}

std::unexpected<Error> nonsense(std::string what) {
    return fail(Errc::bad_peer, "the node's answer makes no sense: " + std::move(what));
}

std::unexpected<Error> node_error(const net::RpcError& error) {
    return fail(Errc::unavailable, "the node answered error " + std::to_string(error.code));
}

Result<json::Value> result_of(const net::RpcReply& reply) {
    if (reply.error) return node_error(*reply.error);
    if (!reply.result) return nonsense("neither result nor error");
    return *reply.result;
}

Result<std::string> text_of(const json::Value& value) {
    const auto* text = value.if_string();
    if (text == nullptr) return nonsense("no text");
    return std::string(text->begin(), text->end());
}

Result<U256> quantity_of(const json::Value& value) {
    X402_TRY(const std::string text, text_of(value));
    auto number = U256::from_hex(text);
    if (!number) return nonsense("no quantity");
    return number;
}

Result<U256> member_quantity(const json::Object& object, std::string_view key) {
    const json::Value* value = json::find(object, key);
    if (value == nullptr) return nonsense("no " + std::string(key));
    return quantity_of(*value);
}

Result<std::uint64_t> member_number(const json::Object& object, std::string_view key) {
    X402_TRY(const U256 value, member_quantity(object, key));
    const auto fits = value.to_u64();
    if (!fits) return nonsense(std::string(key) + " is too large");
    return *fits;
}

template <std::size_t N>
Result<FixedBytes<N>> member_fixed(const json::Object& object, std::string_view key) {
    auto bytes = fixed_from_hex0x<N>(json::text_or_empty(object, key));
    if (!bytes) return nonsense(std::string(key));
    return bytes;
}

Result<Bytes> hex_of(const json::Value& value) {
    X402_TRY(const std::string text, text_of(value));
    if (!text.starts_with("0x")) return nonsense("no hex");
    auto bytes = from_hex(text);
    if (!bytes) return nonsense("no hex");
    return bytes;
}

Result<Log> log_of(const json::Value& value) {
    const auto* object = value.if_object();
    if (object == nullptr) return nonsense("a log is no object");
    Log log;
    X402_TRY(log.address, member_fixed<20>(*object, "address"));
    X402_TRY(log.index, member_number(*object, "logIndex"));
    X402_TRY(log.block, member_number(*object, "blockNumber"));
    X402_TRY(log.transaction, member_fixed<32>(*object, "transactionHash"));
    const json::Value* data = json::find(*object, "data");
    if (data == nullptr) return nonsense("a log has no data");
    X402_TRY(log.data, hex_of(*data));
    const json::Value* topics = json::find(*object, "topics");
    if (topics == nullptr || !topics->is_array() || topics->get_array().size() > 4) {
        return nonsense("a log has no topics");
    }
    for (const json::Value& topic : topics->get_array()) {
        X402_TRY(const std::string text, text_of(topic));
        const auto word = fixed_from_hex0x<32>(text);
        if (!word) return nonsense("a topic is no word");
        log.topics.push_back(*word);
    }
    return log;
}

Result<std::vector<Log>> logs_of(const json::Value& value) {
    const auto* array = value.if_array();
    if (array == nullptr) return nonsense("logs are no list");
    if (array->size() > kMostLogs) return fail(Errc::too_large, "the node sent too many logs");
    std::vector<Log> out;
    for (const json::Value& each : *array) {
        X402_TRY(Log log, log_of(each));
        // A log that a reorganisation took back proves nothing.
        const json::Value* removed = json::find(each.get_object(), "removed");
        if (removed != nullptr && removed->is_bool() && removed->get_bool()) continue;
        out.push_back(std::move(log));
    }
    return out;
}

// gasUsed x effectiveGasPrice, and the data fee of the OP stack.
Result<U256> cost_of(const json::Object& object) {
    X402_TRY(const U256 used, member_quantity(object, "gasUsed"));
    U256 price;
    if (json::find(object, "effectiveGasPrice") != nullptr) {
        X402_TRY(price, member_quantity(object, "effectiveGasPrice"));
    }
    U256 cost = used.saturating_mul(price);
    if (json::find(object, "l1Fee") != nullptr) {
        X402_TRY(const U256 data_fee, member_quantity(object, "l1Fee"));
        cost = cost.saturating_add(data_fee);
    }
    return cost;
}

bool is_revert(const net::RpcError& error) {
    if (error.code == kExecutionReverted) return true;
    static constexpr std::array<std::string_view, 9> kWords = {
        "revert",          "vm execution error", "invalid opcode",       "out of gas", "outofgas",
        "stack underflow", "bad jump",           "gas required exceeds", "evm error"};
    const std::string words = lower(error.message);
    // Anvil's own trouble, in the words of what it ran.
    if (words.starts_with("evm error fatal")) return false;
    return has_any(words, kWords);
}

// Revert data stands in `data` as hex, behind a word, or one object deeper.
Bytes revert_data(const json::Value& data) {
    const json::Value* at = &data;
    if (const auto* object = data.if_object()) {
        const json::Value* inner = json::find(*object, "data");
        if (inner == nullptr) return {};
        at = inner;
    }
    const auto* text = at->if_string();
    if (text == nullptr) return {};
    const std::string_view view(text->data(), text->size());
    const auto begin = view.find("0x");
    if (begin == std::string_view::npos) return {};
    const auto bytes = from_hex(view.substr(begin));
    return bytes ? *bytes : Bytes{};
}

// "gas required exceeds allowance (600000)", as the common clients say it. The text of a revert is
// a stranger's and must not be taken for it.
std::optional<U256> allowance_of(std::string_view message) {
    constexpr std::string_view kWords = "gas required exceeds allowance";
    const std::string words = lower(message);
    const auto at = words.find(kWords);
    const bool reverted = words.find("revert") != std::string::npos;
    if (at == std::string::npos || reverted) return std::nullopt;
    const auto begin = words.find_first_of("0123456789", at + kWords.size());
    if (begin == std::string::npos) return std::nullopt;
    const auto end = words.find_first_not_of("0123456789", begin);
    const auto number = U256::from_decimal(std::string_view(words).substr(begin, end - begin));
    return number ? std::optional<U256>(*number) : std::nullopt;
}

json::Object call_object(const CallRequest& request) {
    json::Object call;
    if (request.from) call["from"] = to_lower(*request.from);
    call["to"] = to_lower(request.to);
    call["data"] = to_hex0x(request.data);
    if (request.gas) call["gas"] = U256(*request.gas).to_quantity();
    if (request.fees) {
        call["maxFeePerGas"] = request.fees->max_fee.to_quantity();
        call["maxPriorityFeePerGas"] = request.fees->tip.to_quantity();
    }
    return call;
}

}  // namespace

std::string block_tag(std::uint64_t number) {
    return U256(number).to_quantity();
}

net::RpcCall ask(std::string method) {
    return {std::move(method), {}};
}

net::RpcCall ask_block(std::string tag) {
    json::Array params;
    params.emplace_back(tag);
    params.emplace_back(false);
    return {"eth_getBlockByNumber", std::move(params)};
}

net::RpcCall ask_nonce(const Address& account, std::string tag) {
    json::Array params;
    params.emplace_back(to_lower(account));
    params.emplace_back(tag);
    return {"eth_getTransactionCount", std::move(params)};
}

net::RpcCall ask_code(const Address& account) {
    json::Array params;
    params.emplace_back(to_lower(account));
    params.emplace_back("latest");
    return {"eth_getCode", std::move(params)};
}

net::RpcCall ask_balance(const Address& account) {
    json::Array params;
    params.emplace_back(to_lower(account));
    params.emplace_back("latest");
    return {"eth_getBalance", std::move(params)};
}

net::RpcCall ask_call(const CallRequest& request, std::string tag) {
    json::Array params;
    params.emplace_back(call_object(request));
    params.emplace_back(tag);
    return {"eth_call", std::move(params)};
}

net::RpcCall ask_estimate(const CallRequest& request) {
    json::Array params;
    params.emplace_back(call_object(request));
    return {"eth_estimateGas", std::move(params)};
}

net::RpcCall ask_receipt(const std::string& transaction) {
    json::Array params;
    params.emplace_back(transaction);
    return {"eth_getTransactionReceipt", std::move(params)};
}

net::RpcCall ask_logs(const LogFilter& filter) {
    json::Array topics;
    for (const auto& alternatives : filter.topics) {
        json::Array words;
        for (const Hash32& word : alternatives) words.emplace_back(to_hex0x(word.view()));
        topics.emplace_back(std::move(words));
    }
    json::Object query;
    query["address"] = to_lower(filter.address);
    query["topics"] = std::move(topics);
    query["fromBlock"] = block_tag(filter.from_block);
    query["toBlock"] = block_tag(filter.to_block);
    json::Array params;
    params.emplace_back(std::move(query));
    return {"eth_getLogs", std::move(params)};
}

Result<U256> read_quantity(const net::RpcReply& reply) {
    X402_TRY(const json::Value value, result_of(reply));
    return quantity_of(value);
}

Result<std::uint64_t> read_number(const net::RpcReply& reply) {
    X402_TRY(const U256 value, read_quantity(reply));
    const auto fits = value.to_u64();
    if (!fits) return nonsense("the number is too large");
    return *fits;
}

Result<Bytes> read_bytes(const net::RpcReply& reply) {
    X402_TRY(const json::Value value, result_of(reply));
    return hex_of(value);
}

Result<std::optional<Block>> read_block(const net::RpcReply& reply) {
    X402_TRY(const json::Value value, result_of(reply));
    if (value.is_null()) return std::optional<Block>{};
    const auto* object = value.if_object();
    if (object == nullptr) return nonsense("a block is no object");
    Block block;
    X402_TRY(block.number, member_number(*object, "number"));
    X402_TRY(block.hash, member_fixed<32>(*object, "hash"));
    X402_TRY(const std::uint64_t time, member_number(*object, "timestamp"));
    if (time > 253'402'300'799ULL) return nonsense("the block's time is beyond the year 9999");
    block.time_s = static_cast<std::int64_t>(time);
    if (json::find(*object, "baseFeePerGas") != nullptr) {
        X402_TRY(block.base_fee, member_quantity(*object, "baseFeePerGas"));
    }
    return std::optional<Block>(block);
}

Result<std::optional<Receipt>> read_receipt(const net::RpcReply& reply) {
    X402_TRY(const json::Value value, result_of(reply));
    if (value.is_null()) return std::optional<Receipt>{};
    const auto* object = value.if_object();
    if (object == nullptr) return nonsense("a receipt is no object");
    Receipt receipt;
    X402_TRY(receipt.transaction, member_fixed<32>(*object, "transactionHash"));
    X402_TRY(const std::uint64_t status, member_number(*object, "status"));
    if (status > 1) return nonsense("a receipt's status is neither 0 nor 1");
    receipt.ok = status == 1;
    X402_TRY(receipt.block, member_number(*object, "blockNumber"));
    X402_TRY(receipt.block_hash, member_fixed<32>(*object, "blockHash"));
    X402_TRY(receipt.from, member_fixed<20>(*object, "from"));
    X402_TRY(receipt.cost, cost_of(*object));
    const json::Value* logs = json::find(*object, "logs");
    if (logs == nullptr) return nonsense("a receipt has no logs");
    X402_TRY(receipt.logs, logs_of(*logs));
    return std::optional<Receipt>(std::move(receipt));
}

Result<std::vector<Log>> read_logs(const net::RpcReply& reply) {
    X402_TRY(const json::Value value, result_of(reply));
    return logs_of(value);
}

Result<CallAnswer> read_call(const net::RpcReply& reply) {
    if (reply.error && is_revert(*reply.error))
        return CallAnswer{false, revert_data(reply.error->data)};
    X402_TRY(Bytes data, read_bytes(reply));
    return CallAnswer{true, std::move(data)};
}

Result<Estimate> read_estimate(const net::RpcReply& reply) {
    if (reply.error) {
        if (auto over = allowance_of(reply.error->message)) return Estimate{false, 0, {}, over};
    }
    if (reply.error && is_revert(*reply.error))
        return Estimate{false, 0, revert_data(reply.error->data), {}};
    X402_TRY(const std::uint64_t gas, read_number(reply));
    return Estimate{true, gas, {}, {}};
}

SentAnswer read_sent(const Result<net::RpcReply>& reply) {
    if (!reply) return {Sent::unknown, to_string(reply.error())};
    if (reply->result) return {Sent::accepted, {}};
    if (!reply->error) return {Sent::unknown, "neither result nor error"};
    const std::string words = lower(reply->error->message);
    static constexpr std::array<std::string_view, 6> kThere = {
        "already known",    "alreadyknown",   "known transaction",
        "already imported", "already exists", "already in"};
    // "unknown transaction type" is the contrary.
    const bool unknown = words.find("unknown transaction") != std::string::npos;
    if (!unknown && has_any(words, kThere)) return {Sent::accepted, "already known"};
    static constexpr std::array<std::string_view, 12> kRefused = {"nonce too low",
                                                                  "nonce is too low",
                                                                  "oldnonce",
                                                                  "replacement",
                                                                  "underpriced",
                                                                  "insufficient funds",
                                                                  "exceeds block gas limit",
                                                                  "intrinsic gas",
                                                                  "max fee per gas less than",
                                                                  "feetoolow",
                                                                  "invalid sender",
                                                                  "invalid chain id"};
    if (has_any(words, kRefused)) return {Sent::refused, reply->error->message};
    return {Sent::unknown, reply->error->message};
}

// Only words that are about the question itself: a node that is short of something, or has just
// started, says other things of a tag that it knows.
bool is_unknown_tag(const net::RpcReply& reply) {
    if (!reply.error) return false;
    static constexpr std::array<std::string_view, 4> kWords = {"invalid argument", "hex string",
                                                               "block tag", "unknown variant"};
    return reply.error->code == kInvalidParams || has_any(lower(reply.error->message), kWords);
}

bool is_unknown_block(const net::RpcReply& reply) {
    if (!reply.error) return false;
    static constexpr std::array<std::string_view, 3> kWords = {"unknown block", "block not found",
                                                               "invalid block"};
    return has_any(lower(reply.error->message), kWords);
}

}  // namespace x402::evm
