// SPDX-License-Identifier: Apache-2.0
// The kernel's generator for everything real, and a counter under a mixing function (splitmix64)
// for tests, which repeat with their seed. Nonces of up to 16 bytes are needed for every answer, so
// each thread draws some ahead, in a page that the kernel empties in the child of a fork and leaves
// out of core dumps, and wipes what it gives away. What may be a key is longer and always comes
// straight from the kernel. Any thread.
#include "x402/base/random.hpp"

#include <sys/mman.h>
#include <sys/random.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "x402/base/check.hpp"

namespace x402 {

namespace {

constexpr std::size_t kNonceBytes = 16;
// getrandom(2) gives up to 256 bytes whole; more ahead would save little and lie about longer.
constexpr std::size_t kAheadBytes = 256;
constexpr std::size_t kPageBytes = 4096;

void draw(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const ssize_t got = ::getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        // Without randomness no key, nonce or quote is safe: stopping is the only honest answer.
        X402_CHECK(got > 0);
        out = out.subspan(static_cast<std::size_t>(got));
    }
}

// Random bytes drawn ahead by one thread. How many are left stands in the same page as they do: a
// child of fork(2) finds the page zeroed, so nothing left, and draws its own.
class Ahead {
public:
    Ahead() noexcept {
        void* page =
            ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return;
        if (::madvise(page, kPageBytes, MADV_WIPEONFORK) != 0 ||
            ::madvise(page, kPageBytes, MADV_DONTDUMP) != 0) {
            ::munmap(page, kPageBytes);
            return;
        }
        page_ = static_cast<Page*>(page);
    }
    Ahead(const Ahead&) = delete;
    Ahead& operator=(const Ahead&) = delete;
    ~Ahead() {
        if (!page_) return;
        ::explicit_bzero(page_, sizeof *page_);
        ::munmap(page_, kPageBytes);
        page_ = nullptr;
    }

    // False where the kernel offers no such page: then nothing is drawn ahead.
    bool take(std::span<std::uint8_t> out) {
        if (!page_) return false;
        if (page_->left < out.size()) {
            draw(page_->bytes);
            page_->left = kAheadBytes;
        }
        std::uint8_t* from = page_->bytes + (kAheadBytes - page_->left);
        page_->left -= out.size();
        std::memcpy(out.data(), from, out.size());
        ::explicit_bzero(from, out.size());
        return true;
    }

private:
    struct Page {
        std::size_t left;
        std::uint8_t bytes[kAheadBytes];
    };
    static_assert(sizeof(Page) <= kPageBytes);
    Page* page_ = nullptr;
};

class SystemRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override {
        thread_local Ahead ahead;
        if (out.empty()) return;
        if (out.size() > kNonceBytes || !ahead.take(out)) draw(out);
    }
};

class TestRandom final : public Random {
public:
    explicit TestRandom(std::uint64_t seed) : state_(seed) {}

    void fill(std::span<std::uint8_t> out) override {
        while (!out.empty()) {
            const std::uint64_t word = next();
            const std::size_t count = std::min(out.size(), sizeof(word));
            for (std::size_t i = 0; i < count; ++i)
                out[i] = static_cast<std::uint8_t>(word >> (8 * i));
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

std::unique_ptr<Random> make_system_random() {
    return std::make_unique<SystemRandom>();
}

std::unique_ptr<Random> make_test_random(std::uint64_t seed) {
    return std::make_unique<TestRandom>(seed);
}

}  // namespace x402
