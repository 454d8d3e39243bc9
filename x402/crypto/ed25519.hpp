// SPDX-License-Identifier: Apache-2.0
// Ed25519 (RFC 8032), through libsodium. Any thread.
#pragma once

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"
#include "x402/crypto/secret.hpp"

namespace x402::crypto {

using Ed25519Public = FixedBytes<32>;
using Ed25519Signature = FixedBytes<64>;

// Errc::invalid when the seed is not 32 bytes.
Result<Ed25519Public> ed25519_public_key(const Secret& seed);
Result<Ed25519Signature> ed25519_sign(ByteView message, const Secret& seed);
// Refuses keys of small order and second texts for one signature.
bool ed25519_verify(ByteView message, const Ed25519Signature& signature,
                    const Ed25519Public& key) noexcept;
// Whether 32 bytes decompress to a point of the curve, in whatever subgroup (RFC 8032 5.1.3, but y
// beyond the prime and a negative zero are taken, as Solana's runtime takes them). An address
// derived by a program must not, and libsodium's own check asks for more than that.
bool is_on_ed25519(const FixedBytes<32>& bytes) noexcept;

}  // namespace x402::crypto
