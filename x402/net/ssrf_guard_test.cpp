// SPDX-License-Identifier: Apache-2.0
// Attack 34: addresses that a request on behalf of a stranger must not reach, in all their forms;
// and URLs.
#include "x402/net/ssrf_guard.hpp"

#include <gtest/gtest.h>

namespace x402::net {
namespace {

TEST(Attack34, PrivateAddressesAreNotPublic) {
    for (const char* address : {"127.0.0.1",
                                "127.255.255.255",
                                "0.0.0.0",
                                "10.0.0.1",
                                "100.64.0.1",
                                "100.100.100.200",
                                "169.254.169.254",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.168.1.1",
                                "192.0.0.1",
                                "192.0.2.1",
                                "192.88.99.1",
                                "198.18.0.1",
                                "198.19.255.255",
                                "198.51.100.1",
                                "203.0.113.1",
                                "224.0.0.1",
                                "239.1.1.1",
                                "240.0.0.1",
                                "255.255.255.255",
                                "168.63.129.16",
                                "::",
                                "::1",
                                "::ffff:127.0.0.1",
                                "::ffff:10.0.0.1",
                                "::ffff:a9fe:a9fe",
                                "::127.0.0.1",
                                "64:ff9b::127.0.0.1",
                                "64:ff9b::a9fe:a9fe",
                                "64:ff9b:1::1",
                                "100::1",
                                "2001::1",
                                "2001:db8::1",
                                "2002:7f00:1::",
                                "2002:a9fe:a9fe::1",
                                "3fff::1",
                                "fc00::1",
                                "fd00:ec2::254",
                                "fe80::1",
                                "febf::1",
                                "fec0::1",
                                "ff02::1",
                                "5f00::1",
                                "::ffff:0:127.0.0.1"}) {
        EXPECT_FALSE(is_public_address(address)) << address;
    }
}

TEST(Attack34, WhatIsNoAddressIsNotPublic) {
    for (const char* text :
         {"", "localhost", "1", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "8.8.8.8 ",
          "8.8.8.8.8", "[2606:4700::1]", "fe80::1%eth0", "8.8.8.8\n"}) {
        EXPECT_FALSE(is_public_address(text)) << text;
    }
}

TEST(PublicAddress, PublicOnesAre) {
    for (const char* address :
         {"8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
          "192.167.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "11.0.0.1",
          "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
          "2002:808:808::1", "2001:4860:4860::8888"}) {
        EXPECT_TRUE(is_public_address(address)) << address;
    }
}

TEST(LoopbackHost, Table) {
    for (const char* host : {"localhost", "LOCALHOST", "localhost.", "api.localhost", "127.0.0.1",
                             "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"}) {
        EXPECT_TRUE(is_loopback_host(host)) << host;
    }
    for (const char* host :
         {"", "example.com", "localhost.example.com", "notlocalhost", ".localhost", "128.0.0.1",
          "10.0.0.1", "::2", "127.0.0.1.example.com", "2130706433"}) {
        EXPECT_FALSE(is_loopback_host(host)) << host;
    }
}

TEST(SplitUrl, Accepts) {
    struct Row {
        const char* url;
        const char* host;
        const char* port;
        const char* target;
        const char* origin;
    };
    for (const Row& row : {
             Row{"http://a.example", "a.example", "80", "/", "http://a.example"},
             Row{"HTTPS://API.Example/P?q=1#frag", "api.example", "443", "/P?q=1",
                 "https://api.example"},
             Row{"https://a:443/", "a", "443", "/", "https://a"},
             Row{"https://a:8443?x", "a", "8443", "/?x", "https://a:8443"},
             Row{"http://[::1]:81/x%2Fy", "::1", "81", "/x%2Fy", "http://[::1]:81"},
             Row{"http://10.0.0.1:080/", "10.0.0.1", "80", "/", "http://10.0.0.1"},
             Row{"http://a:/", "a", "80", "/", "http://a"},
         }) {
        SCOPED_TRACE(row.url);
        const auto parts = split_url(row.url);
        ASSERT_TRUE(parts) << parts.error().detail;
        EXPECT_EQ(parts->host, row.host);
        EXPECT_EQ(parts->port, row.port);
        EXPECT_EQ(parts->target, row.target);
        EXPECT_EQ(parts->origin(), row.origin);
    }
}

TEST(SplitUrl, Refuses) {
    for (const std::string& url : std::vector<std::string>{"",
                                                           "a.example",
                                                           "/path",
                                                           "ftp://a/",
                                                           "file:///etc/passwd",
                                                           "gopher://a/",
                                                           "http://",
                                                           "http:///p",
                                                           "http:a",
                                                           "http://u@a/",
                                                           "http://u:p@a/",
                                                           "http://a:0/",
                                                           "http://a:70000/",
                                                           "http://a:8a/",
                                                           "http://a:1:2/",
                                                           "http://[::1]x/",
                                                           "http://1.2.3.4.5/",
                                                           "http://127.0.0.1x/",
                                                           "http://a:80\\@b/",
                                                           "http://a b/",
                                                           "http://a/b c",
                                                           "http://a/\r\nX: y",
                                                           "http://caf\xc3\xa9.example/",
                                                           "http://%61.example/",
                                                           "http://a,b/",
                                                           "http://[::1",
                                                           "http://[fe80::1%25eth0]/",
                                                           "javascript:alert(1)",
                                                           "http://a/" + std::string(9000, 'x')}) {
        const auto parts = split_url(url);
        ASSERT_FALSE(parts) << url;
        EXPECT_EQ(parts.error().code, Errc::invalid);
        EXPECT_EQ(parts.error().field, "url");
    }
}

}  // namespace
}  // namespace x402::net
