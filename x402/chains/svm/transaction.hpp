// SPDX-License-Identifier: Apache-2.0
// Solana transactions on the wire, legacy and version 0: read strictly, written back byte for byte.
//
//     signatures: compact length, 64 bytes each
//     message:    [0x80 for version 0] 3 header bytes, keys, blockhash, instructions,
//                 [version 0: address table lookups]
//
// Signers sign the message's bytes. Lengths are compact-u16 in their shortest form; an index beyond
// the accounts, a repeated key, a trailing byte or a transaction above 1232 bytes is refused. Any
// thread.
#pragma once

#include <optional>
#include <vector>

#include "x402/chains/svm/address.hpp"
#include "x402/crypto/ed25519.hpp"

namespace x402::svm {

inline constexpr std::size_t kTransactionBytes = 1232;
inline constexpr std::size_t kAccounts = 256;  // static and looked-up together

using Signature = crypto::Ed25519Signature;

// Accounts by index into static keys, then looked-up writable ones, then looked-up readonly ones.
struct CompiledInstruction {
    std::uint8_t program = 0;
    Bytes accounts;
    Bytes data;
    friend bool operator==(const CompiledInstruction&, const CompiledInstruction&) = default;
};

struct TableLookup {
    Address table;
    Bytes writable;  // indices into the table
    Bytes readonly;
    friend bool operator==(const TableLookup&, const TableLookup&) = default;
};

struct Message {
    bool versioned = true;  // version 0; false: legacy, which has no lookups
    std::uint8_t signers = 0;           // the first keys sign, the very first pays the fee
    std::uint8_t readonly_signers = 0;  // of these, the last ones
    std::uint8_t readonly_others = 0;   // of the rest of the static keys, the last ones
    std::vector<Address> keys;
    Hash32 blockhash;
    std::vector<CompiledInstruction> instructions;
    std::vector<TableLookup> lookups;

    std::size_t looked_up() const noexcept;  // accounts that come out of tables
    bool is_signer(std::size_t index) const noexcept { return index < signers; }
    // Of a static key by its place; looked-up accounts say it themselves.
    bool is_writable_static(std::size_t index) const noexcept;
    friend bool operator==(const Message&, const Message&) = default;
};

struct Transaction {
    std::vector<Signature> signatures;  // one for each signer; all zero: not signed yet
    Message message;
    Bytes message_bytes;  // as they came: what is signed and hashed

    const Address& fee_payer() const noexcept { return message.keys.front(); }
};

Result<Transaction> read_transaction(ByteView wire);
// Standard base64, no other alphabet, at most kTransactionBytes once decoded.
Result<Transaction> read_transaction_text(std::string_view base64);
Result<Message> read_message(ByteView bytes);

// The caller guarantees that it is well formed: at most kAccounts keys, and so on.
Bytes write(const Message& message);
Bytes write(const Transaction& transaction);  // signatures and `message_bytes`
std::string to_base64_text(const Transaction& transaction);

// An unsigned transaction around a message.
Transaction unsigned_transaction(const Message& message);
// The payment's name, and the slot's: sha256 of the message's bytes.
Hash32 message_hash(const Transaction& transaction);

}  // namespace x402::svm
