// SPDX-License-Identifier: Apache-2.0
// Errors as values: every code has its name and its word on retrying, the macros leave with the
// error and only then, and a strong type is not its neighbour.
#include "x402/base/result.hpp"

#include <gtest/gtest.h>

#include <set>
#include <unordered_set>

#include "x402/base/strong.hpp"

namespace x402 {
namespace {

using Left = Strong<struct LeftTag, int>;
using Right = Strong<struct RightTag, int>;
static_assert(!std::is_convertible_v<Left, Right> && !std::is_convertible_v<int, Left>);

Result<int> half(int value) {
    if (value % 2 != 0) return fail_field(Errc::conflict, "value", "odd", "send an even one");
    return value / 2;
}

Result<void> even(int value) {
    X402_TRY_VOID(half(value));
    return {};
}

Result<std::string> quarter(int value, int& steps) {
    X402_TRY(const int once, half(value));
    ++steps;
    X402_TRY(const int twice, half(once));
    ++steps;
    X402_TRY_VOID(even(twice));
    ++steps;
    return std::to_string(twice);
}

TEST(Result, TheMacrosLeaveWithTheErrorAndOnlyThen) {
    struct Row {
        int value;
        int steps;
        bool good;
    };
    static constexpr Row rows[] = {{8, 3, true}, {4, 2, false}, {2, 1, false}, {1, 0, false}};
    for (const Row& row : rows) {
        int steps = 0;
        const auto got = quarter(row.value, steps);
        EXPECT_EQ(got.has_value(), row.good) << row.value;
        EXPECT_EQ(steps, row.steps) << row.value;
        if (!got) {
            EXPECT_EQ(got.error().field, "value");
        }
    }
}

TEST(Error, SaysEverythingItKnows) {
    const auto got = half(3);
    EXPECT_EQ(to_string(got.error()), "conflict: odd (field value); next: send an even one");
    EXPECT_EQ(to_string(Error{Errc::timeout, {}, {}, {}, true}), "timeout");
}

TEST(Errc, EveryCodeHasAName) {
    std::set<std::string_view> names;
    int retryable = 0;
#define X402_TEST_CODE(name, retry)                          \
    EXPECT_TRUE(names.insert(to_string(Errc::name)).second); \
    EXPECT_EQ(to_string(Errc::name), #name);                 \
    EXPECT_EQ(is_retryable(Errc::name), retry);              \
    EXPECT_EQ(fail(Errc::name).error().retryable, retry);    \
    retryable += retry ? 1 : 0;
    X402_ERRC_TABLE(X402_TEST_CODE)
#undef X402_TEST_CODE
    EXPECT_GT(retryable, 0);
    // What the input did wrong stays wrong.
    EXPECT_FALSE(is_retryable(Errc::invalid));
    EXPECT_TRUE(is_retryable(Errc::unavailable));
}

TEST(Strong, ComparesAndHashes) {
    EXPECT_LT(Left(1), Left(2));
    EXPECT_EQ(Left(1), Left(1));
    EXPECT_EQ((std::unordered_set<Left>{Left(1), Left(1), Left(2)}.size()), 2U);
    EXPECT_EQ(Left().value(), 0);
}

}  // namespace
}  // namespace x402
