// SPDX-License-Identifier: Apache-2.0
// Hashes and keyed hashes. Keccak-256 is the Ethereum one (padding 0x01), not SHA3-256. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>

#include "x402/base/bytes.hpp"

namespace x402::crypto {

Hash32 keccak256(ByteView bytes) noexcept;
Hash32 sha256(ByteView bytes);
Hash32 hmac_sha256(ByteView key, ByteView message);

// What sha256({}) gives: the fingerprint of a body that is empty.
inline constexpr Hash32 kEmptySha256{{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                      0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                      0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                      0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

// A key of HMAC-SHA-256 (RFC 2104) that is used again and again: the two blocks made of the key
// alone are hashed once, here. What is kept is as secret as the key and is wiped at the end. Const:
// any thread.
class HmacSha256Key {
public:
    explicit HmacSha256Key(ByteView key);
    HmacSha256Key(const HmacSha256Key&) = default;
    HmacSha256Key& operator=(const HmacSha256Key&) = default;
    ~HmacSha256Key();
    Hash32 mac(ByteView message) const;

private:
    // SHA-256's chaining value after its first block.
    using Chain = std::array<std::uint32_t, 8>;
    Chain inner_{};
    Chain outer_{};
};

// SHA-256 of what arrives in pieces.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    void add(ByteView bytes);
    // Ends the hash; a further add starts a new one.
    Hash32 finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace x402::crypto
