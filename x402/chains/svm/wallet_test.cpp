// SPDX-License-Identifier: Apache-2.0
// Keys as people keep them: what is taken, what is refused, and what belongs to another family.
#include <gtest/gtest.h>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/testing/samples.hpp"
#include "x402/chains/svm/wallet.hpp"
#include "x402/crypto/ed25519.hpp"

namespace x402::svm {
namespace {

using testing::sample_address;
using testing::sample_seed;

Bytes pair_of(std::uint8_t who) {
    Bytes out = to_bytes(sample_seed(who).reveal());
    append(out, sample_address(who).view());
    return out;
}

std::string json_of(ByteView bytes, std::string_view separator = ",") {
    std::string out = "[";
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i > 0) out += separator;
        out += std::to_string(bytes[i]);
    }
    return out + "]";
}

std::string with(std::string text, const std::string& what, const std::string& instead) {
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, what.size(), instead);
}

Result<crypto::Secret> parse(const std::string& text) {
    return parse_key(crypto::Secret::from_text(text));
}

// RFC 8032 7.1, test 1.
TEST(SvmWallet, TheKeyOfTheStandard) {
    Bytes seed;
    for (const unsigned each :
         {0x9dU, 0x61U, 0xb1U, 0x9dU, 0xefU, 0xfdU, 0x5aU, 0x60U, 0xbaU, 0x84U, 0x4aU,
          0xf4U, 0x92U, 0xecU, 0x2cU, 0xc4U, 0x44U, 0x49U, 0xc5U, 0x69U, 0x7bU, 0x32U,
          0x69U, 0x19U, 0x70U, 0x3bU, 0xacU, 0x03U, 0x1cU, 0xaeU, 0x7fU, 0x60U}) {
        seed.push_back(static_cast<std::uint8_t>(each));
    }
    const auto wallet = SvmWallets().parse(crypto::Secret::from_text(to_base58(seed)));
    ASSERT_TRUE(wallet) << to_string(wallet.error());
    EXPECT_EQ((*wallet)->address(), "FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z");
    EXPECT_EQ((*wallet)->family(), kFamily);
    const auto signature = (*wallet)->sign({});
    ASSERT_TRUE(signature);
    ASSERT_EQ(signature->size(), 64U);
    EXPECT_EQ(signature->front(), 0xe5);
    EXPECT_EQ(signature->back(), 0x0b);
}

TEST(SvmWallet, EveryFormIsTheSameKey) {
    const Bytes pair = pair_of(1);
    const ByteView seed = ByteView(pair).first(32);
    struct Row {
        const char* name;
        std::string text;
    };
    const Row rows[] = {
        {"base58 of both halves", to_base58(pair)},
        {"base58 of the seed", to_base58(seed)},
        {"json", json_of(pair)},
        {"json with spaces", json_of(pair, ", ")},
        {"json over lines", " [\n" + json_of(pair, " ,\r\n\t").substr(1) + "\n"},
        {"base58 and a line's end", to_base58(pair) + "\n"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_TRUE(SvmWallets().recognizes(row.text));
        const auto key = parse(row.text);
        ASSERT_TRUE(key) << to_string(key.error());
        EXPECT_TRUE(std::ranges::equal(key->reveal(), seed));
        const auto wallet = SvmWallets().parse(crypto::Secret::from_text(row.text));
        ASSERT_TRUE(wallet);
        EXPECT_EQ((*wallet)->address(), to_text(sample_address(1)));
    }
}

TEST(SvmWallet, WhatIsNoKeyIsRefusedAndNeverRepeated) {
    const Bytes pair = pair_of(1);
    Bytes foreign = pair;
    foreign[63] ^= 1;
    const std::string json = json_of(pair);
    struct Row {
        const char* name;
        std::string text;
        bool recognized;  // by its form
    };
    const Row rows[] = {
        {"empty", "", false},
        {"hex of another family", "0x" + std::string(63, '1') + "2", false},
        {"its digits alone", std::string(64, 'a'), false},
        {"digits that base58 has too", std::string(63, '1') + "2", false},
        {"a letter base58 has not", with(to_base58(pair), to_base58(pair).substr(5, 1), "0"),
         false},
        {"the halves do not fit", to_base58(foreign), true},
        {"the halves do not fit, in json", json_of(foreign), true},
        {"63 bytes", to_base58(ByteView(pair).first(63)), true},
        {"31 bytes", to_base58(ByteView(pair).first(31)), true},
        {"a number too large", with(json, "[34,", "[256,"), true},
        {"a sign", with(json, "[34,", "[-34,"), true},
        {"a leading zero", with(json, "[34,", "[034,"), true},
        {"a fraction", with(json, "[34,", "[34.0,"), true},
        {"63 numbers", "[" + json.substr(4), true},
        {"65 numbers", "[1," + json.substr(1), true},
        {"no end", json.substr(0, json.size() - 1), true},
        {"more after it", json + "]", true},
        {"no numbers", "[]", true},
        {"words", "correct horse battery staple", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(SvmWallets().recognizes(row.text), row.recognized);
        const auto key = parse(row.text);
        ASSERT_FALSE(key);
        EXPECT_FALSE(key.error().next.empty());
        const std::string told = to_string(key.error());
        const bool repeated = row.text.size() > 10 && told.find(row.text) != std::string::npos;
        EXPECT_FALSE(repeated) << told;
    }
}

TEST(SvmWallet, LeadingZerosAreKept) {
    Bytes seed(32, 0);
    seed[31] = 5;
    const auto key = parse(to_base58(seed));
    ASSERT_TRUE(key) << to_string(key.error());
    EXPECT_TRUE(std::ranges::equal(key->reveal(), seed));
    EXPECT_TRUE(parse(to_base58(Bytes(32, 0xFF)))) << "the largest number of 32 bytes";
    const std::string largest = to_base58(Bytes(64, 0xFF));
    EXPECT_FALSE(parse(largest)) << "64 bytes, whose halves do not fit";
    EXPECT_FALSE(parse(std::string(88, 'z'))) << "a number beyond 64 bytes";
}

TEST(SvmWallet, FromBytesOfAKeystore) {
    const SvmWallets wallets;
    const Bytes pair = pair_of(7);
    const auto seed = wallets.from_bytes(sample_seed(7));
    ASSERT_TRUE(seed);
    EXPECT_EQ((*seed)->address(), to_text(sample_address(7)));
    const auto both = wallets.from_bytes(crypto::Secret(pair));
    ASSERT_TRUE(both);
    EXPECT_EQ((*both)->address(), (*seed)->address());
    const auto kept = wallets.read_bytes(crypto::Secret::from_text(to_base58(pair)));
    ASSERT_TRUE(kept);
    EXPECT_TRUE(std::ranges::equal(kept->reveal(), sample_seed(7).reveal()));
    EXPECT_FALSE(wallets.key_form().empty());
    EXPECT_FALSE(wallets.from_bytes(crypto::Secret(Bytes(31, 1))));
    EXPECT_FALSE(wallets.from_bytes(crypto::Secret()));
}

TEST(SvmWallet, SignsTheWholeMessage) {
    const auto wallet = SvmWallets().from_bytes(sample_seed(3));
    ASSERT_TRUE(wallet);
    const Bytes message(700, 0x80);
    const auto signature = (*wallet)->sign(message);
    ASSERT_TRUE(signature);
    EXPECT_TRUE(crypto::ed25519_verify(message, crypto::Ed25519Signature::from(*signature),
                                       sample_address(3)));
}

}  // namespace
}  // namespace x402::svm
