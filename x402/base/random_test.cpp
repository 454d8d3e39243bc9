// SPDX-License-Identifier: Apache-2.0
// The kernel's randomness is there and different each time; the tests' repeats with its seed.
#include "x402/base/random.hpp"

#include <gtest/gtest.h>

#include <set>

#include "x402/base/hex.hpp"

namespace x402 {
namespace {

TEST(SystemRandom, FillsEverythingAndNeverTwiceTheSame) {
    const auto random = make_system_random();
    std::set<Hash32> seen;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(seen.insert(random->bytes<32>()).second);
    // Each place of a long buffer is written: the chance that one stays zero in ten fills is 2^-80 a place.
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
