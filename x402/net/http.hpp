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

// An answer that was written beforehand, in pieces put one behind the other: what differs from
// request to request is a piece of its own. The pieces live until the answer has left.
struct PreparedResponse {
    int status = 200;
    // Whole lines, "Name: value\r\n", without those that the writer adds (Content-Length and the
    // like). A piece ends in CR LF or has no CR, LF or NUL at all, so that a value between two
    // pieces begins no line of its own.
    std::span<const std::string_view> lines;
    std::span<const std::string_view> body;
};

}  // namespace x402::net
