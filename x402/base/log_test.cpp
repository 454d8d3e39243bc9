// SPDX-License-Identifier: Apache-2.0
// Log lines: one line each, valid JSON whatever the values hold, and nothing below the level.
#include "x402/base/log.hpp"

#include <gtest/gtest.h>

#include "x402/base/json.hpp"
#include "x402/base/random.hpp"

namespace x402::log {
namespace {

std::string captured(Level threshold, Level level) {
    testing::internal::CaptureStderr();
    set_level(threshold);
    write(level, "event_name", {{"key", "value"}});
    set_level(Level::info);
    return testing::internal::GetCapturedStderr();
}

TEST(LogLine, Format) {
    EXPECT_EQ(format_line(0, Level::info, "started"),
              R"({"at":"1970-01-01T00:00:00.000Z","level":"info","event":"started"})");
    EXPECT_EQ(
        format_line(1'709'210'096'789, Level::error, "refused", {{"route", "/a"}, {"code", "x"}}),
        R"({"at":"2024-02-29T12:34:56.789Z","level":"error","event":"refused","route":"/a","code":"x"})");
}

// A stranger's text neither ends the line nor adds a member.
TEST(LogLine, HostileValuesStayInside) {
    struct Row {
        const char* name;
        std::string value;
        std::string_view want;
    };
    const Row rows[] = {
        {"quote", R"(","level":"x)", R"(","level":"x)"},
        {"backslash", R"(\)", R"(\)"},
        {"newline", "a\nb\r", "a\nb\r"},
        {"escape sequence", "\x1b[2J", "\x1b[2J"},
        {"delete", "\x7f", "\x7f"},
        {"nul", std::string("a\0b", 3), std::string_view("a\0b", 3)},
        {"umlaut", "\xc3\xbc", "\xc3\xbc"},
        {"broken utf-8", "a\xff\xc3", "a\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const std::string line = format_line(0, Level::warn, "e", {{"v", row.value}});
        for (const char c : line) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
        const auto parsed = json::parse_object(line);
        ASSERT_TRUE(parsed) << line;
        EXPECT_EQ(parsed->size(), 4U);
        EXPECT_EQ(json::text_or_empty(*parsed, "v"), row.want);
    }
}

TEST(LogLine, RandomBytesAreValidJson) {
    const auto random = make_test_random(5);
    for (int i = 0; i < 300; ++i) {
        const auto bytes = random->bytes<40>();
        const std::string line =
            format_line(0, Level::warn, "e", {{"v", std::string(as_text(bytes.view()))}});
        EXPECT_TRUE(json::parse_object(line)) << line;
    }
}

TEST(LogLine, LongValuesAreCut) {
    const std::string line = format_line(0, Level::info, "e", {{"v", std::string(1'000'000, 'x')}});
    EXPECT_LT(line.size(), 5000U);
    EXPECT_TRUE(line.ends_with("x...\"}"));
}

TEST(LogWrite, OneLineOnStderrAndNothingBelowTheLevel) {
    const std::string line = captured(Level::info, Level::warn);
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    EXPECT_NE(line.find(R"("level":"warn","event":"event_name","key":"value"})"),
              std::string::npos);
    EXPECT_EQ(captured(Level::info, Level::debug), "");
    EXPECT_NE(captured(Level::debug, Level::debug), "");
    EXPECT_EQ(captured(Level::off, Level::error), "");
    EXPECT_EQ(captured(Level::debug, Level::off), "");
}

}  // namespace
}  // namespace x402::log
