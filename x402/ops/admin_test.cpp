// SPDX-License-Identifier: Apache-2.0
// What the admin listener says of what it does not serve.
#include "x402/ops/admin.hpp"

#include <gtest/gtest.h>

#include "x402/base/json.hpp"

namespace x402::ops {
namespace {

TEST(Admin, WhatIsNotServedIsRefusedWhole) {
    struct Row {
        const char* method;
        const char* target;
        int status;
        const char* code;
        const char* field;
        const char* allow;
    };
    static constexpr Row kRows[] = {
        {"GET", "/", 404, "route_unknown", "path", ""},
        {"GET", "/metric?x=1", 404, "route_unknown", "path", ""},
        {"POST", "/nothing", 404, "route_unknown", "path", ""},
        {"POST", "/metrics", 405, "malformed_request", "method", "GET, HEAD"},
        {"DELETE", "/health?x", 405, "malformed_request", "method", "GET, HEAD"},
    };
    const Metrics metrics;
    for (const Row& row : kRows) {
        SCOPED_TRACE(std::string(row.method) + " " + row.target);
        net::RequestHead head;
        head.method = row.method;
        head.target = row.target;
        EXPECT_FALSE(admin_answer(head, {metrics, {}, {}}));
        const net::Response response = admin_refusal(head);
        EXPECT_EQ(response.head.status, row.status);
        EXPECT_EQ(response.head.headers.get("Allow"), row.allow);
        EXPECT_EQ(response.head.headers.get("Cache-Control"), "no-store");
        const auto body = json::parse_object(response.body);
        ASSERT_TRUE(body);
        const auto error = json::get_object(*body, "error");
        ASSERT_TRUE(error);
        EXPECT_EQ(json::text_or_empty(*error, "code"), row.code);
        EXPECT_EQ(json::text_or_empty(*error, "field"), row.field);
        EXPECT_GT(json::text_or_empty(*error, "message").size(), 10U);
        EXPECT_GT(json::text_or_empty(*error, "next").size(), 10U);
        EXPECT_FALSE(json::get_bool(*error, "retryable").value_or(true));
    }
}

}  // namespace
}  // namespace x402::ops
