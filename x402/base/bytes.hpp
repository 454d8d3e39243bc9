// SPDX-License-Identifier: Apache-2.0
// Byte strings: owned, viewed, and of a fixed length. Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace x402 {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) {
    return {view.begin(), view.end()};
}
inline void append(Bytes& to, ByteView more) {
    to.insert(to.end(), more.begin(), more.end());
}

// Exactly N bytes. Zero by default.
template <std::size_t N>
struct FixedBytes {
    std::array<std::uint8_t, N> data{};

    static constexpr std::size_t size() noexcept { return N; }
    constexpr ByteView view() const noexcept { return {data.data(), N}; }
    constexpr bool is_zero() const noexcept {
        return std::all_of(data.begin(), data.end(), [](std::uint8_t b) { return b == 0; });
    }
    // The caller guarantees the length.
    static FixedBytes from(ByteView bytes) noexcept {
        FixedBytes out;
        std::memcpy(out.data.data(), bytes.data(), std::min(N, bytes.size()));
        return out;
    }
    friend constexpr auto operator<=>(const FixedBytes&, const FixedBytes&) = default;
};

using Hash32 = FixedBytes<32>;

// Same running time whatever differs.
bool equal_constant_time(ByteView left, ByteView right) noexcept;

}  // namespace x402

template <std::size_t N>
struct std::hash<x402::FixedBytes<N>> {
    std::size_t operator()(const x402::FixedBytes<N>& value) const noexcept {
        return std::hash<std::string_view>{}(
            {reinterpret_cast<const char*>(value.data.data()), value.data.size()});
    }
};
