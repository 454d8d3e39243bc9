// SPDX-License-Identifier: Apache-2.0
// Randomness, behind an interface that tests replace. Any thread.
#pragma once

#include <memory>

#include "x402/base/bytes.hpp"

namespace x402 {

class Random {
public:
    virtual ~Random() = default;
    // Unpredictable bytes, fit for keys and nonces.
    virtual void fill(std::span<std::uint8_t> out) = 0;

    template <std::size_t N>
    FixedBytes<N> bytes() {
        FixedBytes<N> out;
        fill(out.data);
        return out;
    }
};

std::unique_ptr<Random> make_system_random();                  // getrandom(2); see random.cpp
std::unique_ptr<Random> make_test_random(std::uint64_t seed);  // repeatable; never for keys

}  // namespace x402
