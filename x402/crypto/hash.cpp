// SPDX-License-Identifier: Apache-2.0
// SHA-256 and HMAC through OpenSSL's EVP. A failure there is an exhausted allocator or a broken installation,
// never a matter of the input, so it is a check and not an error. Any thread; one Sha256 belongs to one thread.
#include "x402/crypto/hash.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <limits>

#include "x402/base/check.hpp"

namespace x402::crypto {

Hash32 sha256(ByteView bytes) {
    Hash32 out;
    X402_CHECK(EVP_Digest(bytes.data(), bytes.size(), out.data.data(), nullptr, EVP_sha256(), nullptr) == 1);
    return out;
}

Hash32 hmac_sha256(ByteView key, ByteView message) {
    X402_CHECK(key.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
    // OpenSSL takes a null key as "reuse the last one": an empty key still needs an address.
    static constexpr std::uint8_t kEmpty = 0;
    const std::uint8_t* at = key.empty() ? &kEmpty : key.data();
    Hash32 out;
    unsigned length = 0;
    const auto* done = HMAC(EVP_sha256(), at, static_cast<int>(key.size()), message.data(), message.size(),
                            out.data.data(), &length);
    X402_CHECK(done != nullptr && length == out.size());
    return out;
}

struct Sha256::State {
    State() : context(EVP_MD_CTX_new()) {
        X402_CHECK(context != nullptr);
        start();
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { EVP_MD_CTX_free(context); }

    void start() { X402_CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1); }

    EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(ByteView bytes) {
    X402_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

Hash32 Sha256::finish() {
    Hash32 out;
    X402_CHECK(EVP_DigestFinal_ex(state_->context, out.data.data(), nullptr) == 1);
    state_->start();
    return out;
}

}  // namespace x402::crypto
