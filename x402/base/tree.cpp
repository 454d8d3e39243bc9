// SPDX-License-Identifier: Apache-2.0
// The configuration tree: values by type with errors that point at file, line and key, and the
// memory of which keys were ever asked for, so that a misspelt key stops the start. One thread.
#include "x402/base/tree.hpp"

#include <charconv>
#include <span>

namespace x402 {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

constexpr Unit kDurations[] = {
    {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000},
};
constexpr Unit kSizes[] = {
    {"B", 1},
    {"KiB", 1 << 10},
    {"MiB", 1 << 20},
    {"GiB", 1 << 30},
};

// "30s": digits and one of the units. Nothing when it is anything else or does not fit.
std::optional<std::int64_t> measure(std::string_view text, std::span<const Unit> units) {
    std::int64_t count = 0;
    if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
    for (const Unit& unit : units) {
        if (unit.name != name) continue;
        std::int64_t out = 0;
        if (__builtin_mul_overflow(count, unit.factor, &out)) return std::nullopt;
        return out;
    }
    return std::nullopt;
}

}  // namespace

Tree Tree::text(std::string value, std::string path, Place place) {
    Tree out;
    out.value_ = std::move(value);
    out.path_ = std::move(path);
    out.place_ = std::move(place);
    return out;
}

Tree Tree::integer(std::int64_t value, std::string path, Place place) {
    Tree out = text({}, std::move(path), std::move(place));
    out.value_ = value;
    return out;
}

Tree Tree::boolean(bool value, std::string path, Place place) {
    Tree out = text({}, std::move(path), std::move(place));
    out.value_ = value;
    return out;
}

Tree Tree::list(List values, std::string path, Place place) {
    Tree out = text({}, std::move(path), std::move(place));
    out.value_ = std::move(values);
    return out;
}

Tree Tree::table(Table members, std::string path, Place place) {
    Tree out = text({}, std::move(path), std::move(place));
    out.value_ = std::move(members);
    return out;
}

bool Tree::is_text() const noexcept {
    return std::holds_alternative<std::string>(value_);
}
bool Tree::is_integer() const noexcept {
    return std::holds_alternative<std::int64_t>(value_);
}
bool Tree::is_boolean() const noexcept {
    return std::holds_alternative<bool>(value_);
}
bool Tree::is_list() const noexcept {
    return std::holds_alternative<List>(value_);
}
bool Tree::is_table() const noexcept {
    return std::holds_alternative<Table>(value_);
}

std::unexpected<Error> Tree::wrong(std::string what, std::string next) const {
    std::string detail;
    if (!place_.file.empty()) {
        detail += place_.file + ':';
        if (place_.line > 0) detail += std::to_string(place_.line) + ':';
        detail += ' ';
    }
    if (!path_.empty()) detail += path_ + ": ";
    return fail_field(Errc::invalid, path_, detail + what, std::move(next));
}

const Tree* Tree::find(std::string_view key) const {
    for (const Member& member : members()) {
        if (member.key != key) continue;
        member.value.read_ = true;
        return &member.value;
    }
    return nullptr;
}

Result<std::string> Tree::get_text(std::string_view key) const {
    const Tree* member = find(key);
    if (member == nullptr) {
        return wrong("the key `" + std::string(key) + "` is missing",
                     "add " + std::string(key) + " = \"...\"");
    }
    return member->as_text();
}

Result<std::optional<std::string>> Tree::opt_text(std::string_view key) const {
    const Tree* member = find(key);
    if (member == nullptr) return std::optional<std::string>{};
    X402_TRY(std::string value, member->as_text());
    return std::optional(std::move(value));
}

Result<std::optional<std::int64_t>> Tree::opt_integer(std::string_view key) const {
    const Tree* member = find(key);
    if (member == nullptr) return std::optional<std::int64_t>{};
    X402_TRY(const std::int64_t value, member->as_integer());
    return std::optional(value);
}

Result<std::optional<bool>> Tree::opt_boolean(std::string_view key) const {
    const Tree* member = find(key);
    if (member == nullptr) return std::optional<bool>{};
    X402_TRY(const bool value, member->as_boolean());
    return std::optional(value);
}

Result<std::vector<std::string>> Tree::opt_texts(std::string_view key) const {
    std::vector<std::string> out;
    const Tree* member = find(key);
    if (member == nullptr) return out;
    if (const auto* one = std::get_if<std::string>(&member->value_)) return std::vector{*one};
    if (!member->is_list()) return member->wrong("expected a text or a list of texts");
    for (const Tree& item : member->items()) {
        X402_TRY(std::string value, item.as_text());
        out.push_back(std::move(value));
    }
    return out;
}

Result<std::optional<std::int64_t>> Tree::opt_duration_ms(std::string_view key) const {
    const Tree* member = find(key);
    if (member == nullptr) return std::optional<std::int64_t>{};
    const auto* text = std::get_if<std::string>(&member->value_);
    const auto value = text == nullptr ? std::nullopt : measure(*text, kDurations);
    if (!value)
        return member->wrong("expected a duration",
                             "write a whole number and ms, s, m, h or d: \"30s\"");
    return value;
}

Result<std::optional<std::int64_t>> Tree::opt_size_bytes(std::string_view key) const {
    const Tree* member = find(key);
    if (member == nullptr) return std::optional<std::int64_t>{};
    const auto* text = std::get_if<std::string>(&member->value_);
    const auto* number = std::get_if<std::int64_t>(&member->value_);
    std::optional<std::int64_t> value;
    if (text != nullptr) value = measure(*text, kSizes);
    if (number != nullptr && *number >= 0) value = *number;
    if (!value)
        return member->wrong("expected a size",
                             "write bytes, or a whole number and KiB, MiB or GiB: \"8MiB\"");
    return value;
}

Result<std::string> Tree::as_text() const {
    if (const auto* value = std::get_if<std::string>(&value_)) return *value;
    return wrong("expected a text", "put it in quotes");
}

Result<std::int64_t> Tree::as_integer() const {
    if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
    return wrong("expected a whole number");
}

Result<bool> Tree::as_boolean() const {
    if (const auto* value = std::get_if<bool>(&value_)) return *value;
    return wrong("expected true or false", "write it without quotes");
}

const Tree::List& Tree::items() const noexcept {
    static const List kNone;
    const auto* list = std::get_if<List>(&value_);
    return list == nullptr ? kNone : *list;
}

const Tree::Table& Tree::members() const noexcept {
    static const Table kNone;
    const auto* table = std::get_if<Table>(&value_);
    return table == nullptr ? kNone : *table;
}

void Tree::mark_read() const noexcept {
    read_ = true;
    for (const Tree& item : items()) item.mark_read();
    for (const Member& member : members()) member.value.mark_read();
}

std::vector<const Tree*> Tree::unread() const {
    std::vector<const Tree*> out;
    const auto add_below = [&out](const Tree& tree) {
        const auto below = tree.unread();
        out.insert(out.end(), below.begin(), below.end());
    };
    for (const Tree& item : items()) add_below(item);
    for (const Member& member : members()) {
        if (member.value.read_) {
            add_below(member.value);
        } else {
            out.push_back(&member.value);
        }
    }
    return out;
}

}  // namespace x402
