// SPDX-License-Identifier: Apache-2.0
// Writing heads. Framing and connection headers are the writer's own; what a head brings of them is left out.
// A name or value that would end its line early is never written.
#include <array>
#include <charconv>
#include <cstring>

#include "x402/net/http1.hpp"

namespace x402::net::http1 {
namespace {

void append_number(std::string& out, std::uint64_t number, int base = 10) {
    std::array<char, 20> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
    out.append(digits.data(), end);
}

// Values that we made or checked on the way in: only what could break the line is looked for, at memchr's speed.
bool is_safe_value(std::string_view value) noexcept {
    return std::memchr(value.data(), '\n', value.size()) == nullptr &&
           std::memchr(value.data(), '\r', value.size()) == nullptr &&
           std::memchr(value.data(), '\0', value.size()) == nullptr;
}

// Compared by length first: this runs for every header of every answer.
bool is_writers_own(std::string_view name) noexcept {
    switch (name.size()) {
        case 10: return equal_ignoring_case(name, "Connection") || equal_ignoring_case(name, "Keep-Alive");
        case 14: return equal_ignoring_case(name, "Content-Length");
        case 17: return equal_ignoring_case(name, "Transfer-Encoding");
        default: return false;
    }
}

bool append_headers(std::string& out, const Headers& headers, bool& has_date) {
    for (const Header& header : headers.list()) {
        if (is_writers_own(header.name)) continue;
        if (!is_token(header.name) || !is_safe_value(header.value)) return false;
        if (header.name.size() == 4 && equal_ignoring_case(header.name, "Date")) has_date = true;
        out.append(header.name).append(": ").append(header.value).append("\r\n");
    }
    return true;
}

void append_framing(std::string& out, Framing framing, std::uint64_t length) {
    if (framing == Framing::chunked) {
        out.append("Transfer-Encoding: chunked\r\n");
    } else if (framing == Framing::length) {
        out.append("Content-Length: ");
        append_number(out, length);
        out.append("\r\n");
    }
}

void append_status_line(std::string& out, int status) {
    out.append("HTTP/1.1 ");
    append_number(out, static_cast<std::uint64_t>(status));
    out.append(" ").append(status_text(status)).append("\r\n");
}

bool is_for_one_hop(std::string_view name) noexcept {
    return is_writers_own(name) || equal_ignoring_case(name, "TE") || equal_ignoring_case(name, "Upgrade") ||
           equal_ignoring_case(name, "Trailer") || equal_ignoring_case(name, "Expect") ||
           equal_ignoring_case(name, "Proxy-Connection");
}

}  // namespace

bool append_response_head(std::string& out, const ResponseHead& head, const WriteOptions& options) {
    if (head.status < 100 || head.status > 999) return false;
    const std::size_t before = out.size();
    bool has_date = false;
    append_status_line(out, head.status);
    if (!append_headers(out, head.headers, has_date)) {
        out.resize(before);
        return false;
    }
    if (!has_date && !options.date.empty()) out.append("Date: ").append(options.date).append("\r\n");
    if (options.announce_length) append_framing(out, options.framing, options.length);
    if (options.close) out.append("Connection: close\r\n");
    if (!options.close && options.say_keep_alive) out.append("Connection: keep-alive\r\n");
    out.append("\r\n");
    return true;
}

bool append_request_head(std::string& out, const RequestHead& head, std::string_view target,
                         std::string_view host) {
    if (!is_token(head.method) || !(is_target(target) || target == "*")) return false;
    const std::size_t before = out.size();
    out.append(head.method).append(" ").append(target).append(" HTTP/1.1\r\n");
    if (!head.headers.has("Host")) out.append("Host: ").append(host).append("\r\n");
    for (const Header& header : head.headers.list()) {
        if (is_for_one_hop(header.name)) continue;
        if (!is_token(header.name) || !is_field_value(header.value)) {
            out.resize(before);
            return false;
        }
        out.append(header.name).append(": ").append(header.value).append("\r\n");
    }
    if (head.chunked) {
        append_framing(out, Framing::chunked, 0);
    } else if (head.content_length) {
        append_framing(out, Framing::length, *head.content_length);
    }
    out.append("\r\n");
    return true;
}

void append_chunk_size(std::string& out, std::size_t size) {
    append_number(out, size, 16);
    out.append("\r\n");
}

}  // namespace x402::net::http1
