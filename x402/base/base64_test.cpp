// SPDX-License-Identifier: Apache-2.0
// Base64: the vectors of RFC 4648 section 10, one text for one meaning, and the cap before any
// work.
#include "x402/base/base64.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

#include "x402/base/random.hpp"

namespace x402 {
namespace {

TEST(Base64, Rfc4648Vectors) {
    struct Row {
        std::string_view plain;
        std::string_view text;
    };
    static constexpr Row rows[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        EXPECT_EQ(base64_encode(as_bytes(row.plain)), row.text);
        EXPECT_EQ(as_text(*base64_decode(row.text, 100)), row.plain);
    }
    EXPECT_EQ(base64url_encode(as_bytes("\xfb\xff\xbf\xff")), "-_-__w");
}

TEST(Base64Decode, Table) {
    struct Row {
        const char* name;
        std::string_view text;
        std::optional<std::string_view> want;
    };
    static constexpr Row rows[] = {
        {"no padding, one byte", "Zg", "f"},
        {"no padding, two bytes", "Zm8", "fo"},
        {"half the padding", "Zg=", std::nullopt},
        {"too much padding", "Zm8==", std::nullopt},
        {"padding after a full group", "Zm9v=", std::nullopt},
        {"padding group of its own", "Zm9v====", std::nullopt},
        {"three paddings", "Z===", std::nullopt},
        {"only padding", "====", std::nullopt},
        {"two only", "==", std::nullopt},
        {"padding in the middle", "Zg==Zg==", std::nullopt},
        {"one character", "Z", std::nullopt},
        {"five characters", "Zm9vY", std::nullopt},
        {"trailing bits, one byte", "Zh==", std::nullopt},
        {"trailing bits unpadded", "Zh", std::nullopt},
        {"trailing bits, two bytes", "Zm9=", std::nullopt},
        {"url alphabet", "-_-_", std::nullopt},
        {"newline at the end", "Zm9v\n", std::nullopt},
        {"space inside", "Zm 9", std::nullopt},
        {"nul", std::string_view("Zm9\0", 4), std::nullopt},
        {"high byte", "Zm9\xff", std::nullopt},
        {"quotes", "\"Zg\"", std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = base64_decode(row.text, 100);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (got) {
            EXPECT_EQ(as_text(*got), *row.want);
        } else {
            EXPECT_EQ(got.error().code, Errc::invalid);
        }
    }
}

TEST(Base64UrlDecode, RefusesPaddingAndTheStandardAlphabet) {
    EXPECT_EQ(as_text(*base64url_decode("Zg", 9)), "f");
    EXPECT_FALSE(base64url_decode("Zg==", 9));
    EXPECT_FALSE(base64url_decode("+/+/", 9));
    EXPECT_FALSE(base64url_decode("Zh", 9));
}

TEST(Base64Decode, TheCapIsExact) {
    const std::string text = base64_encode(Bytes(100, 7));
    EXPECT_TRUE(base64_decode(text, 100));
    const auto got = base64_decode(text, 99);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::too_large);
    // The cap comes before the content.
    EXPECT_EQ(base64_decode(std::string(1000, '!'), 99).error().code, Errc::too_large);
    EXPECT_TRUE(base64_decode("", 0));
}

// One character at a time, as section 4 says it: what the fast loops must agree with.
std::string slow_encode(ByteView bytes, std::string_view alphabet) {
    std::string out;
    for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 6) {
        unsigned value = 0;
        for (std::size_t i = bit; i < bit + 6; ++i) {
            const unsigned byte = i / 8 < bytes.size() ? bytes[i / 8] : 0U;
            value = value << 1 | (byte >> (7 - i % 8) & 1);
        }
        out += alphabet[value];
    }
    return out;
}

TEST(Base64, AgreesWithTheDefinitionForEveryLength) {
    std::string standard;
    for (char c = 'A'; c <= 'Z'; ++c) standard += c;
    for (char c = 'a'; c <= 'z'; ++c) standard += c;
    for (char c = '0'; c <= '9'; ++c) standard += c;
    const std::string url_safe = standard + "-_";
    standard += "+/";
    const auto random = make_test_random(3);
    for (std::size_t size = 0; size < 300; ++size) {
        Bytes bytes(size);
        random->fill(bytes);
        std::string want = slow_encode(bytes, standard);
        EXPECT_EQ(base64url_encode(bytes), slow_encode(bytes, url_safe)) << size;
        EXPECT_EQ(*base64_decode(want, size), bytes) << size;
        want.append((4 - want.size() % 4) % 4, '=');
        EXPECT_EQ(base64_encode(bytes), want) << size;
    }
}

TEST(Base64Decode, OneForeignCharacterAnywhereIsSeen) {
    for (std::size_t size = 2; size <= 13; ++size) {
        if (size % 4 == 1) continue;
        const std::string good(size, 'A');
        ASSERT_TRUE(base64_decode(good, 100)) << size;
        for (std::size_t at = 0; at < size; ++at) {
            for (int c = 0; c < 256; ++c) {
                std::string text = good;
                text[at] = static_cast<char>(c);
                const bool letter = std::isalnum(c) != 0 || c == '+' || c == '/';
                // A letter may still leave bits behind the last byte; padding is another table's
                // matter.
                if (c == '=' || (letter && at + 1 == size)) continue;
                EXPECT_EQ(base64_decode(text, 100).has_value(), letter)
                    << size << " " << at << " " << c;
            }
        }
    }
}

TEST(Base64, RoundTripAndNoSecondText) {
    const auto random = make_test_random(2);
    std::set<std::string> texts;
    for (std::size_t size = 0; size < 200; ++size) {
        Bytes bytes(size);
        random->fill(bytes);
        EXPECT_EQ(*base64_decode(base64_encode(bytes), size), bytes);
        EXPECT_EQ(*base64url_decode(base64url_encode(bytes), size), bytes);
    }
    // Every text of two characters that is accepted decodes to a byte no other such text gives.
    std::set<Bytes> seen;
    std::string text = "AA";
    for (const char first : std::string_view("ABCDEFGHabcdefgh0123+/")) {
        for (int second = 32; second < 127; ++second) {
            text[0] = first;
            text[1] = static_cast<char>(second);
            if (const auto got = base64_decode(text, 4)) {
                EXPECT_TRUE(seen.insert(*got).second) << text;
            }
        }
    }
    EXPECT_EQ(seen.size(), 22U * 4U);
}

}  // namespace
}  // namespace x402
