// SPDX-License-Identifier: Apache-2.0
// Hexadecimal text. We write lower case; we read either case. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"

namespace x402 {

std::string to_hex(ByteView bytes);    // "00ff"
std::string to_hex0x(ByteView bytes);  // "0x00ff"

// Digits with or without "0x"; an odd count or any other character is Errc::invalid.
Result<Bytes> from_hex(std::string_view text);
// Demands the "0x" prefix and exactly `out.size()` bytes.
Result<void> from_hex0x_into(std::string_view text, std::span<std::uint8_t> out);

template <std::size_t N>
Result<FixedBytes<N>> fixed_from_hex0x(std::string_view text) {
    FixedBytes<N> out;
    X402_TRY_VOID(from_hex0x_into(text, out.data));
    return out;
}

}  // namespace x402
