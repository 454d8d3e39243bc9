// SPDX-License-Identifier: Apache-2.0
// A type of its own for a value that must not be mixed up with another of the same representation.
#pragma once

#include <compare>
#include <functional>
#include <utility>

namespace x402 {

template <class Tag, class Rep>
class Strong {
public:
    constexpr Strong() = default;
    constexpr explicit Strong(Rep value) : value_(std::move(value)) {}
    constexpr const Rep& value() const noexcept { return value_; }
    friend auto operator<=>(const Strong&, const Strong&) = default;
    friend bool operator==(const Strong&, const Strong&) = default;

private:
    Rep value_{};
};

}  // namespace x402

template <class Tag, class Rep>
struct std::hash<x402::Strong<Tag, Rep>> {
    std::size_t operator()(const x402::Strong<Tag, Rep>& value) const noexcept {
        return std::hash<Rep>{}(value.value());
    }
};
