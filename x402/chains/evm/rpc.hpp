// SPDX-License-Identifier: Apache-2.0
// Typed questions to the nodes of one network. Any thread.
#pragma once

#include <atomic>
#include <memory>

#include "x402/chains/evm/rpc_codec.hpp"

namespace x402::evm {

// How far behind the latest block a block counts as final where a node does not know the tag.
inline constexpr std::uint64_t kFinalDepth = 64;

class Rpc {
public:
    explicit Rpc(std::unique_ptr<net::RpcClient> client) noexcept : client_(std::move(client)) {}

    net::RpcClient& client() noexcept { return *client_; }
    const net::RpcClient& client() const noexcept { return *client_; }

    // Of every endpoint that answers; at least one does.
    Task<Result<std::vector<U256>>> chain_ids();
    // Errc::not_found when the node has no such block.
    Task<Result<Block>> block(std::string tag);
    // Asks every endpoint whether it knows what is final: at the start, and again until one does or
    // all say in so many words that they do not know the tag. True: none has such a block now.
    Task<bool> learn_final_tag();
    // Where no node knows the tag: kFinalDepth behind the latest.
    Task<Result<Block>> finalized();
    Task<Result<std::uint64_t>> nonce(Address account, std::string tag);
    // The account's nonce in the final state of each endpoint, in their order; nothing where one
    // does not tell.
    Task<std::vector<std::optional<std::uint64_t>>> final_nonces(Address account);
    Task<Result<bool>> has_code(Address account);
    Task<Result<U256>> balance(Address account);
    Task<Result<CallAnswer>> call(CallRequest request, std::string tag);
    Task<Result<Estimate>> estimate(CallRequest request);
    Task<Result<std::optional<Receipt>>> receipt(std::string transaction);
    Task<Result<std::vector<Log>>> logs(LogFilter filter);
    // To every endpoint: accepted by one is accepted; refused only when all that answered refuse.
    Task<Result<SentAnswer>> send(std::string raw);

    // One request for all.
    Task<Result<std::vector<net::RpcReply>>> batch(std::vector<net::RpcCall> calls);

private:
    enum class FinalTag { unlearnt, known, missing };
    using Nonces = std::vector<std::optional<std::uint64_t>>;
    Task<Result<Block>> final_by_depth();
    Task<void> read_deep_nonces(Address account, const std::vector<bool>& which, Nonces& out);

    std::unique_ptr<net::RpcClient> client_;
    std::atomic<FinalTag> final_tag_{FinalTag::unlearnt};
};

// What several endpoints said to one sending, folded into one answer.
SentAnswer fold_sent(const std::vector<Result<net::RpcReply>>& replies);

}  // namespace x402::evm
