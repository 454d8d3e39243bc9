// SPDX-License-Identifier: Apache-2.0
// Base64, RFC 4648 sections 4 and 5. Three bytes become four characters; the last group may be two
// or three characters, whose unused low bits must be zero (section 3.5), so that no two texts
// decode alike but for the padding. Any thread.
#include "x402/base/base64.hpp"

#include <algorithm>

namespace x402 {

namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The value of every character, or 64 for one outside the alphabet.
using Reverse = std::array<std::uint8_t, 256>;

constexpr Reverse reverse_of(std::string_view alphabet) {
    Reverse table{};
    table.fill(64);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return table;
}

constexpr Reverse kStandardReverse = reverse_of(kStandard);
constexpr Reverse kUrlSafeReverse = reverse_of(kUrlSafe);

std::size_t encoded_size(std::size_t bytes, bool padded) noexcept {
    const std::size_t rest = bytes % 3;
    if (rest == 0 || padded) return (bytes + 2) / 3 * 4;
    return bytes / 3 * 4 + rest + 1;
}

// Into room of exactly encoded_size(): no place is asked for per character.
void encode_into(char* out, ByteView bytes, const char* alphabet, bool padded) noexcept {
    const std::uint8_t* in = bytes.data();
    for (std::size_t groups = bytes.size() / 3; groups > 0; --groups, in += 3, out += 4) {
        const std::uint32_t group = std::uint32_t{in[0]} << 16 | std::uint32_t{in[1]} << 8 | in[2];
        out[0] = alphabet[group >> 18];
        out[1] = alphabet[group >> 12 & 63];
        out[2] = alphabet[group >> 6 & 63];
        out[3] = alphabet[group & 63];
    }
    const std::size_t rest = bytes.size() % 3;
    if (rest == 0) return;
    std::uint32_t group = std::uint32_t{in[0]} << 16;
    if (rest == 2) group |= std::uint32_t{in[1]} << 8;
    out[0] = alphabet[group >> 18];
    out[1] = alphabet[group >> 12 & 63];
    if (rest == 2) out[2] = alphabet[group >> 6 & 63];
    if (padded) std::fill(out + rest + 1, out + 4, '=');
}

std::string encode(ByteView bytes, std::string_view alphabet, bool padded) {
    std::string out;
    const std::size_t size = encoded_size(bytes.size(), padded);
    // The count that is handed to the callback is the capacity in this standard library.
    out.resize_and_overwrite(size, [&](char* room, std::size_t) {
        encode_into(room, bytes, alphabet.data(), padded);
        return size;
    });
    return out;
}

// False where a character has no value. Values are below 64, so bit 6 of all of them together
// tells.
bool decode_into(std::uint8_t* out, std::string_view text, const Reverse& table) noexcept {
    const auto value = [&](std::size_t at) {
        return std::uint32_t{table[static_cast<std::uint8_t>(text[at])]};
    };
    std::uint32_t seen = 0;
    std::size_t at = 0;
    for (; at + 4 <= text.size(); at += 4, out += 3) {
        const std::uint32_t a = value(at), b = value(at + 1), c = value(at + 2), d = value(at + 3);
        seen |= a | b | c | d;
        const std::uint32_t group = a << 18 | b << 12 | c << 6 | d;
        out[0] = static_cast<std::uint8_t>(group >> 16);
        out[1] = static_cast<std::uint8_t>(group >> 8);
        out[2] = static_cast<std::uint8_t>(group);
    }
    std::uint32_t group = 0;
    for (std::size_t i = at; i < text.size(); ++i) {
        seen |= value(i);
        group |= value(i) << (18 - 6 * (i - at));
    }
    if (text.size() - at >= 2) out[0] = static_cast<std::uint8_t>(group >> 16);
    if (text.size() - at == 3) out[1] = static_cast<std::uint8_t>(group >> 8);
    return (seen & 64) == 0;
}

// Two characters hold four bits too many, three hold two.
bool ends_in_zero_bits(std::string_view text, const Reverse& table) noexcept {
    const std::size_t rest = text.size() % 4;
    if (rest == 0) return true;
    const std::uint8_t last = table[static_cast<std::uint8_t>(text.back())];
    return (last & (rest == 2 ? 15 : 3)) == 0;
}

// `text` has no padding any more.
Result<Bytes> decode(std::string_view text, const Reverse& table, std::size_t max_bytes) {
    const std::size_t rest = text.size() % 4;
    if (rest == 1) return fail(Errc::invalid, "base64 text has an impossible length");
    const std::size_t size = text.size() / 4 * 3 + (rest == 0 ? 0 : rest - 1);
    if (size > max_bytes) {
        return fail(Errc::too_large, "base64 text of " + std::to_string(size) + " bytes, at most " +
                                         std::to_string(max_bytes) + " are read");
    }
    Bytes out(size);
    if (!decode_into(out.data(), text, table)) {
        return fail(Errc::invalid, "a character is outside the base64 alphabet");
    }
    if (!ends_in_zero_bits(text, table)) {
        return fail(Errc::invalid, "base64 text ends in bits that are not zero");
    }
    return out;
}

}  // namespace

std::string base64_encode(ByteView bytes) {
    return encode(bytes, kStandard, true);
}

std::string base64url_encode(ByteView bytes) {
    return encode(bytes, kUrlSafe, false);
}

Result<Bytes> base64_decode(std::string_view text, std::size_t max_bytes) {
    if (text.ends_with('=')) {
        // Who pads, pads fully.
        if (text.size() % 4 != 0) return fail(Errc::invalid, "base64 padding is incomplete");
        text.remove_suffix(1);
        if (text.ends_with('=')) text.remove_suffix(1);
    }
    return decode(text, kStandardReverse, max_bytes);
}

Result<Bytes> base64url_decode(std::string_view text, std::size_t max_bytes) {
    return decode(text, kUrlSafeReverse, max_bytes);
}

}  // namespace x402
