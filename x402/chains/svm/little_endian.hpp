// SPDX-License-Identifier: Apache-2.0
// Numbers as Solana's programs write them: little endian, in a fixed width. Any thread.
#pragma once

#include <concepts>

#include "x402/base/bytes.hpp"

namespace x402::svm {

// The caller guarantees that `bytes` holds sizeof(T) bytes or more.
template <std::unsigned_integral T>
T read_le(ByteView bytes) noexcept {
    T value = 0;
    for (std::size_t i = sizeof(T); i > 0; --i) {
        value = static_cast<T>(std::uint64_t{value} << 8 | bytes[i - 1]);
    }
    return value;
}

template <std::unsigned_integral T>
void append_le(Bytes& to, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        to.push_back(static_cast<std::uint8_t>(std::uint64_t{value} >> (8 * i)));
    }
}

}  // namespace x402::svm
