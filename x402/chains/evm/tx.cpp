// SPDX-License-Identifier: Apache-2.0
// raw = 02 rlp([chainId, nonce, tip, maxFee, gas, to, value, data, accessList, yParity, r, s]);
// what is signed is the same without the last three. Our access list is always empty. (EIP-1559,
// EIP-2718) Any thread.
#include "x402/chains/evm/tx.hpp"

#include "x402/chains/evm/rlp.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::evm {
namespace {

constexpr std::uint8_t kType = 0x02;
constexpr std::size_t kSignedItems = 12;

std::vector<Bytes> items_of(const Transaction& tx) {
    std::vector<Bytes> items;
    items.reserve(kSignedItems);
    items.push_back(rlp_uint(tx.chain_id));
    items.push_back(rlp_uint(tx.nonce));
    items.push_back(rlp_uint(tx.tip));
    items.push_back(rlp_uint(tx.max_fee));
    items.push_back(rlp_uint(tx.gas));
    items.push_back(rlp_string(tx.to.view()));
    items.push_back(rlp_uint(tx.value));
    items.push_back(rlp_string(tx.data));
    items.push_back(rlp_list({}));
    return items;
}

Bytes envelope(std::span<const Bytes> items) {
    Bytes out{kType};
    append(out, rlp_list(items));
    return out;
}

Result<std::uint64_t> small(const RlpItem& item) {
    X402_TRY(const U256 value, rlp_to_uint(item));
    const auto fits = value.to_u64();
    if (!fits) return fail(Errc::invalid, "a number of the transaction is too large");
    return *fits;
}

Result<Transaction> read_fields(const std::vector<RlpItem>& items) {
    Transaction tx;
    X402_TRY(tx.chain_id, small(items[0]));
    X402_TRY(tx.nonce, small(items[1]));
    X402_TRY(tx.tip, rlp_to_uint(items[2]));
    X402_TRY(tx.max_fee, rlp_to_uint(items[3]));
    X402_TRY(tx.gas, small(items[4]));
    if (items[5].is_list || items[5].bytes.size() != Address::size()) {
        return fail(Errc::invalid, "the transaction's recipient is no address");
    }
    tx.to = Address::from(items[5].bytes);
    X402_TRY(tx.value, rlp_to_uint(items[6]));
    if (items[7].is_list) return fail(Errc::invalid, "the transaction's data is a list");
    tx.data = items[7].bytes;
    if (!items[8].is_list || !items[8].items.empty()) {
        return fail(Errc::unsupported, "the transaction has an access list");
    }
    return tx;
}

Result<crypto::RecoverableSignature> read_signature(const std::vector<RlpItem>& items) {
    crypto::RecoverableSignature out;
    X402_TRY(const std::uint64_t parity, small(items[9]));
    if (parity > 1) return fail(Errc::invalid, "the transaction's parity is neither 0 nor 1");
    X402_TRY(const U256 r, rlp_to_uint(items[10]));
    X402_TRY(const U256 s, rlp_to_uint(items[11]));
    Bytes compact = to_bytes(r.to_be().view());
    append(compact, s.to_be().view());
    out.compact = FixedBytes<64>::from(compact);
    out.recovery_id = static_cast<int>(parity);
    return out;
}

}  // namespace

Hash32 signing_hash(const Transaction& tx) {
    return crypto::keccak256(envelope(items_of(tx)));
}

Result<SignedTransaction> sign_transaction(const Transaction& tx, const crypto::Secret& key) {
    X402_TRY(const crypto::RecoverableSignature parts, crypto::ecdsa_sign(signing_hash(tx), key));
    std::vector<Bytes> items = items_of(tx);
    const ByteView compact = parts.compact.view();
    X402_TRY(const U256 r, U256::from_be(compact.first(32)));
    X402_TRY(const U256 s, U256::from_be(compact.last(32)));
    items.push_back(rlp_uint(static_cast<std::uint64_t>(parts.recovery_id)));
    items.push_back(rlp_uint(r));
    items.push_back(rlp_uint(s));
    SignedTransaction out;
    out.raw = envelope(items);
    out.hash = crypto::keccak256(out.raw);
    return out;
}

Result<ReadTransaction> read_transaction(ByteView raw) {
    if (raw.empty() || raw[0] != kType) {
        return fail(Errc::unsupported, "the transaction is not of type 2");
    }
    X402_TRY(const RlpItem list, rlp_decode(raw.subspan(1)));
    if (!list.is_list || list.items.size() != kSignedItems) {
        return fail(Errc::invalid, "a type 2 transaction has 12 fields");
    }
    ReadTransaction out;
    X402_TRY(out.tx, read_fields(list.items));
    X402_TRY(const auto signature, read_signature(list.items));
    X402_TRY(const auto key, crypto::ecdsa_recover(signing_hash(out.tx), signature));
    out.sender = address_of(key);
    out.hash = crypto::keccak256(raw);
    return out;
}

}  // namespace x402::evm
