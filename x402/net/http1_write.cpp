// SPDX-License-Identifier: Apache-2.0
// Writing heads. Framing and connection headers are the writer's own; what a head brings of them is
// left out. A name or value that would end its line early is never written. Heads are counted
// first, then written at once.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "x402/net/http1.hpp"

namespace x402::net::http1 {
namespace {

// Writes behind each other what was counted before: the string is asked for room once, not for
// every piece.
struct Pen {
    char* at;

    void put(std::string_view text) noexcept {
        if (text.empty()) return;
        std::memcpy(at, text.data(), text.size());
        at += text.size();
    }
    void put(std::uint64_t number) noexcept {
        at = std::to_chars(at, at + kNumberBytes, number).ptr;
    }

    static constexpr std::ptrdiff_t kNumberBytes = 20;
};

// More than the status line without its text, the framing and Connection come to.
constexpr std::size_t kOwnLines = 160;

std::size_t bytes_of(const Headers& headers) noexcept {
    std::size_t size = 0;
    for (const Header& header : headers.list())
        size += header.name.size() + header.value.size() + 4;
    return size;
}

// Appends what `write` puts, at most `most` bytes; nothing when it says false.
template <class Write>
bool append_with_pen(std::string& out, std::size_t most, Write write) {
    const std::size_t before = out.size();
    // By itself a string grows to what is asked and no more; doubling keeps appends to one string
    // cheap.
    if (out.capacity() < before + most) out.reserve(std::max(before + most, 2 * out.capacity()));
    bool good = false;
    out.resize_and_overwrite(before + most, [&](char* text, std::size_t) {
        Pen pen{text + before};
        good = write(pen);
        return good ? static_cast<std::size_t>(pen.at - text) : before;
    });
    return good;
}

// Values that we made or checked on the way in: only what could break the line is looked for, at
// memchr's speed where a value is long enough for it.
bool is_safe_value(std::string_view value) noexcept {
    constexpr std::size_t kShort = 64;
    if (value.empty() || (value.size() <= kShort && is_field_value(value))) return true;
    return std::memchr(value.data(), '\n', value.size()) == nullptr &&
           std::memchr(value.data(), '\r', value.size()) == nullptr &&
           std::memchr(value.data(), '\0', value.size()) == nullptr;
}

// Compared by length first: this runs for every header of every answer.
bool is_writers_own(std::string_view name) noexcept {
    switch (name.size()) {
        case 10:
            return equal_ignoring_case(name, "Connection") ||
                   equal_ignoring_case(name, "Keep-Alive");
        case 14:
            return equal_ignoring_case(name, "Content-Length");
        case 17:
            return equal_ignoring_case(name, "Transfer-Encoding");
        default:
            return false;
    }
}

void put_line(Pen& pen, std::string_view name, std::string_view value) noexcept {
    pen.put(name);
    pen.put(": ");
    pen.put(value);
    pen.put("\r\n");
}

bool put_headers(Pen& pen, const Headers& headers, bool& has_date) noexcept {
    for (const Header& header : headers.list()) {
        if (is_writers_own(header.name)) continue;
        if (!is_token(header.name) || !is_safe_value(header.value)) return false;
        if (header.name.size() == 4 && equal_ignoring_case(header.name, "Date")) has_date = true;
        put_line(pen, header.name, header.value);
    }
    return true;
}

void put_framing(Pen& pen, Framing framing, std::uint64_t length) noexcept {
    if (framing == Framing::chunked) {
        pen.put("Transfer-Encoding: chunked\r\n");
    } else if (framing == Framing::length) {
        pen.put("Content-Length: ");
        pen.put(length);
        pen.put("\r\n");
    }
}

void put_status_line(Pen& pen, int status) noexcept {
    pen.put("HTTP/1.1 ");
    pen.put(static_cast<std::uint64_t>(status));
    pen.put(" ");
    pen.put(status_text(status));
    pen.put("\r\n");
}

// What every answer ends its head with.
void put_own_lines(Pen& pen, const WriteOptions& options, bool has_date) noexcept {
    if (!has_date && !options.date.empty()) put_line(pen, "Date", options.date);
    if (options.announce_length) put_framing(pen, options.framing, options.length);
    if (options.close) pen.put("Connection: close\r\n");
    if (!options.close && options.say_keep_alive) pen.put("Connection: keep-alive\r\n");
    pen.put("\r\n");
}

// No NUL, and each CR before an LF.
bool has_whole_ends(std::string_view lines) noexcept {
    if (lines.find('\0') != std::string_view::npos) return false;
    for (std::size_t at = lines.find('\r'); at != std::string_view::npos;
         at = lines.find('\r', at + 1)) {
        if (at + 1 == lines.size() || lines[at + 1] != '\n') return false;
    }
    return true;
}

// Each line "Name: value\r\n", none empty, none the writer's own.
bool are_lines(std::string_view lines, bool& has_date) noexcept {
    while (!lines.empty()) {
        const std::size_t end = lines.find('\n');
        if (end == std::string_view::npos || end == 0 || lines[end - 1] != '\r') return false;
        const std::string_view name = lines.substr(0, lines.substr(0, end - 1).find(':'));
        if (name.size() >= end || !is_token(name) || is_writers_own(name)) return false;
        if (name.size() == 4 && equal_ignoring_case(name, "Date")) has_date = true;
        lines.remove_prefix(end + 1);
    }
    return true;
}

// A hole stands behind the colon of the line that its text has begun.
bool is_inside_value(std::string_view before) noexcept {
    const std::size_t end = before.rfind('\n');
    const std::string_view line = end == std::string_view::npos ? before : before.substr(end + 1);
    return line.find(':') != std::string_view::npos;
}

bool is_for_one_hop(std::string_view name) noexcept {
    return is_writers_own(name) || equal_ignoring_case(name, "TE") ||
           equal_ignoring_case(name, "Upgrade") || equal_ignoring_case(name, "Trailer") ||
           equal_ignoring_case(name, "Expect") || equal_ignoring_case(name, "Proxy-Connection");
}

}  // namespace

bool append_response_head(std::string& out, const ResponseHead& head, const WriteOptions& options) {
    if (head.status < 100 || head.status > 999) return false;
    const std::size_t most =
        kOwnLines + status_text(head.status).size() + bytes_of(head.headers) + options.date.size();
    return append_with_pen(out, most, [&](Pen& pen) {
        bool has_date = false;
        put_status_line(pen, head.status);
        if (!put_headers(pen, head.headers, has_date)) return false;
        put_own_lines(pen, options, has_date);
        return true;
    });
}

bool append_prepared_head(std::string& out, const PreparedResponse& response,
                          const WriteOptions& options) {
    const Stencil& text = response.head.text();
    const std::size_t most = kOwnLines + text.size(response.in_head) + options.date.size();
    return append_with_pen(out, most, [&](Pen& pen) {
        for (const Stencil::Piece& piece : text.pieces) {
            pen.put(piece.text);
            if (piece.hole == Stencil::kNoHole) continue;
            const std::string_view value = response.in_head[piece.hole];
            if (!is_safe_value(value)) return false;
            pen.put(value);
        }
        put_own_lines(pen, options, response.head.has_date());
        return true;
    });
}

bool append_request_head(std::string& out, const RequestHead& head, std::string_view target,
                         std::string_view host) {
    if (!is_token(head.method) || !(is_target(target) || target == "*")) return false;
    const std::size_t most =
        kOwnLines + head.method.size() + target.size() + host.size() + bytes_of(head.headers);
    return append_with_pen(out, most, [&](Pen& pen) {
        pen.put(head.method);
        pen.put(" ");
        pen.put(target);
        pen.put(" HTTP/1.1\r\n");
        if (!head.headers.has("Host")) put_line(pen, "Host", host);
        for (const Header& header : head.headers.list()) {
            if (is_for_one_hop(header.name)) continue;
            if (!is_token(header.name) || !is_field_value(header.value)) return false;
            put_line(pen, header.name, header.value);
        }
        if (head.chunked) {
            put_framing(pen, Framing::chunked, 0);
        } else if (head.content_length) {
            put_framing(pen, Framing::length, *head.content_length);
        }
        pen.put("\r\n");
        return true;
    });
}

void append_chunk_size(std::string& out, std::size_t size) {
    std::array<char, 20> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16);
    out.append(digits.data(), end);
    out.append("\r\n");
}

}  // namespace x402::net::http1

namespace x402::net {

std::optional<PreparedHead> PreparedHead::make(int status, Stencil lines) {
    if (status < 100 || status > 999) return std::nullopt;
    PreparedHead head;
    head.status_ = status;
    std::string sample;
    for (const Stencil::Piece& piece : lines.pieces) {
        if (!http1::has_whole_ends(piece.text)) return std::nullopt;
        sample += piece.text;
        if (piece.hole != Stencil::kNoHole && !http1::is_inside_value(sample)) return std::nullopt;
    }
    if (!http1::are_lines(sample, head.has_date_)) return std::nullopt;
    if (lines.pieces.empty()) lines.pieces.emplace_back();
    std::string start = "HTTP/1.1 " + std::to_string(status) + " ";
    start.append(status_text(status)).append("\r\n");
    lines.pieces.front().text.insert(0, start);
    head.text_ = std::move(lines);
    return head;
}

}  // namespace x402::net
