// SPDX-License-Identifier: Apache-2.0
// A configuration as a tree of values that remember file, line and path. ops/config makes it from
// TOML; the roles and the chain modules read it. What nobody read is an unknown key and an error,
// so every reader goes through `get_*`, and the owner calls `unread()` at the end. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "x402/base/result.hpp"

namespace x402 {

class Tree {
public:
    using List = std::vector<Tree>;
    struct Member;
    using Table = std::vector<Member>;  // in the order of the file

    struct Place {
        std::string file;
        std::int64_t line = 0;
    };

    Tree() = default;
    static Tree text(std::string value, std::string path, Place place);
    static Tree integer(std::int64_t value, std::string path, Place place);
    static Tree boolean(bool value, std::string path, Place place);
    static Tree list(List values, std::string path, Place place);
    static Tree table(Table members, std::string path, Place place);

    bool is_text() const noexcept;
    bool is_integer() const noexcept;
    bool is_boolean() const noexcept;
    bool is_list() const noexcept;
    bool is_table() const noexcept;
    const std::string& path() const noexcept { return path_; }  // "routes[0].price"
    const Place& place() const noexcept { return place_; }

    // An error that points here: "gateway.toml:12: routes[0].price: <what>"; `next` says the
    // remedy.
    std::unexpected<Error> wrong(std::string what, std::string next = {}) const;

    // The member, marked as read; nullptr when absent or this is no table.
    const Tree* find(std::string_view key) const;
    Result<std::string> get_text(std::string_view key) const;
    Result<std::optional<std::string>> opt_text(std::string_view key) const;
    Result<std::optional<std::int64_t>> opt_integer(std::string_view key) const;
    Result<std::optional<bool>> opt_boolean(std::string_view key) const;
    // One text or a list of texts.
    Result<std::vector<std::string>> opt_texts(std::string_view key) const;
    // "250ms", "30s", "10m", "1h", "2d" in milliseconds.
    Result<std::optional<std::int64_t>> opt_duration_ms(std::string_view key) const;
    // "512KiB", "8MiB", "1GiB" or a plain integer, in bytes.
    Result<std::optional<std::int64_t>> opt_size_bytes(std::string_view key) const;

    Result<std::string> as_text() const;
    Result<std::int64_t> as_integer() const;
    Result<bool> as_boolean() const;
    const List& items() const noexcept;     // empty when no list
    const Table& members() const noexcept;  // empty when no table; does not mark anything as read
    // Marks this and everything below as read.
    void mark_read() const noexcept;
    // Every key that nobody asked for, with its place.
    std::vector<const Tree*> unread() const;

private:
    std::variant<std::monostate, std::string, std::int64_t, bool, List, Table> value_;
    std::string path_;
    Place place_;
    mutable bool read_ = false;
};

struct Tree::Member {
    std::string key;
    Tree value;
};

}  // namespace x402
