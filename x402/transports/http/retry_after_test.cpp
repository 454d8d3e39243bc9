// SPDX-License-Identifier: Apache-2.0
// Retry-After: seconds, dates, and nonsense.
#include "x402/transports/http/retry_after.hpp"

#include <gtest/gtest.h>

namespace x402::transports {
namespace {

using namespace std::chrono_literals;

TEST(RetryAfter, Table) {
    const Instant now = from_unix_s(784111777);  // Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 5.6.7)
    struct Row {
        const char* name;
        const char* value;
        std::optional<Duration> want;
    };
    const Row rows[] = {
        {"seconds", "7", 7s},
        {"zero", "0", 0s},
        {"leading zeros", "0030", 30s},
        {"capped at a day", "999999999", 24h},
        {"absurd", "99999999999999999999", 24h},
        {"now", "Sun, 06 Nov 1994 08:49:37 GMT", 0s},
        {"later", "Sun, 06 Nov 1994 08:50:07 GMT", 30s},
        {"past", "Sun, 06 Nov 1994 08:00:00 GMT", 0s},
        {"far", "Sun, 06 Nov 2094 08:00:00 GMT", 24h},
        {"leap second", "Sun, 06 Nov 1994 08:49:60 GMT", 23s},
        {"empty", "", std::nullopt},
        {"negative", "-1", std::nullopt},
        {"fraction", "1.5", std::nullopt},
        {"unit", "5s", std::nullopt},
        {"no month", "Sun, 06 Nox 1994 08:49:37 GMT", std::nullopt},
        {"no such day", "Sun, 31 Feb 1994 08:49:37 GMT", std::nullopt},
        {"hour 24", "Sun, 06 Nov 1994 24:49:37 GMT", std::nullopt},
        {"other zone", "Sun, 06 Nov 1994 08:49:37 CET", std::nullopt},
        {"obsolete form", "Sunday, 06-Nov-94 08:49:37 GMT", std::nullopt},
        {"signs", "Sun, -6 Nov 1994 08:49:37 GMT", std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(parse_retry_after(row.value, now), row.want);
    }
}

}  // namespace
}  // namespace x402::transports
