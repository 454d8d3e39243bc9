// SPDX-License-Identifier: Apache-2.0
// Reading the members of a JSON object by type. Absent and null are the same, and an error names
// the member by its whole path, so that the reader finds it in what was sent. Any thread.
#include <boost/json/string.hpp>

#include "x402/base/json.hpp"

namespace x402::json {

namespace {

std::string path_of(std::string_view path, std::string_view key) {
    std::string out(path);
    if (!out.empty()) out += '.';
    return out.append(key);
}

std::unexpected<Error> wrong_kind(std::string_view path, std::string_view key,
                                  std::string_view expected) {
    return fail_field(Errc::invalid, path_of(path, key), "expected " + std::string(expected));
}

std::optional<std::string> as_string(const Value& value) {
    const auto* text = value.if_string();
    if (text == nullptr) return std::nullopt;
    return std::string(text->data(), text->size());
}

// Only what was written as an integer; 1.0 and 1e3 are refused, as the amounts' rule demands.
std::optional<std::int64_t> as_int(const Value& value) {
    if (const auto* number = value.if_int64()) return *number;
    return std::nullopt;
}

std::optional<bool> as_bool(const Value& value) {
    if (const auto* flag = value.if_bool()) return *flag;
    return std::nullopt;
}

std::optional<Object> as_object(const Value& value) {
    if (const auto* object = value.if_object()) return *object;
    return std::nullopt;
}

std::optional<Array> as_array(const Value& value) {
    if (const auto* array = value.if_array()) return *array;
    return std::nullopt;
}

// What is asked for, and what it is called in an error.
template <class T>
struct Kind {
    std::optional<T> (*read)(const Value&);
    std::string_view name;
};

constexpr Kind<std::string> kString{as_string, "a string"};
constexpr Kind<std::int64_t> kInteger{as_int, "an integer"};
constexpr Kind<bool> kBoolean{as_bool, "true or false"};
constexpr Kind<Object> kObject{as_object, "an object"};
constexpr Kind<Array> kArray{as_array, "an array"};

struct Member {
    const Object& object;
    std::string_view key;
    std::string_view path;
};

template <class T>
Result<std::optional<T>> optional_member(const Member& member, const Kind<T>& kind) {
    const Value* value = find(member.object, member.key);
    if (value == nullptr) return std::optional<T>{};
    std::optional<T> out = kind.read(*value);
    if (!out) return wrong_kind(member.path, member.key, kind.name);
    return out;
}

template <class T>
Result<T> required_member(const Member& member, const Kind<T>& kind) {
    X402_TRY(std::optional<T> value, optional_member(member, kind));
    if (!value) {
        return fail_field(Errc::invalid, path_of(member.path, member.key),
                          "missing; expected " + std::string(kind.name));
    }
    return *std::move(value);
}

}  // namespace

const Value* find(const Object& object, std::string_view key) noexcept {
    const Value* value = object.if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::string> get_string(const Object& object, std::string_view key, std::string_view path) {
    return required_member(Member{object, key, path}, kString);
}

Result<std::int64_t> get_int(const Object& object, std::string_view key, std::string_view path) {
    return required_member(Member{object, key, path}, kInteger);
}

Result<bool> get_bool(const Object& object, std::string_view key, std::string_view path) {
    return required_member(Member{object, key, path}, kBoolean);
}

Result<Object> get_object(const Object& object, std::string_view key, std::string_view path) {
    return required_member(Member{object, key, path}, kObject);
}

Result<Array> get_array(const Object& object, std::string_view key, std::string_view path) {
    return required_member(Member{object, key, path}, kArray);
}

Result<std::optional<std::string>> opt_string(const Object& object, std::string_view key,
                                              std::string_view path) {
    return optional_member(Member{object, key, path}, kString);
}

Result<std::optional<std::int64_t>> opt_int(const Object& object, std::string_view key,
                                            std::string_view path) {
    return optional_member(Member{object, key, path}, kInteger);
}

Result<std::optional<bool>> opt_bool(const Object& object, std::string_view key,
                                     std::string_view path) {
    return optional_member(Member{object, key, path}, kBoolean);
}

Result<std::optional<Object>> opt_object(const Object& object, std::string_view key,
                                         std::string_view path) {
    return optional_member(Member{object, key, path}, kObject);
}

std::string text_or_empty(const Object& object, std::string_view key) {
    const Value* value = find(object, key);
    return value == nullptr ? std::string{} : as_string(*value).value_or(std::string{});
}

}  // namespace x402::json
