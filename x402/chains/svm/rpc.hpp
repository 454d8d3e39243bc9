// SPDX-License-Identifier: Apache-2.0
// Typed questions to the nodes of one network. Any thread.
#pragma once

#include <memory>

#include "x402/chains/svm/rpc_codec.hpp"

namespace x402::svm {

class Rpc {
public:
    explicit Rpc(std::unique_ptr<net::RpcClient> client) noexcept : client_(std::move(client)) {}
    net::RpcClient& client() noexcept { return *client_; }
    const net::RpcClient& client() const noexcept { return *client_; }

    Task<Result<At<LatestBlockhash>>> latest_blockhash(Commitment commitment);
    Task<Result<At<bool>>> blockhash_valid(Hash32 blockhash, Commitment commitment);
    // At finalized, slot and height are no later than the final slot that is told right after: not
    // every node heeds the commitment where it tells the height.
    Task<Result<Height>> height(Commitment commitment);
    // When a block was made. Errc::not_found: that slot has none that is known.
    Task<Result<std::int64_t>> block_time(std::uint64_t slot);
    // In the order of the addresses; nothing where there is no such account. At most 100.
    Task<Result<At<std::vector<std::optional<Account>>>>> accounts(std::vector<Address> addresses,
                                                                   Commitment commitment);
    // Signatures are not checked; the blockhash is, and is not replaced.
    struct SimulationRequest {
        std::string transaction;           // base64
        std::vector<AccountUse> accounts;  // resolved: what inner instructions index into
        std::vector<Address> watched;      // whose state afterwards is told
        Commitment commitment = Commitment::confirmed;
    };
    Task<Result<At<SimulationAnswer>>> simulate(SimulationRequest request);
    Task<Result<std::optional<LandedTransaction>>> transaction(std::string signature,
                                                               Commitment commitment);

    // The same question to every endpoint, one answer or error each: where they must agree, or one
    // may know what another lacks.
    Task<std::vector<Result<std::string>>> genesis_hash_all();
    Task<std::vector<Result<At<bool>>>> blockhash_valid_all(Hash32 blockhash,
                                                            Commitment commitment);
    Task<std::vector<Result<Height>>> height_all(Commitment commitment);
    using Statuses = At<std::vector<std::optional<SignatureStatus>>>;
    Task<std::vector<Result<Statuses>>> statuses_all(std::vector<std::string> signatures);
    Task<std::vector<Result<std::optional<LandedTransaction>>>> transaction_all(
        std::string signature, Commitment commitment);
    Task<std::vector<Result<std::vector<SignatureRow>>>> signatures_for_all(
        Address address, std::optional<std::string> before, std::size_t limit);
    // To every endpoint: accepted by one is accepted; refused only when all that answered refuse.
    Task<SentAnswer> send(std::string base64);

private:
    std::unique_ptr<net::RpcClient> client_;
};

// What several endpoints said to one sending, folded into one answer.
SentAnswer fold_sent(const std::vector<Result<net::RpcReply>>& replies);

}  // namespace x402::svm
