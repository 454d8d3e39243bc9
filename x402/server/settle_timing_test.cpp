// SPDX-License-Identifier: Apache-2.0
#include "x402/server/settle_timing.hpp"

#include <gtest/gtest.h>

#include <string>

namespace x402::server {
namespace {

TEST(SettleTiming, WithoutConditionSuccessAndRedirectsArePaid) {
    const SettleTiming timing;
    for (const int status : {200, 204, 206, 301, 304, 399})
        EXPECT_TRUE(timing.pays(status)) << status;
    for (const int status : {400, 402, 404, 499, 500, 503})
        EXPECT_FALSE(timing.pays(status)) << status;
}

TEST(SettleTiming, BeforeDeliversAllButServerErrors) {
    const SettleTiming timing{SettleMoment::before, {}};
    EXPECT_TRUE(timing.delivers(200));
    EXPECT_TRUE(timing.delivers(404));
    EXPECT_FALSE(timing.delivers(500));
    EXPECT_EQ(timing.most_runs(), 3U);
}

TEST(ReadStatusTests, Holds) {
    struct Row {
        const char* text;
        int status;
        bool pays;
    };
    static constexpr Row rows[] = {
        {"status < 300", 299, true},
        {"status < 300", 300, false},
        {"status <= 300", 300, true},
        {"status > 199 and status < 300", 204, true},
        {"status >= 200 and status != 204", 204, false},
        {"status == 404", 404, true},
        {"status == 404", 200, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        const auto tests = read_status_tests(row.text);
        ASSERT_TRUE(tests.has_value());
        const SettleTiming timing{SettleMoment::after, *tests};
        EXPECT_EQ(timing.pays(row.status), row.pays);
    }
}

TEST(ReadStatusTests, Refuses) {
    for (const char* text :
         {"", "status", "status <", "status < 30", "status < 3000", "status < -30", "status ~ 300",
          "code < 300", "status < 300 or status > 400", "status < 300 and", "status < 3x0"}) {
        const auto tests = read_status_tests(text);
        ASSERT_FALSE(tests.has_value()) << text;
        EXPECT_EQ(tests.error().code, Errc::invalid);
        EXPECT_FALSE(tests.error().next.empty());
    }
}

}  // namespace
}  // namespace x402::server
