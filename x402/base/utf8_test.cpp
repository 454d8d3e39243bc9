// SPDX-License-Identifier: Apache-2.0
// UTF-8: every code point is known, and nothing else is.
#include "x402/base/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace x402 {
namespace {

std::string encode(unsigned point) {
    const auto low = [&](unsigned shift) {
        return static_cast<char>(0x80 | (point >> shift & 0x3f));
    };
    if (point < 0x80) return {static_cast<char>(point)};
    if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), low(0)};
    if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), low(6), low(0)};
    return {static_cast<char>(0xf0 | point >> 18), low(12), low(6), low(0)};
}

TEST(Utf8, EveryCodePointAndNoSurrogate) {
    for (unsigned point = 0; point < 0x120000; ++point) {
        const std::string text = encode(point);
        const bool fits = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
        ASSERT_EQ(utf8_sequence(text), fits ? text.size() : 0U) << point;
        // Cut short it is nothing.
        if (text.size() > 1) {
            ASSERT_EQ(utf8_sequence(text.substr(0, text.size() - 1)), 0U) << point;
        }
    }
}

TEST(Utf8, Refuses) {
    struct Row {
        const char* name;
        std::string_view text;
    };
    static constexpr Row rows[] = {
        {"continuation", "\x80"},
        {"overlong slash", "\xc0\xaf"},
        {"overlong two", "\xc1\xbf"},
        {"overlong three", "\xe0\x9f\xbf"},
        {"overlong four", "\xf0\x8f\xbf\xbf"},
        {"five bytes", "\xf8\x88\x80\x80\x80"},
        {"ff", "\xff"},
        {"second too high", "\xc2\xc0"},
        {"third is ascii", "\xe2\x82x"},
        {"late", "good \xff"},
    };
    for (const Row& row : rows) EXPECT_FALSE(is_utf8(row.text)) << row.name;
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x92\xb6"));
}

}  // namespace
}  // namespace x402
