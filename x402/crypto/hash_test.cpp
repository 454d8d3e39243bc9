// SPDX-License-Identifier: Apache-2.0
// Hashes against published vectors, and keccak's permutation against OpenSSL's through SHA3-256.
#include "x402/crypto/hash.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstring>
#include <new>

#include "x402/base/hex.hpp"
#include "x402/base/random.hpp"
#include "x402/crypto/keccak.hpp"

namespace x402::crypto {
namespace {

std::string hex(const Hash32& hash) {
    return to_hex(hash.view());
}

TEST(Keccak256, PublishedVectors) {
    struct Row {
        std::string_view text;
        std::string_view want;
    };
    static constexpr Row rows[] = {
        {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {"The quick brown fox jumps over the lazy dog",
         "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"},
        {"Transfer(address,address,uint256)",
         "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"},
    };
    for (const Row& row : rows) EXPECT_EQ(hex(keccak256(as_bytes(row.text))), row.want) << row.text;
}

TEST(KeccakSponge, AgreesWithOpenSslAroundEveryBlockBorder) {
    const auto random = make_test_random(11);
    for (std::size_t size = 0; size <= 600; ++size) {
        Bytes bytes(size);
        random->fill(bytes);
        Hash32 want;
        ASSERT_EQ(
            EVP_Digest(bytes.data(), size, want.data.data(), nullptr, EVP_sha3_256(), nullptr), 1);
        ASSERT_EQ(hex(keccak_sponge(bytes, 0x06)), hex(want)) << size;
        ASSERT_NE(hex(keccak256(bytes)), hex(want)) << size;
    }
}

TEST(Sha256, PublishedVectors) {
    EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256({}), kEmptySha256);
    EXPECT_EQ(hex(sha256(as_bytes("abc"))),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, PiecesAreTheWhole) {
    const auto random = make_test_random(12);
    Bytes bytes(1000);
    random->fill(bytes);
    const ByteView all(bytes);
    Sha256 hash;
    for (std::size_t cut = 0; cut <= bytes.size(); cut += 37) {
        hash.add(all.first(cut));
        hash.add({});
        hash.add(all.subspan(cut));
        EXPECT_EQ(hash.finish(), sha256(all)) << cut;
    }
    EXPECT_EQ(hash.finish(), sha256({}));
    EXPECT_EQ(hash.finish(), kEmptySha256);
    Sha256 moved = std::move(hash);
    moved.add(all);
    EXPECT_EQ(moved.finish(), sha256(all));
}

// RFC 4231, cases 1, 2, 3 and 6.
TEST(HmacSha256, PublishedVectors) {
    struct Row {
        Bytes key;
        Bytes message;
        std::string_view want;
    };
    const Row rows[] = {
        {Bytes(20, 0x0b), to_bytes(as_bytes("Hi There")),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {to_bytes(as_bytes("Jefe")), to_bytes(as_bytes("what do ya want for nothing?")),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {Bytes(20, 0xaa), Bytes(50, 0xdd),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {Bytes(131, 0xaa),
         to_bytes(as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {{}, {}, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (const Row& row : rows) EXPECT_EQ(hex(hmac_sha256(row.key, row.message)), row.want);
}

Hash32 openssl_hmac(ByteView key, ByteView message) {
    static constexpr std::uint8_t kNothing = 0;  // OpenSSL takes a null key as "the last one again"
    Hash32 out;
    unsigned size = 0;
    HMAC(EVP_sha256(), key.empty() ? &kNothing : key.data(), static_cast<int>(key.size()),
         message.data(), message.size(), out.data.data(), &size);
    return out;
}

TEST(HmacSha256, AgreesWithOpenSslAroundEveryBlockBorder) {
    const auto random = make_test_random(13);
    Bytes key(140);
    Bytes message(200);
    random->fill(key);
    random->fill(message);
    for (std::size_t key_size = 0; key_size <= key.size(); ++key_size) {
        const ByteView part = ByteView(key).first(key_size);
        const HmacSha256Key kept(part);
        for (const std::size_t size :
             {0U, 1U, 54U, 55U, 56U, 63U, 64U, 65U, 119U, 120U, 128U, 200U}) {
            SCOPED_TRACE(std::to_string(key_size) + " " + std::to_string(size));
            const ByteView text = ByteView(message).first(size);
            const Hash32 want = openssl_hmac(part, text);
            ASSERT_EQ(hmac_sha256(part, text), want);
            ASSERT_EQ(kept.mac(text), want);
        }
    }
}

TEST(HmacSha256Key, IsUsedAgainCopiedAndAssigned) {
    const Bytes one(32, 1);
    const Bytes two(32, 2);
    HmacSha256Key key(one);
    const Hash32 first = key.mac(two);
    EXPECT_EQ(key.mac(two), first) << "a MAC leaves the key as it was";
    const HmacSha256Key copy = key;
    key = HmacSha256Key(two);
    EXPECT_EQ(key.mac(two), hmac_sha256(two, two));
    EXPECT_NE(key.mac(two), first);
    EXPECT_EQ(copy.mac(two), first);
}

TEST(HmacSha256Key, IsWipedAtItsEnd) {
    alignas(HmacSha256Key) std::array<unsigned char, sizeof(HmacSha256Key)> place{};
    const auto nothing = place;
    auto* key = new (place.data()) HmacSha256Key(Bytes(32, 7));
    EXPECT_NE(place, nothing);
    std::destroy_at(key);
    // Read as the volatile bytes they are: the object is gone, its place must not tell of it.
    const volatile unsigned char* bytes = place.data();
    for (std::size_t i = 0; i < place.size(); ++i) EXPECT_EQ(bytes[i], 0) << i;
}

}  // namespace
}  // namespace x402::crypto
