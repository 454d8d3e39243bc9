// SPDX-License-Identifier: Apache-2.0
// What we say to and hear from a Solana node, as data. A node's answer is outside input: what does
// not have the promised form is Errc::bad_peer, never a guess. An answer speaks of the slot it was
// made in (`context.slot`); nodes behind one address may be slots apart, so what is to be proven
// about the present compares slots. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/chains/svm/instructions.hpp"
#include "x402/chains/svm/settings.hpp"
#include "x402/net/jsonrpc.hpp"
#include "x402/schemes/network.hpp"

namespace x402::svm {

template <class T>
struct At {
    std::uint64_t slot = 0;  // context.slot
    T value;
};

struct LatestBlockhash {
    Hash32 blockhash;
    std::uint64_t last_valid_height = 0;
};

struct Account {
    std::uint64_t lamports = 0;
    Address owner;
    Bytes data;
};

// Of getEpochInfo: slot and block height of one moment at one node.
struct Height {
    std::uint64_t slot = 0;
    std::uint64_t height = 0;
};

// A height that the block of `slot` has at least, from what was told of a later slot: no slot has
// more than one block. What was told of an earlier or the same slot stays as it is.
Height height_by(const Height& told, std::uint64_t slot) noexcept;

struct SignatureStatus {
    std::uint64_t slot = 0;
    bool failed = false;  // the transaction landed and did nothing but pay its fee
    Commitment confirmed = Commitment::processed;
};

struct TokenBalance {
    std::size_t account = 0;  // index into the transaction's accounts
    Address mint;
    std::optional<Address> owner;
    std::uint64_t amount = 0;
};

// Of getTransaction, or of one candidate in a search.
struct LandedTransaction {
    std::uint64_t slot = 0;
    std::optional<std::int64_t> time_s;
    bool failed = false;
    std::uint64_t fee = 0;
    Transaction transaction;
    std::vector<Address> accounts;  // static and looked-up, in their order
    std::vector<TokenBalance> before;
    std::vector<TokenBalance> after;
    // By how much the token account grew; nothing where the meta does not tell.
    std::optional<U256> credited(const Address& token_account, const Address& mint) const;
};

struct SignatureRow {
    Signature signature;
    std::uint64_t slot = 0;
    std::optional<std::int64_t> time_s;
    bool failed = false;
    // A node may tell more than was asked for; one that does not say tells what was: finalized
    // ones.
    Commitment confirmed = Commitment::finalized;
};

struct SimulationAnswer {
    std::optional<std::string> error;  // the node's `err` as compact JSON
    bool blockhash_unknown = false;    // err is "BlockhashNotFound": never seen, or expired
    std::uint64_t units = 0;
    std::vector<std::string> logs;           // at most a few, each capped
    std::vector<TransferChecked> transfers;  // inner instructions that are one, in order
    bool has_inner = false;                  // the node told inner instructions at all
    std::vector<std::optional<std::uint64_t>> lamports_after;  // of the accounts asked for
    std::vector<std::optional<Account>> accounts_after;        // the same accounts
};

// Requests.
net::RpcCall ask(std::string method);
net::RpcCall ask_latest_blockhash(Commitment commitment);
net::RpcCall ask_blockhash_valid(const Hash32& blockhash, Commitment commitment);
net::RpcCall ask_epoch_info(Commitment commitment);
net::RpcCall ask_slot(Commitment commitment);
net::RpcCall ask_block_time(std::uint64_t slot);
net::RpcCall ask_accounts(std::span<const Address> addresses, Commitment commitment);
net::RpcCall ask_simulation(const std::string& base64, std::span<const Address> watched,
                            Commitment commitment);
net::RpcCall ask_statuses(std::span<const std::string> signatures);  // with history search
net::RpcCall ask_transaction(const std::string& signature, Commitment commitment);
net::RpcCall ask_signatures_for(const Address& address, const std::optional<std::string>& before,
                                std::size_t limit);  // at finalized commitment
net::RpcCall ask_send(const std::string& base64);

// Answers. A node's error that is not about the question itself is Errc::unavailable: it proves
// nothing.
Result<std::string> read_text(const net::RpcReply& reply);
Result<At<LatestBlockhash>> read_latest_blockhash(const net::RpcReply& reply);
Result<At<bool>> read_blockhash_valid(const net::RpcReply& reply);
Result<Height> read_epoch_info(const net::RpcReply& reply);
Result<std::uint64_t> read_number(const net::RpcReply& reply);
Result<std::int64_t> read_block_time(const net::RpcReply& reply);  // seconds
Result<At<std::vector<std::optional<Account>>>> read_accounts(const net::RpcReply& reply,
                                                              std::size_t asked);
// `message` is what was simulated: inner instructions name its accounts by index. `looked_up` are
// the accounts out of its tables.
Result<At<SimulationAnswer>> read_simulation(const net::RpcReply& reply,
                                             std::span<const AccountUse> accounts,
                                             std::size_t watched);
Result<At<std::vector<std::optional<SignatureStatus>>>> read_statuses(const net::RpcReply& reply,
                                                                      std::size_t asked);
Result<std::optional<LandedTransaction>> read_transaction(const net::RpcReply& reply);
Result<std::vector<SignatureRow>> read_signatures(const net::RpcReply& reply);
// accepted: taken in, or processed already; refused: the node will not have it; unknown: anything
// else.
SentAnswer read_sent(const Result<net::RpcReply>& reply);

}  // namespace x402::svm
