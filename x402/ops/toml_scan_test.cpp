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
        {"a header", "[a]\n[[b]]\n[ c . \"d\" ]\n['e']\n[-]\n[1]", std::nullopt},
        {"a header without a name", "[, a]", 1},
        {"after blanks", "a = 1\r\n \t[ =]", 11},
        {"of a list of tables", "[[\t.a]]", 3},
        {"that ends its line", "[\na]", 1},
        {"a list of lists", "a = [\n  [1],\n  [, 2]\n]\n[b]", std::nullopt},
        {"behind a list", "a = [\n  [1] ]\n[{]", 15},
        {"behind an inline table", "a = { b = 1 }\n[+]", 15},
        {"in a string", "a = \"\"\"\n[,\n\"\"\"\n", std::nullopt},
        {"in a comment", "# [\n# [,\n", std::nullopt},
        {"behind a string that its line ended", "a = \"x\n[,", 8},
        {"an empty header is the parser's", "[]\n[[]]\n[", std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto stray = find_stray(row.text);
        EXPECT_EQ(stray ? std::optional(stray->at) : std::nullopt, row.want);
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

TEST(TomlScan, AHeaderWithoutANameIsToldWithItsLine) {
    for (const std::string_view header : {"[,", "[[,a]]", "[ =]", "[\n", "[.a]", "[#]", "[}"}) {
        const auto tree = parse_toml("a = 1\n" + std::string(header) + " x = 2", "gateway.toml");
        ASSERT_FALSE(tree) << header;
        EXPECT_NE(tree.error().detail.find("gateway.toml:2:"), std::string::npos)
            << tree.error().detail;
        EXPECT_NE(tree.error().next.find("name the table"), std::string::npos) << header;
    }
    // And nothing else is thought to be one.
    EXPECT_TRUE(parse_toml("a = [\n  [1],\n  [2]\n]\n[ b ]\n[[c]]\n[[ c ]]\n", "x.toml"));
}

}  // namespace
}  // namespace x402::ops
