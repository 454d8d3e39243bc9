// SPDX-License-Identifier: Apache-2.0
#include "x402/client/fingerprint.hpp"

#include <gtest/gtest.h>

#include <set>

namespace x402::client {
namespace {

Hash32 of(std::string_view method, std::string_view url, std::string_view body = {}) {
    return fingerprint(method, *net::split_url(url), body);
}

TEST(Fingerprint, SameRequestSameHash) {
    EXPECT_EQ(of("GET", "https://API.example.com/a?b=1"),
              of("GET", "https://api.example.com:443/a?b=1"));
    EXPECT_EQ(of("GET", "https://api.example.com"), of("GET", "https://api.example.com/"));
}

TEST(Fingerprint, EveryPartCounts) {
    const std::set<Hash32> all = {
        of("GET", "https://a.example/x"), of("POST", "https://a.example/x"),
        of("GET", "https://a.example/y"), of("GET", "https://a.example/x?q=1"),
        of("GET", "http://a.example/x"),  of("GET", "https://a.example:8443/x"),
        of("GET", "https://b.example/x"), of("GET", "https://a.example/x", "body"),
        of("GET", "https://a.example/X"), of("GET", "https://a.example/x", "body2"),
    };
    EXPECT_EQ(all.size(), 10u);
}

TEST(Fingerprint, Row42QueriesAreNeverKept) {
    EXPECT_EQ(url_without_query(*net::split_url("https://a.example/x?token=s3cret")),
              "https://a.example/x");
    EXPECT_EQ(url_without_query(*net::split_url("https://a.example?token=s3cret")),
              "https://a.example/");
}

}  // namespace
}  // namespace x402::client
