// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/rpc.hpp"

namespace x402::evm {

SentAnswer fold_sent(const std::vector<Result<net::RpcReply>>& replies) {
    SentAnswer folded{Sent::refused, {}};
    bool any = false;
    for (const auto& reply : replies) {
        SentAnswer answer = read_sent(reply);
        if (answer.sent == Sent::accepted) return answer;
        const bool weaker = answer.sent == Sent::unknown && folded.sent != Sent::unknown;
        if (!any || weaker) folded = std::move(answer);
        any = true;
    }
    if (!any) return {Sent::unknown, "no endpoint was asked"};
    return folded;
}

Task<Result<std::vector<net::RpcReply>>> Rpc::batch(std::vector<net::RpcCall> calls) {
    const std::size_t asked = calls.size();
    auto replies = co_await client_->batch(std::move(calls));
    if (replies && replies->size() != asked) {
        co_return fail(Errc::bad_peer, "the node answered another number of calls");
    }
    co_return replies;
}

Task<Result<std::vector<U256>>> Rpc::chain_ids() {
    net::RpcCall question = ask("eth_chainId");
    const auto replies = co_await client_->call_all(std::move(question));
    std::vector<U256> out;
    Error last{Errc::unreachable, "no endpoint answered", {}, {}, true};
    for (const auto& reply : replies) {
        if (!reply) {
            last = reply.error();
            continue;
        }
        X402_CO_TRY(const U256 id, read_quantity(*reply));
        out.push_back(id);
    }
    if (out.empty()) co_return fail(std::move(last));
    co_return out;
}

Task<Result<Block>> Rpc::block(std::string tag) {
    net::RpcCall question = ask_block(std::move(tag));
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    X402_CO_TRY(const auto block, read_block(reply));
    if (!block) co_return fail(Errc::not_found, "the node has no such block");
    co_return *block;
}

Task<Result<Block>> Rpc::finalized() {
    net::RpcCall question = ask_block("finalized");
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    if (!is_unknown_tag(reply)) {
        X402_CO_TRY(const auto known, read_block(reply));
        if (!known) co_return fail(Errc::unavailable, "the chain has no finalized block yet");
        co_return *known;
    }
    X402_CO_TRY(const Block latest, co_await block("latest"));
    if (latest.number < kFinalDepth) co_return co_await block(block_tag(0));
    co_return co_await block(block_tag(latest.number - kFinalDepth));
}

Task<Result<std::string>> Rpc::final_tag() {
    X402_CO_TRY(const Block final_block, co_await finalized());
    co_return block_tag(final_block.number);
}

Task<Result<std::uint64_t>> Rpc::nonce(Address account, std::string tag) {
    net::RpcCall question = ask_nonce(account, std::move(tag));
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_number(reply);
}

Task<Result<bool>> Rpc::has_code(Address account) {
    net::RpcCall question = ask_code(account);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    X402_CO_TRY(const Bytes code, read_bytes(reply));
    co_return !code.empty();
}

Task<Result<U256>> Rpc::balance(Address account) {
    net::RpcCall question = ask_balance(account);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_quantity(reply);
}

Task<Result<CallAnswer>> Rpc::call(CallRequest request, std::string tag) {
    net::RpcCall question = ask_call(request, std::move(tag));
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_call(reply);
}

Task<Result<Estimate>> Rpc::estimate(CallRequest request) {
    net::RpcCall question = ask_estimate(request);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_estimate(reply);
}

Task<Result<std::optional<Receipt>>> Rpc::receipt(std::string transaction) {
    net::RpcCall question = ask_receipt(transaction);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_receipt(reply);
}

Task<Result<std::vector<Log>>> Rpc::logs(LogFilter filter) {
    net::RpcCall question = ask_logs(filter);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_logs(reply);
}

Task<Result<SentAnswer>> Rpc::send(std::string raw) {
    net::RpcCall question = ask("eth_sendRawTransaction");
    question.params.emplace_back(raw);
    // Once one node has taken it, one that hangs must not hold the settlement up.
    question.fan_out_wait = std::chrono::seconds(3);
    const auto replies = co_await client_->call_all(std::move(question));
    co_return fold_sent(replies);
}

}  // namespace x402::evm
