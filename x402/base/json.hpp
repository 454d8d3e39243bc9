// SPDX-License-Identifier: Apache-2.0
// A thin, strict layer over Boost.JSON: depth and size are capped, duplicate keys are refused
// (Boost keeps the last one silently), and members are read by type with an error that names them.
// Keys keep their order, so an echo looks as it came. Any thread.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "x402/base/limits.hpp"
#include "x402/base/result.hpp"

namespace x402::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

struct ParseOptions {
    std::size_t max_bytes = limits::kFacilitatorBodyBytes;
    std::size_t max_depth = limits::kJsonDepth;
};

Result<Value> parse(std::string_view text, ParseOptions options = {});
Result<Object> parse_object(std::string_view text, ParseOptions options = {});
std::string dump(const Value& value);
std::string dump(const Object& object);
// Keys sorted by bytes at every level, no spaces: equal meaning, equal text. For hashing and
// comparison.
std::string canonical(const Value& value);

// The exact text of a member of the object that `text` is, as the sender wrote it; `text` was
// parsed before.
std::optional<std::string_view> raw_member(std::string_view text, std::string_view key);

// Reading members. Absent and null are the same. `path` names the object in errors:
// "payload.authorization".
const Value* find(const Object& object, std::string_view key) noexcept;
Result<std::string> get_string(const Object& object, std::string_view key,
                               std::string_view path = {});
Result<std::int64_t> get_int(const Object& object, std::string_view key,
                             std::string_view path = {});
Result<bool> get_bool(const Object& object, std::string_view key, std::string_view path = {});
Result<Object> get_object(const Object& object, std::string_view key, std::string_view path = {});
Result<Array> get_array(const Object& object, std::string_view key, std::string_view path = {});
// Absent is nullopt; present with another type is an error.
Result<std::optional<std::string>> opt_string(const Object& object, std::string_view key,
                                              std::string_view path = {});
Result<std::optional<std::int64_t>> opt_int(const Object& object, std::string_view key,
                                            std::string_view path = {});
Result<std::optional<bool>> opt_bool(const Object& object, std::string_view key,
                                     std::string_view path = {});
Result<std::optional<Object>> opt_object(const Object& object, std::string_view key,
                                         std::string_view path = {});
// The text, or "" when it is absent or no string: for peers' optional words that only a log will
// see.
std::string text_or_empty(const Object& object, std::string_view key);
// True when every member of `part` stands in `whole` with an equal value, objects compared the same
// way and arrays member by member (protocol: how the servers compare `extra`).
bool is_subset(const Value& part, const Value& whole);

}  // namespace x402::json
