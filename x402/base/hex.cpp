// SPDX-License-Identifier: Apache-2.0
// Hexadecimal text, strict on the way in. Nothing from the input is repeated in an error: the text
// may be a key that somebody mistyped. Any thread.
#include "x402/base/hex.hpp"

namespace x402 {

namespace {

constexpr char kDigits[] = "0123456789abcdef";

void write_digits(char* out, ByteView bytes) {
    for (const std::uint8_t byte : bytes) {
        *out++ = kDigits[byte >> 4];
        *out++ = kDigits[byte & 15];
    }
}

// 0 to 15, or -1.
int digit_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// `digits` has two characters for each byte of `out`.
bool read_digits(std::string_view digits, std::span<std::uint8_t> out) noexcept {
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digit_value(digits[2 * i]);
        const int low = digit_value(digits[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return true;
}

}  // namespace

std::string to_hex(ByteView bytes) {
    std::string out(bytes.size() * 2, '0');
    write_digits(out.data(), bytes);
    return out;
}

std::string to_hex0x(ByteView bytes) {
    std::string out(2 + bytes.size() * 2, '0');
    out[1] = 'x';
    write_digits(out.data() + 2, bytes);
    return out;
}

Result<Bytes> from_hex(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    if (text.size() % 2 != 0) return fail(Errc::invalid, "hex text has an odd count of digits");
    Bytes out(text.size() / 2);
    if (!read_digits(text, out)) return fail(Errc::invalid, "a character is no hex digit");
    return out;
}

Result<void> from_hex0x_into(std::string_view text, std::span<std::uint8_t> out) {
    if (!text.starts_with("0x")) return fail(Errc::invalid, "hex text must start with 0x");
    text.remove_prefix(2);
    if (text.size() != 2 * out.size()) {
        return fail(Errc::invalid, "expected " + std::to_string(2 * out.size()) +
                                       " hex digits after 0x, got " + std::to_string(text.size()));
    }
    if (!read_digits(text, out)) return fail(Errc::invalid, "a character is no hex digit");
    return {};
}

}  // namespace x402
