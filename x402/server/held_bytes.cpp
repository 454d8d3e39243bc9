// SPDX-License-Identifier: Apache-2.0
// Held bytes. See held_bytes.hpp; any thread.
#include "x402/server/held_bytes.hpp"

#include "x402/base/check.hpp"

namespace x402::server {

HeldBytes::Share& HeldBytes::Share::operator=(Share&& other) noexcept {
    if (this == &other) return *this;
    give_back();
    whole_ = std::exchange(other.whole_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
}

bool HeldBytes::Share::grow(std::size_t by) noexcept {
    X402_CHECK(whole_ != nullptr);
    const std::size_t most = whole_->most_;
    std::size_t used = whole_->used_;
    do {
        if (used > most || by > most - used) return false;
    } while (!whole_->used_.compare_exchange_weak(used, used + by));
    size_ += by;
    return true;
}

void HeldBytes::Share::give_back() noexcept {
    if (whole_ != nullptr) whole_->used_ -= std::exchange(size_, 0);
}

bool HeldBytes::has_room(std::size_t by) const noexcept {
    const std::size_t most = most_;
    const std::size_t used = used_;
    return used <= most && by <= most - used;
}

bool HeldBytes::has_spare_room(std::size_t by) const noexcept {
    const std::size_t half = most_ / 2;
    const std::size_t used = used_;
    return used <= half && by <= half - used;
}

}  // namespace x402::server
