// SPDX-License-Identifier: Apache-2.0
// Hex text: what is read, what is refused, and that writing and reading are inverse.
#include "x402/base/hex.hpp"

#include <gtest/gtest.h>

#include "x402/base/random.hpp"

namespace x402 {
namespace {

TEST(Hex, Writes) {
    const Bytes bytes{0x00, 0x0f, 0xff, 0xa5};
    EXPECT_EQ(to_hex(bytes), "000fffa5");
    EXPECT_EQ(to_hex0x(bytes), "0x000fffa5");
    EXPECT_EQ(to_hex({}), "");
    EXPECT_EQ(to_hex0x({}), "0x");
}

TEST(FromHex, Table) {
    struct Row {
        const char* name;
        std::string_view text;
        std::optional<Bytes> want;
    };
    const Row rows[] = {
        {"empty", "", Bytes{}},
        {"only prefix", "0x", Bytes{}},
        {"lower", "00ff", Bytes{0, 255}},
        {"upper", "00FF", Bytes{0, 255}},
        {"mixed with prefix", "0xaB", Bytes{0xab}},
        {"odd", "abc", std::nullopt},
        {"odd after prefix", "0xa", std::nullopt},
        {"capital prefix", "0Xab", std::nullopt},
        {"prefix twice", "0x0xab", std::nullopt},
        {"letter beyond f", "ag", std::nullopt},
        {"before 0", "/0", std::nullopt},
        {"after 9", ":0", std::nullopt},
        {"before A", "@0", std::nullopt},
        {"before a", "`0", std::nullopt},
        {"space", " a", std::nullopt},
        {"sign", "-1", std::nullopt},
        {"nul", std::string_view("\0a", 2), std::nullopt},
        {"full width digit", "\xef\xbc\x91\x30", std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = from_hex(row.text);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (got) {
            EXPECT_EQ(*got, *row.want);
        } else {
            EXPECT_EQ(got.error().code, Errc::invalid);
        }
    }
}

TEST(FixedFromHex, DemandsPrefixAndLength) {
    EXPECT_TRUE(fixed_from_hex0x<2>("0x00ff"));
    EXPECT_FALSE(fixed_from_hex0x<2>("00ff"));
    EXPECT_FALSE(fixed_from_hex0x<2>("0x00f"));
    EXPECT_FALSE(fixed_from_hex0x<2>("0x00ff0"));
    EXPECT_FALSE(fixed_from_hex0x<2>("0x00ff00"));
    EXPECT_FALSE(fixed_from_hex0x<2>("0x"));
    EXPECT_FALSE(fixed_from_hex0x<2>("0x00fg"));
    EXPECT_FALSE(fixed_from_hex0x<2>(""));
}

TEST(Hex, RoundTrip) {
    const auto random = make_test_random(1);
    for (std::size_t size = 0; size < 70; ++size) {
        Bytes bytes(size);
        random->fill(bytes);
        EXPECT_EQ(*from_hex(to_hex(bytes)), bytes);
        EXPECT_EQ(*from_hex(to_hex0x(bytes)), bytes);
    }
}

TEST(Hex, AnErrorRepeatsNothingOfTheInput) {
    const auto got = from_hex("secretsecretsecr");
    ASSERT_FALSE(got);
    EXPECT_EQ(to_string(got.error()).find("secret"), std::string::npos);
}

}  // namespace
}  // namespace x402
