// SPDX-License-Identifier: Apache-2.0
// RLP and transactions: what is read is written back byte for byte (strict reading has one text for
// one meaning), and a transaction that reads has one sender and one hash.
#include "x402/base/check.hpp"
#include "x402/chains/evm/rlp.hpp"
#include "x402/chains/evm/tx.hpp"
#include "x402/crypto/hash.hpp"

namespace {

x402::Bytes write(const x402::evm::RlpItem& item) {
    if (!item.is_list) return x402::evm::rlp_string(item.bytes);
    std::vector<x402::Bytes> items;
    for (const auto& child : item.items) items.push_back(write(child));
    return x402::evm::rlp_list(items);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const x402::ByteView input(data, size);
    if (const auto item = x402::evm::rlp_decode(input)) {
        X402_CHECK(write(*item) == x402::to_bytes(input));
        if (const auto number = x402::evm::rlp_to_uint(*item)) {
            X402_CHECK(x402::evm::rlp_uint(*number) == x402::to_bytes(input));
        }
    }
    if (const auto tx = x402::evm::read_transaction(input)) {
        X402_CHECK(tx->hash == x402::crypto::keccak256(input));
        X402_CHECK(!tx->sender.is_zero());
    }
    return 0;
}
