// SPDX-License-Identifier: Apache-2.0
// Strict JSON: what is refused (attack 28), reading members by type, one text for one meaning, and
// the subset rule by which servers compare what a client echoes.
#include "x402/base/json.hpp"

#include <gtest/gtest.h>

#include "x402/base/random.hpp"
#include "x402/base/utf8.hpp"

namespace x402::json {
namespace {

std::string nested(std::size_t depth, char open, char close) {
    return std::string(depth, open) + std::string(depth, close);
}

std::string repeated(std::string_view piece, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += piece;
    return out;
}

// It stands in the answer to whoever sent it, which would be no JSON with half a letter in it.
TEST(JsonParse, ALongNameThatStandsTwiceIsShownCutBetweenTwoLetters) {
    const char* const letters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (const char* letter : letters) {
        for (std::size_t lead = 0; lead < 4; ++lead) {
            SCOPED_TRACE(std::string(letter) + " after " + std::to_string(lead));
            const std::string name = std::string(lead, 'x') + repeated(letter, 100);
            const auto parsed = parse("{\"" + name + "\":1,\"" + name + "\":2}");
            ASSERT_FALSE(parsed);
            const std::string& shown = parsed.error().field;
            EXPECT_TRUE(is_utf8(shown)) << shown;
            EXPECT_TRUE(name.starts_with(shown));
            EXPECT_LE(shown.size(), 64U);
            EXPECT_GT(shown.size(), 60U);
        }
    }
}

TEST(JsonParse, Refuses) {
    struct Row {
        const char* name;
        std::string text;
        Errc want;
    };
    const Row rows[] = {
        {"empty", "", Errc::invalid},
        {"space only", " \n", Errc::invalid},
        {"cut short", R"({"a":1)", Errc::invalid},
        {"text after", "{} x", Errc::invalid},
        {"two values", "{}{}", Errc::invalid},
        {"nul after", std::string("{}\0", 3), Errc::invalid},
        {"comment", "{/**/}", Errc::invalid},
        {"trailing comma", "[1,]", Errc::invalid},
        {"single quotes", "{'a':1}", Errc::invalid},
        {"bare key", "{a:1}", Errc::invalid},
        {"nan", "[NaN]", Errc::invalid},
        {"infinity", "[Infinity]", Errc::invalid},
        {"leading zero", "[01]", Errc::invalid},
        {"plus", "[+1]", Errc::invalid},
        {"hex", "[0x10]", Errc::invalid},
        {"control character", "[\"\n\"]", Errc::invalid},
        {"broken utf-8", "[\"\xff\"]", Errc::invalid},
        {"lone surrogate", R"(["\ud800"])", Errc::invalid},
        {"byte order mark", "\xef\xbb\xbf{}", Errc::invalid},
        {"duplicate key", R"({"a":1,"a":2})", Errc::invalid},
        {"duplicate of equal values", R"({"a":1,"b":2,"a":1})", Errc::invalid},
        {"duplicate by escape", R"({"a":1,"\u0061":2})", Errc::invalid},
        {"duplicate empty key", R"({"":1,"":2})", Errc::invalid},
        {"duplicate deep", R"({"x":[{"y":{"a":1,"a":1}}]})", Errc::invalid},
        {"duplicate after an inner object", R"({"a":{"b":1},"c":{},"a":0})", Errc::invalid},
        {"depth 33", nested(33, '[', ']'), Errc::too_large},
        {"depth 10000", nested(10'000, '[', ']'), Errc::too_large},
        {"open forever", std::string(100'000, '['), Errc::too_large},
        {"objects forever", repeated(R"({"a":)", 999), Errc::too_large},
        {"beyond every double", "[1e999]", Errc::invalid},
        {"below every double", "[-1e-999]", Errc::invalid},
        {"too many bytes", "\"" + std::string(200'000, 'x') + "\"", Errc::too_large},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = parse(row.text);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, row.want);
    }
}

TEST(JsonParse, Accepts) {
    struct Row {
        const char* name;
        std::string text;
        std::string want;
    };
    const Row rows[] = {
        {"order is kept", R"({"b":1,"a":2})", R"({"b":1,"a":2})"},
        {"same key in siblings", R"([{"a":1},{"a":1}])", R"([{"a":1},{"a":1}])"},
        {"same key in parent and child", R"({"a":{"a":{"a":1}}})", R"({"a":{"a":{"a":1}}})"},
        {"same key after the child", R"({"x":{"a":1},"a":2})", R"({"x":{"a":1},"a":2})"},
        {"space around", " \t\r\n[1] \n", "[1]"},
        {"scalar", "true", "true"},
        {"escapes", R"("\u00fc\n\ud83d\udcb6")", "\"\xc3\xbc\\n\xf0\x9f\x92\xb6\""},
        {"largest unsigned", "18446744073709551615", "18446744073709551615"},
        {"depth 32", nested(32, '[', ']'), nested(32, '[', ']')},
        {"no members", "[{},[],\"\",null]", "[{},[],\"\",null]"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = parse(row.text);
        ASSERT_TRUE(got) << to_string(got.error());
        EXPECT_EQ(dump(*got), row.want);
    }
}

TEST(JsonParse, TheCapsAreTheCallers) {
    EXPECT_TRUE(parse("[1]", {.max_bytes = 3}));
    EXPECT_EQ(parse("[1]", {.max_bytes = 2}).error().code, Errc::too_large);
    EXPECT_TRUE(parse("[[1]]", {.max_depth = 2}));
    EXPECT_EQ(parse("[[1]]", {.max_depth = 1}).error().code, Errc::too_large);
}

TEST(JsonParse, ADuplicateIsNamedAndCutShort) {
    EXPECT_EQ(parse(R"({"amount":"1","amount":"2"})").error().field, "amount");
    const std::string key(1000, 'k');
    const auto got = parse("{\"" + key + "\":1,\"" + key + "\":2}");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().field.size(), 64U);
}

TEST(JsonParse, LongKeysAndStringsArriveWhole) {
    const std::string key(5000, 'k');
    const std::string value = std::string(5000, 'v') + "\\u00e9";
    const auto got = parse_object("{\"" + key + "\":\"" + value + "\"}");
    ASSERT_TRUE(got);
    EXPECT_EQ(*get_string(*got, key), std::string(5000, 'v') + "\xc3\xa9");
}

TEST(JsonParse, ManyKeysAreNotSlow) {
    std::string text = "{";
    for (int i = 0; i < 8000; ++i) text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":0";
    EXPECT_TRUE(parse(text + "}"));
    EXPECT_FALSE(parse(text + ",\"k4711\":0}"));
}

// What no other parser would read differently: the double nearest to the text, and the same after
// an echo.
TEST(JsonParse, DoublesAreExact) {
    for (const char* text : {"1.5e-38", "2.2250738585072014e-308", "1.7976931348623157e308", "0.1",
                             "5e-324", "123456789012345678901234567890", "9007199254740993.0"}) {
        const auto value = parse(text);
        ASSERT_TRUE(value) << text;
        EXPECT_EQ(value->get_double(), std::strtod(text, nullptr)) << text;
        EXPECT_EQ(parse(dump(*value))->get_double(), value->get_double()) << text;
    }
}

TEST(JsonParseObject, WantsAnObject) {
    EXPECT_TRUE(parse_object("{}"));
    EXPECT_FALSE(parse_object("[]"));
    EXPECT_FALSE(parse_object("null"));
}

TEST(JsonMembers, ByType) {
    const Object object = *parse_object(
        R"({"s":"x","i":-5,"big":18446744073709551615,"real":1.0,"exp":1e3,"b":true,"o":{"k":1},"a":[1],"n":null})");
    EXPECT_EQ(*get_string(object, "s"), "x");
    EXPECT_EQ(*get_int(object, "i"), -5);
    EXPECT_EQ(*get_bool(object, "b"), true);
    EXPECT_EQ(get_object(object, "o")->size(), 1U);
    EXPECT_EQ(get_array(object, "a")->size(), 1U);
    EXPECT_EQ(*opt_string(object, "absent"), std::nullopt);
    EXPECT_EQ(*opt_string(object, "n"), std::nullopt);
    EXPECT_EQ(*opt_int(object, "i"), -5);
    EXPECT_EQ(*opt_bool(object, "b"), true);
    EXPECT_TRUE(opt_object(object, "o")->has_value());
    EXPECT_EQ(find(object, "n"), nullptr);
    EXPECT_EQ(text_or_empty(object, "s"), "x");
    EXPECT_EQ(text_or_empty(object, "i"), "");
    EXPECT_EQ(text_or_empty(object, "absent"), "");
    for (const char* key : {"big", "real", "exp", "s", "b", "absent", "n"})
        EXPECT_FALSE(get_int(object, key)) << key;
    for (const char* key : {"i", "b", "o", "a", "absent", "n"})
        EXPECT_FALSE(get_string(object, key)) << key;
    EXPECT_FALSE(get_bool(object, "i"));
    EXPECT_FALSE(get_object(object, "a"));
    EXPECT_FALSE(get_array(object, "o"));
    EXPECT_FALSE(opt_string(object, "i"));
    EXPECT_FALSE(opt_int(object, "real"));
    EXPECT_FALSE(opt_bool(object, "s"));
    EXPECT_FALSE(opt_object(object, "a"));
}

TEST(JsonMembers, AnErrorNamesTheWholePath) {
    const Object object = *parse_object(R"({"value":5})");
    const auto wrong = get_string(object, "value", "payload.authorization");
    EXPECT_EQ(wrong.error().field, "payload.authorization.value");
    EXPECT_EQ(wrong.error().code, Errc::invalid);
    EXPECT_EQ(get_string(object, "from").error().field, "from");
}

TEST(JsonCanonical, EqualMeaningEqualText) {
    struct Row {
        const char* name;
        std::string_view text;
        std::string_view want;
    };
    static constexpr Row rows[] = {
        {"sorted", R"({"b":{"d":1,"c":2},"a":[3]})", R"({"a":[3],"b":{"c":2,"d":1}})"},
        {"by bytes", R"({"a":1,"B":2,"\u00e9":3,"aa":4})",
         "{\"B\":2,\"a\":1,\"aa\":4,\"\xc3\xa9\":3}"},
        {"escapes", R"({"\u0061":"\u0062\/"})", R"({"a":"b/"})"},
        {"one as fraction", "[1.0,1e0,1,100e-2]", "[1,1,1,1]"},
        {"minus zero", "[-0.0,0,-0]", "[0,0,0]"},
        {"arrays keep order", "[3,1,2]", "[3,1,2]"},
        {"large", "[18446744073709551615]", "[18446744073709551615]"},
        {"other", R"([null,true,"",{}])", R"([null,true,"",{}])"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto value = parse(row.text);
        ASSERT_TRUE(value);
        EXPECT_EQ(canonical(*value), row.want);
        EXPECT_EQ(canonical(*parse(canonical(*value))), row.want);
    }
    EXPECT_NE(canonical(*parse("[1.5]")), canonical(*parse("[1]")));
    EXPECT_NE(canonical(*parse("[\"1\"]")), canonical(*parse("[1]")));
}

TEST(JsonIsSubset, Table) {
    struct Row {
        const char* name;
        std::string_view part;
        std::string_view whole;
        bool want;
    };
    static constexpr Row rows[] = {
        {"nothing", "{}", R"({"a":1})", true},
        {"equal in other order", R"({"a":1,"b":2})", R"({"b":2,"a":1})", true},
        {"more in whole", R"({"a":1})", R"({"a":1,"b":2})", true},
        {"missing", R"({"a":1,"b":2})", R"({"a":1})", false},
        {"other value", R"({"a":1})", R"({"a":2})", false},
        {"other type", R"({"a":1})", R"({"a":"1"})", false},
        {"deep more", R"({"a":{"b":1}})", R"({"a":{"b":1,"c":2}})", true},
        {"deep missing", R"({"a":{"b":1,"c":2}})", R"({"a":{"b":1}})", false},
        {"object against scalar", R"({"a":{}})", R"({"a":1})", false},
        {"arrays equal", R"({"a":[1,2]})", R"({"a":[1,2]})", true},
        {"arrays longer", R"({"a":[1]})", R"({"a":[1,2]})", false},
        {"arrays shorter", R"({"a":[1,2]})", R"({"a":[1]})", false},
        {"arrays in other order", R"({"a":[1,2]})", R"({"a":[2,1]})", false},
        {"objects in arrays are equal or not", R"({"a":[{"b":1}]})", R"({"a":[{"b":1,"c":2}]})",
         false},
        {"objects in arrays in other order", R"([{"b":1,"c":2}])", R"([{"c":2,"b":1}])", true},
        {"null is a value here", R"({"a":null})", R"({})", false},
        {"one and 1.0", R"({"a":1})", R"({"a":1.0})", true},
        {"half", R"({"a":0.5})", R"({"a":0.5})", true},
        {"case matters", R"({"a":"X"})", R"({"a":"x"})", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(is_subset(*parse(row.part), *parse(row.whole)), row.want);
    }
}

// Any text either parses or is an error; nothing throws, and what parses survives a round trip.
TEST(JsonParse, MutatedTextsNeverSurprise) {
    const std::string seed =
        R"({"x402Version":2,"accepts":[{"amount":"1","extra":{"a":[1,2.5,null,true]}}],"\u0061":""})";
    const auto random = make_test_random(6);
    for (int i = 0; i < 20'000; ++i) {
        std::string text = seed;
        const auto noise = random->bytes<6>();
        for (std::size_t k = 0; k < 3; ++k) {
            const std::size_t at = noise.data[2 * k] % text.size();
            text[at] = k == 2 ? static_cast<char>(noise.data[5])
                              : seed[noise.data[2 * k + 1] % seed.size()];
        }
        const auto value = parse(text);
        if (!value) continue;
        const auto again = parse(dump(*value));
        ASSERT_TRUE(again) << text;
        ASSERT_EQ(canonical(*again), canonical(*value)) << text;
    }
}

}  // namespace
}  // namespace x402::json
