// SPDX-License-Identifier: Apache-2.0
// 256-bit arithmetic over four 64-bit limbs, little endian. Decimal text goes through chunks of 19
// digits, the most that fit in one limb. Nothing here wraps: what does not fit is an empty optional
// or an error. Any thread.
#include "x402/base/u256.hpp"

#include <algorithm>
#include <bit>

#include "x402/base/check.hpp"

namespace x402 {

namespace {

__extension__ using U128 = unsigned __int128;
using Limbs = std::array<std::uint64_t, 4>;

constexpr std::size_t kChunkDigits = 19;
constexpr std::uint64_t kChunk = 10'000'000'000'000'000'000ULL;  // 10^19
constexpr std::size_t kMaxDigits = 78;                           // of 2^256 - 1

// value = value * factor + addend; false when it does not fit.
bool multiply_add(Limbs& value, std::uint64_t factor, std::uint64_t addend) noexcept {
    U128 carry = addend;
    for (std::uint64_t& limb : value) {
        const U128 product = static_cast<U128>(limb) * factor + carry;
        limb = static_cast<std::uint64_t>(product);
        carry = product >> 64;
    }
    return carry == 0;
}

// value = value / divisor; the remainder is returned.
std::uint64_t divide_small(Limbs& value, std::uint64_t divisor) noexcept {
    U128 remainder = 0;
    for (std::size_t i = 4; i-- > 0;) {
        const U128 part = remainder << 64 | value[i];
        value[i] = static_cast<std::uint64_t>(part / divisor);
        remainder = part % divisor;
    }
    return static_cast<std::uint64_t>(remainder);
}

bool less(const Limbs& left, const Limbs& right) noexcept {
    for (std::size_t i = 4; i-- > 0;) {
        if (left[i] != right[i]) return left[i] < right[i];
    }
    return false;
}

// The borrow that is left at the end.
bool subtract(Limbs& value, const Limbs& other) noexcept {
    bool borrow = false;
    for (std::size_t i = 0; i < 4; ++i) {
        std::uint64_t part = 0;
        const bool first = __builtin_sub_overflow(value[i], other[i], &part);
        const bool second =
            __builtin_sub_overflow(part, static_cast<std::uint64_t>(borrow), &value[i]);
        borrow = first || second;
    }
    return borrow;
}

// The bit that fell out at the top.
bool shift_left_one(Limbs& value) noexcept {
    bool carry = false;
    for (std::uint64_t& limb : value) {
        const bool top = (limb >> 63) != 0;
        limb = limb << 1 | static_cast<std::uint64_t>(carry);
        carry = top;
    }
    return carry;
}

// Long division bit by bit; only divisors of more than one limb come here, and they are rare.
void divide_long(Limbs& value, const Limbs& divisor, Limbs& remainder) noexcept {
    Limbs quotient{};
    remainder = {};
    for (std::size_t bit = 256; bit-- > 0;) {
        const bool top = shift_left_one(remainder);
        remainder[0] |= value[bit / 64] >> (bit % 64) & 1;
        if (!top && less(remainder, divisor)) continue;
        subtract(remainder, divisor);
        quotient[bit / 64] |= 1ULL << (bit % 64);
    }
    value = quotient;
}

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

U256 U256::max() noexcept {
    U256 out;
    out.limbs_.fill(~0ULL);
    return out;
}

Result<U256> U256::from_decimal(std::string_view text) {
    if (text.empty()) return fail(Errc::invalid, "the number is empty");
    if (text.size() > kMaxDigits) return fail(Errc::invalid, "the number has more than 78 digits");
    if (text.size() > 1 && text[0] == '0')
        return fail(Errc::invalid, "the number has a leading zero");
    U256 out;
    while (!text.empty()) {
        std::uint64_t chunk = 0;
        std::uint64_t factor = 1;
        for (const char c : text.substr(0, kChunkDigits)) {
            if (c < '0' || c > '9') return fail(Errc::invalid, "the number may have digits only");
            chunk = chunk * 10 + static_cast<std::uint64_t>(c - '0');
            factor *= 10;
        }
        text.remove_prefix(std::min(kChunkDigits, text.size()));
        if (!multiply_add(out.limbs_, factor, chunk)) {
            return fail(Errc::invalid, "the number does not fit in 256 bits");
        }
    }
    return out;
}

Result<U256> U256::from_hex(std::string_view text) {
    if (!text.starts_with("0x")) return fail(Errc::invalid, "the hex number must start with 0x");
    text.remove_prefix(2);
    if (text.empty() || text.size() > 64) {
        return fail(Errc::invalid, "the hex number must have 1 to 64 digits");
    }
    U256 out;
    std::size_t shift = 4 * text.size();
    for (const char c : text) {
        const int value = hex_value(c);
        if (value < 0) return fail(Errc::invalid, "a character is no hex digit");
        shift -= 4;
        out.limbs_[shift / 64] |= static_cast<std::uint64_t>(value) << (shift % 64);
    }
    return out;
}

Result<U256> U256::from_be(ByteView bytes) {
    if (bytes.size() > 32) return fail(Errc::invalid, "the number has more than 32 bytes");
    U256 out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::uint64_t byte = bytes[bytes.size() - 1 - i];
        out.limbs_[i / 8] |= byte << (8 * (i % 8));
    }
    return out;
}

std::string U256::to_decimal() const {
    std::array<char, 5 * kChunkDigits> digits{};
    std::size_t at = digits.size();
    Limbs rest = limbs_;
    while (rest != Limbs{}) {
        std::uint64_t chunk = divide_small(rest, kChunk);
        for (std::size_t i = 0; i < kChunkDigits; ++i) {
            digits[--at] = static_cast<char>('0' + chunk % 10);
            chunk /= 10;
        }
    }
    while (at < digits.size() && digits[at] == '0') ++at;
    if (at == digits.size()) return "0";
    return {digits.data() + at, digits.size() - at};
}

std::string U256::to_quantity() const {
    const int nibbles = std::max(1, (bit_width() + 3) / 4);
    std::string out = "0x";
    for (int i = nibbles - 1; i >= 0; --i) {
        const std::size_t bit = 4 * static_cast<std::size_t>(i);
        out += "0123456789abcdef"[limbs_[bit / 64] >> (bit % 64) & 15];
    }
    return out;
}

FixedBytes<32> U256::to_be() const noexcept {
    FixedBytes<32> out;
    for (std::size_t i = 0; i < 32; ++i) {
        out.data[31 - i] = static_cast<std::uint8_t>(limbs_[i / 8] >> (8 * (i % 8)));
    }
    return out;
}

std::optional<std::uint64_t> U256::to_u64() const noexcept {
    if ((limbs_[1] | limbs_[2] | limbs_[3]) != 0) return std::nullopt;
    return limbs_[0];
}

int U256::bit_width() const noexcept {
    for (std::size_t i = 4; i-- > 0;) {
        if (limbs_[i] != 0)
            return static_cast<int>(64 * i) + static_cast<int>(std::bit_width(limbs_[i]));
    }
    return 0;
}

std::optional<U256> U256::checked_add(const U256& other) const noexcept {
    U256 out;
    U128 carry = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        const U128 sum = static_cast<U128>(limbs_[i]) + other.limbs_[i] + carry;
        out.limbs_[i] = static_cast<std::uint64_t>(sum);
        carry = sum >> 64;
    }
    if (carry != 0) return std::nullopt;
    return out;
}

std::optional<U256> U256::checked_sub(const U256& other) const noexcept {
    U256 out = *this;
    if (subtract(out.limbs_, other.limbs_)) return std::nullopt;
    return out;
}

std::optional<U256> U256::checked_mul(const U256& other) const noexcept {
    std::array<std::uint64_t, 8> product{};
    for (std::size_t i = 0; i < 4; ++i) {
        std::uint64_t carry = 0;
        for (std::size_t j = 0; j < 4; ++j) {
            const U128 part =
                static_cast<U128>(limbs_[i]) * other.limbs_[j] + product[i + j] + carry;
            product[i + j] = static_cast<std::uint64_t>(part);
            carry = static_cast<std::uint64_t>(part >> 64);
        }
        product[i + 4] = carry;
    }
    if ((product[4] | product[5] | product[6] | product[7]) != 0) return std::nullopt;
    U256 out;
    std::copy_n(product.begin(), 4, out.limbs_.begin());
    return out;
}

U256::Division U256::divide(const U256& divisor) const noexcept {
    X402_CHECK(!divisor.is_zero());
    if (*this < divisor) return {U256{}, *this};
    Division out;
    out.quotient = *this;
    if (const auto small = divisor.to_u64()) {
        out.remainder = U256{divide_small(out.quotient.limbs_, *small)};
    } else {
        divide_long(out.quotient.limbs_, divisor.limbs_, out.remainder.limbs_);
    }
    return out;
}

U256 U256::saturating_add(const U256& other) const noexcept {
    return checked_add(other).value_or(max());
}

U256 U256::saturating_sub(const U256& other) const noexcept {
    return checked_sub(other).value_or(U256{});
}

U256 U256::saturating_mul(const U256& other) const noexcept {
    return checked_mul(other).value_or(max());
}

}  // namespace x402
