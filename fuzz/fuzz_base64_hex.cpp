// SPDX-License-Identifier: Apache-2.0
// Base64 and hex: writing is the inverse of reading, the cap holds, and what is accepted is the one
// text of its bytes (but for base64 padding and hex case).
#include "x402/base/base64.hpp"
#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"

namespace {

constexpr std::size_t kCap = 512;

std::string without_padding(std::string_view text) {
    while (text.ends_with('=')) text.remove_suffix(1);
    return std::string(text);
}

std::string lower_digits(std::string_view text) {
    std::string out(text.starts_with("0x") ? text.substr(2) : text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const x402::ByteView bytes(data, size);
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto got = x402::base64_decode(text, kCap)) {
        X402_CHECK(got->size() <= kCap);
        X402_CHECK(without_padding(x402::base64_encode(*got)) == without_padding(text));
    }
    if (const auto got = x402::base64url_decode(text, kCap)) {
        X402_CHECK(x402::base64url_encode(*got) == text);
    }
    if (const auto got = x402::from_hex(text)) X402_CHECK(x402::to_hex(*got) == lower_digits(text));
    if (const auto got = x402::fixed_from_hex0x<20>(text)) {
        X402_CHECK(x402::to_hex(got->view()) == lower_digits(text));
    }
    X402_CHECK(*x402::base64_decode(x402::base64_encode(bytes), size) == x402::to_bytes(bytes));
    X402_CHECK(*x402::base64url_decode(x402::base64url_encode(bytes), size) ==
               x402::to_bytes(bytes));
    X402_CHECK(*x402::from_hex(x402::to_hex0x(bytes)) == x402::to_bytes(bytes));
    return 0;
}
