// SPDX-License-Identifier: Apache-2.0
// Base64, RFC 4648 sections 4 and 5. Three bytes become four characters; the last group may be two or three
// characters, whose unused low bits must be zero (section 3.5), so that no two texts decode alike but for the
// padding. Any thread.
#include "x402/base/base64.hpp"

namespace x402 {

namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

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

std::string encode(ByteView bytes, std::string_view alphabet, bool padded) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    std::size_t i = 0;
    for (; i + 3 <= bytes.size(); i += 3) {
        const std::uint32_t group = static_cast<std::uint32_t>(bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2]);
        out += alphabet[group >> 18];
        out += alphabet[group >> 12 & 63];
        out += alphabet[group >> 6 & 63];
        out += alphabet[group & 63];
    }
    const std::size_t rest = bytes.size() - i;
    if (rest == 0) return out;
    std::uint32_t group = static_cast<std::uint32_t>(bytes[i] << 16);
    if (rest == 2) group |= static_cast<std::uint32_t>(bytes[i + 1] << 8);
    out += alphabet[group >> 18];
    out += alphabet[group >> 12 & 63];
    if (rest == 2) out += alphabet[group >> 6 & 63];
    if (padded) out.append(3 - rest, '=');
    return out;
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
    Bytes out;
    out.reserve(size);
    std::uint32_t window = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const std::uint8_t value = table[static_cast<std::uint8_t>(c)];
        if (value == 64) return fail(Errc::invalid, "a character is outside the base64 alphabet");
        window = (window << 6 | value) & 0xffff;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out.push_back(static_cast<std::uint8_t>(window >> bits));
    }
    if ((window & ((1U << bits) - 1)) != 0) {
        return fail(Errc::invalid, "base64 text ends in bits that are not zero");
    }
    return out;
}

}  // namespace

std::string base64_encode(ByteView bytes) { return encode(bytes, kStandard, true); }

std::string base64url_encode(ByteView bytes) { return encode(bytes, kUrlSafe, false); }

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
