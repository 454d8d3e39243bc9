// SPDX-License-Identifier: Apache-2.0
// Hashes and keyed hashes. Keccak-256 is the Ethereum one (padding 0x01), not SHA3-256. Any thread.
#pragma once

#include <initializer_list>
#include <memory>
#include <string_view>

#include "x402/base/bytes.hpp"

namespace x402::crypto {

Hash32 keccak256(ByteView bytes) noexcept;
Hash32 sha256(ByteView bytes);
Hash32 hmac_sha256(ByteView key, ByteView message);

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
