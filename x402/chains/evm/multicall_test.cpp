// SPDX-License-Identifier: Apache-2.0
// Answers of Multicall3 are outside input: each must stand for itself.
#include <gtest/gtest.h>

#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/multicall.hpp"

namespace x402::evm {
namespace {

Bytes tuple_of(std::size_t data_bytes) {
    return AbiWriter().boolean(true).bytes(Bytes(data_bytes, 7)).finish();
}

// The array of `count` answers whose offsets all point at the same tuple.
Bytes overlapping(std::size_t count, std::size_t data_bytes) {
    Bytes array = to_bytes(word_of(U256(count)).view());
    for (std::size_t i = 0; i < count; ++i) append(array, word_of(U256(count * 32)).view());
    append(array, tuple_of(data_bytes));
    return AbiWriter().dynamic(std::move(array)).finish();
}

Bytes beside(std::size_t count, std::size_t data_bytes) {
    AbiWriter tuples;
    for (std::size_t i = 0; i < count; ++i) tuples.dynamic(tuple_of(data_bytes));
    Bytes array = to_bytes(word_of(U256(count)).view());
    append(array, tuples.finish());
    return AbiWriter().dynamic(std::move(array)).finish();
}

TEST(DecodeAggregate, AnswersBesideEachOther) {
    const auto got = decode_aggregate(beside(3, 100), 3);
    ASSERT_TRUE(got) << to_string(got.error());
    ASSERT_EQ(got->size(), 3U);
    EXPECT_EQ((*got)[2].data, Bytes(100, 7));
    EXPECT_FALSE(decode_aggregate(beside(3, 100), 2));
    EXPECT_FALSE(decode_aggregate(beside(3, 100), 4));
}

// A hundred answers of one and the same 100 kB would otherwise be 10 MB of ours.
TEST(DecodeAggregate, AnswersThatOverlapAreRefused) {
    EXPECT_TRUE(decode_aggregate(overlapping(1, 100'000), 1));
    const auto got = decode_aggregate(overlapping(100, 100'000), 100);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::bad_peer);
}

}  // namespace
}  // namespace x402::evm
