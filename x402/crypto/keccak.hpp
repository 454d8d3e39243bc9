// SPDX-License-Identifier: Apache-2.0
// The Keccak sponge at rate 136, capacity 64 bytes, with the padding byte as a parameter: 0x01 is
// Ethereum's keccak256, 0x06 is SHA3-256 (FIPS 202), which OpenSSL also has and the tests compare
// with. Any thread.
#pragma once

#include "x402/base/bytes.hpp"

namespace x402::crypto {

Hash32 keccak_sponge(ByteView bytes, std::uint8_t padding) noexcept;

}  // namespace x402::crypto
