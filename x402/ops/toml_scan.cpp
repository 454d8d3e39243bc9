// SPDX-License-Identifier: Apache-2.0
#include "x402/ops/toml_scan.hpp"

namespace x402::ops {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";

bool is_stray(char c) noexcept {
    return static_cast<unsigned char>(c) >= 0x80;
}

// Past the string that begins at `at`. One on a single line ends with its line, closed or not.
std::size_t skip_string(std::string_view text, std::size_t at) noexcept {
    const char quote = text[at];
    const char triple[] = {quote, quote, quote};
    const std::string_view fence(triple, 3);
    const bool many = text.substr(at).starts_with(fence);
    for (at += many ? 3 : 1; at < text.size(); ++at) {
        if (quote == '"' && text[at] == '\\') {
            ++at;
        } else if (many && text.substr(at).starts_with(fence)) {
            return at + 3;
        } else if (!many && (text[at] == quote || text[at] == '\n')) {
            return at + 1;
        }
    }
    return text.size();
}

}  // namespace

std::optional<std::size_t> find_stray_byte(std::string_view text) noexcept {
    std::size_t at = text.starts_with(kMark) ? kMark.size() : 0;
    while (at < text.size()) {
        if (is_stray(text[at])) return at;
        if (text[at] == '#') {
            const std::size_t end = text.find('\n', at);
            at = end == std::string_view::npos ? text.size() : end;
        } else if (text[at] == '"' || text[at] == '\'') {
            at = skip_string(text, at);
        } else {
            ++at;
        }
    }
    return std::nullopt;
}

}  // namespace x402::ops
