// SPDX-License-Identifier: Apache-2.0
// How many bytes of answers a gateway keeps in memory at one moment: answers that wait for their
// money or for a slow client, and copies for a repeat. The number of open payments says little
// about it, and whoever makes the upstream give large answers must not be able to exhaust the
// process. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace x402::server {

class HeldBytes {
public:
    static constexpr std::size_t kMost = 256 * 1024 * 1024;  // `max_held_total`
    // No upstream is asked for an answer while there is less room than this.
    static constexpr std::size_t kLeast = 16 * 1024;

    // One holder's part; given back when it dies. Used by one coroutine at a time, outlived by the
    // whole.
    class Share {
    public:
        Share() = default;
        explicit Share(HeldBytes& whole) noexcept : whole_(&whole) {}
        Share(Share&& other) noexcept
            : whole_(std::exchange(other.whole_, nullptr)), size_(std::exchange(other.size_, 0)) {}
        Share& operator=(Share&& other) noexcept;
        ~Share() { give_back(); }
        // False, and nothing is taken, where there is no room for so many more.
        bool grow(std::size_t by) noexcept;
        void give_back() noexcept;
        std::size_t size() const noexcept { return size_; }

    private:
        HeldBytes* whole_ = nullptr;
        std::size_t size_ = 0;
    };

    Share share() noexcept { return Share(*this); }
    std::size_t used() const noexcept { return used_; }
    bool has_room(std::size_t by) const noexcept;
    // Copies that nobody waits for leave half of the room to answers that are waited for.
    bool has_spare_room(std::size_t by) const noexcept;
    // What is held already may stay.
    void set_most(std::size_t most) noexcept { most_ = most; }

private:
    std::atomic<std::size_t> used_{0};
    std::atomic<std::size_t> most_{kMost};
};

}  // namespace x402::server
