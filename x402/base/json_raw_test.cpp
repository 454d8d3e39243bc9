// SPDX-License-Identifier: Apache-2.0
// The exact text of a member: byte for byte what the sender wrote, and safe on text that is no JSON
// at all.
#include <gtest/gtest.h>

#include "x402/base/json.hpp"

namespace x402::json {
namespace {

TEST(JsonRawMember, Table) {
    struct Row {
        const char* name;
        std::string_view text;
        std::string_view key;
        std::optional<std::string_view> want;
    };
    static constexpr Row rows[] = {
        {"string", R"({"a":"x"})", "a", R"("x")"},
        {"number", R"({"a":1.50e1,"b":2})", "a", "1.50e1"},
        {"last number", R"({"b":2,"a":15})", "a", "15"},
        {"last number and space", "{\"a\":15 \n}", "a", "15"},
        {"word", R"({"a":null})", "a", "null"},
        {"object with its spaces", R"({"z":0, "a" : { "y": 1 , "x": [ ] } })", "a",
         R"({ "y": 1 , "x": [ ] })"},
        {"array", R"({"a":[1,{"b":"]"}],"c":1})", "a", R"([1,{"b":"]"}])"},
        {"braces in strings", R"({"x":"}{\"a\":1","a":"{"})", "a", R"("{")"},
        {"escaped quote and backslash", R"({"x":"\\","a":"\"\\"})", "a", R"("\"\\")"},
        {"escaped key", R"({"\u0061":7})", "a", "7"},
        {"escaped other key", R"({"\u0062":7,"a":8})", "a", "8"},
        {"only the top level", R"({"x":{"a":1}})", "a", std::nullopt},
        {"not by value", R"({"x":"a","y":1})", "a", std::nullopt},
        {"absent", R"({"b":1})", "a", std::nullopt},
        {"no members", "{}", "a", std::nullopt},
        {"no object", R"(["a"])", "a", std::nullopt},
        {"empty key", R"({"":5})", "", "5"},
        {"empty text", "", "a", std::nullopt},
        {"cut in key", R"({"a)", "a", std::nullopt},
        {"cut after key", R"({"a")", "a", std::nullopt},
        {"cut after colon", R"({"a":)", "a", std::nullopt},
        {"cut in string", R"({"a":"x)", "a", std::nullopt},
        {"cut in escape", "{\"a\":\"x\\", "a", std::nullopt},
        {"cut in object", R"({"a":{"b":1)", "a", std::nullopt},
        {"nothing as value", R"({"a":,"b":1})", "a", std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(raw_member(row.text, row.key), row.want);
    }
}

TEST(JsonRawMember, IsAViewIntoTheText) {
    const std::string text = R"({"accepted": {"amount" : "1"} })";
    const auto raw = raw_member(text, "accepted");
    ASSERT_TRUE(raw);
    EXPECT_EQ(raw->data(), text.data() + text.find("{\"amount"));
}

TEST(JsonRawMember, EveryCutOfATextIsSafe) {
    const std::string text = R"({"x":["}",{"q":"\\\""}],"a":{"b":[1,2]},"c":true})";
    for (std::size_t size = 0; size < text.size(); ++size) {
        const std::string cut = text.substr(0, size);
        if (const auto raw = raw_member(cut, "a")) {
            EXPECT_EQ(*raw, R"({"b":[1,2]})");
        }
    }
}

}  // namespace
}  // namespace x402::json
