// SPDX-License-Identifier: Apache-2.0
// Ed25519 by libsodium, which chooses its fastest code once, at first use, and holds no other
// state.
#include "x402/crypto/ed25519.hpp"

#include <sodium.h>

#include "x402/base/check.hpp"

namespace x402::crypto {

namespace {

constexpr std::size_t kSeedBytes = crypto_sign_ed25519_SEEDBYTES;
static_assert(Ed25519Public::size() == crypto_sign_ed25519_PUBLICKEYBYTES);
static_assert(Ed25519Signature::size() == crypto_sign_ed25519_BYTES);

void start() noexcept {
    static const bool ready = sodium_init() >= 0;
    X402_CHECK(ready);
}

// Seed and public key, as libsodium wants a secret key; wiped at the end.
class Pair {
public:
    explicit Pair(ByteView seed) noexcept {
        X402_CHECK(crypto_sign_ed25519_seed_keypair(public_.data.data(), secret_.data(),
                                                    seed.data()) == 0);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    ~Pair() { sodium_memzero(secret_.data(), secret_.size()); }

    const Ed25519Public& public_key() const noexcept { return public_; }
    const std::uint8_t* secret() const noexcept { return secret_.data(); }

private:
    Ed25519Public public_;
    std::array<std::uint8_t, crypto_sign_ed25519_SECRETKEYBYTES> secret_{};
};

Result<ByteView> checked_seed(const Secret& seed) {
    start();
    const ByteView bytes = seed.reveal();
    if (bytes.size() != kSeedBytes) return fail(Errc::invalid, "an Ed25519 seed has 32 bytes");
    return bytes;
}

}  // namespace

Result<Ed25519Public> ed25519_public_key(const Secret& seed) {
    X402_TRY(const ByteView bytes, checked_seed(seed));
    return Pair(bytes).public_key();
}

Result<Ed25519Signature> ed25519_sign(ByteView message, const Secret& seed) {
    X402_TRY(const ByteView bytes, checked_seed(seed));
    const Pair pair(bytes);
    Ed25519Signature out;
    X402_CHECK(crypto_sign_ed25519_detached(out.data.data(), nullptr, message.data(),
                                            message.size(), pair.secret()) == 0);
    return out;
}

// libsodium refuses s beyond the order, encodings of y beyond the field, and points of small order
// as key or as R.
bool ed25519_verify(ByteView message, const Ed25519Signature& signature,
                    const Ed25519Public& key) noexcept {
    start();
    return crypto_sign_ed25519_verify_detached(signature.data.data(), message.data(),
                                               message.size(), key.data.data()) == 0;
}

// Adding needs points that decompress and nothing else of them: y is taken modulo the field's prime
// and the sign of x = 0 is not minded, just as Solana's runtime decides it.
bool is_on_ed25519(const FixedBytes<32>& bytes) noexcept {
    start();
    static constexpr FixedBytes<32> kNeutral{{1}};
    FixedBytes<32> sum;
    return crypto_core_ed25519_add(sum.data.data(), bytes.data.data(), kNeutral.data.data()) == 0;
}

}  // namespace x402::crypto
