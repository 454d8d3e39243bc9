// SPDX-License-Identifier: Apache-2.0
// What the instructions of a payment say: accounts resolved, data decoded, everything that is not
// exactly the known form left undecoded (the caller refuses it). Any thread.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "x402/chains/svm/transaction.hpp"

namespace x402::svm {

// The contents of the tables that a message looks accounts up in, in the order of its lookups.
struct LookupTable {
    Address address;
    std::vector<Address> entries;
};

struct AccountUse {
    Address address;
    bool signer = false;
    bool writable = false;
    friend bool operator==(const AccountUse&, const AccountUse&) = default;
};

struct Instruction {
    Address program;
    std::vector<AccountUse> accounts;
    Bytes data;
};

// Every account of the message: static ones, then the looked-up writable, then readonly ones.
// Errc::invalid: a table is missing from `tables`, or an index is beyond its end (fail closed).
Result<std::vector<AccountUse>> resolve_accounts(const Message& message,
                                                 std::span<const LookupTable> tables);
// The instructions with `accounts` (as resolved) filled in.
std::vector<Instruction> resolve_instructions(const Message& message,
                                              std::span<const AccountUse> accounts);

// Compute Budget: tag 2 and u32, tag 3 and u64 little endian, no trailing byte.
std::optional<std::uint32_t> read_compute_limit(const Instruction& instruction);
std::optional<std::uint64_t> read_compute_price(const Instruction& instruction);  // microlamports

// SPL Token and Token-2022 TransferChecked: tag 12, u64 amount, u8 decimals; accounts source, mint,
// destination, authority, and of a multisig authority its signers.
struct TransferChecked {
    Address program;
    Address source;
    Address mint;
    Address destination;
    Address authority;
    std::uint64_t amount = 0;
    std::uint8_t decimals = 0;
    std::size_t more_accounts = 0;  // after the authority
};
std::optional<TransferChecked> read_transfer_checked(const Instruction& instruction);

// System Program's AdvanceNonceAccount (tag 4): a transaction that begins so never expires.
bool is_advance_nonce(const Instruction& instruction) noexcept;

// The data of a Memo instruction; the program takes valid UTF-8 only.
std::optional<std::string> read_memo(const Instruction& instruction);

// An instruction as the parsed transactions of a node name it (inner instructions): resolved
// already.
Instruction make_compute_limit(std::uint32_t units);
Instruction make_compute_price(std::uint64_t microlamports);
Instruction make_transfer_checked(const TransferChecked& transfer);  // without a multisig's keys
Instruction make_memo(std::string_view text);

// Version 0, without lookups: the fee payer first, then signers before the rest and writable before
// readonly, each address once.
Message compile(const Address& fee_payer, std::span<const Instruction> instructions,
                const Hash32& blockhash);

}  // namespace x402::svm
