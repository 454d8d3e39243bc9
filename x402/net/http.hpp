// SPDX-License-Identifier: Apache-2.0
// HTTP messages as data, whatever carries them. Names compare without case (RFC 9110 5.1) and keep
// the spelling and order they came in. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace x402::net {

struct Header {
    std::string name;
    std::string value;
};

class Headers {
public:
    void add(std::string name, std::string value);
    void set(std::string name, std::string value);  // replaces all of that name
    void remove(std::string_view name);
    // The first value; nullptr when absent.
    const std::string* find(std::string_view name) const noexcept;
    std::string_view get(std::string_view name) const noexcept;  // "" when absent
    std::size_t count(std::string_view name) const noexcept;
    bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
    std::vector<Header>& list() noexcept { return list_; }
    const std::vector<Header>& list() const noexcept { return list_; }

private:
    std::vector<Header> list_;
};

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept;
// True when `token` stands in the comma-separated list (RFC 9110 5.6.1), without case.
bool has_token(std::string_view list, std::string_view token) noexcept;
// Connection, Keep-Alive, TE, Trailer, Transfer-Encoding, Upgrade, Proxy-*: this hop's alone (RFC
// 9110 7.6.1), and whatever Connection names.
void remove_hop_by_hop(Headers& headers);
std::string_view status_text(int status) noexcept;

struct RequestHead {
    std::string method;  // as sent; methods are case-sensitive
    std::string target;  // origin form, "/path?query", exactly as it came
    Headers headers;
    bool keep_alive = true;
    bool chunked = false;
    std::optional<std::uint64_t> content_length;
    bool has_body() const noexcept { return chunked || content_length.value_or(0) > 0; }
};

struct ResponseHead {
    int status = 200;
    Headers
        headers;  // without Content-Length, Transfer-Encoding, Connection: the writer adds its own
};

struct Response {
    ResponseHead head;
    std::string body;
};

// Text that was written beforehand, with holes for what differs from one use to the next.
struct Stencil {
    static constexpr std::size_t kNoHole = static_cast<std::size_t>(-1);
    struct Piece {
        std::string text;
        std::size_t hole = kNoHole;  // which value stands behind the text
    };
    std::vector<Piece> pieces;

    // Bytes once it is filled; every hole's value is among `values`.
    std::size_t size(std::span<const std::string_view> values) const noexcept;
    void append_to(std::string& out, std::span<const std::string_view> values) const;
};

// Header lines of many answers, checked once. What is filled in later is checked then, and begins
// no line of its own.
class PreparedHead {
public:
    // Whole lines, "Name: value\r\n", each hole inside a value. Nothing for a status that is none,
    // for a line that is not whole, and for one that the writer adds itself (Content-Length and the
    // like).
    static std::optional<PreparedHead> make(int status, Stencil lines);

    int status() const noexcept { return status_; }
    const Stencil& text() const noexcept { return text_; }  // the status line and the lines
    bool has_date() const noexcept { return has_date_; }

private:
    PreparedHead() = default;
    int status_ = 200;
    Stencil text_;
    bool has_date_ = false;
};

// An answer made of them. All of it lives until the answer has left.
struct PreparedResponse {
    const PreparedHead& head;
    std::span<const std::string_view> in_head;  // the values of its holes
    const Stencil& body;
    std::span<const std::string_view> in_body;
};

}  // namespace x402::net
