// SPDX-License-Identifier: Apache-2.0
// The facilitator over loopback HTTP: statuses, headers and bodies exactly as promised, for good
// and for hostile callers.
#include "x402/facilitator/http_api.hpp"

#include <gtest/gtest.h>

#include "x402/facilitator/test_world.hpp"
#include "x402/net/http_client.hpp"

namespace x402::facilitator::test {
namespace {

using namespace std::chrono_literals;

Order order(const std::string& nonce) {
    Order made;
    made.nonce = nonce;
    return made;
}

// A served facilitator and somebody who talks to it.
struct Site {
    explicit Site(Life& life)
        : world(life.world),
          server(net::serve(life.runtime, options(),
                            make_handler(life.service, life.config, life.metrics))),
          client(net::make_http_client()) {
        EXPECT_TRUE(server) << to_string(server.error());
        url = "http://" + (*server)->address();
    }
    static net::ServerOptions options() {
        net::ServerOptions options;
        options.listen = "127.0.0.1:0";
        return options;
    }
    World& world;
    Result<std::unique_ptr<net::HttpServer>> server;
    std::unique_ptr<net::HttpClient> client;
    std::string url;
    std::string token;
};

struct Answer {
    int status = 0;
    net::Headers headers;
    std::string body;
    json::Object object;
    std::string text(std::string_view key) const { return json::text_or_empty(object, key); }
    std::string code() const {
        const auto error = json::get_object(object, "error");
        return error ? json::text_or_empty(*error, "code") : "";
    }
};

struct Call {
    std::string method = "POST";
    std::string path = "/settle";
    std::string body;
    std::string key;
};

Task<Answer> ask(Site& site, Call call) {
    net::ClientRequest request;
    request.method = call.method;
    request.url = site.url + call.path;
    request.body = call.body;
    if (!site.token.empty()) request.headers.add("Authorization", site.token);
    if (!call.key.empty()) request.headers.add("Idempotency-Key", call.key);
    auto response = co_await site.client->fetch(std::move(request));
    Answer answer;
    EXPECT_TRUE(response) << (response ? "" : to_string(response.error()));
    if (!response) co_return answer;
    answer.status = response->status;
    answer.headers = response->headers;
    answer.body = response->body;
    if (auto object = json::parse_object(response->body)) answer.object = std::move(*object);
    co_return answer;
}

Task<Answer> post(Site& site, std::string path, std::string body) {
    Call call;
    call.path = std::move(path);
    call.body = std::move(body);
    co_return co_await ask(site, std::move(call));
}

Task<Answer> get(Site& site, std::string path) {
    Call call;
    call.method = "GET";
    call.path = std::move(path);
    co_return co_await ask(site, std::move(call));
}

Task<void> good_ways(Life& life) {
    Site site(life);
    const std::string body = body_of(life.world, order("n1"));
    const Answer verified = co_await post(site, "/verify", body);
    EXPECT_EQ(verified.status, 200);
    EXPECT_TRUE(json::get_bool(verified.object, "isValid").value_or(false));
    EXPECT_EQ(verified.text("payer"), "ann");
    EXPECT_EQ(verified.headers.get("X402-Payment-Key"), "fake~ann~n1");
    const Answer settled = co_await post(site, "/settle", body);
    EXPECT_EQ(settled.status, 200);
    EXPECT_TRUE(json::get_bool(settled.object, "success").value_or(false));
    EXPECT_EQ(settled.text("transaction"), "tx-signer-a-0-0");
    EXPECT_EQ(settled.text("network"), "fake:one");
    EXPECT_EQ(settled.text("amount"), "100");
    EXPECT_EQ(settled.headers.get("X402-Payment-Key"), "fake~ann~n1");
    const Answer report = co_await get(site, "/settlements/fake~ann~n1?wait=30");
    EXPECT_EQ(report.status, 200);
    EXPECT_EQ(report.text("outcome"), "settled");
    EXPECT_EQ(report.text("key"), "fake~ann~n1");
    const Answer repeat = co_await post(site, "/settle", body);
    EXPECT_EQ(repeat.status, 200) << "a duplicate is a judgement";
    EXPECT_EQ(repeat.text("errorReason"), "duplicate_settlement");
    EXPECT_EQ(repeat.text("transaction"), "tx-signer-a-0-0");
    const Answer kinds = co_await get(site, "/supported");
    EXPECT_EQ(kinds.status, 200);
    EXPECT_NE(kinds.body.find("\"fake:one\""), std::string::npos);
    EXPECT_EQ((co_await get(site, "/health")).status, 200);
    EXPECT_EQ((co_await get(site, "/ready")).status, 200);
    const Answer metrics = co_await get(site, "/metrics");
    static constexpr const char* kEach1[] = {"facilitator_verify_requests_total",
                                             "facilitator_settle_duration_seconds",
                                             "x402_settle_outcome_total",
                                             "x402_pending_settlements",
                                             "x402_signer_inflight",
                                             "x402_sponsor_cost_total",
                                             "x402_replay_rejected_total"};
    for (const char* name : kEach1) {
        EXPECT_NE(metrics.body.find(name), std::string::npos) << name;
    }
}
TEST(HttpApi, TheGoodWays) {
    World world;
    EXPECT_TRUE(live(world, good_ways));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

Task<void> hostile(Life& life) {
    Site site(life);
    const std::string good = body_of(life.world, order("n1"));
    struct Row {
        const char* name;
        std::string body;
        int status;
        const char* code;
    };
    const std::string amount = R"("amount":"100","asset")";
    const Row rows[] = {
        {"empty", "", 400, "malformed_request"},
        {"no JSON", "payment please", 400, "malformed_request"},
        {"array", "[]", 400, "malformed_request"},
        {"nothing in it", "{}", 400, "malformed_request"},
        {"cut short", good.substr(0, good.size() / 2), 400, "malformed_request"},
        {"twice the same member", R"({"x402Version":2,"x402Version":2,)" + good.substr(1), 400,
         "malformed_request"},
        {"deep", std::string(10'000, '['), 413, "payload_too_large"},
        {"version 3", replaced(good, R"("x402Version":2)", R"("x402Version":3)"), 400,
         "invalid_x402_version"},
        {"negative", replaced(good, amount, R"("amount":"-1","asset")"), 400, "malformed_request"},
        {"exponent", replaced(good, amount, R"("amount":"1e3","asset")"), 400, "malformed_request"},
        {"hex", replaced(good, amount, R"("amount":"0x10","asset")"), 400, "malformed_request"},
        {"number", replaced(good, amount, R"("amount":100,"asset")"), 400, "malformed_request"},
        {"fraction", replaced(good, amount, R"("amount":"0.02","asset")"), 400,
         "malformed_request"},
        {"too large a number",
         replaced(
             good, amount,
             R"("amount":"1157920892373161954235709850086879078532699846656405640394575840079131296)"
             R"(39936","asset")"),
         400, "malformed_request"},
        {"too large a body", std::string(200'000, ' ') + good, 413, "payload_too_large"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        static constexpr const char* kEach2[] = {"/verify", "/settle"};
        for (const char* path : kEach2) {
            const Answer answer = co_await post(site, path, row.body);
            EXPECT_EQ(answer.status, row.status) << answer.body;
            EXPECT_EQ(answer.code(), row.code) << answer.body;
            EXPECT_EQ(answer.body.find("isValid"), std::string::npos) << "no judgement was made";
        }
    }
    EXPECT_EQ(life.world.ledger.broadcasts, 0U);
    EXPECT_EQ(life.world.ledger.verifies, 0U);
}
TEST(Attack28, WhatCannotBeReadIsRefusedBeforeAnythingElse) {
    World world;
    EXPECT_TRUE(live(world, hostile));
}

Task<void> other_paths(Life& life) {
    Site site(life);
    EXPECT_EQ((co_await get(site, "/verify")).status, 405);
    EXPECT_EQ((co_await get(site, "/settle")).status, 405);
    const Answer posted = co_await post(site, "/supported", "{}");
    EXPECT_EQ(posted.status, 405);
    EXPECT_EQ(posted.headers.get("Allow"), "GET, HEAD");
    EXPECT_EQ((co_await post(site, "/else", "{}")).status, 404) << "no verb would help";
    const Answer unknown = co_await get(site, "/else");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(unknown.code(), "route_unknown");
    const Answer nobody = co_await get(site, "/settlements/fake~ann~none");
    EXPECT_EQ(nobody.status, 404);
    EXPECT_EQ(nobody.code(), "settlement_not_found") << "what a gateway of ours reads as unknown";
    static constexpr const char* kEach3[] = {"/settlements/",          "/settlements/a/b",
                                             "/settlements/a%2fb",     "/settlements/a?wait=x",
                                             "/settlements/a?wait=-1", "/settlements/a?else=1"};
    for (const char* bad : kEach3) {
        EXPECT_EQ((co_await get(site, bad)).status, 400) << bad;
    }
    Call long_key;
    long_key.body = body_of(life.world, order("n1"));
    long_key.key = std::string(257, 'k');
    EXPECT_EQ((co_await ask(site, long_key)).status, 400);
}
std::string counted(const std::string& page, const std::string& code, const std::string& route) {
    const std::string line = "x402_refused_total{reason=\"" + code + "\",route=\"" + route + "\"} ";
    const std::size_t at = page.find(line);
    if (at == std::string::npos) return "0";
    return page.substr(at + line.size(), page.find('\n', at) - at - line.size());
}

struct Refused {
    const char* name;
    Call call;
    int status;
    const char* code;
    const char* field;
    const char* route;
};

// As much of a member's name as is shown, but for the first half of the letter that follows it.
constexpr const char* kLongMember =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

std::vector<Refused> unreadable(const std::string& good) {
    const std::string three = replaced(good, R"("x402Version":2)", R"("x402Version":3)");
    const std::string no_terms = R"({"x402Version":2,"paymentPayload":{"x402Version":2}})";
    const std::string moon = R"({"x402Version":1,"paymentPayload":{"x402Version":1},)"
                             R"("paymentRequirements":{"scheme":"exact","network":"moon",)"
                             R"("asset":"coin","payTo":"shop","maxTimeoutSeconds":60}})";
    const std::string member = '"' + std::string(kLongMember) + "\u00e9\":1";
    const std::string twice = '{' + member + ',' + member + '}';
    const std::string large(200'000, 'x');
    const std::string long_key(257, 'k');
    return {
        {"no JSON", {"POST", "/verify", "hi", ""}, 400, "malformed_request", "body", "/verify"},
        {"an array", {"POST", "/settle", "[]", ""}, 400, "malformed_request", "body", "/settle"},
        {"no terms",
         {"POST", "/verify", no_terms, ""},
         400,
         "malformed_request",
         "paymentRequirements",
         "/verify"},
        {"a long member twice",
         {"POST", "/verify", twice, ""},
         400,
         "malformed_request",
         kLongMember,
         "/verify"},
        {"too large", {"POST", "/verify", large, ""}, 413, "payload_too_large", "body", "/verify"},
        {"version 3",
         {"POST", "/verify", three, ""},
         400,
         "invalid_x402_version",
         "x402Version",
         "/verify"},
        {"a short name nobody knows",
         {"POST", "/settle", moon, ""},
         400,
         "invalid_network",
         "paymentRequirements.network",
         "/settle"},
        {"a long key",
         {"POST", "/settle", good, long_key},
         400,
         "malformed_request",
         "Idempotency-Key",
         "/settle"},
        {"an encoded key",
         {"GET", "/settlements/a%2fb", "", ""},
         400,
         "malformed_request",
         "key",
         "/settlements/"},
        {"a bad wait",
         {"GET", "/settlements/a?wait=x", "", ""},
         400,
         "malformed_request",
         "wait",
         "/settlements/"},
        {"another query",
         {"GET", "/settlements/a?b=1", "", ""},
         400,
         "malformed_request",
         "query",
         "/settlements/"},
        {"an unknown key",
         {"GET", "/settlements/a", "", ""},
         404,
         "settlement_not_found",
         "key",
         "/settlements/"},
        {"a wrong verb", {"GET", "/verify", "", ""}, 405, "malformed_request", "method", "/verify"},
        {"another wrong verb",
         {"POST", "/supported", "{}", ""},
         405,
         "malformed_request",
         "method",
         "/supported"},
        {"no such path", {"GET", "/secret~path", "", ""}, 404, "route_unknown", "path", ""},
        {"a verb for no such path",
         {"POST", "/secret~path", "{}", ""},
         404,
         "route_unknown",
         "path",
         ""},
    };
}

// In body, header and metric: one code, a sentence, the field and the next step.
Task<void> told_whole(Life& life) {
    Site site(life);
    const std::vector<Refused> rows = unreadable(body_of(life.world, order("n1")));
    for (const Refused& row : rows) {
        SCOPED_TRACE(row.name);
        const Answer before = co_await get(site, "/metrics");
        const Answer answer = co_await ask(site, row.call);
        const Answer after = co_await get(site, "/metrics");
        EXPECT_EQ(answer.status, row.status) << answer.body;
        EXPECT_EQ(answer.code(), row.code) << answer.body;
        EXPECT_EQ(answer.headers.get("X402-Reason"), row.code);
        const auto error = json::get_object(answer.object, "error").value_or(json::Object{});
        EXPECT_EQ(json::text_or_empty(error, "field"), row.field);
        const std::string message = json::text_or_empty(error, "message");
        EXPECT_GT(message.size(), 10U);
        if (row.status == 400) {
            EXPECT_NE(message.find("(" + std::string(row.field) + ": "), std::string::npos)
                << message;
        }
        const std::string next = json::text_or_empty(error, "next");
        EXPECT_GT(next.size(), 10U);
        EXPECT_EQ(next.find("HTTP/1.1"), std::string::npos) << "the HTTP was well-formed";
        EXPECT_NE(counted(before.body, row.code, row.route),
                  counted(after.body, row.code, row.route));
        EXPECT_EQ(after.body.find("secret~path"), std::string::npos)
            << "a stranger's text is no label";
    }
}
TEST(HttpApi, ARefusalIsToldWholeAndEverywhere) {
    World world;
    EXPECT_TRUE(live(world, told_whole));
}

Task<void> judged_reasons(Life& life) {
    Site site(life);
    Order bad = order("n1");
    bad.signature = "bad";
    const Answer invalid = co_await post(site, "/verify", body_of(life.world, bad));
    EXPECT_EQ(invalid.status, 200);
    EXPECT_FALSE(invalid.text("invalidReason").empty());
    EXPECT_EQ(invalid.headers.get("X402-Reason"), invalid.text("invalidReason"));
    const Answer failed = co_await post(site, "/settle", body_of(life.world, bad));
    EXPECT_EQ(failed.headers.get("X402-Reason"), failed.text("errorReason"));
    const std::string body = body_of(life.world, order("n2"));
    const Answer valid = co_await post(site, "/verify", body);
    EXPECT_FALSE(valid.headers.has("X402-Reason"));
    const Answer settled = co_await post(site, "/settle", body);
    EXPECT_FALSE(settled.headers.has("X402-Reason"));
    const Answer repeat = co_await post(site, "/settle", body);
    EXPECT_EQ(repeat.headers.get("X402-Reason"), "duplicate_settlement");
    const Answer page = co_await get(site, "/metrics");
    EXPECT_EQ(counted(page.body, "duplicate_settlement", "/settle"), "1");
    EXPECT_EQ(counted(page.body, invalid.text("invalidReason"), "/verify"), "1");
    life.world.ledger.down = true;
    const Answer trouble = co_await post(site, "/verify", body_of(life.world, order("n3")));
    EXPECT_EQ(trouble.headers.get("X402-Reason"), "temporarily_unavailable");
}
TEST(HttpApi, AJudgementAgainstThePaymentNamesItsReasonInAHeader) {
    World world;
    EXPECT_TRUE(live(world, judged_reasons));
}

TEST(HttpApi, OtherPathsAndMethods) {
    World world;
    EXPECT_TRUE(live(world, other_paths));
}

Task<void> infrastructure(Life& life) {
    Site site(life);
    life.world.ledger.down = true;
    static constexpr const char* kEach4[] = {"/verify", "/settle"};
    for (const char* path : kEach4) {
        const Answer answer = co_await post(site, path, body_of(life.world, order("n1")));
        EXPECT_EQ(answer.status, 503);
        EXPECT_EQ(answer.code(), "temporarily_unavailable");
        EXPECT_FALSE(answer.headers.get("Retry-After").empty());
        EXPECT_EQ(answer.body.find("isValid"), std::string::npos);
        EXPECT_EQ(answer.body.find("down"), std::string::npos)
            << "our trouble's details are for the log";
    }
    const Answer ready = co_await get(site, "/ready");
    EXPECT_EQ(ready.status, 503);
    EXPECT_EQ((co_await get(site, "/health")).status, 200);
}
TEST(HttpApi, InfrastructureTroubleIs503WithRetryAfter) {
    World world;
    EXPECT_TRUE(live(world, infrastructure));
}

Task<void> spent_day(Life& life) {
    Site site(life);
    const Answer first = co_await post(site, "/settle", body_of(life.world, order("n1")));
    EXPECT_EQ(first.status, 200);
    struct Row {
        Duration later;
        std::int64_t least;
        std::int64_t most;
    };
    // What was spent counts for a day; nobody is sent away for longer than an hour.
    static constexpr Row kRows[] = {{0s, 3600, 3600},
                                    {22h, 3600, 3600},
                                    {30min, 3600, 3600},
                                    {1h, 1740, 1860},
                                    {20min, 540, 660}};
    std::int64_t wait = 0;
    for (const Row& row : kRows) {
        life.world.clock.advance(row.later);
        const Answer refused = co_await post(site, "/settle", body_of(life.world, order("n2")));
        EXPECT_EQ(refused.status, 503);
        EXPECT_EQ(refused.code(), "budget_exhausted");
        wait = std::stoll("0" + std::string(refused.headers.get("Retry-After")));
        EXPECT_GE(wait, row.least);
        EXPECT_LE(wait, row.most);
    }
    const std::string page = life.metrics.render();
    EXPECT_NE(page.find("x402_budget_denied_total{chain=\"fake:one\"} 5"), std::string::npos);
    life.world.clock.advance(std::chrono::seconds(wait));
    const Answer next_day = co_await post(site, "/settle", body_of(life.world, order("n3")));
    EXPECT_EQ(next_day.status, 200) << "it may come back when it was told to";
}
TEST(HttpApi, AnExhaustedBudgetIsNobodysFaultAndSaysWhenToComeBack) {
    World world;
    world.ledger.limits = {{U256(100), "grain"}, {}};
    EXPECT_TRUE(live(world, spent_day));
}

Task<void> spent_share(Life& life) {
    Site site(life);
    const Answer paid = co_await post(site, "/settle", body_of(life.world, order("n1")));
    EXPECT_EQ(paid.status, 200);
    const Answer refused = co_await post(site, "/settle", body_of(life.world, order("n2")));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.code(), "budget_exhausted");
    EXPECT_EQ(refused.headers.get("Retry-After"), "3600");
    EXPECT_NE(refused.body.find(R"("field":"payer")"), std::string::npos) << refused.body;
    EXPECT_NE(refused.body.find("one payer's share of the day"), std::string::npos);
}
TEST(HttpApi, APayerWhoHasCostItsShareIsToldSo) {
    World world;
    world.ledger.limits = {{}, {}, {U256(100), "grain"}};
    EXPECT_TRUE(live(world, spent_share));
}

Task<void> dearer_than_a_day(Life& life) {
    Site site(life);
    const Answer refused = co_await post(site, "/settle", body_of(life.world, order("n1")));
    EXPECT_EQ(refused.code(), "budget_exhausted");
    EXPECT_EQ(refused.headers.get("Retry-After"), "3600") << "no day has room for it";
    const std::string page = life.metrics.render();
    EXPECT_NE(page.find("x402_budget_denied_total{chain=\"fake:one\"} 1"), std::string::npos);
}
TEST(HttpApi, ATransactionDearerThanADaysBudget) {
    World world;
    world.ledger.limits = {{U256(99), "grain"}, {}};
    EXPECT_TRUE(live(world, dearer_than_a_day));
}

Task<void> reserved_for_others(Life& life) {
    Site site(life);
    Ledger& ledger = life.world.ledger;
    const Later later = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    const Answer refused = co_await post(site, "/settle", body_of(life.world, order("n2")));
    EXPECT_EQ(refused.code(), "budget_exhausted");
    EXPECT_EQ(refused.headers.get("Retry-After"), "2") << "it may cost less in a moment";
}
TEST(HttpApi, ABudgetThatIsOnlyReserved) {
    World world;
    world.ledger.auto_mine = false;
    world.ledger.limits = {{U256(100), "grain"}, {}};
    EXPECT_TRUE(live(world, reserved_for_others));
}

Task<void> callers(Life& life) {
    Site site(life);
    const std::string body = body_of(life.world, order("n1"));
    static constexpr const char* kEach5[] = {"", "Bearer wrong", "Basic alpha", "Bearer"};
    for (const char* token : kEach5) {
        site.token = token;
        static constexpr const char* kEach6[] = {"/verify", "/settle"};
        for (const char* path : kEach6) {
            const Answer answer = co_await post(site, path, body);
            EXPECT_EQ(answer.status, 401) << token;
            EXPECT_EQ(answer.code(), "unauthorized");
            EXPECT_EQ(answer.headers.get("WWW-Authenticate"), "Bearer");
            EXPECT_NE(answer.body.find(R"("field":"Authorization")"), std::string::npos);
        }
        EXPECT_EQ((co_await get(site, "/settlements/fake~ann~n1")).status, 401);
        EXPECT_EQ((co_await get(site, "/health")).status, 200);
    }
    EXPECT_EQ(life.world.ledger.verifies, 0U);
    Call call;
    call.body = body;
    call.key = "mine";
    site.token = "Bearer alpha";
    EXPECT_TRUE(json::get_bool((co_await ask(site, call)).object, "success").value_or(false));
    EXPECT_TRUE(json::get_bool((co_await ask(site, call)).object, "success").value_or(false))
        << "same caller and key";
    site.token = "Bearer beta";
    EXPECT_EQ((co_await ask(site, call)).text("errorReason"), "duplicate_settlement")
        << "another's key is not his";
}
TEST(HttpApi, CallersAreKnownByTheirTokens) {
    World world;
    world.configure = [](Config& config) {
        config.callers.push_back(make_caller(crypto::Secret::from_text("alpha")));
        config.callers.push_back(make_caller(crypto::Secret::from_text("beta")));
    };
    EXPECT_TRUE(live(world, callers));
}

Task<void> limited(Life& life) {
    Site site(life);
    const Answer answer = co_await post(site, "/verify", body_of(life.world, order("n1")));
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.code(), "rate_limited");
    EXPECT_FALSE(answer.headers.get("Retry-After").empty());
    EXPECT_EQ((co_await get(site, "/health")).status, 200);
}
TEST(Attack22, TooManyRequestsAre429) {
    World world;
    world.configure = [](Config& config) { config.rate = {1, 0}; };
    EXPECT_TRUE(live(world, limited));
    EXPECT_EQ(world.ledger.verifies, 0U);
}

Task<void> version_one(Life& life) {
    Site site(life);
    const std::string body =
        R"({"x402Version":1,"paymentPayload":{"x402Version":1,"scheme":"exact","network":"fake-one",)"
        R"("payload":{"payer":"ann","nonce":"v1","amount":"100","until":1790009999,"sig":"good"}},)"
        R"("paymentRequirements":{"scheme":"exact","network":"fake-one","maxAmountRequired":"100",)"
        R"("resource":"https://a.example/x","description":"","mimeType":"","payTo":"shop",)"
        R"("maxTimeoutSeconds":300,"asset":"coin"}})";
    const Answer verified = co_await post(site, "/verify", body);
    EXPECT_EQ(verified.status, 200);
    EXPECT_TRUE(json::get_bool(verified.object, "isValid").value_or(false)) << verified.body;
    const Answer settled = co_await post(site, "/settle", body);
    EXPECT_EQ(settled.status, 200);
    EXPECT_TRUE(json::get_bool(settled.object, "success").value_or(false)) << settled.body;
    EXPECT_EQ(settled.text("network"), "fake-one");
}
TEST(HttpApi, SpeaksVersionOne) {
    World world;
    EXPECT_TRUE(live(world, version_one));
}

Task<void> too_many_of_one(Life& life) {
    Site site(life);
    life.world.ledger.auto_mine = false;
    const Later first = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return life.world.ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    Call call;
    call.body = body_of(life.world, order("n2"));
    const Answer answer = co_await ask(site, call);
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.code(), "rate_limited");
    EXPECT_NE(answer.body.find("at most 1 payments without an end"), std::string::npos)
        << answer.body;
    EXPECT_FALSE(answer.headers.get("Retry-After").empty());
    life.world.ledger.mine();
    const bool done = co_await until(life, [&] { return first->has_value(); });
    EXPECT_TRUE(done);
}
TEST(HttpApi, APayerWithTooManyUndecidedPaymentsIsToldToWait) {
    World world;
    world.configure = [](Config& config) { config.pending_per_payer = 1; };
    EXPECT_TRUE(live(world, too_many_of_one));
}

Task<void> reloaded(Life& life) {
    Door door(make_handler(life.service, life.service.config(), life.metrics));
    net::ServerOptions options;
    options.listen = "127.0.0.1:0";
    Site site(life);
    auto server = net::serve(life.runtime, options, door.handler());
    EXPECT_TRUE(server);
    site.url = "http://" + (*server)->address();
    Call call;
    call.path = "/verify";
    call.body = body_of(life.world, order("n1"));
    const Answer before = co_await ask(site, call);
    EXPECT_EQ(before.text("invalidReason"), "");
    Config next;
    NetworkConfig network;
    network.id = *ChainId::parse("fake:one");
    network.settle_wait = 3s;
    network.min_amount.atomic = U256(1'000);
    next.networks.push_back(network);
    network.id = *ChainId::parse("fake:two");
    next.networks.push_back(network);
    next.callers.push_back(make_caller(crypto::Secret::from_text("s3cret")));
    next.pay_to_allow.insert({"fake", "cafe"});
    const auto taken = co_await life.service.reload(std::move(next));
    EXPECT_TRUE(taken);
    door.replace(make_handler(life.service, life.service.config(), life.metrics));
    const Answer stranger = co_await ask(site, call);
    EXPECT_EQ(stranger.status, 401);
    site.token = "Bearer s3cret";
    const Answer refused = co_await ask(site, call);
    EXPECT_EQ(refused.text("invalidReason"), "pay_to_not_allowed");
    Order other = order("n1");
    other.pay_to = "cafe";
    call.body = body_of(life.world, other);
    const Answer small = co_await ask(site, call);
    EXPECT_EQ(small.text("invalidReason"), "amount_below_minimum");
    EXPECT_EQ(life.service.config().networks.size(), 1U) << "a new network waits for a restart";
    EXPECT_EQ(life.service.config().networks[0].settle_wait, 3s);
}
TEST(HttpApi, AReloadChangesWhoMayAskForWhat) {
    World world;
    EXPECT_TRUE(live(world, reloaded));
}

Task<void> stays_guarded(Life& life) {
    Config next;
    next.networks = life.service.config().networks;
    const auto taken = co_await life.service.reload(std::move(next));
    EXPECT_FALSE(taken) << "the listener stays public until the restart";
    EXPECT_TRUE(life.service.config().open);
}
TEST(HttpApi, AReloadDoesNotOpenAPublicListener) {
    World world;
    world.configure = [](Config& config) {
        config.loopback = false;
        config.open = true;
    };
    EXPECT_TRUE(live(world, stays_guarded));
}

}  // namespace
}  // namespace x402::facilitator::test
