// SPDX-License-Identifier: Apache-2.0
// For tests of this folder: a small Solana cluster behind the RpcClient interface, seen through
// several endpoints that may each be silent, behind, without history, or lie. Transactions are read
// from their bytes: signatures, blockhash, funds and transfers are checked the way a cluster does.
// Not a model of the runtime: only what our questions ask. One thread.
//
// Every slot has a block unless it was skipped. What is confirmed lies `confirmed_lag` slots behind
// the tip, what is final `final_lag`. A transaction that is sent waits in a pool; the next block
// takes it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "x402/chains/svm/rpc_codec.hpp"
#include "x402/chains/svm/testing/fake_accounts.hpp"

namespace x402::svm::testing {

struct FakeEndpoint {
    std::string url = "https://node.example";  // what stats() names it
    // 32 characters of devnet's name and what follows them.
    std::string genesis = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG";
    bool down = false;                    // every question ends Errc::unreachable
    bool history = true;                  // false: searches answer error -32011
    bool heeds_commitment = true;         // false: getEpochInfo tells of the tip, whatever is asked
    bool forwards = true;                 // false: takes a transaction and drops it
    std::uint64_t behind = 0;             // slots behind the cluster, in every view
    std::map<Commitment, Height> claims;  // says this of its height and slot, whatever is true
    std::set<std::string> hidden;         // signatures that it says it never saw
    std::map<std::string, net::RpcError> errors;  // by method: answered instead
    // By method: sees the question and changes the answer, after the endpoint has acted.
    using Edit = std::function<void(const net::RpcCall& asked, Result<net::RpcReply>& answer)>;
    std::map<std::string, Edit> edits;
    std::map<std::string, std::size_t> counts;  // questions, by method
};

class FakeCluster final : public net::RpcClient {
public:
    explicit FakeCluster(std::size_t endpoints = 1);
    FakeEndpoint& endpoint(std::size_t index = 0) { return endpoints_[index]; }

    // Blocks of 400 ms each; the first takes what waits in the pool.
    void advance(std::size_t blocks = 1);
    // Until what is at the tip now is confirmed, or final.
    void confirm() { advance(confirmed_lag); }
    void finalize() { advance(final_lag); }
    // Slots that pass without a block: slot and height drift apart.
    void skip(std::size_t slots);
    Height at(Commitment commitment) const;
    std::int64_t time_s() const { return blocks_.back().time_ms / 1000; }  // of the tip's block
    // The tip's, or that of the newest block at that commitment.
    Hash32 blockhash(Commitment commitment = Commitment::processed) const;
    // The last height that takes this blockhash; nothing: no block has it.
    std::optional<std::uint64_t> last_height(const Hash32& blockhash) const;

    // Accounts, as if they had always been so.
    void put(const Address& address, Account account);
    void remove(const Address& address);
    void fund(const Address& address, std::uint64_t lamports);  // of the System Program
    void put_mint(const Address& mint, const FakeMint& shape = {});
    // The owner's associated token account under the mint's program; answers its address.
    Address put_holding(const FakeHolding& holding);
    void put_holding_at(const Address& address, const FakeHolding& holding);
    // At the tip.
    std::optional<Account> account(const Address& address) const;
    std::uint64_t tokens(const Address& token_account) const;  // 0 where there is none
    std::uint64_t lamports(const Address& address) const;

    // Straight into a block of its own, past every endpoint; checked like any other. Its signature,
    // or the error it was refused with.
    Result<std::string> land(const std::string& base64);
    std::size_t pool_size() const noexcept { return pool_.size(); }
    void drop_pool() noexcept { pool_.clear(); }
    bool landed(const std::string& signature) const;
    // What calling this program does, beside the known ones: a smart wallet that transfers. Nobody
    // asks for the authority's signature. No transfers: it runs and does nothing.
    std::map<Address, std::vector<TransferChecked>> programs;
    // Transactions that name this account fail once they land, though simulations succeed.
    std::set<Address> traps;
    std::size_t count(const std::string& method, std::size_t endpoint = 0) const;

    std::uint64_t confirmed_lag = 1;
    std::uint64_t final_lag = 32;
    std::uint64_t units = 6'200;  // that each transaction takes

    // `call` and `batch` go to the first endpoint that answers.
    Task<Result<net::RpcReply>> call(net::RpcCall request) override;
    Task<Result<std::vector<net::RpcReply>>> batch(std::vector<net::RpcCall> calls) override;
    Task<std::vector<Result<net::RpcReply>>> call_all(net::RpcCall request) override;
    std::size_t endpoints() const noexcept override { return endpoints_.size(); }
    std::vector<net::RpcStats> stats() const override;

    using State = std::map<Address, Account>;
    struct Landed {
        std::string signature;
        std::uint64_t slot = 0;
        std::int64_t time_s = 0;
        Transaction transaction;
        std::vector<Address> accounts;
        json::Value error;  // null: it succeeded
        std::uint64_t fee = 0;
        State before;
        State after;
        json::Array inner;
    };

private:
    struct Block {
        Height at;
        std::int64_t time_ms = 0;
        Hash32 blockhash;
        State after;
    };
    // What an endpoint sees at a commitment.
    struct View {
        const Block* block = nullptr;
        Height said;
    };
    View view(const FakeEndpoint& endpoint, Commitment commitment) const;
    const Block& block_at_or_before(std::uint64_t slot) const;
    const Landed* find(const FakeEndpoint& endpoint, const std::string& signature) const;
    bool fresh(const Hash32& blockhash, const Block& at) const;
    // Why the transaction may not even enter a block; null: it may.
    json::Value gate(const Transaction& transaction, const Block& at, const State& state,
                     bool signatures) const;
    void take(const Transaction& transaction);
    void push_block(bool with_pool);

    Result<net::RpcReply> answer(FakeEndpoint& endpoint, const net::RpcCall& request);
    net::RpcReply answer_plainly(FakeEndpoint& endpoint, const net::RpcCall& request);
    net::RpcReply answer_history(FakeEndpoint& endpoint, const net::RpcCall& request) const;
    net::RpcReply answer_accounts(const FakeEndpoint& endpoint, const json::Array& params) const;
    net::RpcReply answer_simulation(const FakeEndpoint& endpoint, const json::Array& params) const;
    net::RpcReply answer_statuses(const FakeEndpoint& endpoint, const json::Array& params) const;
    net::RpcReply answer_transaction(const FakeEndpoint& endpoint, const json::Array& params) const;
    net::RpcReply answer_signatures(const FakeEndpoint& endpoint, const json::Array& params) const;
    net::RpcReply answer_block_time(const FakeEndpoint& endpoint, const json::Array& params) const;
    net::RpcReply answer_send(const FakeEndpoint& endpoint, const json::Array& params);

    std::vector<FakeEndpoint> endpoints_;
    std::vector<Block> blocks_;
    std::uint64_t next_slot_ = 0;
    std::vector<Transaction> pool_;
    std::vector<Landed> landed_;
};

// The cluster behind an owning pointer, for classes that take one; the cluster outlives it.
std::unique_ptr<net::RpcClient> borrow(FakeCluster& cluster);

}  // namespace x402::svm::testing
