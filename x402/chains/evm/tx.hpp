// SPDX-License-Identifier: Apache-2.0
// Transactions with a fee market (EIP-1559, type 2): built, signed, hashed; read back for tests and
// for whoever wants to see what an attempt was. Any thread.
#pragma once

#include <string>

#include "x402/base/u256.hpp"
#include "x402/chains/evm/address.hpp"

namespace x402::evm {

struct Transaction {
    std::uint64_t chain_id = 0;
    std::uint64_t nonce = 0;
    U256 tip;      // maxPriorityFeePerGas
    U256 max_fee;  // maxFeePerGas
    std::uint64_t gas = 0;
    Address to;
    U256 value;
    Bytes data;
};

struct SignedTransaction {
    Bytes raw;
    Hash32 hash;
};

Hash32 signing_hash(const Transaction& tx);
Result<SignedTransaction> sign_transaction(const Transaction& tx, const crypto::Secret& key);

struct ReadTransaction {
    Transaction tx;
    Address sender;
    Hash32 hash;
};
Result<ReadTransaction> read_transaction(ByteView raw);

}  // namespace x402::evm
