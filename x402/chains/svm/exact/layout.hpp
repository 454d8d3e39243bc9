// SPDX-License-Identifier: Apache-2.0
// What the two paths' layout checks share. Any thread.
#pragma once

#include <string>

#include "x402/chains/svm/exact/rules.hpp"

namespace x402::svm {

// "payload.transaction.instructions[2]"
std::string instruction_field(std::size_t index);
// The index of the first instruction that calls the fee payer or hands it to a program.
std::optional<std::size_t> find_fee_payer(std::span<const Instruction> instructions,
                                          const Address& fee_payer);
// The fee that these limits come to; nothing: too much. `high` is told then.
std::expected<std::uint64_t, Refusal> check_fee(const ReadPayment& read, const Layout& layout,
                                                const Bounds& bounds, Reason high);
// Where the seller asks for a memo: exactly one, and that one. Else any number of any.
std::optional<Refusal> check_memos(std::span<const Instruction> instructions,
                                   const std::optional<std::string>& memo);

}  // namespace x402::svm
