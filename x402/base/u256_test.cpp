// SPDX-License-Identifier: Apache-2.0
// 256-bit arithmetic against an independent implementation (Boost.Multiprecision), at the borders
// and at random.
#include "x402/base/u256.hpp"

#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_int.hpp>

#include "x402/base/hex.hpp"
#include "x402/base/random.hpp"

namespace x402 {
namespace {

using Big = boost::multiprecision::cpp_int;

constexpr std::string_view kMaxText =
    "115792089237316195423570985008687907853269984665640564039457584007913129639935";

Big big(const U256& value) {
    return Big("0x" + to_hex(value.to_be().view()));
}

std::string text(const Big& value) {
    return value.str();
}

const Big& limit() {
    static const Big value = Big(1) << 256;
    return value;
}

// Numbers where carries and borrows happen, and others of every width.
std::vector<U256> samples() {
    std::vector<U256> out{0, 1, 2, 9, 10, ~0ULL, U256::max()};
    for (int bit = 0; bit < 256; bit += 31) {
        Bytes word(32);
        word[static_cast<std::size_t>(31 - bit / 8)] = static_cast<std::uint8_t>(1U << (bit % 8));
        out.push_back(*U256::from_be(word));
        out.push_back(out.back().saturating_sub(1));
    }
    const auto random = make_test_random(3);
    for (std::size_t size = 1; size <= 32; ++size) {
        Bytes bytes(size);
        random->fill(bytes);
        out.push_back(*U256::from_be(bytes));
    }
    return out;
}

TEST(U256, ArithmeticAgreesWithAnotherImplementation) {
    const auto numbers = samples();
    for (const U256& a : numbers) {
        for (const U256& b : numbers) {
            SCOPED_TRACE(a.to_decimal() + " and " + b.to_decimal());
            const Big x = big(a);
            const Big y = big(b);
            const auto sum = a.checked_add(b);
            ASSERT_EQ(sum.has_value(), x + y < limit());
            if (sum) {
                EXPECT_EQ(big(*sum), x + y);
            }
            EXPECT_EQ(big(a.saturating_add(b)), std::min<Big>(x + y, limit() - 1));
            const auto difference = a.checked_sub(b);
            ASSERT_EQ(difference.has_value(), x >= y);
            if (difference) {
                EXPECT_EQ(big(*difference), x - y);
            }
            EXPECT_EQ(big(a.saturating_sub(b)), x >= y ? Big(x - y) : Big(0));
            const auto product = a.checked_mul(b);
            ASSERT_EQ(product.has_value(), x * y < limit());
            if (product) {
                EXPECT_EQ(big(*product), x * y);
            }
            EXPECT_EQ(big(a.saturating_mul(b)), std::min<Big>(x * y, limit() - 1));
            EXPECT_EQ(a < b, x < y);
            EXPECT_EQ(a == b, x == y);
            if (b.is_zero()) continue;
            const auto parts = a.divide(b);
            EXPECT_EQ(big(parts.quotient), x / y);
            EXPECT_EQ(big(parts.remainder), x % y);
        }
    }
}

TEST(U256, TextRoundTripsAndAgrees) {
    for (const U256& a : samples()) {
        EXPECT_EQ(a.to_decimal(), text(big(a)));
        EXPECT_EQ(*U256::from_decimal(a.to_decimal()), a);
        EXPECT_EQ(*U256::from_hex(a.to_quantity()), a);
        EXPECT_EQ(*U256::from_hex(to_hex0x(a.to_be().view())), a);
        EXPECT_EQ(*U256::from_be(a.to_be().view()), a);
        const int width = a.is_zero() ? 0 : static_cast<int>(msb(big(a))) + 1;
        EXPECT_EQ(a.bit_width(), width);
        EXPECT_EQ(a.to_u64().has_value(), width <= 64);
    }
    EXPECT_EQ(U256{}.to_quantity(), "0x0");
    EXPECT_EQ(U256{31}.to_quantity(), "0x1f");
    EXPECT_EQ(U256{256}.to_quantity(), "0x100");
    EXPECT_EQ(U256::max().to_decimal(), kMaxText);
}

// Attack 28: amounts are decimal digits and nothing else.
TEST(U256FromDecimal, Table) {
    struct Row {
        const char* name;
        std::string_view text;
        std::optional<std::string_view> want;
    };
    static constexpr Row rows[] = {
        {"zero", "0", "0"},
        {"one chunk", "9999999999999999999", "9999999999999999999"},
        {"two chunks", "10000000000000000000", "10000000000000000000"},
        {"largest", kMaxText, kMaxText},
        {"2^256", "115792089237316195423570985008687907853269984665640564039457584007913129639936",
         std::nullopt},
        {"78 nines",
         "999999999999999999999999999999999999999999999999999999999999999999999999999999",
         std::nullopt},
        {"79 digits",
         "1157920892373161954235709850086879078532699846656405640394575840079131296399350",
         std::nullopt},
        {"79 zeros",
         "0000000000000000000000000000000000000000000000000000000000000000000000000000000",
         std::nullopt},
        {"empty", "", std::nullopt},
        {"leading zero", "01", std::nullopt},
        {"two zeros", "00", std::nullopt},
        {"minus", "-1", std::nullopt},
        {"plus", "+1", std::nullopt},
        {"exponent", "1e3", std::nullopt},
        {"hex", "0x10", std::nullopt},
        {"dot", "0.02", std::nullopt},
        {"space before", " 1", std::nullopt},
        {"space after", "1 ", std::nullopt},
        {"newline", "1\n", std::nullopt},
        {"comma", "1,000", std::nullopt},
        {"underscore", "1_000", std::nullopt},
        {"nul", std::string_view("1\0", 2), std::nullopt},
        {"arabic digit", "\xd9\xa1", std::nullopt},
        {"full width digit", "\xef\xbc\x91", std::nullopt},
        {"after 9", "1:", std::nullopt},
        {"before 0", "1/", std::nullopt},
        {"bad digit in the second chunk", "1234567890123456789x", std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = U256::from_decimal(row.text);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (got) {
            EXPECT_EQ(got->to_decimal(), *row.want);
        } else {
            EXPECT_EQ(got.error().code, Errc::invalid);
        }
    }
}

TEST(U256FromHex, Table) {
    const std::string full(64, 'f');
    struct Row {
        const char* name;
        std::string text;
        std::optional<U256> want;
    };
    const Row rows[] = {
        {"zero", "0x0", 0},
        {"odd", "0xfff", 4095},
        {"padded", "0x" + std::string(63, '0') + "1", 1},
        {"upper", "0xAB", 171},
        {"largest", "0x" + full, U256::max()},
        {"65 digits", "0x0" + full, std::nullopt},
        {"only prefix", "0x", std::nullopt},
        {"no prefix", "10", std::nullopt},
        {"capital prefix", "0X10", std::nullopt},
        {"empty", "", std::nullopt},
        {"bad digit", "0x1g", std::nullopt},
        {"sign", "0x-1", std::nullopt},
        {"sign before", "-0x1", std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = U256::from_hex(row.text);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (got) {
            EXPECT_EQ(*got, *row.want);
        }
    }
}

TEST(U256FromBe, TakesUpTo32Bytes) {
    EXPECT_EQ(*U256::from_be({}), U256{});
    EXPECT_EQ(*U256::from_be(Bytes{1, 0}), U256{256});
    EXPECT_EQ(*U256::from_be(Bytes(32, 255)), U256::max());
    EXPECT_FALSE(U256::from_be(Bytes(33)));
}

TEST(U256DeathTest, DivisionByZeroStops) {
    EXPECT_DEATH((void)U256{1}.divide(0), "is_zero");
}

}  // namespace
}  // namespace x402
