// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/_template/node.hpp"

namespace x402::mychain {
namespace {

Result<std::string> text_of(const json::Value& value) {
    if (!value.is_string()) return fail(Errc::bad_peer, "the ledger's answer is no text");
    return std::string(value.as_string());
}

Result<std::optional<Receipt>> read_receipt(const json::Value& value) {
    if (value.is_null()) return std::optional<Receipt>{};
    if (!value.is_object()) return fail(Errc::bad_peer, "a receipt is an object");
    const json::Object& object = value.as_object();
    Receipt receipt;
    X402_TRY(receipt.executed, json::get_bool(object, "executed", "receipt"));
    X402_TRY(receipt.sender, json::get_string(object, "sender", "receipt"));
    X402_TRY(const std::int64_t block, json::get_int(object, "block", "receipt"));
    receipt.block = static_cast<std::uint64_t>(block);
    X402_TRY(const std::int64_t at, json::get_int(object, "at", "receipt"));
    receipt.at = from_unix_ms(at);
    return std::optional(receipt);
}

}  // namespace

Task<Result<json::Value>> Node::ask(std::string method, json::Array params) {
    net::RpcCall call{std::move(method), std::move(params)};
    X402_CO_TRY(net::RpcReply reply, co_await client_->call(std::move(call)));
    if (reply.error) co_return fail(Errc::bad_peer, "the ledger said: " + reply.error->message);
    co_return std::move(*reply.result);
}

Task<Result<std::string>> Node::network() {
    X402_CO_TRY(const json::Value answer, co_await ask("ledger_network", {}));
    co_return text_of(answer);
}

Task<Result<Instant>> Node::time() {
    X402_CO_TRY(const json::Value answer, co_await ask("ledger_time", {}));
    if (!answer.is_int64()) co_return fail(Errc::bad_peer, "the ledger's time is no integer");
    co_return from_unix_ms(answer.as_int64());
}

Task<Result<U256>> Node::balance(std::string address, std::string asset) {
    json::Array params{address, asset};
    X402_CO_TRY(const json::Value answer, co_await ask("ledger_balance", std::move(params)));
    X402_CO_TRY(const std::string amount, text_of(answer));
    co_return U256::from_decimal(amount);
}

Task<Result<std::optional<Receipt>>> Node::receipt(std::string id) {
    json::Array params{id};
    X402_CO_TRY(const json::Value answer, co_await ask("ledger_receipt", std::move(params)));
    co_return read_receipt(answer);
}

// Only the ledger's own word is `refused`; silence says nothing.
Task<SentAnswer> Node::submit(std::string envelope) {
    json::Array params{envelope};
    net::RpcCall call{"ledger_submit", std::move(params)};
    const auto reply = co_await client_->call(std::move(call));
    if (!reply) co_return SentAnswer{Sent::unknown, to_string(reply.error())};
    if (reply->error) co_return SentAnswer{Sent::refused, reply->error->message};
    co_return SentAnswer{Sent::accepted, {}};
}

}  // namespace x402::mychain
