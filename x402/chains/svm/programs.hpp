// SPDX-License-Identifier: Apache-2.0
// The programs that a payment may speak to, as data. Any thread.
#pragma once

#include <span>
#include <string_view>

#include "x402/chains/svm/address.hpp"

namespace x402::svm {

const Address& system_program();          // 11111111111111111111111111111111
const Address& token_program();           // SPL Token
const Address& token_2022_program();      // Token-2022
const Address& token_account_program();   // Associated Token Account
const Address& compute_budget_program();
const Address& memo_program();            // v2
const Address& lighthouse_program();      // assertions that wallets add
const Address& lookup_table_program();    // Address Lookup Table

bool is_token_program(const Address& program) noexcept;
// Programs of smart wallets that move tokens on their owner's behalf (opt-in).
std::span<const Address> wallet_programs();

}  // namespace x402::svm
