// SPDX-License-Identifier: Apache-2.0
// Account addresses of Solana: 32 bytes, written in base58, whose case matters. Programs derive
// addresses that nobody has a key for; a wallet's token account is one of these. Any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"

namespace x402::svm {

using Address = FixedBytes<32>;

// Canonical base58 of exactly 32 bytes.
Result<Address> parse_address(std::string_view text);
std::string to_text(const Address& address);
// Of a text that is known to be right: the constants of programs.hpp.
Address address_of_literal(std::string_view text);

struct DerivedAddress {
    Address address;
    std::uint8_t bump = 0;
};
// The first address off the curve, counting the bump down from 255. Nothing: a seed is longer than
// 32 bytes, there are more than 15, or none is off the curve.
std::optional<DerivedAddress> derive_address(std::span<const ByteView> seeds,
                                             const Address& program);

// The associated token account of `owner` for `mint` under that token program.
Address token_account_of(const Address& owner, const Address& mint, const Address& token_program);

}  // namespace x402::svm
