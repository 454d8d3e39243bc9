// SPDX-License-Identifier: Apache-2.0
// Keystores: the test vectors of Web3 Secret Storage, round trips, wrong passwords, and hostile
// files.
#include "x402/crypto/keystore.hpp"

#include <gtest/gtest.h>

#include "x402/base/hex.hpp"
#include "x402/base/json.hpp"

namespace x402::crypto {
namespace {

constexpr std::string_view kVectorSecret =
    "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";

constexpr std::string_view kPbkdf2Vector = R"({
    "crypto" : {
        "cipher" : "aes-128-ctr",
        "cipherparams" : { "iv" : "6087dab2f9fdbbfaddc31a909735c1e6" },
        "ciphertext" : "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf" : "pbkdf2",
        "kdfparams" : {
            "c" : 262144, "dklen" : 32, "prf" : "hmac-sha256",
            "salt" : "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"
        },
        "mac" : "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"
    },
    "id" : "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version" : 3
})";

constexpr std::string_view kScryptVector = R"({
    "crypto" : {
        "cipher" : "aes-128-ctr",
        "cipherparams" : { "iv" : "83dbcc02d8ccb40e466191a123791e0e" },
        "ciphertext" : "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf" : "scrypt",
        "kdfparams" : {
            "dklen" : 32, "n" : 262144, "r" : 1, "p" : 8,
            "salt" : "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"
        },
        "mac" : "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"
    },
    "id" : "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version" : 3
})";

const Secret& sample_key() {
    static const Secret key(*from_hex(kVectorSecret));
    return key;
}

std::string sealed(std::string_view password) {
    const auto random = make_test_random(31);
    return *keystore_encrypt(sample_key(), password, "0xABcd", *random, {.scrypt_n = 16});
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(Keystore, PublishedVectors) {
    EXPECT_EQ(to_hex(keystore_decrypt(kPbkdf2Vector, "testpassword")->reveal()), kVectorSecret);
    EXPECT_EQ(to_hex(keystore_decrypt(kScryptVector, "testpassword")->reveal()), kVectorSecret);
}

TEST(Keystore, RoundTrip) {
    const auto random = make_test_random(32);
    for (const std::string_view password :
         {"", "p", "correct horse battery staple", "\xc3\xbc\xe2\x82\xac"}) {
        for (const std::size_t size : {1, 31, 32, 64, 256}) {
            Bytes bytes(size);
            random->fill(bytes);
            const auto text =
                keystore_encrypt(Secret(bytes), password, "", *random, {.scrypt_n = 4});
            ASSERT_TRUE(text);
            EXPECT_EQ(to_bytes(keystore_decrypt(*text, password)->reveal()), bytes);
            // One byte may stand anywhere by chance; eight may not.
            if (size >= 8) {
                EXPECT_EQ(text->find(to_hex(ByteView(bytes).first(8))), std::string::npos);
            }
        }
    }
}

TEST(Keystore, WritesWhatOthersRead) {
    const auto file = json::parse_object(sealed("p"));
    ASSERT_TRUE(file);
    EXPECT_EQ(*json::get_string(*file, "address"), "abcd");
    EXPECT_EQ(*json::get_int(*file, "version"), 3);
    const std::string id = *json::get_string(*file, "id");
    ASSERT_EQ(id.size(), 36U);
    EXPECT_TRUE(id[8] == '-' && id[13] == '-' && id[14] == '4' && id[18] == '-' && id[23] == '-');
    const auto crypto = *json::get_object(*file, "crypto");
    EXPECT_EQ(*json::get_string(crypto, "cipher"), "aes-128-ctr");
    EXPECT_EQ(*json::get_string(crypto, "kdf"), "scrypt");
    const auto params = *json::get_object(crypto, "kdfparams");
    EXPECT_EQ(*json::get_int(params, "dklen"), 32);
    EXPECT_EQ(*json::get_int(params, "r"), 8);
    EXPECT_EQ(*json::get_int(params, "p"), 1);
    EXPECT_EQ(json::get_string(params, "salt")->size(), 64U);
}

TEST(Keystore, TwoFilesOfOneKeyShareNothing) {
    const auto random = make_test_random(33);
    const auto one =
        json::parse_object(*keystore_encrypt(sample_key(), "p", "", *random, {.scrypt_n = 4}));
    const auto two =
        json::parse_object(*keystore_encrypt(sample_key(), "p", "", *random, {.scrypt_n = 4}));
    for (const char* key : {"ciphertext", "mac"}) {
        EXPECT_NE(*json::get_string(*json::get_object(*one, "crypto"), key),
                  *json::get_string(*json::get_object(*two, "crypto"), key));
    }
}

TEST(Keystore, AWrongPasswordIsUnauthorized) {
    const std::string text = sealed("right");
    for (const std::string_view password : {"", "Right", "right ", "wrong"}) {
        EXPECT_EQ(keystore_decrypt(text, password).error().code, Errc::unauthorized) << password;
    }
    EXPECT_TRUE(keystore_decrypt(text, "right"));
}

TEST(Keystore, ATamperedFileIsUnauthorized) {
    const std::string text = sealed("p");
    for (const std::string_view member : {R"("ciphertext":")", R"("mac":")", R"("salt":")"}) {
        std::string bad = text;
        char& digit = bad[bad.find(member) + member.size()];
        digit = digit == '0' ? '1' : '0';
        EXPECT_EQ(keystore_decrypt(bad, "p").error().code, Errc::unauthorized) << member;
    }
}

TEST(Keystore, RefusesFiles) {
    const std::string good = sealed("p");
    const std::string zeros(600, '0');
    struct Row {
        const char* name;
        std::string text;
        Errc want;
    };
    const Row rows[] = {
        {"empty", "", Errc::invalid},
        {"no json", "0xabc", Errc::invalid},
        {"array", "[]", Errc::invalid},
        {"version 1", replaced(good, "\"version\":3", "\"version\":1"), Errc::invalid},
        {"version text", replaced(good, "\"version\":3", "\"version\":\"3\""), Errc::invalid},
        {"no crypto", replaced(good, "\"crypto\"", "\"crypt\""), Errc::invalid},
        {"crypto twice", replaced(good, "\"id\"", "\"crypto\":{},\"id\""), Errc::invalid},
        {"other cipher", replaced(good, "aes-128-ctr", "aes-128-cbc"), Errc::unsupported},
        {"other kdf", replaced(good, "\"kdf\":\"scrypt\"", "\"kdf\":\"argon2\""),
         Errc::unsupported},
        {"other prf", replaced(std::string(kPbkdf2Vector), "hmac-sha256", "hmac-sha1"),
         Errc::unsupported},
        {"dklen 16", replaced(good, "\"dklen\":32", "\"dklen\":16"), Errc::unsupported},
        {"n negative", replaced(good, "\"n\":16", "\"n\":-16"), Errc::invalid},
        {"n no power", replaced(good, "\"n\":16", "\"n\":17"), Errc::invalid},
        {"n fraction", replaced(good, "\"n\":16", "\"n\":16.0"), Errc::invalid},
        {"n as text", replaced(good, "\"n\":16", "\"n\":\"16\""), Errc::invalid},
        {"n beyond the cap", replaced(good, "\"n\":16", "\"n\":2097152"), Errc::too_large},
        {"n of 2^62", replaced(good, "\"n\":16", "\"n\":4611686018427387904"), Errc::too_large},
        {"r that eats memory", replaced(good, "\"r\":8", "\"r\":1073741824"), Errc::too_large},
        {"p that eats time", replaced(good, "\"p\":1", "\"p\":1073741824"), Errc::too_large},
        {"rounds for hours", replaced(std::string(kPbkdf2Vector), "262144", "2147483647"),
         Errc::too_large},
        {"no rounds", replaced(std::string(kPbkdf2Vector), "262144", "0"), Errc::invalid},
        {"iv short", replaced(good, "\"iv\":\"", "\"iv\":\"00\",\"x\":\""), Errc::invalid},
        {"iv no hex", replaced(good, "\"iv\":\"", "\"iv\":\"zz\",\"x\":\""), Errc::invalid},
        {"mac short", replaced(good, "\"mac\":\"", "\"mac\":\"00\",\"x\":\""), Errc::invalid},
        {"ciphertext empty", replaced(good, "\"ciphertext\":\"", "\"ciphertext\":\"\",\"x\":\""),
         Errc::invalid},
        {"ciphertext long", replaced(good, R"("ciphertext":")", R"("ciphertext":")" + zeros),
         Errc::invalid},
        {"salt long", replaced(good, R"("salt":")", R"("salt":")" + zeros), Errc::too_large},
        {"file long", good + std::string(20'000, ' '), Errc::too_large},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = keystore_decrypt(row.text, "testpassword");
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, row.want) << to_string(got.error());
    }
}

TEST(Keystore, AcceptsTheCapitalNameOfOldFiles) {
    EXPECT_TRUE(keystore_decrypt(replaced(sealed("p"), "\"crypto\"", "\"Crypto\""), "p"));
}

TEST(KeystoreEncrypt, RefusesWhatItCannotKeep) {
    const auto random = make_test_random(34);
    EXPECT_FALSE(keystore_encrypt(Secret{}, "p", "", *random, {.scrypt_n = 4}));
    EXPECT_FALSE(keystore_encrypt(Secret(Bytes(257)), "p", "", *random, {.scrypt_n = 4}));
    EXPECT_FALSE(keystore_encrypt(sample_key(), "p", "0xnothex", *random, {.scrypt_n = 4}));
    EXPECT_FALSE(keystore_encrypt(sample_key(), "p", "", *random, {.scrypt_n = 5}));
    EXPECT_EQ(keystore_encrypt(sample_key(), "p", "", *random, {.scrypt_n = 1 << 21}).error().code,
              Errc::too_large);
    EXPECT_EQ(keystore_encrypt(sample_key(), std::string(5000, 'x'), "", *random).error().code,
              Errc::invalid);
}

}  // namespace
}  // namespace x402::crypto
