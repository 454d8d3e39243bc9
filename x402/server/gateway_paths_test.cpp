// SPDX-License-Identifier: Apache-2.0
// What is not a paid call: free routes, strange paths, browsers, facilitators that come late,
// restarts, reloads.
#include <gtest/gtest.h>

#include <thread>

#include "x402/net/test_peer.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/server/test_world.hpp"

namespace x402::server {
namespace {

using namespace testing;
using store::GrantState;

const std::string kPaid =
    "[[routes]]\nmatch = \"GET /api/premium\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n";
const std::string kFree = "[[routes]]\nmatch = \"* /free/*\"\nfree = true\n";

WorldOptions with(const std::string& routes, const std::string& top = {}) {
    return {routes, top, {}, {}, {}, {}, {}};
}

std::string raw(World& world, const std::string& request) {
    auto peer = net::testing::RawPeer::connect(world.address());
    EXPECT_TRUE(peer.send(request));
    return peer.read_answer();
}

// attacks.md 25: with everything else open, no spelling of a paid path reaches the upstream unpaid.
TEST(GatewayPaths, NoSpellingIsServedUnpaid) {
    World world(with(kPaid, "default = \"free\""));
    for (const char* target :
         {"/api/premium",      "/api%2Fpremium",   "/api%252Fpremium",     "/api%5Cpremium",
          "/api\\premium",     "//api/premium",    "/api//premium",        "/api/./premium",
          "/api/x/../premium", "/api/premium;v=1", "/api;x/premium",       "/api/premium/",
          "/api/premium%c0",   "/API/premium",     "/api/PREMIUM",         "/api/pr%65mium",
          "/api/premium%00",   "/api/premium%20",  "http://x/api/premium", "/api/%2e/premium",
          "/api/premium#x",    "/api/premium?x=1"}) {
        for (const char* method : {"GET", "HEAD", "OPTIONS", "POST", "get", "PURGE"}) {
            SCOPED_TRACE(std::string(method) + " " + target);
            auto peer = net::testing::RawPeer::connect(world.address());
            ASSERT_TRUE(peer.send(std::string(method) + " " + target +
                                  " HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: "
                                  "POST\r\nConnection: close\r\n\r\n"));
            const std::string answer = peer.read_until("\r\n");
            EXPECT_TRUE(answer.starts_with("HTTP/1.1 40")) << answer;
        }
    }
    EXPECT_EQ(world.upstream->calls, 0);
    EXPECT_EQ(world.send({"/api/other", "GET", {}, {}, {}}).status, 200) << "the rest is open";
    EXPECT_EQ(world.send({"/api/other", "POST", "x", {}, {}}).status, 200);
}

TEST(GatewayPaths, WhatIsNotRoutedIsClosed) {
    World world(with(kPaid + kFree));
    const auto unknown = world.send({"/api/other", "GET", {}, {}, {}});
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(code_of(unknown), "route_unknown");
    EXPECT_EQ(world.send({"/api/premium", "POST", {}, {}, {}}).status, 404);
    EXPECT_EQ(world.upstream->calls, 0);
}

TEST(GatewayPaths, FreeRoutesArePassedOn) {
    World world(with(kPaid + kFree));
    world.upstream->status = 201;
    {
        const std::scoped_lock lock(world.upstream->mutex);
        world.upstream->headers.add("Cache-Control", "public, max-age=60");
        world.upstream->body = std::string(300'000, 'x');
    }
    net::Headers extra;
    extra.add("PAYMENT-SIGNATURE", "not looked at");
    const auto answer =
        world.send({"/free/a%20b?x=%2F", "POST", std::string(200'000, 'y'), {}, extra});
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.body.size(), 300'000U);
    EXPECT_EQ(answer.headers.get("Cache-Control"), "public, max-age=60")
        << "caching is the upstream's own";
    EXPECT_EQ(world.upstream->last.target, "/free/a%20b?x=%2F");
    EXPECT_EQ(world.upstream->last_body.size(), 200'000U);
    EXPECT_FALSE(world.upstream->last.headers.has("PAYMENT-SIGNATURE"));
}

// No client takes a header of that size; the body still tells the offers.
TEST(GatewayPaths, ALongPathIsChallengedInTheBody) {
    World world(
        with("[[routes]]\nmatch = \"GET /items/:id\"\nprice = \"$0.001\"\n"
             "networks = [\"toy:one\"]\n"));
    const std::string path = "/items/" + std::string(6'500, 'p');
    const auto answer = world.send({path, "GET", {}, {}, {}});
    EXPECT_EQ(answer.status, 402);
    EXPECT_FALSE(answer.headers.has("PAYMENT-REQUIRED"));
    EXPECT_EQ(answer.headers.get("Cache-Control"), "no-store");
    EXPECT_NE(answer.body.find("https://api.example.com" + path), std::string::npos);
}

TEST(GatewayPaths, PreflightsAreAnsweredHere) {
    World world(with(kPaid, "cors = { origins = [\"https://app.example\"] }"));
    net::Headers asks;
    asks.add("Origin", "https://app.example");
    asks.add("Access-Control-Request-Method", "GET");
    const auto preflight = world.send({"/api/premium", "OPTIONS", {}, {}, asks});
    EXPECT_EQ(preflight.status, 204);
    EXPECT_EQ(preflight.headers.get("Access-Control-Allow-Origin"), "https://app.example");
    EXPECT_EQ(world.upstream->calls, 0);
    net::Headers origin;
    origin.add("Origin", "https://app.example");
    const auto challenge = world.send({"/api/premium", "GET", {}, {}, origin});
    EXPECT_EQ(challenge.status, 402);
    EXPECT_TRUE(
        net::has_token(challenge.headers.get("Access-Control-Expose-Headers"), "PAYMENT-REQUIRED"));
    EXPECT_TRUE(net::has_token(challenge.headers.get("Vary"), "Origin"));
    EXPECT_TRUE(net::has_token(challenge.headers.get("Vary"), "PAYMENT-SIGNATURE"));
    net::Headers stranger;
    stranger.add("Origin", "https://evil.example");
    EXPECT_FALSE(world.send({"/api/premium", "GET", {}, {}, stranger})
                     .headers.has("Access-Control-Allow-Origin"));
}

TEST(GatewayPaths, AFacilitatorThatComesLate) {
    auto script = std::make_shared<ScriptedFacilitator::Script>();
    const Result<Supported> all = script->supported;
    script->supported = fail(Errc::unreachable);
    WorldOptions options = with(kPaid);
    options.script = script;
    World world(std::move(options));
    EXPECT_FALSE(world.gateway().ready().has_value());
    const auto closed = world.send({"/api/premium", "GET", {}, {}, {}});
    EXPECT_EQ(closed.status, 503);
    EXPECT_EQ(code_of(closed), "facilitator_unavailable");
    EXPECT_NE(world.metrics().find("x402_refused_total{reason=\"facilitator_unavailable\",route="
                                   "\"GET /api/premium\"} 1"),
              std::string::npos);
    {
        const std::scoped_lock lock(script->mutex);
        script->supported = all;
    }
    for (int turn = 0; turn < 1000 && !world.gateway().ready(); ++turn)
        std::this_thread::sleep_for(Duration{2});
    EXPECT_TRUE(world.gateway().ready().has_value());
    EXPECT_EQ(
        world.send({"/api/premium", "GET", {}, world.pay_for("/api/premium", "1"), {}}).status,
        200);
}

TEST(GatewayPaths, ARestartFinishesWhatWasBegun) {
    const auto disk = store::make_memory_disk();
    auto script = std::make_shared<ScriptedFacilitator::Script>();
    script->settle = [](int) { return not_settled("settlement_pending", "0x8"); };
    std::string payment;
    {
        WorldOptions options = with(kPaid, "pending_wait = \"50ms\"");
        options.disk = disk;
        options.script = script;
        World world(std::move(options));
        payment = world.pay_for("/api/premium", "1");
        EXPECT_EQ(world.send({"/api/premium", "GET", {}, payment, {}}).status, 409);
    }
    std::string key;
    {
        const std::scoped_lock lock(script->mutex);
        key = script->keys.front();
        script->keys.clear();
        script->settle = [](int) { return settled_with("0x8"); };
    }
    WorldOptions options = with(kPaid);
    options.disk = disk;
    options.script = script;
    World world(std::move(options));
    for (int turn = 0; turn < 1000 && world.grant("1")->state == GrantState::settling; ++turn) {
        std::this_thread::sleep_for(Duration{2});
    }
    EXPECT_EQ(world.grant("1")->state, GrantState::settled);
    {
        const std::scoped_lock lock(script->mutex);
        EXPECT_EQ(script->keys, std::vector<std::string>{key}) << "the same key, once";
    }
    const auto answer = world.send({"/api/premium", "GET", {}, payment, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "sunny");
    EXPECT_EQ(world.upstream->calls, 0) << "kept from before the restart";
}

TEST(GatewayPaths, AReloadLeavesGrantsAsTheyAre) {
    World world(with(kPaid));
    const std::string before = world.pay_for("/api/premium", "1");
    EXPECT_EQ(world.send({"/api/premium", "GET", {}, before, {}}).status, 200);
    const std::string open_offer = world.pay_for("/api/premium", "2");
    auto dearer = world.config(
        "[[routes]]\nmatch = \"GET /api/premium\"\nprice = \"$0.002\"\nnetworks = [\"toy:one\"]\n");
    ASSERT_TRUE(dearer.has_value());
    ASSERT_TRUE(world.gateway().reload(std::move(*dearer)).has_value());
    EXPECT_EQ(world.offers_of("/api/premium").at("accepts").as_array().at(0).at("amount"), "2000");
    const auto repeat = world.send({"/api/premium", "GET", {}, before, {}});
    EXPECT_EQ(repeat.status, 200) << "a paid payment is answered whatever the price is now";
    EXPECT_EQ(code_of(world.send({"/api/premium", "GET", {}, open_offer, {}})),
              "no_matching_requirements");

    auto moved = world.config(kPaid, "listen = \"127.0.0.1:9\"");
    ASSERT_TRUE(moved.has_value());
    EXPECT_FALSE(world.gateway().reload(std::move(*moved)).has_value());
}

TEST(GatewayPaths, AnOfferNobodySettlesStopsTheStart) {
    World world(with(kPaid));
    auto config = world.config(
        "[[routes]]\nmatch = \"GET /a\"\naccepts = [{ asset = \"GOLD\", network = \"toy:one\", "
        "price = 5 }]\n" +
        kPaid);
    ASSERT_TRUE(config.has_value()) << to_string(config.error());
    EXPECT_TRUE(world.gateway().reload(std::move(*config)).has_value());
    auto elsewhere = world.config(
        "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\nnetworks = [\"toy:two\"]\n",
        "[assets.two]\nnetwork = \"toy:two\"\naddress = \"coin-two\"\ndecimals = 6\nusd = true\n");
    ASSERT_TRUE(elsewhere.has_value()) << to_string(elsewhere.error());
    const auto refused = world.gateway().reload(std::move(*elsewhere));
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(to_string(refused.error()).find("no facilitator settles exact on toy:two"),
              std::string::npos);
    EXPECT_NE(to_string(refused.error()).find("gateway.toml:"), std::string::npos);
}

Task<void> drain_into(Gateway& gateway, bool& ended) {
    ended = co_await gateway.drain(Duration{2000});
}

TEST(GatewayPaths, DrainLetsNobodyIn) {
    World world(with(kPaid + kFree));
    bool ended = false;
    world.run([&] { return drain_into(world.gateway(), ended); });
    EXPECT_TRUE(ended);
    const auto late = world.send({"/free/a", "GET", {}, {}, {}});
    EXPECT_EQ(late.status, 503);
    EXPECT_EQ(code_of(late), "server_stopping");
    EXPECT_FALSE(world.gateway().ready().has_value());
}

// attacks.md 7
TEST(GatewayPaths, APayerWhoseSettlementsFailPaysFirst) {
    World world(with(kPaid));
    world.script->settle = [](int) { return not_settled("invalid_exact_evm_nonce_already_used"); };
    for (const char* nonce : {"1", "2", "3"}) {
        EXPECT_EQ(world.send({"/api/premium", "GET", {}, world.pay_for("/api/premium", nonce), {}})
                      .status,
                  402);
    }
    EXPECT_EQ(world.upstream->calls, 3);
    EXPECT_EQ(
        world.send({"/api/premium", "GET", {}, world.pay_for("/api/premium", "4"), {}}).status,
        402);
    EXPECT_EQ(world.upstream->calls, 3) << "no more work before the money";
    EXPECT_EQ(
        world.send({"/api/premium", "GET", {}, world.pay_for("/api/premium", "5", "toy1bob"), {}})
            .status,
        402);
    EXPECT_EQ(world.upstream->calls, 4) << "others are not touched";
}

// attacks.md 6: the offer of one route does not buy another of the same price.
TEST(GatewayPaths, AnOfferBuysItsOwnRouteOnly) {
    World world(with(kPaid + "[[routes]]\nmatch = \"GET /api/other\"\nprice = \"$0.001\"\n"
                             "networks = [\"toy:one\"]\n"));
    const std::string payment = world.pay_for("/api/premium", "1");
    const auto elsewhere = world.send({"/api/other", "GET", {}, payment, {}});
    EXPECT_EQ(elsewhere.status, 402);
    EXPECT_EQ(code_of(elsewhere), "resource_mismatch");
    EXPECT_FALSE(world.grant("1").has_value());
    EXPECT_EQ(world.script->verifies, 0);
    EXPECT_EQ(world.send({"/api/premium", "GET", {}, payment, {}}).status, 200);
}

// attacks.md 42
TEST(GatewayPaths, NoQueryReachesAnOffer) {
    World world(with(kPaid));
    const auto challenge = world.send({"/api/premium?token=hunter2", "GET", {}, {}, {}});
    EXPECT_EQ(challenge.status, 402);
    EXPECT_EQ(challenge.body.find("hunter2"), std::string::npos);
}

// What a client of version 1 must read to become one of version 2; and no offer of ours is in it,
// because it could not read one.
TEST(GatewayPaths, PaymentsOfVersionOneAreToldSo) {
    World world(with(kPaid));
    const std::string payment =
        headers::encode(json::Object{{"x402Version", 1},
                                     {"scheme", "exact"},
                                     {"network", "toy-one"},
                                     {"payload", json::Object{{"payer", "toy1alice"}}}});
    for (const char* header : {"X-PAYMENT", "PAYMENT-SIGNATURE"}) {
        SCOPED_TRACE(header);
        const std::string answer =
            raw(world, "GET /api/premium HTTP/1.1\r\nHost: x\r\n" + std::string(header) + ": " +
                           payment + "\r\n\r\n");
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
        const auto body = json::parse_object(answer.substr(answer.find("\r\n\r\n") + 4));
        ASSERT_TRUE(body.has_value()) << answer;
        const json::Object& error = body->at("error").as_object();
        EXPECT_EQ(error.at("code"), "invalid_x402_version");
        EXPECT_FALSE(json::text_or_empty(error, "message").empty());
        EXPECT_EQ(error.at("field"), "x402Version");
        EXPECT_FALSE(json::text_or_empty(error, "next").empty());
        if (std::string_view(header) == "X-PAYMENT") {
            EXPECT_EQ(error.at("expected"), "2");
            EXPECT_NE(json::text_or_empty(error, "next").find("PAYMENT-SIGNATURE"),
                      std::string::npos);
        }
        EXPECT_EQ(answer.find("PAYMENT-REQUIRED: "), std::string::npos);
    }
    EXPECT_EQ(world.script->verifies, 0);
    EXPECT_EQ(world.upstream->calls, 0);
}

}  // namespace
}  // namespace x402::server
