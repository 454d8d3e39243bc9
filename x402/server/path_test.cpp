// SPDX-License-Identifier: Apache-2.0
#include "x402/server/path.hpp"

#include <gtest/gtest.h>

namespace x402::server {
namespace {

TEST(ReadTarget, OneCanonicalText) {
    struct Row {
        const char* name;
        std::string_view target;
        std::string_view text;
        std::string_view query;
    };
    static constexpr Row rows[] = {
        {"root", "/", "/", ""},
        {"plain", "/a/b.c", "/a/b.c", ""},
        {"trailing slash stays", "/a/", "/a/", ""},
        {"query as it came", "/a?x=%2F&y=//;", "/a", "x=%2F&y=//;"},
        {"needless escape decoded", "/%61%62", "/ab", ""},
        {"hex case", "/a%c3%a9", "/a%C3%A9", ""},
        {"raw utf-8 encoded", "/\xC3\xA9", "/%C3%A9", ""},
        {"space stays encoded", "/a%20b", "/a%20b", ""},
        {"percent alone", "/100%25", "/100%25", ""},
        {"three dots are a name", "/.../x", "/.../x", ""},
        {"sub-delims", "/a:b@c,d=e", "/a:b@c,d=e", ""},
        {"case is kept", "/ABC", "/ABC", ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto path = read_target(row.target);
        ASSERT_TRUE(path.has_value());
        EXPECT_EQ(path->text, row.text);
        EXPECT_EQ(path->query, row.query);
        // What is sent on reads the same again.
        const auto again = read_target(path->target());
        ASSERT_TRUE(again.has_value());
        EXPECT_EQ(again->text, path->text);
    }
}

// attacks.md 25
TEST(ReadTarget, RefusesWhatCanBeReadInTwoWays) {
    struct Row {
        const char* name;
        std::string_view target;
    };
    using namespace std::string_view_literals;
    static constexpr Row rows[] = {
        {"encoded slash", "/api%2Fpremium"},
        {"encoded slash lower", "/api%2fpremium"},
        {"encoded backslash", "/api%5Cpremium"},
        {"backslash", "/api\\premium"},
        {"double encoding of a slash", "/api%252Fpremium"},
        {"double encoding of a letter", "/%2541pi"},
        {"double encoding in two escapes", "/a%25%32%46b"},
        {"triple encoding", "/%25252e"},
        {"double slash at the start", "//api"},
        {"double slash inside", "/api//premium"},
        {"double slash at the end", "/api//"},
        {"dot segment", "/api/./x"},
        {"dot dot segment", "/api/../x"},
        {"last dot dot", "/api/.."},
        {"encoded dot", "/api/%2e/x"},
        {"encoded dot dot", "/api/%2E%2e/x"},
        {"half encoded dot dot", "/api/.%2e/x"},
        {"encoded question mark", "/api%3Fx=1"},
        {"encoded hash", "/api%23"},
        {"matrix parameter", "/x;v=1"},
        {"encoded matrix parameter", "/x%3Bv=1"},
        {"cut escape", "/a%"},
        {"cut escape two", "/a%4"},
        {"no hex", "/a%zz"},
        {"overlong slash", "/a%c0%afb"},
        {"broken utf-8", "/a%c0"},
        {"surrogate", "/%ed%a0%80"},
        {"nul", "/a%00"},
        {"encoded newline", "/a%0ab"},
        {"delete", "/a%7f"},
        {"raw control", "/a\x01"sv},
        {"raw space", "/a b"},
        {"fragment", "/a#b"},
        {"space in the query", "/a?b c"},
        {"absolute form", "http://api/premium"},
        {"asterisk form", "*"},
        {"empty", ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto path = read_target(row.target);
        ASSERT_FALSE(path.has_value());
        EXPECT_EQ(path.error().code, "ambiguous_path");
        EXPECT_EQ(path.error().http_status, 400);
    }
}

TEST(Loosened, SeesThroughSpellings) {
    struct Row {
        const char* name;
        std::string_view path;
        std::string_view loose;
    };
    static constexpr Row rows[] = {
        {"case", "/API/Premium", "/api/premium"},
        {"last slash", "/api/premium/", "/api/premium"},
        {"slashes", "//api///premium", "/api/premium"},
        {"matrix", "/api;v=1/premium;a", "/api/premium"},
        {"encoded", "/%61pi", "/api"},
        {"encoded thrice", "/%252561pi", "/api"},
        {"encoded slash", "/api%252Fpremium", "/api/premium"},
        {"backslash", "/api%5Cpremium", "/api/premium"},
        {"dots", "/x/../api/./premium", "/api/premium"},
        {"dots above the root", "/../../api", "/api"},
        {"trailing space", "/api%20/premium%00", "/api/premium"},
        {"encoded question mark", "/api/premium%3Fx", "/api/premium"},
        {"encoded hash", "/api/premium%2523x", "/api/premium"},
        {"kelvin sign", "/\xE2\x84\xAA", "/k"},
        {"nothing", "/", "/"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(loosened(row.path), row.loose);
    }
}

TEST(CanonicalQuery, EqualMeaningEqualText) {
    EXPECT_EQ(canonical_query("a=%41%2f"), "a=A%2F");
    EXPECT_EQ(canonical_query("a=b&c=%"), "a=b&c=%");
    EXPECT_NE(canonical_query("a=%26"), canonical_query("a=&"));
    EXPECT_NE(canonical_query("a=1&b=2"), canonical_query("b=2&a=1"));
}

}  // namespace
}  // namespace x402::server
