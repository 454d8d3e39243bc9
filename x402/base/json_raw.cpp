// SPDX-License-Identifier: Apache-2.0
// Finds the exact text of a member, for peers that must see what the client sent byte for byte. It
// trusts that the text was parsed, but never reads beyond its end when it was not. Any thread.
#include <boost/json/string.hpp>

#include "x402/base/json.hpp"

namespace x402::json {

namespace {

class Scanner {
public:
    explicit Scanner(std::string_view text) : text_(text) {}

    bool take(char c) noexcept {
        skip_space();
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    // The string at this place with its quotes.
    std::optional<std::string_view> string() noexcept {
        skip_space();
        const std::size_t begin = at_;
        if (!skip_string()) return std::nullopt;
        return text_.substr(begin, at_ - begin);
    }

    // Any value at this place.
    std::optional<std::string_view> value() noexcept {
        skip_space();
        const std::size_t begin = at_;
        std::size_t depth = 0;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"') {
                if (!skip_string()) return std::nullopt;
            } else if (c == '{' || c == '[') {
                ++depth;
                ++at_;
            } else if (c == '}' || c == ']') {
                if (depth == 0) break;
                --depth;
                ++at_;
            } else if (depth > 0 || !ends_scalar(c)) {
                ++at_;
                continue;
            }
            if (depth == 0) break;
        }
        if (at_ == begin || depth != 0) return std::nullopt;
        return text_.substr(begin, at_ - begin);
    }

private:
    static bool is_space(char c) noexcept {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
    }
    static bool ends_scalar(char c) noexcept { return c == ',' || is_space(c); }

    void skip_space() noexcept {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }

    bool skip_string() noexcept {
        if (at_ >= text_.size() || text_[at_] != '"') return false;
        for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
            if (text_[i] == '\\') {
                ++i;
            } else if (text_[i] == '"') {
                at_ = i + 1;
                return true;
            }
        }
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

// `quoted` is a JSON string; most keys hold no escape and are compared where they stand.
bool names(std::string_view quoted, std::string_view key) {
    if (quoted.find('\\') == std::string_view::npos)
        return quoted.substr(1, quoted.size() - 2) == key;
    const auto value = parse(quoted, {.max_bytes = quoted.size()});
    if (!value || !value->is_string()) return false;
    const auto& text = value->get_string();
    return std::string_view(text.data(), text.size()) == key;
}

}  // namespace

std::optional<std::string_view> raw_member(std::string_view text, std::string_view key) {
    Scanner scanner(text);
    if (!scanner.take('{')) return std::nullopt;
    do {
        const auto name = scanner.string();
        if (!name || !scanner.take(':')) return std::nullopt;
        const auto value = scanner.value();
        if (!value) return std::nullopt;
        if (names(*name, key)) return value;
    } while (scanner.take(','));
    return std::nullopt;
}

}  // namespace x402::json
