// SPDX-License-Identifier: Apache-2.0
// ECDSA over secp256k1. One context serves the process: made at first use, blinded once with fresh
// randomness against side channels, and only read afterwards, which libsecp256k1 allows from any
// thread.
#include "x402/crypto/secp256k1.hpp"

#include <openssl/crypto.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "x402/base/check.hpp"
#include "x402/base/random.hpp"

namespace x402::crypto {

namespace {

// Blinding changes the context, so it happens before anybody else can see it.
const secp256k1_context* context() {
    static const secp256k1_context* const shared = [] {
        secp256k1_context* made = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
        X402_CHECK(made != nullptr);
        auto seed = make_system_random()->bytes<32>();
        X402_CHECK(secp256k1_context_randomize(made, seed.data.data()) == 1);
        OPENSSL_cleanse(seed.data.data(), seed.size());
        return made;
    }();
    return shared;
}

Result<const std::uint8_t*> checked_key(const Secret& key) {
    const ByteView bytes = key.reveal();
    if (bytes.size() != 32) return fail(Errc::invalid, "a private key has 32 bytes");
    if (secp256k1_ec_seckey_verify(context(), bytes.data()) != 1) {
        return fail(Errc::invalid, "the private key is zero or beyond the order of the curve");
    }
    return bytes.data();
}

PublicKey64 serialize(const secp256k1_pubkey& point) {
    std::array<std::uint8_t, 65> text{};
    std::size_t size = text.size();
    const int done = secp256k1_ec_pubkey_serialize(context(), text.data(), &size, &point,
                                                   SECP256K1_EC_UNCOMPRESSED);
    X402_CHECK(done == 1 && size == text.size());
    return PublicKey64::from(ByteView(text).subspan(1));
}

// Both (r, s) and (r, n - s) verify: only the lower s is the one text of a signature (EIP-2).
bool is_low_s(const secp256k1_ecdsa_recoverable_signature& signature) {
    secp256k1_ecdsa_signature plain;
    secp256k1_ecdsa_recoverable_signature_convert(context(), &plain, &signature);
    return secp256k1_ecdsa_signature_normalize(context(), nullptr, &plain) == 0;
}

}  // namespace

Result<RecoverableSignature> ecdsa_sign(const Hash32& digest, const Secret& key) {
    X402_TRY(const std::uint8_t* const secret, checked_key(key));
    secp256k1_ecdsa_recoverable_signature made;
    const int done = secp256k1_ecdsa_sign_recoverable(context(), &made, digest.data.data(), secret,
                                                      secp256k1_nonce_function_rfc6979, nullptr);
    X402_CHECK(done == 1);
    RecoverableSignature out;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), out.compact.data.data(),
                                                            &out.recovery_id, &made);
    // Ids 2 and 3 (r beyond the order) have a chance of 2^-127 and no place in the EVM's v.
    X402_CHECK(out.recovery_id == 0 || out.recovery_id == 1);
    return out;
}

Result<PublicKey64> ecdsa_public_key(const Secret& key) {
    X402_TRY(const std::uint8_t* const secret, checked_key(key));
    secp256k1_pubkey point;
    X402_CHECK(secp256k1_ec_pubkey_create(context(), &point, secret) == 1);
    return serialize(point);
}

Result<PublicKey64> ecdsa_recover(const Hash32& digest, const RecoverableSignature& signature) {
    if (signature.recovery_id != 0 && signature.recovery_id != 1) {
        return fail(Errc::invalid, "the recovery id is neither 0 nor 1");
    }
    secp256k1_ecdsa_recoverable_signature parsed;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(
            context(), &parsed, signature.compact.data.data(), signature.recovery_id) != 1) {
        return fail(Errc::invalid, "r or s is beyond the order of the curve");
    }
    if (!is_low_s(parsed)) return fail(Errc::invalid, "the signature has a high s");
    secp256k1_pubkey point;
    if (secp256k1_ecdsa_recover(context(), &point, &parsed, digest.data.data()) != 1) {
        return fail(Errc::invalid, "the signature recovers no public key");
    }
    return serialize(point);
}

}  // namespace x402::crypto
