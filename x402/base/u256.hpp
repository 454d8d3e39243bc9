// SPDX-License-Identifier: Apache-2.0
// An unsigned 256-bit integer: the word of the EVM and our atomic amounts. Arithmetic is checked:
// there is no silent wrap. Trivially copyable. Any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"

namespace x402 {

class U256 {
public:
    constexpr U256() = default;
    constexpr U256(std::uint64_t value)
        : limbs_{value, 0, 0, 0} {}  // NOLINT: a literal is an amount

    static U256 max() noexcept;
    // Exactly the canonical text: digits only, no sign, no leading zero but "0" itself, at most 78
    // digits.
    static Result<U256> from_decimal(std::string_view text);
    // "0x" and 1 to 64 digits (JSON-RPC quantity or padded word).
    static Result<U256> from_hex(std::string_view text);
    // Up to 32 bytes, big endian.
    static Result<U256> from_be(ByteView bytes);

    std::string to_decimal() const;
    std::string to_quantity() const;        // "0x0", "0x1f": minimal hex as JSON-RPC wants
    FixedBytes<32> to_be() const noexcept;  // 32 bytes, big endian
    std::optional<std::uint64_t> to_u64() const noexcept;  // nothing when it does not fit
    bool is_zero() const noexcept { return *this == U256{}; }
    int bit_width() const noexcept;

    std::optional<U256> checked_add(const U256& other) const noexcept;
    std::optional<U256> checked_sub(const U256& other) const noexcept;
    std::optional<U256> checked_mul(const U256& other) const noexcept;
    struct Division;
    // The divisor must not be zero (checked).
    Division divide(const U256& divisor) const noexcept;
    // Clamped at the ends; for estimates, never for balances.
    U256 saturating_add(const U256& other) const noexcept;
    U256 saturating_sub(const U256& other) const noexcept;
    U256 saturating_mul(const U256& other) const noexcept;

    friend constexpr bool operator==(const U256&, const U256&) = default;
    friend constexpr std::strong_ordering operator<=>(const U256& left,
                                                      const U256& right) noexcept {
        for (int i = 3; i >= 0; --i) {
            const auto at = static_cast<std::size_t>(i);
            if (left.limbs_[at] != right.limbs_[at]) return left.limbs_[at] <=> right.limbs_[at];
        }
        return std::strong_ordering::equal;
    }

    const std::array<std::uint64_t, 4>& limbs() const noexcept { return limbs_; }  // little endian

private:
    std::array<std::uint64_t, 4> limbs_{};
};

struct U256::Division {
    U256 quotient;
    U256 remainder;
};

}  // namespace x402
