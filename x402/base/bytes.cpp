// SPDX-License-Identifier: Apache-2.0
// The comparison for secrets and MACs: it reads every byte whatever it has seen so far, so that its
// running time tells a stranger nothing about how much of a guess was right. Any thread.
#include "x402/base/bytes.hpp"

namespace x402 {

bool equal_constant_time(ByteView left, ByteView right) noexcept {
    // The length of a MAC or token is public; only its content is not.
    if (left.size() != right.size()) return false;
    volatile std::uint8_t difference = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        difference = static_cast<std::uint8_t>(difference | (left[i] ^ right[i]));
    }
    return difference == 0;
}

}  // namespace x402
