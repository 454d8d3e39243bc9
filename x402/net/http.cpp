// SPDX-License-Identifier: Apache-2.0
// Header lists and the small tables of HTTP. Pure; any thread.
#include "x402/net/http.hpp"

#include <algorithm>
#include <iterator>

namespace x402::net {
namespace {

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// Told apart by length first: this runs for every header of every message that is passed on.
bool is_hop_by_hop(std::string_view name) noexcept {
    constexpr std::string_view kProxy = "proxy-";
    if (name.size() >= kProxy.size() && lower(name.front()) == 'p' &&
        equal_ignoring_case(name.substr(0, kProxy.size()), kProxy)) {
        return true;
    }
    switch (name.size()) {
        case 2:
            return equal_ignoring_case(name, "TE");
        case 7:
            return equal_ignoring_case(name, "Trailer") || equal_ignoring_case(name, "Upgrade");
        case 10:
            return equal_ignoring_case(name, "Connection") ||
                   equal_ignoring_case(name, "Keep-Alive");
        case 17:
            return equal_ignoring_case(name, "Transfer-Encoding");
        default:
            return false;
    }
}

}  // namespace

std::size_t Stencil::size(std::span<const std::string_view> values) const noexcept {
    std::size_t size = 0;
    for (const Piece& piece : pieces) {
        size += piece.text.size();
        if (piece.hole != kNoHole) size += values[piece.hole].size();
    }
    return size;
}

void Stencil::append_to(std::string& out, std::span<const std::string_view> values) const {
    for (const Piece& piece : pieces) {
        out += piece.text;
        if (piece.hole != kNoHole) out += values[piece.hole];
    }
}

void Headers::add(std::string name, std::string value) {
    list_.push_back({std::move(name), std::move(value)});
}

void Headers::set(std::string name, std::string value) {
    remove(name);
    add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
    std::erase_if(list_, [name](const Header& h) { return equal_ignoring_case(h.name, name); });
}

const std::string* Headers::find(std::string_view name) const noexcept {
    for (const Header& header : list_) {
        if (equal_ignoring_case(header.name, name)) return &header.value;
    }
    return nullptr;
}

std::string_view Headers::get(std::string_view name) const noexcept {
    const std::string* value = find(name);
    return value ? std::string_view{*value} : std::string_view{};
}

std::size_t Headers::count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(list_.begin(), list_.end(),
                      [name](const Header& h) { return equal_ignoring_case(h.name, name); }));
}

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
        if (left[i] != right[i] && lower(left[i]) != lower(right[i])) return false;
    }
    return true;
}

bool has_token(std::string_view list, std::string_view token) noexcept {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (equal_ignoring_case(trim(list.substr(0, comma)), token)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
    return false;
}

void remove_hop_by_hop(Headers& headers) {
    // Copied first: the names are read from entries that the loop below removes.
    std::string named;
    for (const Header& header : headers.list()) {
        if (equal_ignoring_case(header.name, "Connection")) named.append(header.value).append(",");
    }
    std::erase_if(headers.list(), [&named](const Header& header) {
        return is_hop_by_hop(header.name) || has_token(named, header.name);
    });
}

std::string_view status_text(int status) noexcept {
    struct Row {
        int status;
        std::string_view text;
    };
    static constexpr Row kRows[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    const auto* found = std::find_if(std::begin(kRows), std::end(kRows),
                                     [status](const Row& row) { return row.status == status; });
    return found == std::end(kRows) ? std::string_view{} : found->text;
}

}  // namespace x402::net
