// SPDX-License-Identifier: Apache-2.0
// What a gateway holds back until it is paid has a cap in bytes and an end in time; beyond either
// nothing is settled.
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
    "[[routes]]\nmatch = \"GET /weather\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n";
constexpr std::size_t kKiB = 1024;

WorldOptions with(const std::string& routes, const std::string& top = {}) {
    return {routes, top, {}, {}, {}, {}, {}};
}

net::ClientResponse pay(World& world, const std::string& nonce, const std::string& payer) {
    return world.send({"/weather", "GET", {}, world.pay_for("/weather", nonce, payer), {}});
}

void expect_no_room(const net::ClientResponse& refused) {
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(code_of(refused), "temporarily_unavailable");
    EXPECT_TRUE(refused.headers.has("Retry-After"));
    EXPECT_FALSE(refused.headers.has("PAYMENT-REQUIRED"));
}

void wait_for_settles(World& world, int count) {
    for (int turn = 0; turn < 1000 && settles(world.script) < count; ++turn)
        std::this_thread::sleep_for(Duration{2});
}

// A request lets go a little after its answer has left.
bool holds_nothing(World& world) {
    for (int turn = 0; turn < 1000; ++turn) {
        if (world.metrics().find("x402_held_bytes 0") != std::string::npos) return true;
        std::this_thread::sleep_for(Duration{2});
    }
    return false;
}

// A first answer is held while its settlement hangs; what becomes of a second one, by its size.
TEST(GatewayLimits, AllHeldBytesTogetherHaveACap) {
    struct Row {
        const char* name;
        std::size_t body;
        int upstream_calls;  // after the second payment
    };
    static constexpr Row rows[] = {{"no room left: the upstream is not asked", 50 * kKiB, 1},
                                   {"no room for the whole: the hold is given up", 40 * kKiB, 2}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        World world(with(kPaid + "max_held = \"64KiB\"\n", "max_held_total = \"64KiB\""));
        world.upstream->body = std::string(row.body, 'x');
        const auto hold = std::make_shared<Latch>();
        world.script->hold_settle = hold;
        net::ClientResponse first;
        std::thread holder([&world, &first] { first = pay(world, "1", "toy1alice"); });
        wait_for_settles(world, 1);
        const std::string second = world.pay_for("/weather", "2", "toy1bob");
        expect_no_room(world.send({"/weather", "GET", {}, second, {}}));
        EXPECT_EQ(world.upstream->calls, row.upstream_calls);
        EXPECT_EQ(settles(world.script), 1) << "nothing is settled for what is not held";
        const auto grant = world.grant("2", "toy1bob");
        EXPECT_TRUE(!grant || grant->state == GrantState::released);
        EXPECT_EQ(world.send({}).status, 402) << "unpaid requests hold nothing";
        hold->open();
        holder.join();
        EXPECT_EQ(first.status, 200);
        EXPECT_EQ(first.body.size(), row.body);
        EXPECT_TRUE(holds_nothing(world));
        EXPECT_EQ(world.send({"/weather", "GET", {}, second, {}}).status, 200)
            << "the same payment works as soon as there is room";
    }
}

// What stays open for long is kept by the store, not by the process.
TEST(GatewayLimits, AnOpenSettlementHoldsNoBytes) {
    World world(with(kPaid + "max_held = \"64KiB\"\n",
                     "max_held_total = \"64KiB\"\npending_wait = \"60ms\""));
    world.upstream->body = std::string(50 * kKiB, 'x');
    world.script->settle = [](int) { return not_settled("settlement_pending", "0x8"); };
    const std::string first = world.pay_for("/weather", "1");
    EXPECT_EQ(code_of(world.send({"/weather", "GET", {}, first, {}})), "settlement_pending");
    for (const char* payer : {"toy1bob", "toy1carol"}) {
        EXPECT_TRUE(holds_nothing(world)) << "the store has it";
        EXPECT_EQ(code_of(pay(world, "1", payer)), "settlement_pending");
    }
    EXPECT_EQ(world.upstream->calls, 3);
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->settle = [](int) { return settled_with("0x8"); };
    }
    const auto answer = world.send_settled({"/weather", "GET", {}, first, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, std::string(50 * kKiB, 'x')) << "as the upstream gave it";
    EXPECT_EQ(world.upstream->calls, 3);
}

// An earlier answer that there is no room for is no reason to take a second payment.
TEST(GatewayLimits, WithoutRoomForTheEarlierAnswerNoSecondPaymentIsSettled) {
    World world(with(kPaid + "max_held = \"64KiB\"\n",
                     "max_held_total = \"64KiB\"\npending_wait = \"60ms\""));
    world.upstream->body = std::string(40 * kKiB, 'x');
    world.script->settle = [](int) { return not_settled("settlement_pending", "0x8"); };
    EXPECT_EQ(code_of(pay(world, "1", "toy1alice")), "settlement_pending");
    EXPECT_TRUE(holds_nothing(world));
    world.upstream->body = "sunny";
    auto less = world.config(kPaid + "max_held = \"32KiB\"\n",
                             "max_held_total = \"32KiB\"\npending_wait = \"60ms\"");
    ASSERT_TRUE(less.has_value() && world.gateway().reload(std::move(*less)).has_value());
    const std::string second = world.pay_for("/weather", "2");
    expect_no_room(world.send({"/weather", "GET", {}, second, {}}));
    EXPECT_FALSE(world.grant("2").has_value());
    EXPECT_EQ(world.upstream->calls, 1);
    auto more = world.config(kPaid + "max_held = \"64KiB\"\n",
                             "max_held_total = \"64KiB\"\npending_wait = \"60ms\"");
    ASSERT_TRUE(more.has_value() && world.gateway().reload(std::move(*more)).has_value());
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->settle = [](int) { return settled_with("0x8"); };
    }
    EXPECT_TRUE(world.reaches("1", GrantState::settled));
    const auto answer = world.send_settled({"/weather", "GET", {}, second, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body.size(), 40 * kKiB) << "the earlier one";
    EXPECT_FALSE(world.grant("2").has_value());
}

// The time until a paid answer is old counts from its settlement, however long that took.
TEST(GatewayLimits, AnAnswerIsKeptFromItsSettlementOn) {
    World world(with(kPaid + "replay = \"1s\"\n", "pending_wait = \"60ms\""));
    world.script->settle = [](int) { return not_settled("settlement_pending", "0x8"); };
    const std::string first = world.pay_for("/weather", "1");
    EXPECT_EQ(code_of(world.send({"/weather", "GET", {}, first, {}})), "settlement_pending");
    std::this_thread::sleep_for(Duration{2100});
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->settle = [](int) { return settled_with("0x8"); };
    }
    EXPECT_TRUE(world.reaches("1", GrantState::settled));
    const auto answer = world.send_settled({"/weather", "GET", {}, first, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(world.upstream->calls, 1) << "the kept one";
}

Task<void> forget_into(store::GrantStore& store, Instant now, std::size_t& count) {
    auto forgotten = co_await store.forget_answers(now);
    count = forgotten.value_or(99);
}

// What is paid for in the end was answered once, however many houses were kept meanwhile.
TEST(GatewayLimits, AnOpenSettlementKeepsItsAnswer) {
    World world(with(kPaid + "replay = \"200ms\"\n", "pending_wait = \"60ms\""));
    world.script->settle = [](int) { return not_settled("settlement_pending", "0x8"); };
    const std::string payment = world.pay_for("/weather", "1");
    EXPECT_EQ(code_of(world.send({"/weather", "GET", {}, payment, {}})), "settlement_pending");
    std::this_thread::sleep_for(Duration{700});
    std::size_t forgotten = 99;
    const auto clock = make_system_clock();
    world.run([&] { return forget_into(world.store(), clock->now(), forgotten); });
    EXPECT_EQ(forgotten, 0U);
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->settle = [](int) { return settled_with("0x8"); };
    }
    EXPECT_EQ(world.send_settled({"/weather", "GET", {}, payment, {}}).status, 200);
    EXPECT_EQ(world.upstream->calls, 1);
}

// Head and body together: neither drops without an end nor silence in the middle keep a claim.
TEST(GatewayLimits, TheUpstreamsTimeCoversTheHeldBody) {
    for (const bool drips : {true, false}) {
        SCOPED_TRACE(drips ? "drips" : "falls silent");
        World world(with(kPaid + "upstream_timeout = \"200ms\"\n"));
        const auto rest = std::make_shared<Latch>();
        {
            const std::scoped_lock lock(world.upstream->mutex);
            world.upstream->body = std::string(150, 'x');
            if (drips) world.upstream->drip = Duration{20};
            if (!drips) world.upstream->hold_rest = rest;
        }
        const auto clock = make_system_clock();
        const Duration begun = clock->steady();
        const auto late = pay(world, "1", "toy1alice");
        EXPECT_LT(clock->steady() - begun, Duration{2500});
        rest->open();
        EXPECT_EQ(late.status, 504);
        EXPECT_EQ(code_of(late), "upstream_timeout");
        EXPECT_FALSE(late.headers.has("PAYMENT-REQUIRED"));
        EXPECT_EQ(settles(world.script), 0);
        EXPECT_TRUE(world.reaches("1", GrantState::released));
    }
}

// Where no time is signed, a payment lives from when it came.
TEST(GatewayLimits, APaymentWithoutASignedTimeMustLiveLongEnough) {
    World world(
        with("[[routes]]\nmatch = \"GET /weather\"\nprice = \"$0.001\"\n"
             "networks = [\"toy:one\"]\nupstream_timeout = \"1s\"\n",
             "pending_wait = \"1s\""));
    const json::Object required = world.offers_of("/weather");
    json::Object payload{
        {"payer", "toy1alice"}, {"nonce", "1"}, {"amount", "1000"}, {"livesFor", 11}};
    const auto brief = world.send({"/weather", "GET", {}, World::payment(required, payload), {}});
    EXPECT_EQ(brief.status, 402);
    EXPECT_EQ(code_of(brief), "payment_expires_too_soon");
    payload["livesFor"] = 60;
    const auto paid = world.send({"/weather", "GET", {}, World::payment(required, payload), {}});
    EXPECT_EQ(paid.status, 200);
    const auto grant = world.grant("1");
    ASSERT_TRUE(grant);
    EXPECT_LE(grant->usable_until, grant->created + std::chrono::seconds(60));
    EXPECT_GT(grant->usable_until, grant->created + std::chrono::seconds(50));
}

// Where payments live briefly, the waits are short by themselves.
TEST(GatewayLimits, ARouteAsksForNoMoreThanItsPaymentsLive) {
    WorldOptions options = with(
        "[[routes]]\nmatch = \"GET /weather\"\nprice = \"$0.001\"\n"
        "networks = [\"toy:one\"]\nupstream_timeout = \"1s\"\n");
    options.lifetime = std::chrono::seconds(24);
    World world(std::move(options));
    const json::Object required = world.offers_of("/weather");
    const json::Object payload{
        {"payer", "toy1alice"}, {"nonce", "1"}, {"amount", "1000"}, {"livesFor", 24}};
    EXPECT_EQ(world.send({"/weather", "GET", {}, World::payment(required, payload), {}}).status,
              200);
}

// A body that came so slowly that its payment is about to die: the money is not asked for, and
// nobody lost anything.
TEST(GatewayLimits, ADyingPaymentIsNotSettled) {
    World world(
        with("[[routes]]\nmatch = \"POST /ask\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n"
             "upstream_timeout = \"1s\"\n",
             "pending_wait = \"1s\""));
    const auto clock = make_system_clock();
    const json::Object required = world.offers_of("/ask", "POST");
    const std::int64_t until = to_unix_s(clock->now()) + 13;
    const json::Object payload{
        {"payer", "toy1alice"}, {"nonce", "1"}, {"amount", "1000"}, {"validUntil", until}};
    auto peer = net::testing::RawPeer::connect(world.address());
    ASSERT_TRUE(
        peer.send("POST /ask HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                  "PAYMENT-SIGNATURE: " +
                  World::payment(required, payload) + "\r\n\r\n4\r\nques\r\n"));
    EXPECT_TRUE(world.reaches("1", GrantState::claimed));
    while (clock->now() + std::chrono::seconds(10) <= from_unix_s(until))
        std::this_thread::sleep_for(Duration{5});
    ASSERT_TRUE(peer.send("4\r\ntion\r\n0\r\n\r\n"));
    const std::string answer = peer.read_answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 402 ")) << answer;
    EXPECT_NE(answer.find("payment_expires_too_soon"), std::string::npos);
    EXPECT_NE(answer.find("PAYMENT-REQUIRED: "), std::string::npos);
    EXPECT_EQ(settles(world.script), 0);
    EXPECT_TRUE(world.reaches("1", GrantState::released));
    EXPECT_EQ(world.metrics().find("x402_loss_total"), std::string::npos);
}

}  // namespace
}  // namespace x402::server
