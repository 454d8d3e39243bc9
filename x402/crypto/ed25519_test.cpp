// SPDX-License-Identifier: Apache-2.0
// Ed25519: the vectors of RFC 8032 7.1, OpenSSL as a second implementation, keys and signatures
// that a lax verifier would take, and which 32 bytes are a point (by a second, slow computation).
#include "x402/crypto/ed25519.hpp"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <memory>

#include "x402/base/hex.hpp"
#include "x402/base/random.hpp"

namespace x402::crypto {
namespace {

template <std::size_t N>
FixedBytes<N> fixed(std::string_view hex) {
    return FixedBytes<N>::from(*from_hex(hex));
}

Secret seed_of(std::string_view hex) {
    return Secret(*from_hex(hex));
}

struct Vector {
    const char* name;
    std::string_view seed;
    std::string_view key;
    std::string_view message;
    std::string_view signature;
};
constexpr Vector kVectors[] = {
    {"test 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"test 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"test 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
    {"test SHA(abc)", "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "bbd"
     "454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
     "030"
     "3dca179c138ac17ad9bef1177331a704"},
};

TEST(Ed25519, Rfc8032Vectors) {
    for (const Vector& row : kVectors) {
        SCOPED_TRACE(row.name);
        const Secret seed = seed_of(row.seed);
        const Bytes message = *from_hex(row.message);
        EXPECT_EQ(to_hex(ed25519_public_key(seed)->view()), row.key);
        EXPECT_EQ(to_hex(ed25519_sign(message, seed)->view()), row.signature);
        EXPECT_TRUE(ed25519_verify(message, fixed<64>(row.signature), fixed<32>(row.key)));
    }
}

TEST(Ed25519, ASeedHas32Bytes) {
    for (const std::size_t size : {0U, 1U, 31U, 33U, 64U}) {
        const Secret seed(Bytes(size, 7));
        EXPECT_EQ(ed25519_public_key(seed).error().code, Errc::invalid) << size;
        EXPECT_EQ(ed25519_sign({}, seed).error().code, Errc::invalid) << size;
    }
}

TEST(Ed25519Verify, RefusesEveryBitThatDiffers) {
    const Vector& row = kVectors[2];
    const Bytes message = *from_hex(row.message);
    for (std::size_t bit = 0; bit < 64 * 8; ++bit) {
        auto signature = fixed<64>(row.signature);
        signature.data[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        EXPECT_FALSE(ed25519_verify(message, signature, fixed<32>(row.key))) << bit;
    }
    for (std::size_t bit = 0; bit < 32 * 8; ++bit) {
        auto key = fixed<32>(row.key);
        key.data[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        EXPECT_FALSE(ed25519_verify(message, fixed<64>(row.signature), key)) << bit;
    }
    for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
        Bytes other = message;
        other[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        EXPECT_FALSE(ed25519_verify(other, fixed<64>(row.signature), fixed<32>(row.key))) << bit;
    }
    EXPECT_FALSE(ed25519_verify({}, fixed<64>(row.signature), fixed<32>(row.key)));
    EXPECT_FALSE(ed25519_verify(message, {}, fixed<32>(row.key)));
}

// s + L is the same scalar as s: a second text of the signature.
TEST(Ed25519Verify, RefusesASecondText) {
    const auto order =
        fixed<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    const Vector& row = kVectors[1];
    auto signature = fixed<64>(row.signature);
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += unsigned{signature.data[32 + i]} + order.data[i];
        signature.data[32 + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8;
    }
    ASSERT_EQ(carry, 0U);
    EXPECT_FALSE(ed25519_verify(*from_hex(row.message), signature, fixed<32>(row.key)));
}

// The eight points whose order divides 8, and other texts of them.
constexpr std::string_view kSmallOrder[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
constexpr std::string_view kBasePoint =
    "5866666666666666666666666666666666666666666666666666666666666666";

// With s = 1 and R the base point, sB = R + kA holds for the neutral A whatever was signed, and for
// the others of these keys for many a message.
TEST(Ed25519Verify, RefusesKeysOfSmallOrder) {
    const auto signature = fixed<64>(std::string(kBasePoint) + "01" + std::string(62, '0'));
    for (const std::string_view key : kSmallOrder) {
        for (std::uint8_t i = 0; i < 32; ++i) {
            EXPECT_FALSE(ed25519_verify(Bytes{i}, signature, fixed<32>(key))) << key;
        }
    }
}

TEST(Ed25519Verify, RefusesAnRofSmallOrder) {
    for (const std::string_view point : kSmallOrder) {
        const auto signature = fixed<64>(std::string(point) + std::string(64, '0'));
        for (const std::string_view key : kSmallOrder) {
            EXPECT_FALSE(ed25519_verify({}, signature, fixed<32>(key))) << point << key;
        }
        EXPECT_FALSE(ed25519_verify({}, signature, fixed<32>(kVectors[0].key))) << point;
    }
}

struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

FixedBytes<64> sign_by_openssl(const FixedBytes<32>& seed, ByteView message) {
    const std::unique_ptr<EVP_PKEY, FreeKey> key(EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, nullptr, seed.data.data(), seed.data.size()));
    const std::unique_ptr<EVP_MD_CTX, FreeKey> context(EVP_MD_CTX_new());
    FixedBytes<64> out;
    std::size_t size = out.data.size();
    EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context.get(), out.data.data(), &size, message.data(), message.size()),
              1);
    return out;
}

TEST(Ed25519, AgreesWithOpenSsl) {
    const auto random = make_test_random(25519);
    for (int i = 0; i < 300; ++i) {
        const auto seed = random->bytes<32>();
        Bytes message(static_cast<std::size_t>(i) * 4);
        random->fill(message);
        const Secret secret(to_bytes(seed.view()));
        const auto signature = ed25519_sign(message, secret);
        ASSERT_TRUE(signature);
        EXPECT_EQ(*signature, sign_by_openssl(seed, message));
        EXPECT_TRUE(ed25519_verify(message, *signature, *ed25519_public_key(secret)));
        EXPECT_TRUE(is_on_ed25519(*ed25519_public_key(secret)));
    }
}

// (y^2 - 1) / (d y^2 + 1) must be a square: its product with the denominator's square is, too.
class SlowCurve {
public:
    SlowCurve() {
        BN_hex2bn(&prime_, "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
        BN_hex2bn(&d_, "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");
    }
    SlowCurve(const SlowCurve&) = delete;
    SlowCurve& operator=(const SlowCurve&) = delete;
    ~SlowCurve() {
        BN_free(prime_);
        BN_free(d_);
        BN_CTX_free(context_);
    }
    bool has(FixedBytes<32> bytes) {
        bytes.data[31] &= 0x7f;
        BIGNUM* y = BN_lebin2bn(bytes.data.data(), 32, nullptr);
        BIGNUM* above = BN_new();
        BIGNUM* below = BN_new();
        BN_mod_sqr(y, y, prime_, context_);
        BN_mod_sub(above, y, BN_value_one(), prime_, context_);
        BN_mod_mul(below, y, d_, prime_, context_);
        BN_mod_add(below, below, BN_value_one(), prime_, context_);
        BN_mod_mul(above, above, below, prime_, context_);
        const int symbol = BN_kronecker(above, prime_, context_);
        BN_free(y);
        BN_free(above);
        BN_free(below);
        EXPECT_NE(symbol, -2);
        return symbol >= 0;
    }

private:
    BN_CTX* context_ = BN_CTX_new();
    BIGNUM* prime_ = nullptr;
    BIGNUM* d_ = nullptr;
};

TEST(IsOnEd25519, AgreesWithASlowComputation) {
    const auto random = make_test_random(8032);
    SlowCurve slow;
    int on = 0;
    constexpr int kTries = 4'000;
    for (int i = 0; i < kTries; ++i) {
        const auto bytes = random->bytes<32>();
        on += is_on_ed25519(bytes) ? 1 : 0;
        ASSERT_EQ(is_on_ed25519(bytes), slow.has(bytes)) << to_hex(bytes.view());
    }
    EXPECT_GT(on, kTries * 2 / 5);
    EXPECT_LT(on, kTries * 3 / 5);
}

TEST(IsOnEd25519, TakesYModuloThePrimeAndAnySign) {
    SlowCurve slow;
    for (unsigned small = 0; small < 19; ++small) {
        FixedBytes<32> bytes;
        bytes.data[0] = static_cast<std::uint8_t>(small);
        FixedBytes<32> beyond;  // the prime more
        beyond.data.fill(0xff);
        beyond.data[0] = static_cast<std::uint8_t>(0xed + small);
        beyond.data[31] = 0x7f;
        const bool want = slow.has(bytes);
        for (const auto& each : {bytes, beyond}) {
            FixedBytes<32> negative = each;
            negative.data[31] |= 0x80;
            EXPECT_EQ(is_on_ed25519(each), want) << to_hex(each.view());
            EXPECT_EQ(is_on_ed25519(negative), want) << to_hex(negative.view());
        }
    }
}

TEST(IsOnEd25519, HasNoDemandOfASubgroup) {
    for (const std::string_view point : kSmallOrder) {
        EXPECT_TRUE(is_on_ed25519(fixed<32>(point))) << point;
    }
    // The base point and a point of order 8 added: of neither's subgroup.
    FixedBytes<32> mixed;
    ASSERT_EQ(crypto_core_ed25519_add(mixed.data.data(), fixed<32>(kBasePoint).data.data(),
                                      fixed<32>(kSmallOrder[4]).data.data()),
              0);
    EXPECT_EQ(crypto_core_ed25519_is_valid_point(mixed.data.data()), 0);
    EXPECT_TRUE(is_on_ed25519(mixed));
    EXPECT_TRUE(is_on_ed25519(fixed<32>(kBasePoint)));
}

}  // namespace
}  // namespace x402::crypto
