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

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

bool begins_key(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '"' || c == '\'';
}

std::size_t skip_blanks(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && is_blank(text[at])) ++at;
    return at;
}

// Where the key of the header that begins at `at` should be, when something else is there. What
// ends too early or closes at once is for the parser to tell.
std::optional<std::size_t> wrong_header(std::string_view text, std::size_t at) noexcept {
    at = skip_blanks(text, at + 1);
    if (at < text.size() && text[at] == '[') at = skip_blanks(text, at + 1);
    if (at >= text.size() || text[at] == ']' || begins_key(text[at])) return std::nullopt;
    return at;
}

// One walk through a text: which bytes are TOML's own, and where a statement begins.
class Walk {
public:
    explicit Walk(std::string_view text) noexcept
        : text_(text), at_(text.starts_with(kMark) ? kMark.size() : 0) {}

    std::optional<Stray> find() noexcept {
        while (at_ < text_.size()) {
            if (is_stray(text_[at_])) return Stray{at_, kStrayByte, kQuote};
            const bool header = fresh_ && depth_ == 0 && text_[at_] == '[';
            if (header) {
                if (const auto wrong = wrong_header(text_, at_))
                    return Stray{*wrong, kNoKey, kNameTable};
            }
            step();
        }
        return std::nullopt;
    }

private:
    static constexpr std::string_view kStrayByte = "a character beyond ASCII outside of a text";
    static constexpr std::string_view kQuote = "put the text in quotes";
    static constexpr std::string_view kNoKey = "a table's header without a name";
    static constexpr std::string_view kNameTable =
        "name the table, as in [networks.\"eip155:8453\"]";

    void step() noexcept {
        const char c = text_[at_];
        if (c == '#') {
            const std::size_t end = text_.find('\n', at_);
            at_ = end == std::string_view::npos ? text_.size() : end;
            return;
        }
        if (c == '"' || c == '\'') {
            at_ = skip_string(text_, at_);
            // One that its line ended has taken the end of the line with it.
            fresh_ = text_[at_ - 1] == '\n';
            return;
        }
        if (c == '[' || c == '{') ++depth_;
        if ((c == ']' || c == '}') && depth_ > 0) --depth_;
        fresh_ = c == '\n' || (fresh_ && (is_blank(c) || c == '\r'));
        ++at_;
    }

    std::string_view text_;
    std::size_t at_;
    std::size_t depth_ = 0;  // of arrays and inline tables
    bool fresh_ = true;      // nothing of a statement was seen on this line
};

}  // namespace

std::optional<Stray> find_stray(std::string_view text) noexcept {
    return Walk(text).find();
}

}  // namespace x402::ops
