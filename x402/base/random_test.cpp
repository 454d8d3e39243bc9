// SPDX-License-Identifier: Apache-2.0
// The kernel's randomness is there and different each time; the tests' repeats with its seed.
#include "x402/base/random.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "x402/base/hex.hpp"

namespace x402 {
namespace {

TEST(SystemRandom, FillsEverythingAndNeverTwiceTheSame) {
    const auto random = make_system_random();
    std::set<Hash32> seen;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(seen.insert(random->bytes<32>()).second);
    // Each place of a long buffer is written: the chance that one stays zero in ten fills is 2^-80
    // a place.
    Bytes touched(1'000'003);
    for (int i = 0; i < 10; ++i) {
        Bytes bytes(touched.size());
        random->fill(bytes);
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            touched[at] = static_cast<std::uint8_t>(touched[at] | bytes[at]);
        }
    }
    EXPECT_EQ(std::count(touched.begin(), touched.end(), 0), 0);
    random->fill({});
}

TEST(SystemRandom, ShortDrawsOfEverySizeNeverRepeat) {
    const auto random = make_system_random();
    std::set<FixedBytes<16>> seen;
    std::array<std::uint8_t, 16> touched{};
    for (int i = 0; i < 5000; ++i) {
        const auto bytes = random->bytes<16>();
        EXPECT_TRUE(seen.insert(bytes).second);
        // Sizes between: the bytes drawn ahead end at another place each time, and none is given
        // twice.
        std::array<std::uint8_t, 16> odd{};
        random->fill(std::span(odd).first(static_cast<std::size_t>(i) % 17));
        for (std::size_t at = 0; at < odd.size(); ++at)
            touched[at] = static_cast<std::uint8_t>(touched[at] | odd[at]);
        for (std::size_t at = static_cast<std::size_t>(i) % 17; at < odd.size(); ++at)
            EXPECT_EQ(odd[at], 0);
    }
    EXPECT_EQ(std::count(touched.begin(), touched.end(), 0xff), 16);
}

// A child that went on with what its parent drew ahead would give the parent's next nonces.
TEST(SystemRandom, AChildOfForkDrawsItsOwn) {
    const auto random = make_system_random();
    for (int round = 0; round < 20; ++round) {
        random->bytes<8>();  // now bytes lie ahead, at whatever place
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            const auto mine = random->bytes<16>();
            const bool told = ::write(ends[1], mine.data.data(), mine.size()) == 16;
            ::_exit(told ? 0 : 1);
        }
        FixedBytes<16> theirs;
        EXPECT_EQ(::read(ends[0], theirs.data.data(), theirs.size()), 16);
        int status = -1;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
        ::close(ends[0]);
        ::close(ends[1]);
        EXPECT_NE(theirs, random->bytes<16>()) << round;
        EXPECT_FALSE(theirs.is_zero()) << "an emptied page must not be given away";
    }
}

TEST(SystemRandom, ThreadsShareNothing) {
    const auto random = make_system_random();
    std::array<std::vector<FixedBytes<16>>, 4> drawn;
    std::vector<std::thread> threads;
    for (auto& mine : drawn) {
        threads.emplace_back([&random, &mine] {
            for (int i = 0; i < 1000; ++i) mine.push_back(random->bytes<16>());
        });
    }
    for (std::thread& thread : threads) thread.join();
    std::set<FixedBytes<16>> seen;
    for (const auto& mine : drawn) {
        for (const auto& bytes : mine) EXPECT_TRUE(seen.insert(bytes).second);
    }
}

TEST(TestRandom, RepeatsWithItsSeed) {
    const auto one = make_test_random(0);
    // The published first outputs of splitmix64 for seed 0, little endian.
    EXPECT_EQ(to_hex(one->bytes<16>().view()), "afcd1d7b39a820e2f465b9a16a9e786e");
    const auto first = make_test_random(7)->bytes<32>();
    const auto again = make_test_random(7)->bytes<32>();
    const auto other = make_test_random(8)->bytes<32>();
    EXPECT_EQ(first, again);
    EXPECT_NE(first, other);
}

}  // namespace
}  // namespace x402
