// SPDX-License-Identifier: Apache-2.0
// UTF-8 as table 3-7 of the Unicode standard has it: the second byte's range depends on the first.
// Any thread.
#include "x402/base/utf8.hpp"

namespace x402 {

namespace {

bool between(unsigned char c, unsigned char low, unsigned char high) noexcept {
    return c >= low && c <= high;
}

// The range of the second byte closes out overlong forms, surrogates and what lies beyond U+10FFFF.
bool second_fits(unsigned char first, unsigned char second) noexcept {
    switch (first) {
        case 0xe0:
            return between(second, 0xa0, 0xbf);
        case 0xed:
            return between(second, 0x80, 0x9f);
        case 0xf0:
            return between(second, 0x90, 0xbf);
        case 0xf4:
            return between(second, 0x80, 0x8f);
        default:
            return between(second, 0x80, 0xbf);
    }
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    std::size_t length = 0;
    if (between(first, 0xc2, 0xdf)) length = 2;
    if (between(first, 0xe0, 0xef)) length = 3;
    if (between(first, 0xf0, 0xf4)) length = 4;
    if (length == 0 || text.size() < length || !second_fits(first, byte(1))) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (!between(byte(i), 0x80, 0xbf)) return 0;
    }
    return length;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = utf8_sequence(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace x402
