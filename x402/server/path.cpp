// SPDX-License-Identifier: Apache-2.0
// Canonical paths. See path.hpp; pure, any thread.
#include "x402/server/path.hpp"

#include <optional>
#include <vector>

#include "x402/base/utf8.hpp"

namespace x402::server {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

constexpr int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

constexpr bool is_unreserved(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

// What stands for itself in a canonical segment; ';' is missing because it starts a matrix
// parameter.
constexpr bool is_plain(char c) noexcept {
    return is_unreserved(c) || std::string_view("!$&'()*+,=:@").find(c) != std::string_view::npos;
}

constexpr bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

void append_encoded(std::string& to, char c) {
    const auto byte = static_cast<unsigned char>(c);
    to += '%';
    to += kHexDigits[byte >> 4];
    to += kHexDigits[byte & 15];
}

std::optional<char> escape_at(std::string_view text, std::size_t at) noexcept {
    if (at + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[at + 1]);
    const int low = hex_value(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    return static_cast<char>(high * 16 + low);
}

bool has_escape(std::string_view text) noexcept {
    for (std::size_t at = text.find('%'); at != std::string_view::npos;
         at = text.find('%', at + 1)) {
        if (escape_at(text, at)) return true;
    }
    return false;
}

std::unexpected<Refusal> ambiguous(std::string_view what) {
    return std::unexpected(
        refuse(Reason::ambiguous_path, {"path", "one canonical spelling", std::string(what)}));
}

// One segment, decoded once; the reason it cannot be read otherwise.
std::expected<std::string, std::string_view> decode_segment(std::string_view raw) {
    std::string decoded;
    decoded.reserve(raw.size());
    for (std::size_t at = 0; at < raw.size(); ++at) {
        char c = raw[at];
        if (c == '%') {
            const auto escaped = escape_at(raw, at);
            if (!escaped) return std::unexpected("a broken percent escape");
            c = *escaped;
            at += 2;
            if (c == '/') return std::unexpected("an encoded slash");
            // An upstream that decodes twice would end the path here.
            if (c == '?' || c == '#') return std::unexpected("an encoded end of the path");
        } else if (c == ' ' || c == '#') {
            return std::unexpected("a character that no path may hold");
        }
        if (c == '\\') return std::unexpected("a backslash");
        if (c == ';') return std::unexpected("a matrix parameter");
        if (is_control(c)) return std::unexpected("a control byte");
        decoded += c;
    }
    if (decoded == "." || decoded == "..") return std::unexpected("a dot segment");
    if (has_escape(decoded)) return std::unexpected("double encoding");
    if (!is_utf8(decoded)) return std::unexpected("bytes that are no UTF-8");
    return decoded;
}

// Most paths: nothing in them could be read in a second way, so they are canonical as they stand.
bool is_simple(std::string_view path) noexcept {
    char before = 'a';
    for (const char c : path) {
        if (!is_unreserved(c) && c != '/') return false;
        if (before == '/' && (c == '/' || c == '.')) return false;
        before = c;
    }
    return true;
}

// Letters outside ASCII that Unicode-aware frameworks fold onto ASCII ones.
void fold_case(std::string& text) {
    struct Fold {
        std::string_view from;
        char to;
    };
    static constexpr Fold kFolds[] = {
        {"\xE2\x84\xAA", 'k'}, {"\xC5\xBF", 's'}, {"\xC4\xB0", 'i'}, {"\xC4\xB1", 'i'}};
    for (const Fold& fold : kFolds) {
        for (std::size_t at = text.find(fold.from); at != std::string::npos;
             at = text.find(fold.from, at)) {
            text.replace(at, fold.from.size(), 1, fold.to);
        }
    }
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
}

std::string decode_once(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto escaped = text[at] == '%' ? escape_at(text, at) : std::nullopt;
        out += escaped ? *escaped : text[at];
        if (escaped) at += 2;
    }
    return out;
}

}  // namespace

std::string Path::target() const {
    return has_query ? text + "?" + query : text;
}

std::expected<Path, Refusal> read_target(std::string_view target) {
    if (target.empty() || target.front() != '/') return ambiguous("a target that is no path");
    Path path;
    const std::size_t question = target.find('?');
    if (question != std::string_view::npos) {
        path.has_query = true;
        path.query = target.substr(question + 1);
        for (const char c : path.query) {
            if (is_control(c) || c == ' ' || c == '#')
                return ambiguous("a character that no query may hold");
        }
    }
    std::string_view rest = target.substr(0, question);
    if (is_simple(rest)) {
        path.text = rest;
        return path;
    }
    path.text.reserve(rest.size());
    while (!rest.empty()) {
        rest.remove_prefix(1);
        const std::size_t slash = rest.find('/');
        const std::string_view raw = rest.substr(0, slash);
        if (raw.empty() && slash != std::string_view::npos) return ambiguous("an empty segment");
        const auto decoded = decode_segment(raw);
        if (!decoded) return ambiguous(decoded.error());
        path.text += '/';
        for (const char c : *decoded) {
            if (is_plain(c)) {
                path.text += c;
            } else {
                append_encoded(path.text, c);
            }
        }
        rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
    }
    return path;
}

std::string loosened(std::string_view path) {
    std::string text(path.substr(0, path.find('?')));
    // Each pass shortens the text, so its length bounds the passes.
    for (std::string next = decode_once(text); next != text; next = decode_once(text))
        text = std::move(next);
    // Who decodes before the query is cut off sees one where we see a letter.
    text.resize(std::min(text.size(), text.find_first_of("?#")));
    for (char& c : text) {
        if (c == '\\') c = '/';
    }
    fold_case(text);
    std::vector<std::string_view> segments;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t slash = rest.find('/');
        std::string_view segment = rest.substr(0, slash);
        rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
        segment = segment.substr(0, segment.find(';'));
        while (!segment.empty() && (segment.back() == ' ' || is_control(segment.back())))
            segment.remove_suffix(1);
        if (segment.empty() || segment == ".") continue;
        if (segment == "..") {
            if (!segments.empty()) segments.pop_back();
            continue;
        }
        segments.push_back(segment);
    }
    std::string out;
    for (const std::string_view segment : segments) out.append("/").append(segment);
    return out.empty() ? "/" : out;
}

std::string canonical_query(std::string_view query) {
    std::string out;
    out.reserve(query.size());
    for (std::size_t at = 0; at < query.size(); ++at) {
        const auto escaped = query[at] == '%' ? escape_at(query, at) : std::nullopt;
        if (!escaped) {
            out += query[at];
            continue;
        }
        if (is_unreserved(*escaped)) {
            out += *escaped;
        } else {
            append_encoded(out, *escaped);
        }
        at += 2;
    }
    return out;
}

}  // namespace x402::server
