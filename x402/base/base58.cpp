// SPDX-License-Identifier: Apache-2.0
// A text is one '1' for each leading zero byte and then the number that the other bytes are, in
// digits to the base 58 without leading zeros. So every text of the alphabet has one value and
// every value one text. Any thread.
#include "x402/base/base58.hpp"

#include <algorithm>
#include <array>

#include "x402/base/check.hpp"

namespace x402 {

namespace {

constexpr std::string_view kAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::uint32_t kBase = 58;
constexpr std::uint8_t kNoDigit = 0xff;

// A byte is log(256) / log(58) = 1.3657 digits, a digit at most one byte.
constexpr std::size_t most_digits(std::size_t bytes) noexcept {
    return bytes * 1366 / 1000 + 1;
}

using Reverse = std::array<std::uint8_t, 256>;

constexpr Reverse reverse_of_alphabet() {
    Reverse table{};
    table.fill(kNoDigit);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
        table[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return table;
}

constexpr Reverse kReverse = reverse_of_alphabet();

// number = number * factor + more, where `number` has digits to `base`, the lowest first, and the
// highest is not zero.
template <std::size_t N>
struct Number {
    std::array<std::uint8_t, N> digits{};
    std::size_t size = 0;

    void push(std::uint32_t factor, std::uint32_t more, std::uint32_t base) noexcept {
        for (std::size_t i = 0; i < size; ++i) {
            more += digits[i] * factor;
            digits[i] = static_cast<std::uint8_t>(more % base);
            more /= base;
        }
        for (; more != 0; more /= base) digits[size++] = static_cast<std::uint8_t>(more % base);
    }
};

}  // namespace

std::string to_base58(ByteView bytes) {
    X402_CHECK(bytes.size() <= kBase58Bytes);
    const auto first =
        std::find_if(bytes.begin(), bytes.end(), [](auto byte) { return byte != 0; });
    const auto zeros = static_cast<std::size_t>(first - bytes.begin());
    Number<most_digits(kBase58Bytes)> number;
    for (const std::uint8_t byte : bytes.subspan(zeros)) number.push(256, byte, kBase);
    std::string out(zeros, kAlphabet.front());
    out.reserve(zeros + number.size);
    for (std::size_t i = number.size; i > 0; --i) out.push_back(kAlphabet[number.digits[i - 1]]);
    return out;
}

Result<Bytes> from_base58(std::string_view text) {
    // Each zero byte is a digit of its own, so no text of kBase58Bytes bytes is longer.
    if (text.size() > most_digits(kBase58Bytes)) {
        return fail(Errc::too_large, "base58 text of " + std::to_string(text.size()) +
                                         " characters, for at most " +
                                         std::to_string(kBase58Bytes) + " bytes");
    }
    const std::size_t zeros = std::min(text.find_first_not_of(kAlphabet.front()), text.size());
    // A digit is less than a byte, so there is room for whatever the length above let through.
    Number<most_digits(kBase58Bytes)> number;
    for (const char c : text.substr(zeros)) {
        const std::uint8_t digit = kReverse[static_cast<std::uint8_t>(c)];
        if (digit == kNoDigit) return fail(Errc::invalid, "a character is outside base58");
        number.push(kBase, digit, 256);
    }
    if (zeros + number.size > kBase58Bytes) {
        return fail(Errc::too_large,
                    "base58 text of more than " + std::to_string(kBase58Bytes) + " bytes");
    }
    Bytes out(zeros, 0);
    out.insert(out.end(), number.digits.rend() - static_cast<std::ptrdiff_t>(number.size),
               number.digits.rend());
    return out;
}

}  // namespace x402
