// SPDX-License-Identifier: Apache-2.0
// SHA-256 and HMAC on OpenSSL's block function. Its EVP interface looks the algorithm up for every
// hash, which costs more than hashing a short message; the low-level one, deprecated but part of
// OpenSSL 3, does not, and lets the state after a key's block be kept. It cannot fail for any
// input, so a failure is a check and not an error. Any thread; one Sha256 belongs to one thread.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "x402/crypto/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "x402/base/check.hpp"

namespace x402::crypto {
namespace {

constexpr std::size_t kBlock = SHA256_CBLOCK;

void start(SHA256_CTX& context) {
    X402_CHECK(SHA256_Init(&context) == 1);
}

void feed(SHA256_CTX& context, ByteView bytes) {
    X402_CHECK(SHA256_Update(&context, bytes.data(), bytes.size()) == 1);
}

Hash32 end(SHA256_CTX& context) {
    Hash32 out;
    X402_CHECK(SHA256_Final(out.data.data(), &context) == 1);
    return out;
}

using Chain = std::array<std::uint32_t, 8>;

// The chaining value behind the one block that is the key, padded with zeros, under a mask.
Chain after_key_block(ByteView key, std::uint8_t mask) {
    std::array<std::uint8_t, kBlock> block;
    block.fill(mask);
    for (std::size_t i = 0; i < key.size(); ++i)
        block[i] = static_cast<std::uint8_t>(key[i] ^ mask);
    SHA256_CTX context;
    start(context);
    feed(context, block);
    Chain chain;
    std::copy(std::begin(context.h), std::end(context.h), chain.begin());
    OPENSSL_cleanse(block.data(), block.size());
    OPENSSL_cleanse(&context, sizeof context);
    return chain;
}

// The hash of a key's block, known by its chaining value, and of what follows it.
Hash32 finish_from(const Chain& chain, ByteView rest) {
    SHA256_CTX context;
    start(context);
    std::copy(chain.begin(), chain.end(), std::begin(context.h));
    context.Nl = 8 * kBlock;  // the bits hashed so far
    feed(context, rest);
    return end(context);
}

}  // namespace

Hash32 sha256(ByteView bytes) {
    SHA256_CTX context;
    start(context);
    feed(context, bytes);
    return end(context);
}

Hash32 hmac_sha256(ByteView key, ByteView message) {
    return HmacSha256Key(key).mac(message);
}

HmacSha256Key::HmacSha256Key(ByteView key) {
    // RFC 2104 2: a key longer than a block is replaced by its hash.
    Hash32 short_key;
    if (key.size() > kBlock) {
        short_key = sha256(key);
        key = short_key.view();
    }
    inner_ = after_key_block(key, 0x36);
    outer_ = after_key_block(key, 0x5c);
    OPENSSL_cleanse(short_key.data.data(), short_key.size());
}

HmacSha256Key::~HmacSha256Key() {
    OPENSSL_cleanse(inner_.data(), sizeof inner_);
    OPENSSL_cleanse(outer_.data(), sizeof outer_);
}

Hash32 HmacSha256Key::mac(ByteView message) const {
    const Hash32 inner = finish_from(inner_, message);
    return finish_from(outer_, inner.view());
}

struct Sha256::State {
    State() { start(context); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { OPENSSL_cleanse(&context, sizeof context); }

    SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(ByteView bytes) {
    feed(state_->context, bytes);
}

Hash32 Sha256::finish() {
    const Hash32 out = end(state_->context);
    start(state_->context);
    return out;
}

}  // namespace x402::crypto
