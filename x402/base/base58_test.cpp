// SPDX-License-Identifier: Apache-2.0
// Base58: known texts, one text for one value, the cap before any work, and the way there and back.
#include "x402/base/base58.hpp"

#include <gtest/gtest.h>

#include "x402/base/hex.hpp"
#include "x402/base/random.hpp"

namespace x402 {
namespace {

TEST(Base58, KnownTexts) {
    struct Row {
        const char* name;
        std::string_view hex;
        std::string_view text;
    };
    static constexpr Row rows[] = {
        {"nothing", "", ""},
        {"a zero", "00", "1"},
        {"three zeros", "000000", "111"},
        {"one", "01", "2"},
        {"the last digit", "39", "z"},
        {"the first of two digits", "3a", "21"},
        {"a byte full", "ff", "5Q"},
        {"zeros before a number", "0000287fb4cd", "11233QC4"},
        {"draft-msporny-base58 1", "48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U"},
        {"draft-msporny-base58 2",
         "54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f672e",
         "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"},
        {"SPL Token's address", "06ddf6e1d765a193d9cbe146ceeb79ac1cb485ed5f5b37913a8cf5857eff00a9",
         "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"},
        {"32 zeros", "0000000000000000000000000000000000000000000000000000000000000000",
         "11111111111111111111111111111111"},
        {"32 bytes full", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
         "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(to_base58(*from_hex(row.hex)), row.text);
        const auto got = from_base58(row.text);
        ASSERT_TRUE(got);
        EXPECT_EQ(to_hex(*got), row.hex);
    }
}

TEST(Base58Decode, RefusesWhatIsOutsideTheAlphabet) {
    struct Row {
        const char* name;
        std::string_view text;
    };
    static constexpr Row rows[] = {
        {"zero", "0"},
        {"capital i", "2I"},
        {"capital o", "O2"},
        {"small l", "2l2"},
        {"space before", " 2"},
        {"space after", "2 "},
        {"newline", "2\n"},
        {"sign", "-2"},
        {"nul", std::string_view("2\0", 2)},
        {"high byte", "2\xff"},
        {"two bytes of one letter", "2\xc3\xa9"},
        {"padding", "2="},
        {"beyond the ones", "1110"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = from_base58(row.text);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, Errc::invalid);
    }
}

TEST(Base58Decode, EveryByteIsADigitOrRefused) {
    std::size_t digits = 0;
    for (int c = 0; c < 256; ++c) {
        const std::string text(1, static_cast<char>(c));
        const auto got = from_base58(text);
        if (!got) continue;
        ++digits;
        ASSERT_EQ(got->size(), 1U);
        EXPECT_EQ(to_base58(*got), text);
    }
    EXPECT_EQ(digits, 58U);
}

TEST(Base58, HoldsItsCap) {
    const Bytes zeros(kBase58Bytes, 0);
    const Bytes full(kBase58Bytes, 0xff);
    EXPECT_EQ(to_base58(zeros), std::string(kBase58Bytes, '1'));
    EXPECT_EQ(*from_base58(to_base58(zeros)), zeros);
    EXPECT_EQ(*from_base58(to_base58(full)), full);
    struct Row {
        const char* name;
        std::string text;
    };
    const Row rows[] = {
        {"a zero more", std::string(kBase58Bytes + 1, '1')},
        {"a zero before the largest", "1" + to_base58(full)},
        {"a digit more", to_base58(full) + "1"},
        {"as many digits, a larger number", std::string(to_base58(full).size(), 'z')},
        {"a long text", std::string(1'000'000, 'z')},
        {"a long text of none of its digits", std::string(1'000'000, '0')},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = from_base58(row.text);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, Errc::too_large);
    }
}

TEST(Base58, RoundTrip) {
    const auto random = make_test_random(58);
    for (int i = 0; i < 3'000; ++i) {
        const auto shape = random->bytes<2>();
        Bytes bytes(shape.data[0] % (kBase58Bytes + 1));
        random->fill(bytes);
        // Zeros in front are digits of their own.
        const std::size_t zeros = std::min<std::size_t>(shape.data[1] % 8, bytes.size());
        std::fill_n(bytes.begin(), zeros, std::uint8_t{0});
        const std::string text = to_base58(bytes);
        const auto got = from_base58(text);
        ASSERT_TRUE(got) << text;
        EXPECT_EQ(*got, bytes) << text;
    }
}

TEST(Base58, EveryShortTextHasOneValue) {
    constexpr std::string_view kDigits =
        "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    for (const char a : kDigits) {
        for (const char b : kDigits) {
            for (const char c : {'1', '2', 'M', 'z'}) {
                const std::string text{a, b, c};
                const auto got = from_base58(text);
                ASSERT_TRUE(got);
                EXPECT_EQ(to_base58(*got), text);
            }
        }
    }
}

}  // namespace
}  // namespace x402
