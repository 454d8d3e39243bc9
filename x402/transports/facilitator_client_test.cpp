// SPDX-License-Identifier: Apache-2.0
// The courier: what it puts on the wire, how often, and what it says when no answer came. No
// socket: the HTTP client is a script.
#include "x402/transports/facilitator_client.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "x402/net/runtime.hpp"
#include "x402/protocol/codec.hpp"

namespace x402::transports {
namespace {

using namespace std::chrono_literals;

class ScriptedHttp final : public net::HttpClient {
public:
    std::deque<Result<net::ClientResponse>> script;
    std::vector<net::ClientRequest> sent;

    Task<Result<net::ClientResponse>> fetch(net::ClientRequest request) override {
        sent.push_back(std::move(request));
        if (script.empty()) co_return fail(Errc::unreachable, "the script has ended");
        auto answer = std::move(script.front());
        script.pop_front();
        co_return answer;
    }
    void say(int status, std::string body, net::Headers headers = {}) {
        script.push_back(net::ClientResponse{status, std::move(headers), std::move(body)});
    }
};

class ScriptedClock final : public Clock {
public:
    std::vector<Duration> slept;
    bool cancel = false;
    Instant now() const override { return from_unix_s(784111777); }
    Duration steady() const override { return {}; }
    Task<bool> sleep(Duration pause) override {
        slept.push_back(pause);
        co_return !cancel;
    }
};

NetworkNames names() {
    NetworkNames out;
    out.to_chain = [](std::string_view name) -> std::optional<ChainId> {
        if (name == "base-sepolia") return *ChainId::parse("eip155:84532");
        return std::nullopt;
    };
    out.to_v1_name = [](const ChainId& id) -> std::optional<std::string> {
        if (id.text() == "eip155:84532") return "base-sepolia";
        return std::nullopt;
    };
    return out;
}

constexpr const char* kSettled = R"({"success":true,"transaction":"0x1","network":"eip155:84532"})";

FacilitatorRequest request() {
    FacilitatorRequest out;
    const auto payload = read_payment_payload(
        R"({"x402Version":2,"accepted":{"scheme":"exact","network":"eip155:84532","amount":"10","asset":"0xa",)"
        R"("payTo":"0xb","maxTimeoutSeconds":60}, "payload":{"signature":"0x1"}})");
    out.payload = *payload;
    out.requirements = payload->accepted;
    out.requirements_text = payload->accepted_text;
    return out;
}

class FacilitatorClientTest : public ::testing::Test {
protected:
    ScriptedHttp http;
    ScriptedClock clock;
    std::unique_ptr<Random> random = make_test_random(1);
    std::unique_ptr<FacilitatorApi> client =
        make(FacilitatorClientOptions{.url = "https://fac.example/x402/"});

    std::unique_ptr<FacilitatorApi> make(FacilitatorClientOptions options) {
        return make_facilitator_client(std::move(options), http, Env{clock, *random}, names());
    }
    static Task<void> store_settle(FacilitatorApi& api, const FacilitatorRequest& what,
                                   const SettleContext& context,
                                   std::optional<Result<SettleResponse>>& into) {
        into = co_await api.settle(what, context);
    }
    static Task<void> store_verify(FacilitatorApi& api, const FacilitatorRequest& what,
                                   std::optional<Result<VerifyResponse>>& into) {
        into = co_await api.verify(what);
    }
    static Task<void> store_supported(FacilitatorApi& api, std::optional<Result<Supported>>& into) {
        into = co_await api.supported();
    }
    static Task<void> store_status(FacilitatorApi& api, const PaymentKey& key, Duration wait,
                                   std::optional<Result<std::optional<SettlementStatus>>>& into) {
        into = co_await api.settlement(key, wait);
    }
    Result<SettleResponse> settle(const FacilitatorRequest& what,
                                  const SettleContext& context = {}) {
        std::optional<Result<SettleResponse>> got;
        net::run_blocking([&] { return store_settle(*client, what, context, got); });
        return *got;
    }
    Result<VerifyResponse> verify(const FacilitatorRequest& what) {
        std::optional<Result<VerifyResponse>> got;
        net::run_blocking([&] { return store_verify(*client, what, got); });
        return *got;
    }
    Result<Supported> supported() {
        std::optional<Result<Supported>> got;
        net::run_blocking([&] { return store_supported(*client, got); });
        return *got;
    }
    Result<std::optional<SettlementStatus>> status(const PaymentKey& key, Duration wait) {
        std::optional<Result<std::optional<SettlementStatus>>> got;
        net::run_blocking([&] { return store_status(*client, key, wait, got); });
        return *got;
    }
};

TEST_F(FacilitatorClientTest, SettleOnTheWire) {
    client = make(FacilitatorClientOptions{.url = "https://fac.example/x402//",
                                           .token = crypto::Secret::from_text("s3cret")});
    EXPECT_EQ(client->name(), "https://fac.example/x402");
    http.say(200, kSettled);
    const auto got = settle(request(), SettleContext{"key-1", {}});
    ASSERT_TRUE(got) << to_string(got.error());
    EXPECT_EQ(outcome_of(*got), Outcome::settled);
    ASSERT_EQ(http.sent.size(), 1U);
    const net::ClientRequest& sent = http.sent[0];
    EXPECT_EQ(sent.method, "POST");
    EXPECT_EQ(sent.url, "https://fac.example/x402/settle");
    EXPECT_EQ(sent.headers.get("Idempotency-Key"), "key-1");
    EXPECT_EQ(sent.headers.get("Authorization"), "Bearer s3cret");
    EXPECT_EQ(sent.headers.get("Content-Type"), "application/json");
    EXPECT_EQ(sent.timeout, 90s);
    EXPECT_EQ(sent.max_answer_bytes, limits::kFacilitatorBodyBytes);
    EXPECT_EQ(sent.body, write_facilitator_request(request()))
        << "the client's texts byte for byte";
}

TEST_F(FacilitatorClientTest, VerifyOnTheWire) {
    http.say(200, R"({"isValid":true,"payer":"0xa"})");
    const auto got = verify(request());
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->is_valid);
    ASSERT_EQ(http.sent.size(), 1U);
    EXPECT_EQ(http.sent[0].url, "https://fac.example/x402/verify");
    EXPECT_FALSE(http.sent[0].headers.has("Idempotency-Key"));
    EXPECT_FALSE(http.sent[0].headers.has("Authorization"));
}

TEST_F(FacilitatorClientTest, Version1IsSpelledWithShortNames) {
    FacilitatorRequest one = request();
    one.version = kVersion1;
    one.payload.version = kVersion1;
    one.payload.text.clear();
    one.payload.accepted_text.clear();
    one.requirements_text.clear();
    http.say(200, R"({"success":true,"transaction":"0x1","network":"base-sepolia"})");
    ASSERT_TRUE(settle(one));
    const auto back = read_facilitator_request(http.sent[0].body, names());
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(back->version, 1);
    EXPECT_TRUE(same_terms(back->requirements, one.requirements));
    EXPECT_NE(http.sent[0].body.find("maxAmountRequired"), std::string::npos);

    one.requirements.network = *ChainId::parse("sepa:eu");
    const auto nameless = settle(one);
    ASSERT_FALSE(nameless);
    EXPECT_EQ(nameless.error().code, Errc::invalid);
    EXPECT_EQ(http.sent.size(), 1U) << "nothing was sent";
}

// Whatever happens, a settle is sent once: repeating it is the caller's decision.
TEST_F(FacilitatorClientTest, SettleIsNeverRepeatedHere) {
    struct Row {
        Errc failure;
        Errc want;
    };
    for (const Row& row :
         {Row{Errc::timeout, Errc::timeout}, Row{Errc::interrupted, Errc::interrupted},
          Row{Errc::unreachable, Errc::unreachable}, Row{Errc::too_large, Errc::bad_peer}}) {
        http.sent.clear();
        http.script.clear();
        http.script.push_back(fail(row.failure, "x"));
        http.say(200, kSettled);
        const auto got = settle(request());
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, row.want);
        EXPECT_EQ(http.sent.size(), 1U);
    }
    http.script.clear();
    http.sent.clear();
    http.say(429, "");
    http.say(200, kSettled);
    EXPECT_EQ(settle(request()).error().code, Errc::unavailable);
    EXPECT_EQ(http.sent.size(), 1U);
    EXPECT_TRUE(clock.slept.empty());
}

TEST_F(FacilitatorClientTest, PendingComesThroughWithItsTransaction) {
    http.say(500, R"({"success":false,"errorReason":"settlement_pending","transaction":"0x7",)"
                  R"("network":"eip155:84532"})");
    const auto got = settle(request());
    ASSERT_TRUE(got);
    EXPECT_EQ(outcome_of(*got), Outcome::unknown);
    EXPECT_EQ(got->transaction, "0x7");
}

TEST_F(FacilitatorClientTest, ASuccessOnAnotherNetworkIsNone) {
    http.say(200, R"({"success":true,"transaction":"0x1","network":"eip155:1"})");
    const auto got = settle(request());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::bad_peer);
}

TEST_F(FacilitatorClientTest, IsAskedAboutItsNetworksOnly) {
    FacilitatorClientOptions options{.url = "https://fac.example"};
    options.networks.push_back(*ChainPattern::parse("solana:*"));
    client = make(std::move(options));
    EXPECT_EQ(settle(request()).error().code, Errc::invalid);
    EXPECT_EQ(verify(request()).error().code, Errc::invalid);
    EXPECT_TRUE(http.sent.empty());
    http.say(200, R"({"kinds":[{"x402Version":2,"scheme":"exact","network":"eip155:1"},)"
                  R"({"x402Version":2,"scheme":"exact","network":"solana:abc"}]})");
    const auto got = supported();
    ASSERT_TRUE(got);
    ASSERT_EQ(got->kinds.size(), 1U);
    EXPECT_EQ(got->kinds[0].network.text(), "solana:abc");
}

TEST_F(FacilitatorClientTest, AnIdempotencyKeyCannotSmuggleAHeader) {
    for (const std::string& bad : {std::string("a\r\nX: y"), std::string("a b"),
                                   std::string("\x80"), std::string(256, 'k')}) {
        EXPECT_EQ(settle(request(), SettleContext{bad, {}}).error().code, Errc::invalid);
    }
    EXPECT_TRUE(http.sent.empty());
    http.say(200, kSettled);
    EXPECT_TRUE(settle(request(), SettleContext{std::string(255, 'k'), {}}));
}

TEST_F(FacilitatorClientTest, SupportedWaitsOutRateLimits) {
    struct Row {
        const char* name;
        const char* retry_after;
        std::vector<Duration> slept;
    };
    const Row rows[] = {
        {"doubling", "", {1s, 2s}},
        {"seconds", "5", {5s, 5s}},
        {"a date", "Sun, 06 Nov 1994 08:49:47 GMT", {10s, 10s}},
        {"capped", "3600", {30s, 30s}},
        {"zero is no pause", "0", {1s, 2s}},
        {"nonsense", "soon", {1s, 2s}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        http.sent.clear();
        http.script.clear();
        clock.slept.clear();
        net::Headers headers;
        if (*row.retry_after != '\0') headers.set("Retry-After", row.retry_after);
        for (int i = 0; i < 3; ++i) http.say(429, "slow down", headers);
        const auto got = supported();
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, Errc::unavailable);
        EXPECT_EQ(http.sent.size(), 3U);
        EXPECT_EQ(clock.slept, row.slept);
    }
    http.sent.clear();
    http.say(429, "");
    http.say(200, R"({"kinds":[]})");
    EXPECT_TRUE(supported());
    EXPECT_EQ(http.sent.back().method, "GET");
    EXPECT_EQ(http.sent.back().url, "https://fac.example/x402/supported");
    clock.cancel = true;
    http.say(429, "");
    EXPECT_EQ(supported().error().code, Errc::cancelled);
}

TEST_F(FacilitatorClientTest, SupportedIsNotRepeatedForOtherTrouble) {
    http.say(503, "");
    http.say(200, R"({"kinds":[]})");
    EXPECT_EQ(supported().error().code, Errc::unavailable);
    EXPECT_EQ(http.sent.size(), 1U);
}

TEST_F(FacilitatorClientTest, SettlementsAreAskedByKey) {
    http.say(200, R"({"key":"eip3009~eip155~1~0xt~0xp~0xn","outcome":"unknown","state":"sent"})");
    const auto got = status(PaymentKey{"eip3009~eip155~1~0xt~0xp~0xn"}, 30s);
    ASSERT_TRUE(got && *got);
    EXPECT_EQ((*got)->outcome, Outcome::unknown);
    EXPECT_EQ(http.sent[0].url,
              "https://fac.example/x402/settlements/eip3009~eip155~1~0xt~0xp~0xn?wait=30");
    EXPECT_EQ(http.sent[0].timeout, 40s);

    http.say(404, R"({"error":{"code":"settlement_not_found"}})");
    const auto none = status(PaymentKey{"../verify?x=1#"}, 0s);
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->has_value());
    EXPECT_EQ(http.sent[1].url, "https://fac.example/x402/settlements/..%2Fverify%3Fx%3D1%23");

    http.say(404, "<html>");
    EXPECT_EQ(status(PaymentKey{"k"}, 500s).error().code, Errc::unsupported);
    EXPECT_TRUE(http.sent[2].url.ends_with("?wait=90")) << "capped at the time-out";
}

// attacks.md 44.
TEST(CheckFacilitatorUrl, Attack44Table) {
    struct Row {
        const char* url;
        bool insecure;
        std::optional<Errc> want;
    };
    const Row rows[] = {
        {"https://fac.example", false, std::nullopt},
        {"https://fac.example/x402/", false, std::nullopt},
        {"http://127.0.0.1:4020", false, std::nullopt},
        {"http://localhost:4020", false, std::nullopt},
        {"http://[::1]:4020", false, std::nullopt},
        {"http://fac.example", false, Errc::refused},
        {"http://fac.example", true, std::nullopt},
        {"ftp://fac.example", true, Errc::invalid},
        {"https://user:pass@fac.example", false, Errc::invalid},
        {"https://fac.example/?a=1", false, Errc::invalid},
        {"https://fac.example/#a", false, Errc::invalid},
        {"fac.example", false, Errc::invalid},
        {"", false, Errc::invalid},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.url);
        const auto got = check_facilitator_url(row.url, row.insecure);
        ASSERT_EQ(got.has_value(), !row.want.has_value());
        if (!got) {
            EXPECT_EQ(got.error().code, *row.want);
        }
    }
}

TEST(CheckFacilitatorUrl, AHostThatBeginsLikeLoopbackIsNotLoopback) {
    for (const char* url : {"http://127.0.0.1.evil.example", "http://127.0.0.1evil.example/x",
                            "http://localhost.evil.example", "http://localhostevil.example"}) {
        EXPECT_FALSE(check_facilitator_url(url, false)) << url;
    }
}

}  // namespace
}  // namespace x402::transports
