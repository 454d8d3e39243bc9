// SPDX-License-Identifier: Apache-2.0
// ECDSA over secp256k1, through libsecp256k1. Any thread: the context is made once and only read.
#pragma once

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"
#include "x402/crypto/secret.hpp"

namespace x402::crypto {

using PublicKey64 = FixedBytes<64>;  // x and y, big endian, without the leading 04

// r (32) s (32) and which of the two points: 0 or 1.
struct RecoverableSignature {
    FixedBytes<64> compact;
    int recovery_id = 0;
};

// Errc::invalid when the key is not 32 bytes or out of range. Signatures are deterministic (RFC
// 6979), low-s.
Result<RecoverableSignature> ecdsa_sign(const Hash32& digest, const Secret& key);
Result<PublicKey64> ecdsa_public_key(const Secret& key);
// Refuses high-s (a second text for one signature) and anything that recovers no point.
Result<PublicKey64> ecdsa_recover(const Hash32& digest, const RecoverableSignature& signature);

}  // namespace x402::crypto
