// SPDX-License-Identifier: Apache-2.0
// For tests of this folder: the bytes of mints, token accounts and lookup tables. One thread.
#pragma once

#include <span>

#include "x402/chains/svm/accounts.hpp"

namespace x402::svm::testing {

struct FakeMint {
    Address program;  // zero: SPL Token
    std::uint8_t decimals = 6;
    std::uint64_t supply = 1'000'000'000'000;
    bool initialized = true;
    std::optional<Address> freeze_authority;
    std::vector<Extension> extensions;  // Token-2022
};

struct FakeHolding {
    Address owner;
    Address mint;
    std::uint64_t amount = 0;
    TokenAccountState state = TokenAccountState::initialized;
    bool requires_memo = false;  // Token-2022
};

// The bytes of such accounts.
Bytes mint_data(const FakeMint& mint);
Bytes holding_data(const FakeHolding& holding, const Address& program);
Bytes lookup_table_data(std::span<const Address> entries, bool active = true);

}  // namespace x402::svm::testing
