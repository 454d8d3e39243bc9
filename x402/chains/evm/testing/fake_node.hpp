// SPDX-License-Identifier: Apache-2.0
// For tests of this folder: a small chain behind the RpcClient interface, with tokens, wallets with
// code, Multicall3, a pool, blocks and a finalized depth. Every block keeps its state, so questions
// about an older block are answered from it. Not a model of the EVM: only what our calls ask. One
// thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "x402/base/sync.hpp"
#include "x402/chains/evm/rpc_codec.hpp"
#include "x402/chains/evm/tx.hpp"

namespace x402::evm::testing {

struct FakeToken {
    std::string name = "USDC";
    std::string version = "2";
    std::uint64_t decimals = 6;
    bool tells_domain = true;  // DOMAIN_SEPARATOR, name and version
    bool eip3009 = true;
    bool silent = false;   // a used nonce neither reverts nor moves anything
    bool forgets = false;  // a used nonce moves money once more
    bool takes_fee = false;
    bool blocks = false;  // every transfer reverts for a reason of its own
    bool greedy = false;  // takes more gas than anything may
    std::map<Address, U256> balances;
    std::set<std::pair<Address, Hash32>> used;
};

struct FakeWorld {
    std::map<Address, FakeToken> tokens;
    std::map<Address, Address> wallets;  // an account with code, and whose signature it accepts
    std::set<Address> code;              // other accounts with code
    std::map<Address, std::uint64_t> wallet_gas;  // what a wallet's own check takes
    std::set<Address> wary;  // wallets that say yes only where gas has no price: in a simulation
    std::map<Address, std::uint64_t> nonces;
    std::map<Address, U256> wei;
};

class FakeNode final : public net::RpcClient {
public:
    FakeNode();

    // The tip of the chain: what the next call sees.
    FakeWorld& world() noexcept { return world_; }
    FakeToken& token(std::string_view address) {
        return world_.tokens[*parse_wire_address(address)];
    }
    void fund(std::string_view token, const std::string& account, std::uint64_t amount);
    void add_multicall();
    // Somebody's transaction: executed in a block of its own; answers its hash.
    std::string run(Address to, Bytes data);
    // Marks an authorization as used the way a cancellation does.
    std::string cancel(Address token, Address payer, Hash32 nonce);
    // Makes blocks; the first takes what the pool holds.
    void mine(std::size_t blocks = 1, std::int64_t seconds = 2);
    // Takes the last block back, with what was in it.
    void reorganise();
    void put_in_pool(const std::string& raw);
    std::size_t pool_size() const noexcept { return pool_.size(); }
    void drop_pool() noexcept { pool_.clear(); }
    std::uint64_t height() const noexcept { return blocks_.size() - 1; }
    std::int64_t time_s() const noexcept { return blocks_.back().head.time_s; }
    std::size_t count(const std::string& method) const;

    std::uint64_t chain_id = 84532;
    std::uint64_t final_depth = 2;
    bool knows_final_tag = true;
    bool down = false;                            // every question ends Errc::unreachable
    std::map<std::string, net::RpcError> errors;  // by method: answered instead
    // By method: sees the question and changes the answer, after the node has acted.
    using Edit = std::function<void(const net::RpcCall& asked, Result<net::RpcReply>& answer)>;
    std::map<std::string, Edit> edits;
    std::vector<FakeNode*> peers;  // further endpoints, asked in turn where this one is in trouble
    Bell* hold = nullptr;          // batches wait for this bell
    std::size_t batches = 0;
    U256 base_fee{1'000'000'000};
    U256 tip{1'000'000};                      // what it suggests
    std::uint64_t call_gas_cap = 50'000'000;  // of a call that names no limit

    Task<Result<net::RpcReply>> call(net::RpcCall request) override;
    Task<Result<std::vector<net::RpcReply>>> batch(std::vector<net::RpcCall> calls) override;
    Task<std::vector<Result<net::RpcReply>>> call_all(net::RpcCall request) override;
    std::size_t endpoints() const noexcept override { return 1 + peers.size(); }
    std::vector<net::RpcStats> stats() const override { return {{"http://fake", 1, 0, false}}; }

private:
    struct MinedBlock {
        Block head;
        FakeWorld after;
        std::vector<Receipt> receipts;
    };
    Result<net::RpcReply> answer(const net::RpcCall& request);
    Result<net::RpcReply> answer_plainly(const net::RpcCall& request);
    Result<std::vector<net::RpcReply>> answer_batch(const std::vector<net::RpcCall>& calls);
    net::RpcReply answer_call(const json::Array& params, bool estimate);
    net::RpcReply answer_logs(const json::Array& params) const;
    net::RpcReply answer_send(const json::Array& params);
    net::RpcReply answer_receipt(const json::Array& params) const;
    std::optional<std::uint64_t> block_of(const json::Value& tag) const;
    Receipt execute(const ReadTransaction& tx, std::uint64_t block);
    void push_block(std::int64_t seconds, std::vector<Receipt> receipts);

    FakeWorld world_;
    std::vector<MinedBlock> blocks_;
    std::map<std::pair<Address, std::uint64_t>, ReadTransaction> pool_;
    std::map<std::string, std::size_t> counts_;
    std::uint64_t forks_ = 0;
    std::uint64_t strangers_ = 0;
};

// The node behind an owning pointer, for classes that take one; the node outlives it.
std::unique_ptr<net::RpcClient> borrow(FakeNode& node);

}  // namespace x402::evm::testing
