// SPDX-License-Identifier: Apache-2.0
// Structured log lines on stderr, one JSON object a line: {"at","level","event",fields...}. A field
// is text that we chose; secrets have no conversion to text. Any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace x402::log {

enum class Level { debug, info, warn, error, off };

struct Field {
    std::string_view name;
    std::string value;
};

// Nothing below this level is written; `info` at the start.
void set_level(Level level);
// The line without its newline: pure, for tests and for other sinks.
std::string format_line(std::int64_t unix_ms, Level level, std::string_view event,
                        std::initializer_list<Field> fields = {});
void write(Level level, std::string_view event, std::initializer_list<Field> fields = {});

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::error, event, fields);
}

}  // namespace x402::log
