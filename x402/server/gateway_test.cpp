// SPDX-License-Identifier: Apache-2.0
// The gateway as a stranger meets it: over loopback, with a real upstream and a facilitator that
// follows a script.
#include "x402/server/gateway.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "x402/net/test_peer.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/server/test_world.hpp"

namespace x402::server {
namespace {

using namespace testing;
using store::GrantState;

std::string one_route(const std::string& more = {}) {
    return "[[routes]]\nmatch = \"GET /weather\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n" +
           more + "\n";
}

WorldOptions with(const std::string& routes, const std::string& top = {}) {
    return {routes, top, {}, {}, {}, {}, {}};
}

SettleResponse settlement_of(const net::ClientResponse& response) {
    const auto text = headers::decode_text(response.headers.get(headers::kPaymentResponse));
    EXPECT_TRUE(text.has_value());
    if (!text) return {};
    const auto read = read_settle_response(*text);
    EXPECT_TRUE(read.has_value());
    return read.value_or(SettleResponse{});
}

TEST(Gateway, UnpaidRequestIsChallengedInHeaderAndBody) {
    World world(
        with(one_route("description = \"Weather report\"\nmime_type = \"application/json\"")));
    const auto response = world.send({});
    EXPECT_EQ(response.status, 402);
    EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
    EXPECT_EQ(response.headers.get("Vary"),
              "PAYMENT-SIGNATURE, SIGN-IN-WITH-X, Authorization, Cookie");
    EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
    const auto text = headers::decode_text(response.headers.get("PAYMENT-REQUIRED"));
    ASSERT_TRUE(text.has_value());
    EXPECT_EQ(*text, response.body) << "one object, twice";
    const auto required = read_payment_required(*text);
    ASSERT_TRUE(required.has_value()) << to_string(required.error());
    EXPECT_EQ(required->resource.url, "https://api.example.com/weather");
    EXPECT_EQ(required->resource.description, "Weather report");
    ASSERT_EQ(required->accepts.size(), 1U);
    const PaymentRequirements& offer = required->accepts.front();
    EXPECT_EQ(offer.amount, U256(1000));
    EXPECT_EQ(offer.pay_to, "toy1seller");
    EXPECT_EQ(offer.extra.at("feePayer"), "toy1fees");
    EXPECT_EQ(offer.extra.at("quote").as_string().size(), kQuoteChars);
    EXPECT_EQ(world.upstream->calls, 0);
    EXPECT_EQ(world.script->verifies, 0);
    EXPECT_NE(world.metrics().find(
                  "x402_402_total{reason=\"payment_required\",route=\"GET /weather\"} 1"),
              std::string::npos);
}

// What an offer says in `extra` stands in the 402, is part of what is paid for, and does not change
// what the scheme and the facilitator say there.
TEST(Gateway, AnOfferMaySayMoreInExtra) {
    World world(
        with("[[routes]]\nmatch = \"GET /weather\"\nprice = \"$0.001\"\n"
             "accepts = [{ asset = \"USDC\", network = \"toy:one\", "
             "extra = { memo = \"order-17\", feePayer = \"me\" } }]\n"));
    const json::Object required = world.offers_of("/weather");
    const json::Object& extra = required.at("accepts").as_array().at(0).at("extra").as_object();
    EXPECT_EQ(extra.at("memo"), "order-17");
    EXPECT_EQ(extra.at("feePayer"), "toy1fees");
    EXPECT_TRUE(extra.contains("quote"));
    const std::string payment = world.pay_for("/weather", "1");
    EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 200);
    json::Object other = required;
    other.at("accepts").as_array().at(0).at("extra").as_object()["memo"] = "order-18";
    const json::Object payload{
        {"payer", "toy1alice"}, {"nonce", "2"}, {"amount", "1000"}, {"validUntil", 4'000'000'000}};
    const auto changed = world.send({"/weather", "GET", {}, World::payment(other, payload), {}});
    EXPECT_EQ(code_of(changed), "no_matching_requirements") << changed.body;
}

// Whoever started the gateway writes its warnings; it does not write them as well.
TEST(Gateway, WarningsAreToldOnce) {
    ::testing::internal::CaptureStderr();
    World world(with(one_route("description = \"" + std::string(3000, 'd') + "\"")));
    const auto told = world.gateway().warnings();
    const std::string logged = ::testing::internal::GetCapturedStderr();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(logged.find("PAYMENT-REQUIRED has"), std::string::npos) << logged;
}

TEST(Gateway, UrlOfAnOfferIsTheRequestsOwn) {
    World world(with(
        "[[routes]]\nmatch = \"GET /items/:id\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n"));
    for (const char* path : {"/items/7", "/items/77", "/items/777?secret=1"}) {
        const json::Object required = world.offers_of(path);
        const std::string url =
            "https://api.example.com" + std::string(path).substr(0, std::string(path).find('?'));
        EXPECT_EQ(required.at("resource").at("url"), json::Value(url)) << "and never its query";
    }
}

TEST(Gateway, BodyMirrorCanBeSwitchedOff) {
    World world(with(one_route("body_mirror = false")));
    const auto response = world.send({});
    EXPECT_EQ(response.body, "{}");
    EXPECT_TRUE(response.headers.has("PAYMENT-REQUIRED"));
}

TEST(Gateway, PaidAnswerCarriesItsSettlementAndStaysPrivate) {
    World world(with(one_route()));
    {
        const std::scoped_lock lock(world.upstream->mutex);
        world.upstream->headers.add("Cache-Control", "public, max-age=3600");
        world.upstream->headers.add("PAYMENT-RESPONSE", "forged");
        world.upstream->headers.add("X-Mine", "1");
    }
    const auto paid = world.send({"/weather?q=1", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(paid.status, 200);
    EXPECT_EQ(paid.body, "sunny");
    EXPECT_EQ(paid.headers.get("Cache-Control"), "private, no-store");
    EXPECT_EQ(paid.headers.count("PAYMENT-RESPONSE"), 1U);
    EXPECT_EQ(settlement_of(paid).transaction, "0xtx1");
    EXPECT_EQ(paid.headers.get("X-Mine"), "1");
    EXPECT_EQ(world.upstream->last.target, "/weather?q=1");
    EXPECT_FALSE(world.upstream->last.headers.has("PAYMENT-SIGNATURE"));
    EXPECT_EQ(world.upstream->last.headers.get("X-Forwarded-Host"), "api.example.com");
    EXPECT_EQ(world.upstream->last.headers.get("X-Forwarded-Proto"), "https");
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
    const auto grant = world.grant("1");
    ASSERT_TRUE(grant.has_value());
    EXPECT_EQ(grant->transaction, "0xtx1");
    ASSERT_EQ(settles(world.script), 1);
    EXPECT_EQ(world.script->keys.front().size(), 32U);
    EXPECT_EQ(grant->idempotency_key, world.script->keys.front());
    EXPECT_EQ(grant->settle_request, world.script->requests.front());
    EXPECT_NE(world.metrics().find("x402_revenue_atomic_total"), std::string::npos);
    EXPECT_NE(world.metrics().find("x402_unpaid_served_total 0"), std::string::npos);
}

TEST(Gateway, FacilitatorIsSentWhatWasAcceptedByteForByte) {
    World world(with(one_route()));
    json::Object required = world.offers_of("/weather");
    auto& accepted = required.at("accepts").as_array().at(0).as_object();
    accepted["extra"].as_object()["moment"] = "dynamic";
    json::Object payload{
        {"payer", "toy1alice"}, {"nonce", "1"}, {"amount", "1000"}, {"validUntil", 4'000'000'000}};
    const auto paid = world.send({"/weather", "GET", {}, World::payment(required, payload), {}});
    EXPECT_EQ(paid.status, 200);
    EXPECT_NE(
        world.script->requests.front().find("\"paymentRequirements\":" + json::dump(accepted)),
        std::string::npos);
}

struct OutcomeRow {
    const char* name;
    const char* settle;  // TOML
    int upstream;        // its status
    Result<SettleResponse> answer;
    int status;
    const char* code;
    int upstream_calls;
    int most_settles;
    GrantState state;
    bool offers;
};

// settle after and before, by the upstream's status, by what the facilitator says.
TEST(Gateway, Matrix) {
    const Result<SettleResponse> yes = settled_with("0x1");
    const Result<SettleResponse> no = not_settled("invalid_exact_evm_insufficient_balance");
    const Result<SettleResponse> twice = not_settled("duplicate_settlement", "0x9");
    const Result<SettleResponse> pending = not_settled("settlement_pending", "0x8");
    const Result<SettleResponse> garbled = fail(Errc::bad_peer);
    const Result<SettleResponse> away = fail(Errc::unreachable);
    const Result<SettleResponse> strange = fail(Errc::unauthorized);
    const auto n = GrantState::released;
    const OutcomeRow rows[] = {
        {"after ok", "after", 200, yes, 200, "", 1, 1, GrantState::delivered, false},
        {"after redirect", "after", 302, yes, 302, "", 1, 1, GrantState::delivered, false},
        {"after 404", "after", 404, yes, 404, "", 1, 0, n, false},
        {"after 500", "after", 500, yes, 500, "", 1, 0, n, false},
        {"after failed", "after", 200, no, 402, "invalid_exact_evm_insufficient_balance", 1, 1, n,
         true},
        {"after duplicate", "after", 200, twice, 409, "duplicate_settlement", 1, 1, n, false},
        {"after pending", "after", 200, pending, 409, "settlement_pending", 1, 99,
         GrantState::settling, false},
        {"after garbled", "after", 200, garbled, 409, "settlement_pending", 1, 99,
         GrantState::settling, false},
        {"after not reached", "after", 200, away, 503, "facilitator_unavailable", 1, 3, n, false},
        {"after turned away", "after", 200, strange, 503, "facilitator_unavailable", 1, 1, n,
         false},
        {"before ok", "before", 200, yes, 200, "", 1, 1, GrantState::delivered, false},
        {"before 404", "before", 404, yes, 404, "", 1, 1, GrantState::delivered, false},
        {"before 500", "before", 500, yes, 500, "", 1, 1, GrantState::settled, false},
        {"before failed", "before", 200, no, 402, "invalid_exact_evm_insufficient_balance", 0, 1, n,
         true},
        {"before duplicate", "before", 200, twice, 409, "duplicate_settlement", 0, 1, n, false},
        {"before pending", "before", 200, pending, 409, "settlement_pending", 0, 99,
         GrantState::settling, false},
        {"before garbled", "before", 200, garbled, 409, "settlement_pending", 0, 99,
         GrantState::settling, false},
        {"before not reached", "before", 200, away, 503, "facilitator_unavailable", 0, 3, n, false},
    };
    for (const OutcomeRow& row : rows) {
        SCOPED_TRACE(row.name);
        World world(with(one_route(std::string("settle = \"") + row.settle + "\""),
                         "pending_wait = \"60ms\""));
        world.upstream->status = row.upstream;
        world.script->settle = [&row](int) { return row.answer; };
        const auto response =
            world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
        EXPECT_EQ(response.status, row.status);
        EXPECT_EQ(response.headers.has("PAYMENT-REQUIRED"), row.offers);
        if (*row.code != '\0') {
            EXPECT_EQ(code_of(response), row.code);
            EXPECT_EQ(response.body.find("sunny"), std::string::npos) << "the answer is withheld";
        }
        EXPECT_EQ(world.upstream->calls, row.upstream_calls);
        EXPECT_LE(settles(world.script), row.most_settles);
        EXPECT_TRUE(world.reaches("1", row.state));
        EXPECT_NE(world.metrics().find("x402_unpaid_served_total 0"), std::string::npos);
        const std::scoped_lock lock(world.script->mutex);
        for (const std::string& key : world.script->keys)
            EXPECT_EQ(key, world.script->keys.front());
    }
}

TEST(Gateway, PendingTellsTheTransactionAndInvitesNothing) {
    World world(with(one_route(), "pending_wait = \"60ms\""));
    world.script->settle = [](int) { return not_settled("settlement_pending", "0x8"); };
    const std::string payment = world.pay_for("/weather", "1");
    const auto told = world.send({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(told.status, 409);
    EXPECT_TRUE(told.headers.has("Retry-After"));
    EXPECT_FALSE(told.headers.has("PAYMENT-REQUIRED"));
    EXPECT_NE(world.metrics().find("x402_live_settlements 1"), std::string::npos);
    EXPECT_NE(world.metrics().find("x402_pending_settlements 1"), std::string::npos);
    EXPECT_EQ(settlement_of(told).transaction, "0x8");
    EXPECT_EQ(settlement_of(told).error_reason, "settlement_pending");
    EXPECT_FALSE(settlement_of(told).success);
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->settle = [](int) { return settled_with("0x8"); };
    }
    const auto answer = world.send({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "sunny");
    EXPECT_EQ(settlement_of(answer).transaction, "0x8");
    EXPECT_EQ(world.upstream->calls, 1) << "the kept answer";
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
}

TEST(Gateway, TheFacilitatorInsideTellsWhatIsPending) {
    for (const bool inside : {false, true}) {
        WorldOptions options = with(one_route(), "pending_wait = \"60ms\"");
        options.script = std::make_shared<ScriptedFacilitator::Script>();
        if (inside) options.script->name = "inside";
        World world(std::move(options));
        EXPECT_EQ(world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}}).status,
                  200);
        world.script->settle = [](int) { return not_settled("settlement_pending", "0x8"); };
        EXPECT_EQ(world.send({"/weather", "GET", {}, world.pay_for("/weather", "2"), {}}).status,
                  409);
        const std::string page = world.metrics();
        for (const char* name : {"x402_pending_settlements", "x402_pending_oldest_seconds"}) {
            EXPECT_EQ(page.find(name) == std::string::npos, inside) << name;
        }
        EXPECT_NE(page.find("x402_revenue_atomic_total"), std::string::npos);
    }
}

// Once a settle may have been begun, "no" is not believed; the facilitator's own record is.
TEST(Gateway, AmbiguityEndsWithProof) {
    World world(with(one_route(), "pending_wait = \"80ms\""));
    world.script->settle = [](int call) -> Result<SettleResponse> {
        if (call == 1) return fail(Errc::interrupted);
        return not_settled("invalid_exact_evm_nonce_already_used");
    };
    const std::string payment = world.pay_for("/weather", "1");
    const auto told = world.send({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(told.status, 409);
    EXPECT_EQ(code_of(told), "settlement_pending");
    EXPECT_TRUE(world.reaches("1", GrantState::settling));
    {
        const std::scoped_lock lock(world.script->mutex);
        SettlementStatus status;
        status.outcome = Outcome::settled;
        status.payer = "toy1alice";
        status.transactions = {"0x77"};
        status.updated_at = from_unix_s(4'000'000'000);
        world.script->status = status;
    }
    const auto answer = world.send({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(settlement_of(answer).transaction, "0x77");
    EXPECT_EQ(settlement_of(answer).payer, "toy1alice");
}

TEST(Gateway, AmbiguityMayEndUnpaid) {
    World world(with(one_route(), "pending_wait = \"2s\""));
    SettlementStatus status;
    status.outcome = Outcome::failed;
    status.updated_at = from_unix_s(4'000'000'000);
    world.script->status = status;
    world.script->settle = [](int call) -> Result<SettleResponse> {
        if (call == 1) return fail(Errc::timeout);
        return not_settled("invalid_transaction_state");
    };
    const auto told = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(told.status, 402);
    EXPECT_TRUE(told.headers.has("PAYMENT-REQUIRED"));
    EXPECT_TRUE(world.reaches("1", GrantState::released));
}

// attacks.md 1
TEST(Gateway, SixteenIdenticalPaymentsAreOneGrant) {
    for (const char* settle : {"after", "before"}) {
        SCOPED_TRACE(settle);
        World world(with(one_route(std::string("settle = \"") + settle + "\"")));
        world.script->hold_settle = std::make_shared<Latch>();
        const Pay pay{"/weather", "GET", {}, world.pay_for("/weather", "1"), {}};
        // The one that settles is let go once the others must have been told.
        auto hold = world.script->hold_settle;
        std::thread releaser([&world, hold] {
            for (int turn = 0; turn < 500 && settles(world.script) == 0; ++turn) {
                std::this_thread::sleep_for(Duration{2});
            }
            for (int turn = 0; turn < 500; ++turn) {
                const std::string text = world.metrics();
                if (text.find("x402_refused_total{reason=\"payment_in_progress\",route=\"GET "
                              "/weather\"} 15") != std::string::npos) {
                    break;
                }
                std::this_thread::sleep_for(Duration{2});
            }
            hold->open();
        });
        const auto answers = world.send_all(std::vector<Pay>(16, pay));
        releaser.join();
        int served = 0;
        for (const auto& answer : answers) {
            if (answer.status == 200) {
                ++served;
                continue;
            }
            EXPECT_EQ(answer.status, 409);
            EXPECT_EQ(code_of(answer), "payment_in_progress");
            EXPECT_TRUE(answer.headers.has("Retry-After"));
        }
        EXPECT_EQ(served, 1);
        EXPECT_EQ(world.upstream->calls, 1);
        EXPECT_EQ(settles(world.script), 1);
    }
}

// attacks.md 3 and 6
TEST(Gateway, ARepeatGetsTheKeptAnswerOnlyWithQuoteAndRequest) {
    World world(
        with(one_route() +
             "[[routes]]\nmatch = \"GET /other\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n"));
    const json::Object required = world.offers_of("/weather");
    const json::Object payload{
        {"payer", "toy1alice"}, {"nonce", "1"}, {"amount", "1000"}, {"validUntil", 4'000'000'000}};
    const std::string payment = World::payment(required, payload);
    EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 200);

    const auto again = world.send({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, "sunny");
    EXPECT_EQ(settlement_of(again).transaction, "0xtx1");

    const json::Object reordered{{"validUntil", 4'000'000'000},
                                 {"extra", 1},
                                 {"nonce", "1"},
                                 {"amount", "1000"},
                                 {"payer", "toy1alice"}};
    EXPECT_EQ(world.send({"/weather", "GET", {}, World::payment(required, reordered), {}}).status,
              200)
        << "the same authorization, however written";

    struct Row {
        const char* name;
        Pay pay;
    };
    json::Object unquoted = required;
    unquoted.at("accepts").as_array().at(0).at("extra").as_object().erase("quote");
    const Row rows[] = {
        {"a quote of one's own",
         {"/weather", "GET", {}, World::payment(world.offers_of("/weather"), payload), {}}},
        {"no quote", {"/weather", "GET", {}, World::payment(unquoted, payload), {}}},
        {"another query", {"/weather?x=1", "GET", {}, payment, {}}},
        {"another route", {"/other", "GET", {}, payment, {}}},
        {"another method", {"/weather", "HEAD", {}, payment, {}}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto answer = world.send(row.pay);
        EXPECT_EQ(answer.status, 409);
        EXPECT_EQ(answer.body.find("sunny"), std::string::npos);
        EXPECT_FALSE(answer.headers.has("PAYMENT-RESPONSE"));
        EXPECT_FALSE(answer.headers.has("PAYMENT-REQUIRED"));
        if (row.pay.method == "GET") {
            EXPECT_EQ(code_of(answer), "payment_already_used");
        }
    }
    EXPECT_EQ(world.upstream->calls, 1);
    EXPECT_EQ(settles(world.script), 1);
}

TEST(Gateway, ARepeatWithAnotherBodyIsNoRepeat) {
    World world(
        with("[[routes]]\nmatch = \"POST /ask\"\nprice = \"$0.001\"\nnetworks = "
             "[\"toy:one\"]\nmax_body = 64\n"));
    const json::Object required = world.offers_of("/ask", "POST");
    const json::Object payload{
        {"payer", "toy1alice"}, {"nonce", "1"}, {"amount", "1000"}, {"validUntil", 4'000'000'000}};
    const std::string payment = World::payment(required, payload);
    EXPECT_EQ(world.send({"/ask", "POST", "question", payment, {}}).status, 200);
    EXPECT_EQ(world.upstream->last_body, "question");
    EXPECT_EQ(world.send({"/ask", "POST", "question", payment, {}}).status, 200);
    const auto other = world.send({"/ask", "POST", "another", payment, {}});
    EXPECT_EQ(other.status, 409);
    EXPECT_EQ(code_of(other), "payment_already_used");
    EXPECT_EQ(world.send({"/ask", "POST", std::string(65, 'x'), payment, {}}).status, 413);
    EXPECT_EQ(world.upstream->calls, 1);
}

TEST(Gateway, WithoutReplayADeliveredPaymentIsUsedUp) {
    World world(with(one_route("replay = \"0s\"")));
    const std::string payment = world.pay_for("/weather", "1");
    EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 200);
    EXPECT_EQ(code_of(world.send_settled({"/weather", "GET", {}, payment, {}})),
              "payment_already_used");
    EXPECT_EQ(world.upstream->calls, 1);
}

TEST(Gateway, AnAnswerTooLargeToHoldCostsNothing) {
    World world(with(one_route("max_held = \"1KiB\"")));
    world.upstream->body = std::string(1025, 'x');
    const std::string payment = world.pay_for("/weather", "1");
    const auto refused = world.send({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(refused.status, 502);
    EXPECT_EQ(code_of(refused), "answer_too_large");
    EXPECT_NE(refused.body.find("settle = \\\"before\\\""), std::string::npos);
    EXPECT_EQ(settles(world.script), 0);
    EXPECT_TRUE(world.reaches("1", GrantState::released));
    {
        const std::scoped_lock lock(world.upstream->mutex);
        world.upstream->body = std::string(1024, 'x');
    }
    EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 200)
        << "the same payment works again";
}

TEST(Gateway, SettledBeforeIsRunAgainUntilItIsDelivered) {
    World world(with(one_route("settle = \"before\"")));
    const json::Object required = world.offers_of("/weather");
    EXPECT_EQ(required.at("accepts").as_array().at(0).at("extra").at("paymentFlow"), "upfront");
    const json::Object payload{
        {"payer", "toy1alice"}, {"nonce", "1"}, {"amount", "1000"}, {"validUntil", 4'000'000'000}};
    const std::string payment = World::payment(required, payload);
    world.upstream->status = 500;
    EXPECT_EQ(world.send_settled({"/weather", "GET", {}, payment, {}}).status, 500);
    EXPECT_EQ(world.send_settled({"/weather", "GET", {}, payment, {}}).status, 500);
    EXPECT_EQ(world.send_settled({"/weather", "GET", {}, payment, {}}).status, 500);
    const auto over = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(over.status, 502);
    EXPECT_EQ(code_of(over), "delivery_failed");
    EXPECT_EQ(settlement_of(over).transaction, "0xtx1");
    EXPECT_EQ(world.upstream->calls, 3);
    EXPECT_EQ(settles(world.script), 1);
    EXPECT_NE(world.metrics().find("x402_paid_undelivered_total{route=\"GET /weather\"} 3"),
              std::string::npos);
}

TEST(Gateway, ACutAnswerIsNoDelivery) {
    World world(with(one_route("settle = \"before\"")));
    const std::string payment = world.pay_for("/weather", "1");
    world.upstream->cut = true;
    const auto cut = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_NE(cut.body, "sunny");
    EXPECT_TRUE(world.reaches("1", GrantState::settled));
    {
        const std::scoped_lock lock(world.upstream->mutex);
        world.upstream->cut = false;
    }
    const auto whole = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.body, "sunny");
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
    EXPECT_EQ(world.send_settled({"/weather", "GET", {}, payment, {}}).body, "sunny") << "kept";
    EXPECT_EQ(world.upstream->calls, 2);
    EXPECT_EQ(settles(world.script), 1);
}

TEST(Gateway, AClientThatLeavesIsSettledAndServedLater) {
    World world(with(one_route()));
    const std::string payment = world.pay_for("/weather", "1");
    world.script->hold_settle = std::make_shared<Latch>();
    {
        auto peer = net::testing::RawPeer::connect(world.address());
        ASSERT_TRUE(peer.send("GET /weather HTTP/1.1\r\nHost: x\r\nPAYMENT-SIGNATURE: " + payment +
                              "\r\n\r\n"));
        for (int turn = 0; turn < 1000 && settles(world.script) == 0; ++turn)
            std::this_thread::sleep_for(Duration{2});
    }
    world.script->hold_settle->open();
    for (int turn = 0; turn < 1000 && world.grant("1")->state == GrantState::settling; ++turn) {
        std::this_thread::sleep_for(Duration{2});
    }
    const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "sunny");
    EXPECT_EQ(world.upstream->calls, 1);
    EXPECT_EQ(settles(world.script), 1);
}

// The reference client signs anew after a pending answer.
TEST(Gateway, ANewPaymentForAnUnfinishedRequestIsNotSettled) {
    World world(with(one_route(), "pending_wait = \"60ms\""));
    world.script->settle = [](int) { return not_settled("settlement_pending", "0x8"); };
    EXPECT_EQ(world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}}).status, 409);
    const auto still = world.send({"/weather", "GET", {}, world.pay_for("/weather", "2"), {}});
    EXPECT_EQ(still.status, 409);
    EXPECT_EQ(settlement_of(still).transaction, "0x8");
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->settle = [](int) { return settled_with("0x8"); };
    }
    const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "3"), {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "sunny");
    EXPECT_EQ(settlement_of(answer).transaction, "0x8") << "the earlier payment's";
    EXPECT_FALSE(world.grant("2").has_value());
    EXPECT_FALSE(world.grant("3").has_value());
    EXPECT_EQ(world.upstream->calls, 1);
    const auto bob =
        world.send({"/weather", "GET", {}, world.pay_for("/weather", "1", "toy1bob"), {}});
    EXPECT_EQ(bob.status, 200);
    EXPECT_EQ(world.upstream->calls, 2) << "another payer's is another purchase";
}

struct RefusedRow {
    const char* name;
    std::function<void(json::Object&, json::Object&)> change;  // the offer, the payload
    int status;
    const char* code;
};

// attacks.md 28 and 30
TEST(Gateway, PaymentsThatDoNotFitAreRefusedBeforeAnybodyIsAsked) {
    World world(with(one_route()));
    const RefusedRow rows[] = {
        {"cheaper",
         [](json::Object& o, json::Object& p) {
             o["amount"] = "1";
             p["amount"] = "1";
         },
         402, "no_matching_requirements"},
        {"other asset", [](json::Object& o, json::Object&) { o["asset"] = "coin-GOLD"; }, 402,
         "no_matching_requirements"},
        {"other payTo", [](json::Object& o, json::Object&) { o["payTo"] = "toy1mallory"; }, 402,
         "no_matching_requirements"},
        {"other network", [](json::Object& o, json::Object&) { o["network"] = "toy:two"; }, 402,
         "no_matching_requirements"},
        {"other scheme", [](json::Object& o, json::Object&) { o["scheme"] = "upto"; }, 402,
         "no_matching_requirements"},
        {"other timeout", [](json::Object& o, json::Object&) { o["maxTimeoutSeconds"] = 9999; },
         402, "no_matching_requirements"},
        {"extra changed",
         [](json::Object& o, json::Object&) { o["extra"].as_object()["name"] = "x"; }, 402,
         "no_matching_requirements"},
        {"extra missing",
         [](json::Object& o, json::Object&) { o["extra"].as_object().erase("feePayer"); }, 402,
         "no_matching_requirements"},
        {"unknown member", [](json::Object& o, json::Object&) { o["surprise"] = 1; }, 402,
         "no_matching_requirements"},
        {"signed less", [](json::Object&, json::Object& p) { p["amount"] = "999"; }, 402,
         "invalid_exact_evm_payload_authorization_value_mismatch"},
        {"expires soon", [](json::Object&, json::Object& p) { p["validUntil"] = 1; }, 402,
         "payment_expires_too_soon"},
        {"no payload",
         [](json::Object&, json::Object& p) {
             p.clear();
             p["x"] = 1;
         },
         400, "invalid_payload"},
        {"amount in hex", [](json::Object& o, json::Object&) { o["amount"] = "0x10"; }, 400,
         "malformed_payment"},
        {"amount in exponent", [](json::Object& o, json::Object&) { o["amount"] = "1e3"; }, 400,
         "malformed_payment"},
        {"negative amount", [](json::Object& o, json::Object&) { o["amount"] = "-1"; }, 400,
         "malformed_payment"},
        {"amount as a number", [](json::Object& o, json::Object&) { o["amount"] = 1000; }, 400,
         "malformed_payment"},
    };
    for (const RefusedRow& row : rows) {
        SCOPED_TRACE(row.name);
        json::Object required = world.offers_of("/weather");
        json::Object payload{{"payer", "toy1alice"},
                             {"nonce", "1"},
                             {"amount", "1000"},
                             {"validUntil", 4'000'000'000}};
        row.change(required.at("accepts").as_array().at(0).as_object(), payload);
        const auto response =
            world.send({"/weather", "GET", {}, World::payment(required, payload), {}});
        EXPECT_EQ(response.status, row.status);
        EXPECT_EQ(code_of(response), row.code);
        EXPECT_EQ(response.headers.has("PAYMENT-REQUIRED"), row.status == 402);
    }
    EXPECT_EQ(world.script->verifies, 0);
    EXPECT_EQ(world.upstream->calls, 0);
    EXPECT_FALSE(world.grant("1").has_value()) << "nothing unverified is written";
}

// attacks.md 26 and 28
TEST(Gateway, HeadersThatCanBeReadInTwoWays) {
    World world(with(one_route()));
    const std::string payment = world.pay_for("/weather", "1");
    struct Row {
        const char* name;
        std::string lines;
        const char* code;
    };
    const Row rows[] = {
        {"twice", "PAYMENT-SIGNATURE: " + payment + "\r\npayment-signature: " + payment,
         "ambiguous_payment"},
        {"both versions", "PAYMENT-SIGNATURE: " + payment + "\r\nX-PAYMENT: " + payment,
         "ambiguous_payment"},
        {"joined", "PAYMENT-SIGNATURE: " + payment + ", " + payment, "ambiguous_payment"},
        {"no base64", "PAYMENT-SIGNATURE: %%%", "malformed_payment"},
        {"no JSON", "PAYMENT-SIGNATURE: aGVsbG8=", "malformed_payment"},
        {"empty", "PAYMENT-SIGNATURE: ", "malformed_payment"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        auto peer = net::testing::RawPeer::connect(world.address());
        ASSERT_TRUE(peer.send("GET /weather HTTP/1.1\r\nHost: x\r\n" + row.lines + "\r\n\r\n"));
        const std::string answer = peer.read_answer();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer.substr(0, 100);
        EXPECT_NE(answer.find(row.code), std::string::npos);
    }
    EXPECT_EQ(world.upstream->calls, 0);
}

TEST(Gateway, VerifyIsJudgedOrNot) {
    World world(with(one_route()));
    struct Row {
        const char* name;
        Result<VerifyResponse> answer;
        int status;
        const char* code;
    };
    VerifyResponse poor;
    poor.invalid_reason = "invalid_exact_evm_insufficient_balance";
    VerifyResponse odd;
    odd.invalid_reason = "<script>alert(1)</script>";
    VerifyResponse broken;
    broken.invalid_reason = "unexpected_verify_error";
    const Row rows[] = {
        {"poor", poor, 402, "invalid_exact_evm_insufficient_balance"},
        {"a text that is no code", odd, 402, "invalid_payload"},
        {"the facilitator's own trouble", broken, 500, "unexpected_verify_error"},
        {"unreachable", fail(Errc::unreachable), 503, "facilitator_unavailable"},
        {"timeout", fail(Errc::timeout), 503, "facilitator_unavailable"},
        {"garbled", fail(Errc::bad_peer), 502, "facilitator_garbled"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        {
            const std::scoped_lock lock(world.script->mutex);
            world.script->verify = [&row] { return row.answer; };
        }
        const auto response =
            world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
        EXPECT_EQ(response.status, row.status);
        EXPECT_EQ(code_of(response), row.code);
        EXPECT_EQ(response.headers.has("PAYMENT-REQUIRED"), row.status == 402);
        EXPECT_EQ(response.body.find("script>"), std::string::npos);
    }
    EXPECT_FALSE(world.grant("1").has_value());
    EXPECT_EQ(world.upstream->calls, 0);
}

}  // namespace
}  // namespace x402::server
