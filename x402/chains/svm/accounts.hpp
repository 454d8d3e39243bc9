// SPDX-License-Identifier: Apache-2.0
// The accounts that a payment depends on, decoded from their bytes: mints, token accounts, lookup
// tables. Strict about lengths and tags. Any thread.
//
//     mint           82 bytes: authority (36), supply u64, decimals u8, initialized u8, freeze (36)
//     token account 165 bytes: mint, owner, amount u64, delegate (36), state u8, ...
//     Token-2022 extensions: padding to 165, account type u8 (1 mint, 2 account), then
//                    type u16, length u16, value
//     lookup table   56 bytes of head (type u32 = 1, deactivation slot u64, ...), then addresses
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/chains/svm/address.hpp"

namespace x402::svm {

struct Extension {
    std::uint16_t type = 0;
    Bytes value;
};

struct Mint {
    Address program;  // the token program that owns it
    std::uint64_t supply = 0;
    std::uint8_t decimals = 0;
    bool initialized = false;
    std::optional<Address> freeze_authority;
    std::vector<Extension> extensions;
};
// `owner`: the account's owning program, which must be one of the two token programs.
Result<Mint> read_mint(const Address& owner, ByteView data);

// Why a transfer of this mint may not arrive whole, or at all: "TransferFeeConfig", ... Empty: it
// does. `vouched`: an asset that the tables or the operator name, whose issuer is trusted not to
// freeze, pause or claw back; what takes a part of each transfer is refused all the same.
std::string harmful_extension(const Mint& mint, bool vouched);

enum class TokenAccountState : std::uint8_t { uninitialized = 0, initialized = 1, frozen = 2 };
struct TokenAccount {
    Address program;
    Address mint;
    Address owner;
    std::uint64_t amount = 0;
    TokenAccountState state = TokenAccountState::uninitialized;
    bool requires_memo = false;  // MemoTransfer extension: incoming transfers need a memo before them
};
Result<TokenAccount> read_token_account(const Address& owner, ByteView data);

struct LookupTableAccount {
    bool active = true;  // false: being deactivated, so what it says may go away
    std::vector<Address> entries;
};
Result<LookupTableAccount> read_lookup_table(const Address& owner, ByteView data);

}  // namespace x402::svm
