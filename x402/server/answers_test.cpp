// SPDX-License-Identifier: Apache-2.0
#include "x402/server/answers.hpp"

#include <gtest/gtest.h>

namespace x402::server {
namespace {

net::Headers headers(std::initializer_list<std::pair<const char*, const char*>> list) {
    net::Headers out;
    for (const auto& [name, value] : list) out.add(name, value);
    return out;
}

// attacks.md 25, 26
TEST(UpstreamRequest, StripsWhatTheUpstreamMustNotSee) {
    net::RequestHead request;
    request.method = "GET";
    request.target = "/%61?x=1";
    request.headers = headers({{"Host", "evil.example"},
                               {"PAYMENT-SIGNATURE", "secret"},
                               {"payment_signature", "secret"},
                               {"X-PAYMENT", "secret"},
                               {"SIGN-IN-WITH-X", "secret"},
                               {"X402-Payer", "forged"},
                               {"X_402_Payer", "forged"},
                               {"X-402-Payer", "forged"},
                               {"Settlement-Overrides", "{}"},
                               {"X-HTTP-Method-Override", "DELETE"},
                               {"X_HTTP_Method_Override", "DELETE"},
                               {"X-HTTP-Method", "PUT"},
                               {"X-Method-Override", "PUT"},
                               {"X-Original-URL", "/admin"},
                               {"X-Rewrite-URL", "/admin"},
                               {"X-Forwarded-For", "1.2.3.4"},
                               {"X-Forwarded-Host", "evil.example"},
                               {"X-Forwarded-Proto", "gopher"},
                               {"Forwarded", "for=1.2.3.4"},
                               {"Connection", "keep-alive, X-Secret-Hop, X-Forwarded-For"},
                               {"X-Secret-Hop", "1"},
                               {"Expect", "100-continue"},
                               {"Authorization", "Bearer theirs"},
                               {"Accept", "application/json"}});
    const auto path = read_target(request.target);
    ASSERT_TRUE(path.has_value());
    const net::RequestHead out =
        upstream_request(request, *path, {"127.0.0.1:50122", "api.example.com", "https"});
    EXPECT_EQ(out.target, "/a?x=1");
    std::string names;
    for (const net::Header& each : out.headers.list()) names += each.name + "=" + each.value + "\n";
    EXPECT_EQ(names,
              "Authorization=Bearer theirs\n"
              "Accept=application/json\n"
              "X-Forwarded-For=127.0.0.1\n"
              "X-Forwarded-Host=api.example.com\n"
              "X-Forwarded-Proto=https\n");
}

// One header each, beside one that stays: frameworks behind us know every one of these names, and
// those of the CGI kind cannot tell '_' from '-'.
TEST(UpstreamRequest, NoNameTalksTheUpstreamIntoAnotherRequest) {
    static constexpr const char* kNames[] = {
        "X-HTTP-Method-Override", "x_http_method_override", "X-HTTP-Method", "X_HTTP_METHOD",
        "X-Method-Override", "X-Original-Method", "X-Forwarded-Method", "X-Original-URL",
        "X_Original_URL", "X-Original-URI", "X-Original-Host", "X-Original-Path", "X-Rewrite-URL",
        "X-Rewrite-Path", "X-Override-URL", "X-Forwarded-Path", "X-Forwarded-Uri",
        "X-Forwarded-Prefix", "X_Forwarded_Prefix", "X-Forwarded-Server", "X-Forwarded-Scheme",
        "X-Forwarded-Ssl", "X-Envoy-Original-Path", "X-Envoy-Original-Method", "X-Host",
        "X-HTTP-Host-Override", "X-Waws-Unencoded-URL", "Front-End-Https", "X-Url-Scheme",
        // of this hop, in a spelling that is not looked for when a head is read
        "Transfer_Encoding", "transfer_encoding", "Keep_Alive", "Proxy_Connection",
        "Proxy_Authorization",
        // replaced by ours, or said by the framing
        "Host", "Content-Length", "content_length", "Content_Length", "Expect", "X-Real-IP", "Via",
        // of this hop
        "Connection", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Keep-Alive",
        "Proxy-Authorization", "Proxy-Connection", "HTTP2-Settings"};
    const auto path = read_target("/a");
    ASSERT_TRUE(path.has_value());
    for (const char* name : kNames) {
        SCOPED_TRACE(name);
        net::RequestHead request;
        request.method = "POST";
        request.target = "/a";
        request.content_length = 3;
        request.headers = headers({{name, "3"}, {"X-Mine", "1"}, {name, "4"}});
        const net::RequestHead out = upstream_request(request, *path, {"1.2.3.4:5", "h", "https"});
        EXPECT_FALSE(out.headers.has(name));
        EXPECT_EQ(out.headers.get("X-Mine"), "1");
        EXPECT_EQ(out.headers.list().size(), 4U) << "it, and our three X-Forwarded-*";
        EXPECT_EQ(out.content_length, 3U);
        EXPECT_EQ(out.method, "POST");
    }
    for (const char* name : {"X-Original", "X-Forwarded", "Original-URL", "X-Rewriter", "Hosted"}) {
        SCOPED_TRACE(name);
        net::RequestHead request;
        request.headers = headers({{name, "3"}});
        EXPECT_TRUE(
            upstream_request(request, *path, {"1.2.3.4:5", "h", "https"}).headers.has(name));
    }
}

// A client's Connection header may name anything; it cannot name away what we add.
TEST(UpstreamRequest, WhatConnectionNamesEndsHere) {
    net::RequestHead request;
    request.headers = headers({{"Connection", "close, X-Hop , authorization"},
                               {"connection", "x-hop-2,X-Forwarded-Host"},
                               {"X-Hop", "1"},
                               {"x-hop", "2"},
                               {"X-HOP-2", "3"},
                               {"Authorization", "Bearer"},
                               {"X-Stays", "4"}});
    const net::RequestHead out =
        upstream_request(request, *read_target("/a"), {"[::1]:5", "h", "https"});
    std::string names;
    for (const net::Header& each : out.headers.list()) names += each.name + " ";
    EXPECT_EQ(names, "X-Stays X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto ");
    EXPECT_EQ(out.headers.get("X-Forwarded-For"), "::1");
}

TEST(UpstreamAnswer, CannotSpeakForThePaymentLayer) {
    net::ResponseHead head;
    head.headers = headers({{"PAYMENT-RESPONSE", "forged"},
                            {"PAYMENT-REQUIRED", "forged"},
                            {"X-PAYMENT-RESPONSE", "forged"},
                            {"X402-Payment-Key", "forged"},
                            {"payment_response", "forged"},
                            {"Payment_Required", "forged"},
                            {"x402_payment_key", "forged"},
                            {"Settlement-Overrides", "{}"},
                            {"PAYMENT-RESPONSE", "forged twice"},
                            {"ETag", "\"1\""}});
    clean_upstream_answer(head);
    ASSERT_EQ(head.headers.list().size(), 1U);
    EXPECT_EQ(head.headers.list().front().name, "ETag");
}

// attacks.md 27
TEST(Caching, PaidAnswersStayWithTheirPayer) {
    struct Row {
        const char* name;
        const char* upstream;
        const char* wanted;
    };
    static constexpr Row rows[] = {
        {"nothing said", "", "private, no-store"},
        {"public", "public, max-age=3600", "private, no-store"},
        {"shared age", "s-maxage=60", "private, no-store"},
        {"private is the upstream's word", "private, max-age=60", "private, max-age=60"},
        {"no-store", "no-store", "private, no-store"},
        {"private and yet public", "private, public, max-age=60", "private, no-store"},
        {"private and yet shared", "private, s-maxage=60", "private, no-store"},
        {"private for one header", "private=\"Set-Cookie\"", "private, no-store"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        net::Headers all;
        if (*row.upstream != '\0') all.add("Cache-Control", row.upstream);
        all.add("Vary", "Accept-Encoding, cookie");
        all.add("CDN-Cache-Control", "public, max-age=99");
        mark_paid(all);
        EXPECT_EQ(all.get("Cache-Control"), row.wanted);
        EXPECT_EQ(all.get("Vary"),
                  "Accept-Encoding, cookie, PAYMENT-SIGNATURE, SIGN-IN-WITH-X, Authorization");
        EXPECT_FALSE(all.has("CDN-Cache-Control"));
    }
}

// Caches of content networks and servers in front look at names of their own first, for paid
// answers and for those that pass unpaid.
TEST(Caching, NoCacheInFrontIsToldOtherwise) {
    for (const char* name :
         {"Expires", "Age", "Surrogate-Control", "CDN-Cache-Control",
          "Cloudflare-CDN-Cache-Control", "Vercel-CDN-Cache-Control", "Netlify-CDN-Cache-Control",
          "Edge-Control", "X-Accel-Expires", "X-LiteSpeed-Cache-Control", "x_accel_expires"}) {
        for (const bool paid : {true, false}) {
            SCOPED_TRACE(std::string(name) + (paid ? " paid" : " unpaid"));
            net::Headers all = headers({{name, "99"}, {"ETag", "\"1\""}, {name, "100"}});
            if (paid) mark_paid(all);
            if (!paid) mark_unpaid(all);
            EXPECT_FALSE(all.has(name));
            EXPECT_TRUE(all.has("ETag"));
            EXPECT_TRUE(net::has_token(all.get("Cache-Control"), "no-store"));
        }
    }
}

TEST(Caching, RefusalsAreNeverStored) {
    const net::Response response = refusal_response(refuse(Reason::payment_in_progress), 2);
    EXPECT_EQ(response.head.status, 409);
    EXPECT_EQ(response.head.headers.get("Cache-Control"), "no-store");
    EXPECT_EQ(response.head.headers.get("Vary"), kVary);
    EXPECT_EQ(response.head.headers.get("Retry-After"), "2");
    EXPECT_NE(response.body.find("payment_in_progress"), std::string::npos);
}

TEST(Cors, Preflight) {
    net::RequestHead request;
    request.method = "OPTIONS";
    request.headers = headers({{"Origin", "https://app.example"},
                               {"Access-Control-Request-Method", "POST"},
                               {"Access-Control-Request-Headers", "content-type, x-mine"}});
    ASSERT_TRUE(is_preflight(request));
    const net::Response allowed = preflight_response(request, {"https://app.example"});
    EXPECT_EQ(allowed.head.status, 204);
    EXPECT_EQ(allowed.head.headers.get("Access-Control-Allow-Origin"), "https://app.example");
    EXPECT_EQ(allowed.head.headers.get("Access-Control-Allow-Methods"), "POST");
    const std::string_view names = allowed.head.headers.get("Access-Control-Allow-Headers");
    EXPECT_TRUE(net::has_token(names, "PAYMENT-SIGNATURE"));
    EXPECT_TRUE(net::has_token(names, "X-Mine"));
    const net::Response refused = preflight_response(request, {"https://other.example"});
    EXPECT_FALSE(refused.head.headers.has("Access-Control-Allow-Origin"));

    net::Headers answer;
    add_cors(answer, "https://app.example", {"*"});
    EXPECT_TRUE(net::has_token(answer.get("Access-Control-Expose-Headers"), "PAYMENT-RESPONSE"));
    EXPECT_TRUE(net::has_token(answer.get("Access-Control-Expose-Headers"), "Retry-After"));
    net::Headers silent;
    add_cors(silent, "https://app.example", {});
    EXPECT_TRUE(silent.list().empty());
}

TEST(AnswerHead, RoundTrip) {
    net::ResponseHead head;
    head.status = 206;
    head.headers = headers({{"Content-Type", "text/plain"},
                            {"Set-Cookie", "a=\"1\""},
                            {"Set-Cookie", "b"},
                            {"X-Old", "\xE9"}});
    const auto back = read_answer_head(write_answer_head(head));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->status, 206);
    ASSERT_EQ(back->headers.list().size(), 3U) << "bytes that are no UTF-8 are left out";
    EXPECT_EQ(back->headers.list()[1].value, "a=\"1\"");
    for (const char* broken :
         {"", "[]", "{}", R"({"status":200})", R"({"status":200,"headers":[["a"]]})"}) {
        EXPECT_FALSE(read_answer_head(broken).has_value()) << broken;
    }
}

}  // namespace
}  // namespace x402::server
