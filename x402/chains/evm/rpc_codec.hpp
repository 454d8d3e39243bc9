// SPDX-License-Identifier: Apache-2.0
// What we say to and hear from an EVM node, as data (Ethereum JSON-RPC specification). A node's
// answer is outside input: what does not have the promised form is Errc::bad_peer, never a guess.
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/chains/evm/address.hpp"
#include "x402/chains/evm/gas.hpp"
#include "x402/net/jsonrpc.hpp"
#include "x402/schemes/network.hpp"

namespace x402::evm {

struct Block {
    std::uint64_t number = 0;
    Hash32 hash;
    std::int64_t time_s = 0;
    std::optional<U256> base_fee;  // absent before EIP-1559
};

struct Log {
    Address address;
    std::vector<Hash32> topics;
    Bytes data;
    std::uint64_t index = 0;
    Hash32 transaction;
    std::uint64_t block = 0;
};

struct Receipt {
    Hash32 transaction;
    bool ok = false;
    std::uint64_t block = 0;
    Hash32 block_hash;
    Address from;
    U256 cost;  // gas and, on rollups, the data fee
    std::vector<Log> logs;
};

// Of eth_call: returned data, or the data of a revert.
struct CallAnswer {
    bool ok = false;
    Bytes data;
};

// Of eth_estimateGas.
struct Estimate {
    bool ok = false;
    std::uint64_t gas = 0;
    Bytes revert;
    // It takes more gas than this, which is the limit that was named or what the sender can pay.
    std::optional<U256> over;
};

struct CallRequest {
    std::optional<Address> from;
    Address to;
    Bytes data;
    std::optional<std::uint64_t> gas;
    std::optional<Fees> fees;  // without: gas has no price, which a contract can see
};

struct LogFilter {
    Address address;
    std::vector<std::vector<Hash32>> topics;  // one list of alternatives for each position
    std::uint64_t from_block = 0;
    std::uint64_t to_block = 0;
};

// Requests. A block tag is "latest", "finalized", "pending" or a quantity.
std::string block_tag(std::uint64_t number);
net::RpcCall ask_block(std::string tag);
net::RpcCall ask_nonce(const Address& account, std::string tag);
net::RpcCall ask_code(const Address& account);
net::RpcCall ask_balance(const Address& account);
net::RpcCall ask_call(const CallRequest& request, std::string tag);
net::RpcCall ask_estimate(const CallRequest& request);
net::RpcCall ask_receipt(const std::string& transaction);
net::RpcCall ask_logs(const LogFilter& filter);
net::RpcCall ask(std::string method);

// Answers. A node's error that is not about the call itself is Errc::unavailable: it proves
// nothing.
Result<U256> read_quantity(const net::RpcReply& reply);
Result<std::uint64_t> read_number(const net::RpcReply& reply);
Result<Bytes> read_bytes(const net::RpcReply& reply);
Result<std::optional<Block>> read_block(const net::RpcReply& reply);
Result<std::optional<Receipt>> read_receipt(const net::RpcReply& reply);
Result<std::vector<Log>> read_logs(const net::RpcReply& reply);
Result<CallAnswer> read_call(const net::RpcReply& reply);
Result<Estimate> read_estimate(const net::RpcReply& reply);
// accepted: it is in the pool or was already; refused: the node will not have it; unknown: anything
// else.
SentAnswer read_sent(const Result<net::RpcReply>& reply);
// The node does not know the block tag "finalized", and says so.
bool is_unknown_tag(const net::RpcReply& reply);
// It knows the tag and has no such block: for ever, or because it has just started.
bool is_unknown_block(const net::RpcReply& reply);

}  // namespace x402::evm
