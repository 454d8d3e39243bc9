// SPDX-License-Identifier: Apache-2.0
// The digests that wallets sign: EIP-712 typed data, for tokens with EIP-3009. Any thread.
#pragma once

#include <string>

#include "x402/base/u256.hpp"
#include "x402/chains/evm/address.hpp"

namespace x402::evm {

// What binds a signature to one token on one chain.
struct Domain {
    std::string name;
    std::string version;
    std::uint64_t chain_id = 0;
    Address contract;
};
Hash32 domain_separator(const Domain& domain);

// EIP-3009: whoever holds the signature may move `value` once, strictly between the two times.
struct Authorization {
    Address from;
    Address to;
    U256 value;
    U256 valid_after;   // seconds; the block's time must be greater
    U256 valid_before;  // seconds; the block's time must be less
    Hash32 nonce;
};
Hash32 transfer_digest(const Hash32& separator, const Authorization& authorization);

}  // namespace x402::evm
