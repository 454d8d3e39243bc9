// SPDX-License-Identifier: Apache-2.0
#include "x402/client/host_rules.hpp"

#include <gtest/gtest.h>

#include "x402/client/exchange.hpp"

namespace x402::client {
namespace {

net::UrlParts url(std::string_view text) {
    return *net::split_url(text);
}

TEST(HostRules, Row34OnlyATypedLoopbackIsNotGuarded) {
    struct Row {
        const char* name;
        const char* target;
        const char* typed;
        bool loopback;
        bool guarded;
    };
    const Row rows[] = {
        {"typed loopback", "http://127.0.0.1:4021/", "127.0.0.1", true, false},
        {"typed name", "http://localhost/", "localhost", true, false},
        {"loopback behind a redirect", "http://127.0.0.1/", "api.example.com", true, true},
        {"other loopback than typed", "http://127.0.0.2/", "127.0.0.1", true, true},
        {"loopback in a library", "http://127.0.0.1/", "127.0.0.1", false, true},
        {"metadata", "http://169.254.169.254/", "169.254.169.254", true, true},
        {"private", "http://192.168.1.5/", "192.168.1.5", true, true},
        {"a public name", "https://api.example.com/", "api.example.com", true, true},
        {"allowed", "http://printer.lan/", "printer.lan", false, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Policy policy;
        policy.allow_loopback = row.loopback;
        policy.allow_hosts = {"Printer.LAN"};
        EXPECT_EQ(must_guard(policy, url(row.target), row.typed), row.guarded);
    }
}

TEST(HostRules, Row31WhoMayBePaid) {
    struct Row {
        const char* name;
        const char* target;
        const char* code;
    };
    const Row rows[] = {
        {"paid before", "https://api.example.com/", ""},
        {"new", "https://other.example.com/", ""},
        {"zero for o", "https://api.examp1e.com/", "lookalike_host"},
        {"rn for m", "https://api.exarnple.com/", "lookalike_host"},
        {"separators", "https://api-example.com/", "lookalike_host"},
        {"plain http", "http://shop.example/", "insecure_transport"},
        {"plain http, loopback", "http://127.0.0.1:4021/", ""},
        {"zero for o, over plain http too", "http://api.examp1e.com/", "lookalike_host"},
        {"a name for loopback", "http://shop.localhost:4021/", ""},
        {"one that only looks like it", "http://sh0p.localhost:4021/", "lookalike_host"},
        {"another loopback address", "http://127.0.0.2:4021/", ""},
        {"named", "https://api.example.c0m/", ""},
    };
    Policy policy;
    policy.allow_hosts = {"api.example.c0m"};
    const std::vector<std::string> paid = {"api.example.com", "127.0.0.1", "shop.localhost"};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto refusal = cannot_pay_host(policy, url(row.target), paid);
        EXPECT_EQ(refusal ? refusal->code : std::string{}, row.code);
    }
}

TEST(Exchange, Locations) {
    struct Row {
        const char* name;
        const char* location;
        const char* want;
    };
    const Row rows[] = {
        {"absolute", "https://b.example/x?y#z", "https://b.example/x?y"},
        {"other scheme", "http://a.example/", "http://a.example/"},
        {"no scheme", "//b.example/x", "https://b.example/x"},
        {"path", "/x", "https://a.example/x"},
        {"relative", "x", "https://a.example/one/x"},
        {"dots", "../x/./y", "https://a.example/x/y"},
        {"dots beyond the root", "../../../x", "https://a.example/x"},
        {"query alone", "?b=2", "https://a.example/one/two?b=2"},
        {"a URL in a query", "/x?to=https://b.example/",
         "https://a.example/x?to=https://b.example/"},
        {"script", "javascript:alert(1)", "https://a.example/one/javascript:alert(1)"},
        {"a file", "file:///etc/passwd", ""},
        {"user info", "https://user@b.example/", ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = resolve_location(url("https://a.example/one/two?q=1"), row.location);
        EXPECT_EQ(got ? got->origin() + got->target : std::string{}, row.want);
    }
}

}  // namespace
}  // namespace x402::client
