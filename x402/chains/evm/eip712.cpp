// SPDX-License-Identifier: Apache-2.0
// digest = keccak(0x19 0x01 separator hash(struct)); hash(struct) = keccak(hash(type) and each
// member as a word). (EIP-712, "Specification"; EIP-3009, "TransferWithAuthorization") Any thread.
#include "x402/chains/evm/eip712.hpp"

#include "x402/chains/evm/abi.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::evm {
namespace {

constexpr std::string_view kDomainType =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
constexpr std::string_view kTransferType =
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
    "uint256 validBefore,bytes32 nonce)";

Hash32 hash_text(std::string_view text) {
    return crypto::keccak256(as_bytes(text));
}

}  // namespace

Hash32 domain_separator(const Domain& domain) {
    AbiWriter words;
    words.word(hash_text(kDomainType)).word(hash_text(domain.name)).word(hash_text(domain.version));
    words.uint(domain.chain_id).address(domain.contract);
    return crypto::keccak256(words.finish());
}

Hash32 transfer_digest(const Hash32& separator, const Authorization& authorization) {
    AbiWriter words;
    words.word(hash_text(kTransferType)).address(authorization.from).address(authorization.to);
    words.uint(authorization.value)
        .uint(authorization.valid_after)
        .uint(authorization.valid_before);
    words.word(authorization.nonce);
    Bytes message{0x19, 0x01};
    append(message, separator.view());
    append(message, crypto::keccak256(words.finish()).view());
    return crypto::keccak256(message);
}

}  // namespace x402::evm
