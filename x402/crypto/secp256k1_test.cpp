// SPDX-License-Identifier: Apache-2.0
// Signing and recovering: the example of EIP-155, high s and other second texts refused (attack
// 17), and keys that are none.
#include "x402/crypto/secp256k1.hpp"

#include <gtest/gtest.h>

#include "x402/base/hex.hpp"
#include "x402/base/random.hpp"
#include "x402/base/u256.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::crypto {
namespace {

const U256& order() {
    static const U256 value =
        *U256::from_hex("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    return value;
}

Secret key_of(std::string_view hex) {
    return Secret(*from_hex(hex));
}

Secret key_of(const U256& value) {
    return Secret(to_bytes(value.to_be().view()));
}

std::string address_of(const PublicKey64& key) {
    return to_hex(keccak256(key.view()).view().subspan(12));
}

TEST(Ecdsa, TheExampleOfEip155) {
    const Secret key(Bytes(32, 0x46));
    const Hash32 digest =
        *fixed_from_hex0x<32>("0xdaf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    const auto signature = ecdsa_sign(digest, key);
    ASSERT_TRUE(signature);
    EXPECT_EQ(to_hex(signature->compact.view()),
              "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
              "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83");
    EXPECT_EQ(signature->recovery_id, 0);
    EXPECT_EQ(address_of(*ecdsa_public_key(key)), "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f");
    EXPECT_EQ(*ecdsa_recover(digest, *signature), *ecdsa_public_key(key));
}

TEST(EcdsaPublicKey, KnownKeys) {
    EXPECT_EQ(address_of(*ecdsa_public_key(key_of(U256{1}))),
              "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    EXPECT_EQ(address_of(*ecdsa_public_key(
                  key_of("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))),
              "f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
}

TEST(EcdsaSign, RefusesWhatIsNoKey) {
    const Hash32 digest = keccak256(as_bytes("x"));
    struct Row {
        const char* name;
        Bytes key;
    };
    const Row rows[] = {
        {"empty", {}},
        {"31 bytes", Bytes(31, 1)},
        {"33 bytes", Bytes(33, 1)},
        {"zero", Bytes(32, 0)},
        {"the order", to_bytes(order().to_be().view())},
        {"largest", Bytes(32, 0xff)},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(ecdsa_sign(digest, Secret(row.key)).error().code, Errc::invalid);
        EXPECT_EQ(ecdsa_public_key(Secret(row.key)).error().code, Errc::invalid);
    }
    EXPECT_TRUE(ecdsa_sign(digest, key_of(*order().checked_sub(1))));
}

TEST(EcdsaRecover, EverySignatureAndNoOther) {
    const auto random = make_test_random(21);
    int ids[2] = {0, 0};
    for (int i = 0; i < 40; ++i) {
        const Secret key(to_bytes(random->bytes<32>().view()));
        const Hash32 digest = random->bytes<32>();
        const auto signature = ecdsa_sign(digest, key);
        const auto owner = ecdsa_public_key(key);
        ASSERT_TRUE(signature && owner);
        ++ids[signature->recovery_id];
        EXPECT_EQ(*ecdsa_recover(digest, *signature), *owner);
        EXPECT_EQ(ecdsa_sign(digest, key)->compact, signature->compact);

        RecoverableSignature other_id = *signature;
        other_id.recovery_id ^= 1;
        const auto stranger = ecdsa_recover(digest, other_id);
        EXPECT_TRUE(!stranger || *stranger != *owner);

        Hash32 other_digest = digest;
        other_digest.data[31] ^= 1;
        const auto wrong = ecdsa_recover(other_digest, *signature);
        EXPECT_TRUE(!wrong || *wrong != *owner);
    }
    EXPECT_GT(ids[0], 0);
    EXPECT_GT(ids[1], 0);
}

TEST(EcdsaRecover, RefusesHighS) {
    const Secret key(Bytes(32, 7));
    const Hash32 digest = keccak256(as_bytes("pay"));
    const auto signature = *ecdsa_sign(digest, key);
    const U256 s = *U256::from_be(signature.compact.view().subspan(32));
    RecoverableSignature high = signature;
    const auto flipped = order().checked_sub(s)->to_be();
    std::copy(flipped.data.begin(), flipped.data.end(), high.compact.data.begin() + 32);
    high.recovery_id ^= 1;
    const auto got = ecdsa_recover(digest, high);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().detail, "the signature has a high s");
}

TEST(EcdsaRecover, RefusesWhatIsNoSignature) {
    const Hash32 digest = keccak256(as_bytes("pay"));
    const auto good = *ecdsa_sign(digest, Secret(Bytes(32, 7)));
    const auto with = [&](std::size_t half, const U256& value) {
        RecoverableSignature out = good;
        const auto word = value.to_be();
        std::copy(word.data.begin(), word.data.end(),
                  out.compact.data.begin() + static_cast<std::ptrdiff_t>(32 * half));
        return out;
    };
    struct Row {
        const char* name;
        RecoverableSignature signature;
    };
    std::vector<Row> rows = {
        {"r zero", with(0, 0)},
        {"s zero", with(1, 0)},
        {"r the order", with(0, order())},
        {"s the order", with(1, order())},
        {"r largest", with(0, U256::max())},
        {"s largest", with(1, U256::max())},
        {"all zero", {}},
        {"r is no point's x", with(0, 5)},
    };
    for (const int id : {-1, 2, 3, 4, 27, 28}) {
        RecoverableSignature odd = good;
        odd.recovery_id = id;
        rows.push_back({"recovery id", odd});
    }
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(ecdsa_recover(digest, row.signature).error().code, Errc::invalid);
    }
    EXPECT_TRUE(ecdsa_recover(digest, good));
}

}  // namespace
}  // namespace x402::crypto
