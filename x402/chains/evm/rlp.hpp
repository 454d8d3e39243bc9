// SPDX-License-Identifier: Apache-2.0
// RLP, the encoding of transactions (Ethereum Yellow Paper, appendix B). Reading is strict: only
// the shortest form of everything is accepted, so equal meaning has equal bytes. Any thread.
#pragma once

#include <span>
#include <vector>

#include "x402/base/bytes.hpp"
#include "x402/base/u256.hpp"

namespace x402::evm {

Bytes rlp_string(ByteView bytes);
Bytes rlp_uint(const U256& value);  // big endian without leading zeros; zero is the empty string
Bytes rlp_list(std::span<const Bytes> encoded);  // of items that are encoded already

struct RlpItem {
    bool is_list = false;
    Bytes bytes;                 // a string's content
    std::vector<RlpItem> items;  // a list's
};

// The whole input is one item. Lists nest at most 16 deep.
Result<RlpItem> rlp_decode(ByteView input);
Result<U256> rlp_to_uint(const RlpItem& item);

}  // namespace x402::evm
