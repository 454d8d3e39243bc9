// SPDX-License-Identifier: Apache-2.0
#include "x402/ops/toml_scan.hpp"

#include <gtest/gtest.h>

#include "x402/ops/config.hpp"

namespace x402::ops {
namespace {

TEST(TomlScan, OnlyStringsAndCommentsHoldMoreThanAscii) {
    struct Row {
        const char* name;
        std::string_view text;
        std::optional<std::size_t> want;
    };
    const Row rows[] = {
        {"plain", "a = 1\n", std::nullopt},
        {"in a string", "a = \"\xC4\x9E\"\n", std::nullopt},
        {"in a literal", "a = '\xC4\x9E'\n", std::nullopt},
        {"in a comment", "# \xC4\x9E\na = 1 # \xC4\x9E", std::nullopt},
        {"in long strings", "a = \"\"\"\n\xC4\x9E \" \"\"\"\nb = '''\n\xC4\x9E ' '''\n",
         std::nullopt},
        {"behind an escaped quote", "a = \"\\\" \xC4\x9E\"", std::nullopt},
        {"a mark at the start",
         "\xEF\xBB\xBF"
         "a = 1",
         std::nullopt},
        {"in a number", "a = 61\xC4\x9E", 6},
        {"in a key", "\xC4\x9E = 1", 0},
        {"behind a string", "a = \"x\" \xC4", 8},
        {"behind a literal with a backslash", "a = '\\' \xC4", 8},
        {"behind a string that its line ended", "a = \"x\n\xC4", 7},
        {"behind a comment", "# x\n\xC4", 4},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(find_stray_byte(row.text), row.want);
    }
}

TEST(TomlScan, AStrayByteIsToldWithItsLine) {
    const auto tree = parse_toml(
        "listen = \"x\"\norigin =61a83C2\xC4\x9E"
        "E3\n",
        "gateway.toml");
    ASSERT_FALSE(tree);
    EXPECT_NE(tree.error().detail.find("gateway.toml:2:16: "), std::string::npos)
        << tree.error().detail;
    EXPECT_EQ(tree.error().next, "put the text in quotes");
}

}  // namespace
}  // namespace x402::ops
