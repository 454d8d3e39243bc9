// SPDX-License-Identifier: Apache-2.0
// Byte strings, the comparison for secrets, checks that stop, and the version.
#include "x402/base/bytes.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <unordered_set>

#include "x402/base/check.hpp"
#include "x402/base/version.hpp"

namespace x402 {
namespace {

TEST(EqualConstantTime, Table) {
    struct Row {
        const char* name;
        std::string_view left;
        std::string_view right;
        bool want;
    };
    static constexpr Row rows[] = {
        {"empty", "", "", true},
        {"same", "abc", "abc", true},
        {"first differs", "xbc", "abc", false},
        {"last differs", "abx", "abc", false},
        {"prefix", "ab", "abc", false},
        {"longer", "abcd", "abc", false},
        {"high bit", "\x80", std::string_view("\0", 1), false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(equal_constant_time(as_bytes(row.left), as_bytes(row.right)), row.want);
    }
}

TEST(EqualConstantTime, EverySingleBitMatters) {
    const Hash32 base = Hash32::from(as_bytes("0123456789abcdef0123456789abcdef"));
    for (std::size_t bit = 0; bit < 256; ++bit) {
        Hash32 other = base;
        other.data[bit / 8] = static_cast<std::uint8_t>(other.data[bit / 8] ^ (1U << (bit % 8)));
        EXPECT_FALSE(equal_constant_time(base.view(), other.view())) << bit;
    }
}

TEST(FixedBytes, OrdersHashesAndKnowsZero) {
    const auto low = FixedBytes<2>::from(as_bytes("ab"));
    const auto high = FixedBytes<2>::from(as_bytes("ac"));
    EXPECT_LT(low, high);
    EXPECT_TRUE(FixedBytes<2>{}.is_zero());
    EXPECT_FALSE(low.is_zero());
    const std::unordered_set<FixedBytes<2>> set{low, high, low};
    EXPECT_EQ(set.size(), 2U);
}

TEST(CheckDeathTest, SaysWhichPromiseBroke) {
    EXPECT_DEATH(X402_CHECK(1 + 1 == 3), "check failed: 1 \\+ 1 == 3 .*bytes_test.cpp");
    X402_CHECK(1 + 1 == 2);
}

TEST(Version, IsTheProjects) {
    std::ifstream file(X402_SOURCE_DIR "/CMakeLists.txt");
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_NE(text.str().find("project(x402 VERSION " + std::string(kVersion) + " "),
              std::string::npos);
}

}  // namespace
}  // namespace x402
