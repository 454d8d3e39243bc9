// SPDX-License-Identifier: Apache-2.0
// scrypt: PBKDF2 spreads the password over p blocks of 128 r bytes, ROMix stirs each through a
// table of n states, PBKDF2 gathers them again. OpenSSL does it where it agrees to; the rest is RFC
// 7914 written out. Any thread.
#include "x402/crypto/scrypt.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <bit>
#include <new>

namespace x402::crypto {

namespace {

constexpr std::size_t kKeyBytes = 32;
// OpenSSL counts the working blocks too.
constexpr std::uint64_t kOpensslMemory = kMaxScryptMemory + (1ULL << 24);

using Word = std::uint32_t;
using Block = std::array<Word, 16>;  // 64 bytes, little endian

Result<void> check_password(std::string_view password) {
    if (password.size() > kMaxPasswordBytes) return fail(Errc::invalid, "the password is too long");
    return {};
}

Result<void> check_cost(const ScryptCost& cost) {
    if (cost.n < 2 || !std::has_single_bit(cost.n))
        return fail(Errc::invalid, "scrypt's n is no power of two");
    if (cost.r == 0 || cost.p == 0) return fail(Errc::invalid, "scrypt's r and p must not be zero");
    // Each factor first, so that no product wraps.
    const bool small = cost.n <= kMaxScryptN && cost.r <= 64 && cost.p <= 64;
    if (!small || 128 * cost.n * cost.r > kMaxScryptMemory ||
        cost.n * cost.r * cost.p > kMaxScryptWork) {
        return fail(Errc::too_large,
                    "scrypt's n, r and p ask for more memory or work than we grant");
    }
    return {};
}

Result<void> pbkdf2(std::string_view password, ByteView salt, int rounds,
                    std::span<std::uint8_t> out) {
    const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                       salt.data(), static_cast<int>(salt.size()), rounds,
                                       EVP_sha256(), static_cast<int>(out.size()), out.data());
    ERR_clear_error();
    if (done != 1) return fail(Errc::internal, "PBKDF2 failed");
    return {};
}

void quarter(Block& x, const std::array<std::size_t, 4>& at) noexcept {
    using std::rotl;
    Word& a = x[at[0]];
    Word& b = x[at[1]];
    Word& c = x[at[2]];
    Word& d = x[at[3]];
    b ^= rotl(a + d, 7);
    c ^= rotl(b + a, 9);
    d ^= rotl(c + b, 13);
    a ^= rotl(d + c, 18);
}

// RFC 7914, 3: eight rounds, columns and rows by turns.
void salsa20_8(Block& block) noexcept {
    Block x = block;
    for (int i = 0; i < 4; ++i) {
        quarter(x, {0, 4, 8, 12});
        quarter(x, {5, 9, 13, 1});
        quarter(x, {10, 14, 2, 6});
        quarter(x, {15, 3, 7, 11});
        quarter(x, {0, 1, 2, 3});
        quarter(x, {5, 6, 7, 4});
        quarter(x, {10, 11, 8, 9});
        quarter(x, {15, 12, 13, 14});
    }
    for (std::size_t i = 0; i < 16; ++i) block[i] += x[i];
}

void add_xor(std::span<Word> to, std::span<const Word> other) noexcept {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] ^= other[i];
}

// RFC 7914, 4: even results first, odd ones behind them.
void block_mix(std::span<Word> state, std::span<Word> scratch) noexcept {
    const std::size_t blocks = state.size() / 16;
    Block x;
    std::copy_n(state.end() - 16, 16, x.begin());
    for (std::size_t i = 0; i < blocks; ++i) {
        add_xor(x, state.subspan(16 * i, 16));
        salsa20_8(x);
        const std::size_t to = i / 2 + (i % 2 == 0 ? 0 : blocks / 2);
        std::copy(x.begin(), x.end(), scratch.begin() + static_cast<std::ptrdiff_t>(16 * to));
    }
    std::copy(scratch.begin(), scratch.end(), state.begin());
}

// RFC 7914, 5. `table` has n states, `state` and `scratch` one.
void ro_mix(std::span<Word> state, std::span<Word> scratch, std::span<Word> table) noexcept {
    const std::size_t width = state.size();
    const std::size_t n = table.size() / width;
    for (std::size_t i = 0; i < n; ++i) {
        std::copy(state.begin(), state.end(),
                  table.begin() + static_cast<std::ptrdiff_t>(i * width));
        block_mix(state, scratch);
    }
    for (std::size_t i = 0; i < n; ++i) {
        // Integerify: n is a power of two of at most 2^20, so one word of the last block is enough.
        const std::size_t j = state[width - 16] & (n - 1);
        add_xor(state, table.subspan(j * width, width));
        block_mix(state, scratch);
    }
}

static_assert(std::endian::native == std::endian::little, "salsa's words are little endian");

}  // namespace

Result<Secret> scrypt_own(std::string_view password, ByteView salt, const ScryptCost& cost) {
    const std::size_t width = 32 * cost.r;
    Bytes blocks(4 * width * cost.p);
    X402_TRY_VOID(pbkdf2(password, salt, 1, blocks));
    std::vector<Word> memory;
    try {
        memory.resize(width * (cost.n + 2));
    } catch (const std::bad_alloc&) {
        return fail(Errc::unavailable, "not enough memory for scrypt");
    }
    const std::span<Word> all(memory);
    const std::span<Word> state = all.first(width);
    for (std::size_t i = 0; i < cost.p; ++i) {
        std::uint8_t* block = blocks.data() + i * 4 * width;
        std::memcpy(state.data(), block, 4 * width);
        ro_mix(state, all.subspan(width, width), all.subspan(2 * width));
        std::memcpy(block, state.data(), 4 * width);
    }
    OPENSSL_cleanse(memory.data(), memory.size() * sizeof(Word));
    const Secret stirred(std::move(blocks));
    Bytes key(kKeyBytes);
    X402_TRY_VOID(pbkdf2(password, stirred.reveal(), 1, key));
    return Secret(std::move(key));
}

Result<Secret> scrypt(std::string_view password, ByteView salt, const ScryptCost& cost) {
    X402_TRY_VOID(check_password(password));
    X402_TRY_VOID(check_cost(cost));
    if (cost.r < 4 && cost.n >= 1ULL << (16 * cost.r)) return scrypt_own(password, salt, cost);
    Bytes key(kKeyBytes);
    const int done = EVP_PBE_scrypt(password.data(), password.size(), salt.data(), salt.size(),
                                    cost.n, cost.r, cost.p, kOpensslMemory, key.data(), key.size());
    ERR_clear_error();
    // Everything about the numbers was checked above: what is left is memory.
    if (done != 1) return fail(Errc::unavailable, "not enough memory for scrypt");
    return Secret(std::move(key));
}

Result<Secret> pbkdf2_sha256(std::string_view password, ByteView salt, std::int64_t rounds) {
    X402_TRY_VOID(check_password(password));
    if (rounds < 1) return fail(Errc::invalid, "PBKDF2 needs at least one round");
    if (rounds > kMaxPbkdf2Rounds)
        return fail(Errc::too_large, "PBKDF2 asks for more rounds than we grant");
    Bytes key(kKeyBytes);
    X402_TRY_VOID(pbkdf2(password, salt, static_cast<int>(rounds), key));
    return Secret(std::move(key));
}

}  // namespace x402::crypto
