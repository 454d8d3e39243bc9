// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/rpc.hpp"

#include <algorithm>

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

// The depth stands in for the tag only where every endpoint was heard: one that does not answer may
// know it. "No such block" is no missing tag, because it is also what a node says that has just
// started; a chain of which all say so is one that finalizes nothing yet, and is asked again.
Task<bool> Rpc::learn_final_tag() {
    net::RpcCall question = ask_block("finalized");
    const auto replies = co_await client_->call_all(std::move(question));
    bool known = false;
    bool missing = !replies.empty();
    bool absent = !replies.empty();
    for (const auto& reply : replies) {
        const bool no_tag = reply && is_unknown_tag(*reply);
        missing = missing && no_tag;
        absent = absent && (no_tag || (reply && is_unknown_block(*reply)));
        if (!reply) continue;
        const auto read = read_block(*reply);
        known = known || (read && *read);
    }
    if (known) {
        final_tag_ = FinalTag::known;
    } else if (missing) {
        final_tag_ = FinalTag::missing;
    }
    co_return absent;
}

Task<Result<Block>> Rpc::final_by_depth() {
    X402_CO_TRY(const Block latest, co_await block("latest"));
    if (latest.number < kFinalDepth) co_return co_await block(block_tag(0));
    co_return co_await block(block_tag(latest.number - kFinalDepth));
}

Task<Result<Block>> Rpc::finalized() {
    bool absent = false;
    if (final_tag_ == FinalTag::unlearnt) absent = co_await learn_final_tag();
    if (absent || final_tag_ == FinalTag::missing) co_return co_await final_by_depth();
    net::RpcCall question = ask_block("finalized");
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    if (!is_unknown_tag(reply) && !is_unknown_block(reply)) {
        X402_CO_TRY(const auto known, read_block(reply));
        if (!known) co_return fail(Errc::unavailable, "the chain has no finalized block yet");
        co_return *known;
    }
    // This endpoint does not know the tag, or has no such block yet; another may.
    net::RpcCall again = ask_block("finalized");
    const auto replies = co_await client_->call_all(std::move(again));
    std::optional<Block> earliest;
    bool all_unknown = true;
    for (const auto& each : replies) {
        all_unknown = all_unknown && each && is_unknown_tag(*each);
        if (!each) continue;
        const auto read = read_block(*each);
        if (!read || !*read) continue;
        if (!earliest || (*read)->number < earliest->number) earliest = **read;
    }
    if (earliest) co_return *earliest;
    if (!all_unknown) co_return fail(Errc::unavailable, "no endpoint says what is final");
    final_tag_ = FinalTag::missing;
    co_return co_await final_by_depth();
}

Task<std::vector<std::optional<std::uint64_t>>> Rpc::final_nonces(Address account) {
    Nonces out(client_->endpoints());
    bool absent = final_tag_ == FinalTag::missing;
    if (final_tag_ == FinalTag::unlearnt) absent = co_await learn_final_tag();
    std::vector<bool> by_depth(out.size(), absent);
    if (!absent) {
        net::RpcCall question = ask_nonce(account, "finalized");
        const auto replies = co_await client_->call_all(std::move(question));
        for (std::size_t i = 0; i < out.size() && i < replies.size(); ++i) {
            if (!replies[i]) continue;
            by_depth[i] = is_unknown_tag(*replies[i]);
            const auto nonce = read_number(*replies[i]);
            if (nonce) out[i] = *nonce;
        }
    }
    if (std::find(by_depth.begin(), by_depth.end(), true) != by_depth.end()) {
        co_await read_deep_nonces(account, by_depth, out);
    }
    co_return out;
}

// One question goes to all, so it names the block that is deep enough for the endpoint that is
// furthest; one that has not come as far does not speak.
Task<void> Rpc::read_deep_nonces(Address account, const std::vector<bool>& which, Nonces& out) {
    net::RpcCall question = ask("eth_blockNumber");
    const auto heights = co_await client_->call_all(std::move(question));
    std::vector<std::uint64_t> deep(out.size(), 0);
    std::uint64_t furthest = 0;
    for (std::size_t i = 0; i < out.size() && i < heights.size(); ++i) {
        if (!which[i] || !heights[i]) continue;
        const auto height = read_number(*heights[i]);
        if (!height || *height < kFinalDepth) continue;
        deep[i] = *height - kFinalDepth;
        furthest = std::max(furthest, deep[i]);
    }
    net::RpcCall nonce = ask_nonce(account, block_tag(furthest));
    const auto replies = co_await client_->call_all(std::move(nonce));
    for (std::size_t i = 0; i < out.size() && i < replies.size(); ++i) {
        if (!which[i] || !replies[i]) continue;
        const auto number = read_number(*replies[i]);
        if (number && deep[i] == furthest) out[i] = *number;
    }
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
