// SPDX-License-Identifier: Apache-2.0
// Log lines. The JSON is written here, byte by byte, because a value may come from a stranger:
// quotes, control characters and broken UTF-8 must neither end a line early nor make it unreadable.
// spdlog is the sink and is seen by nobody else. It stamps its own time: a log tells when the
// machine wrote, not what a decision saw. Any thread.
#include "x402/base/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "x402/base/utf8.hpp"

namespace x402::log {

namespace {

// One field is a sentence, not a body.
constexpr std::size_t kFieldBytes = 4096;

void append_escaped(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const bool cut = text.size() > kFieldBytes;
    if (cut) text = text.substr(0, kFieldBytes);
    while (!text.empty()) {
        const auto c = static_cast<unsigned char>(text[0]);
        const std::size_t length = utf8_sequence(text);
        if (length == 0) {
            out += "\\ufffd";
        } else if (c == '"' || c == '\\') {
            (out += '\\') += text[0];
        } else if (c < 0x20 || c == 0x7f) {
            ((out += "\\u00") += kHex[c >> 4]) += kHex[c & 15];
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    if (cut) out += "...";
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    out += ",\"";
    append_escaped(out, name);
    out += "\":\"";
    append_escaped(out, value);
    out += '"';
}

std::string_view level_name(Level level) noexcept {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warn:
            return "warn";
        case Level::error:
            return "error";
        case Level::off:
            return "off";
    }
    return "off";
}

void append_number(std::string& out, std::int64_t value, std::size_t width) {
    const std::string digits = std::to_string(value);
    if (digits.size() < width) out.append(width - digits.size(), '0');
    out += digits;
}

// RFC 3339 in UTC with milliseconds.
std::string timestamp(std::int64_t unix_ms) {
    const std::chrono::sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds{unix_ms}};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{at - day};
    std::string out;
    append_number(out, static_cast<int>(date.year()), 4);
    append_number(out += '-', static_cast<unsigned>(date.month()), 2);
    append_number(out += '-', static_cast<unsigned>(date.day()), 2);
    append_number(out += 'T', time.hours().count(), 2);
    append_number(out += ':', time.minutes().count(), 2);
    append_number(out += ':', time.seconds().count(), 2);
    append_number(out += '.', time.subseconds().count(), 3);
    return out += 'Z';
}

// The process has one stderr and therefore one sink and one level; both are made at the first use.
spdlog::logger& sink() {
    static spdlog::logger logger = [] {
        spdlog::logger made("x402", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made.set_pattern("%v");
        made.set_level(spdlog::level::trace);
        made.flush_on(spdlog::level::trace);
        return made;
    }();
    return logger;
}

std::atomic<Level>& threshold() {
    static std::atomic<Level> level{Level::info};
    return level;
}

}  // namespace

std::string format_line(std::int64_t unix_ms, Level level, std::string_view event,
                        std::initializer_list<Field> fields) {
    std::string out = "{\"at\":\"" + timestamp(unix_ms) + '"';
    append_member(out, "level", level_name(level));
    append_member(out, "event", event);
    for (const Field& field : fields) append_member(out, field.name, field.value);
    return out += '}';
}

void set_level(Level level) {
    threshold() = level;
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    if (level == Level::off || level < threshold().load(std::memory_order_relaxed)) return;
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const std::string line = format_line(now.time_since_epoch().count(), level, event, fields);
    // spdlog reports its own failures to stderr and throws nothing from here.
    sink().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace x402::log
