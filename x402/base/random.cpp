// SPDX-License-Identifier: Apache-2.0
// The kernel's generator for everything real, and a counter under a mixing function (splitmix64) for tests,
// which repeat with their seed. Any thread.
#include "x402/base/random.hpp"

#include <sys/random.h>

#include <atomic>
#include <cerrno>

#include "x402/base/check.hpp"

namespace x402 {

namespace {

class SystemRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override {
        while (!out.empty()) {
            const ssize_t got = ::getrandom(out.data(), out.size(), 0);
            if (got < 0 && errno == EINTR) continue;
            // Without randomness no key, nonce or quote is safe: stopping is the only honest answer.
            X402_CHECK(got > 0);
            out = out.subspan(static_cast<std::size_t>(got));
        }
    }
};

class TestRandom final : public Random {
public:
    explicit TestRandom(std::uint64_t seed) : state_(seed) {}

    void fill(std::span<std::uint8_t> out) override {
        while (!out.empty()) {
            const std::uint64_t word = next();
            const std::size_t count = std::min(out.size(), sizeof(word));
            for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(word >> (8 * i));
            out = out.subspan(count);
        }
    }

private:
    std::uint64_t next() noexcept {
        constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = state_.fetch_add(kStep) + kStep;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }

    std::atomic<std::uint64_t> state_;
};

}  // namespace

std::unique_ptr<Random> make_system_random() { return std::make_unique<SystemRandom>(); }

std::unique_ptr<Random> make_test_random(std::uint64_t seed) { return std::make_unique<TestRandom>(seed); }

}  // namespace x402
