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
                               {"X_402_Payer", "kept: not ours"},
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
              "X_402_Payer=kept: not ours\n"
              "Authorization=Bearer theirs\n"
              "Accept=application/json\n"
              "X-Forwarded-For=127.0.0.1\n"
              "X-Forwarded-Host=api.example.com\n"
              "X-Forwarded-Proto=https\n");
}

TEST(UpstreamAnswer, CannotSpeakForThePaymentLayer) {
    net::ResponseHead head;
    head.headers = headers({{"PAYMENT-RESPONSE", "forged"},
                            {"PAYMENT-REQUIRED", "forged"},
                            {"X-PAYMENT-RESPONSE", "forged"},
                            {"X402-Payment-Key", "forged"},
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
