// SPDX-License-Identifier: Apache-2.0
// Derivation: the vectors of RFC 7914, our scrypt against OpenSSL's, and costs that nobody gets.
#include "x402/crypto/scrypt.hpp"

#include <gtest/gtest.h>

#include "x402/base/hex.hpp"

namespace x402::crypto {
namespace {

std::string hex(const Secret& secret) {
    return to_hex(secret.reveal());
}

TEST(Scrypt, Rfc7914Vectors) {
    EXPECT_EQ(hex(*scrypt("", {}, {16, 1, 1})),
              "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442");
    EXPECT_EQ(hex(*scrypt("password", as_bytes("NaCl"), {1024, 8, 16})),
              "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162");
    EXPECT_EQ(hex(*scrypt_own("", {}, {16, 1, 1})),
              "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442");
}

TEST(Scrypt, OursAgreesWithOpenSsl) {
    const ScryptCost costs[] = {{2, 1, 1},   {16, 1, 3},  {64, 2, 1},
                                {128, 3, 2}, {256, 8, 1}, {4, 16, 5}};
    for (const ScryptCost& cost : costs) {
        SCOPED_TRACE(cost.n);
        const auto ours = scrypt_own("pass word", as_bytes("salt"), cost);
        const auto theirs = scrypt("pass word", as_bytes("salt"), cost);
        EXPECT_EQ(hex(*ours), hex(*theirs));
    }
}

TEST(Scrypt, RefusesCosts) {
    struct Row {
        const char* name;
        ScryptCost cost;
        Errc want;
    };
    static constexpr std::uint64_t kHuge = 1ULL << 63;
    static constexpr Row rows[] = {
        {"n zero", {0, 8, 1}, Errc::invalid},
        {"n one", {1, 8, 1}, Errc::invalid},
        {"n no power", {1000, 8, 1}, Errc::invalid},
        {"r zero", {16, 0, 1}, Errc::invalid},
        {"p zero", {16, 8, 0}, Errc::invalid},
        {"n 2^21", {1 << 21, 1, 1}, Errc::too_large},
        {"n huge", {kHuge, 8, 1}, Errc::too_large},
        {"r huge", {16, kHuge, 1}, Errc::too_large},
        {"p huge", {16, 8, kHuge}, Errc::too_large},
        {"memory", {1 << 20, 9, 1}, Errc::too_large},
        {"work", {1 << 20, 8, 3}, Errc::too_large},
        {"wraps", {kHuge, kHuge, kHuge}, Errc::too_large},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(scrypt("p", as_bytes("s"), row.cost).error().code, row.want);
    }
    EXPECT_EQ(scrypt(std::string(5000, 'x'), {}, {16, 1, 1}).error().code, Errc::invalid);
}

// RFC 7914, 11, the first 32 bytes.
TEST(Pbkdf2, Vectors) {
    EXPECT_EQ(hex(*pbkdf2_sha256("passwd", as_bytes("salt"), 1)),
              "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    EXPECT_EQ(hex(*pbkdf2_sha256("Password", as_bytes("NaCl"), 80'000)),
              "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
    EXPECT_EQ(pbkdf2_sha256("p", {}, 0).error().code, Errc::invalid);
    EXPECT_EQ(pbkdf2_sha256("p", {}, -1).error().code, Errc::invalid);
    EXPECT_EQ(pbkdf2_sha256("p", {}, 1LL << 40).error().code, Errc::too_large);
}

}  // namespace
}  // namespace x402::crypto
