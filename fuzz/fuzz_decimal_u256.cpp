// SPDX-License-Identifier: Apache-2.0
// Numbers: the text of an amount is unique, arithmetic keeps its laws, and a price converts there
// and back.
#include "x402/base/check.hpp"
#include "x402/base/decimal.hpp"

namespace {

using x402::Rounding;
using x402::U256;

void check_texts(std::string_view text) {
    if (const auto value = U256::from_decimal(text)) X402_CHECK(value->to_decimal() == text);
    if (const auto value = U256::from_hex(text))
        X402_CHECK(*U256::from_hex(value->to_quantity()) == *value);
}

void check_price(std::string_view text, std::uint8_t decimals) {
    const auto price = x402::parse_decimal(text);
    if (!price) return;
    const auto down = x402::to_atomic(*price, decimals, Rounding::down);
    const auto up = x402::to_atomic(*price, decimals, Rounding::up);
    const auto exact = x402::to_atomic(*price, decimals, Rounding::exact);
    X402_CHECK(down.has_value() == up.has_value());
    if (!down) return;
    X402_CHECK(exact.has_value() == (*down == *up));
    X402_CHECK(exact || up->checked_sub(*down) == U256{1});
    if (!exact || decimals > 36) return;
    const auto again = x402::parse_decimal(x402::from_atomic(*exact, decimals));
    X402_CHECK(again && *x402::to_atomic(*again, decimals, Rounding::exact) == *exact);
}

void check_arithmetic(const U256& a, const U256& b) {
    const auto sum = a.checked_add(b);
    X402_CHECK(sum.has_value() == (b <= *U256::max().checked_sub(a)));
    if (sum) X402_CHECK(*sum->checked_sub(b) == a);
    X402_CHECK(a.checked_sub(b).has_value() == (a >= b));
    const auto product = a.checked_mul(b);
    if (product && !b.is_zero()) X402_CHECK(product->divide(b).quotient == a);
    if (b.is_zero()) return;
    const auto parts = a.divide(b);
    X402_CHECK(parts.remainder < b);
    X402_CHECK(parts.quotient.checked_mul(b)->checked_add(parts.remainder) == a);
    X402_CHECK(product.has_value() == (a <= U256::max().divide(b).quotient));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    check_texts(text);
    check_price(text, data[0]);
    if (size > 64) return 0;
    const x402::ByteView bytes(data, size);
    check_arithmetic(*U256::from_be(bytes.first(size / 2)),
                     *U256::from_be(bytes.subspan(size - size / 2)));
    return 0;
}
