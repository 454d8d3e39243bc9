// SPDX-License-Identifier: Apache-2.0
// Sentences of the design about payments that come again: what became of one is told by its key, a
// released one stays its client's own, and what was judged once is judged again when time has gone
// by.
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
const std::string kAsk =
    "[[routes]]\nmatch = \"POST /ask\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n";

WorldOptions with(const std::string& routes, const std::string& top = {}) {
    return {routes, top, {}, {}, {}, {}, {}};
}

json::Object payload_of(const std::string& nonce, std::int64_t until = 4'000'000'000) {
    return {{"payer", "toy1alice"}, {"nonce", nonce}, {"amount", "1000"}, {"validUntil", until}};
}

void settle_with(World& world, Settle settle) {
    const std::scoped_lock lock(world.script->mutex);
    world.script->settle = std::move(settle);
}

constexpr const char* kKeyOfOne = "toy~toy:one~toy1alice~1";

// Whoever was answered about a payment can ask the operator, or a facilitator, by its name.
TEST(GatewayRules, AnswersAboutAPaymentNameItsKey) {
    World world(with(kPaid + kAsk, "pending_wait = \"60ms\"\ncors = { origins = [\"*\"] }"));
    const json::Object required = world.offers_of("/weather");
    const std::string payment = World::payment(required, payload_of("1"));
    const auto key_of = [](const net::ClientResponse& answer) {
        EXPECT_EQ(answer.headers.count("X402-Payment-Key"),
                  answer.headers.get("X402-Payment-Key").empty() ? 0U : 1U);
        return std::string(answer.headers.get("X402-Payment-Key"));
    };
    EXPECT_EQ(key_of(world.send({})), "") << "an offer is about no payment";
    EXPECT_EQ(key_of(world.send({"/weather", "GET", {}, "%%%", {}})), "");

    {
        const std::scoped_lock lock(world.upstream->mutex);
        world.upstream->status = 404;
        world.upstream->headers.add("X402-Payment-Key", "forged");
    }
    EXPECT_EQ(key_of(world.send({"/weather", "GET", {}, payment, {}})), kKeyOfOne) << "unpaid";
    world.upstream->status = 200;
    settle_with(world, [](int) { return not_settled("invalid_exact_evm_signature"); });
    const auto failed = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(failed.status, 402);
    EXPECT_EQ(key_of(failed), kKeyOfOne);
    settle_with(world, [](int) { return not_settled("settlement_pending", "0x8"); });
    const auto pending = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(code_of(pending), "settlement_pending");
    EXPECT_EQ(key_of(pending), kKeyOfOne);
    const auto joined = world.send(
        {"/weather", "GET", {}, World::payment(world.offers_of("/weather"), payload_of("2")), {}});
    EXPECT_EQ(key_of(joined), kKeyOfOne) << "the earlier payment's, as PAYMENT-RESPONSE is";
    settle_with(world, {});
    net::Headers origin;
    origin.add("Origin", "https://app.example");
    const auto paid = world.send_settled({"/weather", "GET", {}, payment, origin});
    EXPECT_EQ(paid.status, 200);
    EXPECT_EQ(key_of(paid), kKeyOfOne);
    EXPECT_TRUE(
        net::has_token(paid.headers.get("Access-Control-Expose-Headers"), "X402-Payment-Key"));
    EXPECT_EQ(key_of(world.send_settled({"/weather", "GET", {}, payment, {}})), kKeyOfOne);
    EXPECT_EQ(key_of(world.send({"/weather?x=1", "GET", {}, payment, {}})), kKeyOfOne);
}

TEST(GatewayRules, StreamedAnswersNameTheirKeyToo) {
    World world(with(kPaid + "settle = \"before\"\n"));
    const auto paid = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(paid.status, 200);
    EXPECT_EQ(paid.headers.get("X402-Payment-Key"), kKeyOfOne);
}

// What came to nothing may stand on a chain for all to see: only who was given its offer may try
// again.
TEST(GatewayRules, AReleasedPaymentStaysWithItsQuote) {
    World world(with(kPaid));
    const std::string mine = World::payment(world.offers_of("/weather"), payload_of("1"));
    settle_with(world, [](int) { return not_settled("invalid_exact_evm_insufficient_balance"); });
    EXPECT_EQ(world.send({"/weather", "GET", {}, mine, {}}).status, 402);
    EXPECT_TRUE(world.reaches("1", GrantState::released));
    settle_with(world, {});
    json::Object bare = world.offers_of("/weather");
    bare.at("accepts").as_array().at(0).at("extra").as_object().erase("quote");
    for (const json::Object& required : {world.offers_of("/weather"), bare}) {
        const auto stranger =
            world.send({"/weather", "GET", {}, World::payment(required, payload_of("1")), {}});
        EXPECT_EQ(stranger.status, 409);
        EXPECT_EQ(code_of(stranger), "payment_already_used");
        EXPECT_FALSE(stranger.headers.has("PAYMENT-RESPONSE"));
        EXPECT_FALSE(stranger.headers.has("PAYMENT-REQUIRED"));
    }
    EXPECT_EQ(world.upstream->calls, 1);
    EXPECT_EQ(settles(world.script), 1);
    EXPECT_EQ(world.send({"/weather", "GET", {}, mine, {}}).status, 200);
}

// Verifying takes time, and nobody works for a dying payment.
TEST(GatewayRules, TimeIsJudgedAgainBeforeTheClaim) {
    World world(with(kPaid + "upstream_timeout = \"1s\"\n", "pending_wait = \"1s\""));
    const auto clock = make_system_clock();
    const std::int64_t until = to_unix_s(clock->now()) + 13;
    const std::string payment = World::payment(world.offers_of("/weather"), payload_of("1", until));
    world.script->verify = [&clock, until]() -> Result<VerifyResponse> {
        while (clock->now() + std::chrono::seconds(12) <= from_unix_s(until))
            std::this_thread::sleep_for(Duration{5});
        VerifyResponse yes;
        yes.is_valid = true;
        return yes;
    };
    const auto late = world.send({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(late.status, 402);
    EXPECT_EQ(code_of(late), "payment_expires_too_soon");
    EXPECT_TRUE(late.headers.has("PAYMENT-REQUIRED"));
    EXPECT_EQ(world.script->verifies, 1) << "the first look at the time was passed";
    EXPECT_EQ(world.upstream->calls, 0);
    EXPECT_FALSE(world.grant("1").has_value());
}

// What the n-th look at a record finds is the test's to change, as time would between two looks.
using Glimpse = std::function<void(int look, std::optional<store::GrantRecord>& found)>;

class GlimpsedStore final : public store::GrantStore {
public:
    GlimpsedStore(std::unique_ptr<store::GrantStore> inner, std::shared_ptr<std::atomic<int>> looks,
                  Glimpse glimpse)
        : inner_(std::move(inner)), looks_(std::move(looks)), glimpse_(std::move(glimpse)) {}
    const store::Owner& owner() const noexcept override { return inner_->owner(); }
    Task<Result<store::GrantClaim>> claim(store::GrantRecord grant) override {
        return inner_->claim(std::move(grant));
    }
    Task<Result<bool>> move(PaymentKey key, GrantState from, store::GrantChange change,
                            Instant at) override {
        return inner_->move(std::move(key), from, std::move(change), at);
    }
    Task<Result<std::optional<store::GrantRecord>>> find(PaymentKey key) override {
        auto found = co_await inner_->find(std::move(key));
        const int look = ++*looks_;
        if (found) glimpse_(look, *found);
        co_return found;
    }
    Task<Result<std::optional<store::GrantRecord>>> find_open(ChainId network, std::string payer,
                                                              Hash32 request) override {
        return inner_->find_open(std::move(network), std::move(payer), request);
    }
    Task<Result<std::vector<store::GrantRecord>>> take_over(std::size_t limit) override {
        return inner_->take_over(limit);
    }
    Task<Result<std::size_t>> forget_answers(Instant now) override {
        return inner_->forget_answers(now);
    }
    Task<Result<std::size_t>> forget_released(Instant over, std::size_t limit) override {
        return inner_->forget_released(over, limit);
    }

private:
    std::unique_ptr<store::GrantStore> inner_;
    std::shared_ptr<std::atomic<int>> looks_;
    Glimpse glimpse_;
};

WorldOptions glimpsing(const std::string& routes, const std::shared_ptr<std::atomic<int>>& looks,
                       const Glimpse& glimpse) {
    WorldOptions options = with(routes);
    options.wrap =
        [looks,
         glimpse](std::unique_ptr<store::GrantStore> inner) -> std::unique_ptr<store::GrantStore> {
        return std::make_unique<GlimpsedStore>(std::move(inner), looks, glimpse);
    };
    return options;
}

// While it was verified, a request with the same payment claimed and settled it, and so the network
// calls it used: that is no reason to invite its payer to pay again.
TEST(GatewayRules, APaymentUsedUpWhileItWasVerifiedIsAnsweredFromItsRecord) {
    const auto looks = std::make_shared<std::atomic<int>>(100);
    const auto blind_at_first = [](int look, std::optional<store::GrantRecord>& found) {
        if (look == 1) found.reset();
    };
    World world(glimpsing(kPaid, looks, blind_at_first));
    const json::Object required = world.offers_of("/weather");
    const std::string payment = World::payment(required, payload_of("1"));
    ASSERT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 200);
    ASSERT_TRUE(world.reaches("1", GrantState::delivered));
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->verify = []() -> Result<VerifyResponse> {
            VerifyResponse used;
            used.invalid_reason = "invalid_exact_evm_nonce_already_used";
            return used;
        };
    }
    *looks = 0;
    const auto again = world.send({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(world.script->verifies, 2) << "the first look saw no record";
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, "sunny");
    EXPECT_FALSE(again.headers.has("PAYMENT-REQUIRED"));

    *looks = 0;
    json::Object other = world.offers_of("/weather");
    const auto stranger =
        world.send({"/weather", "GET", {}, World::payment(other, payload_of("1")), {}});
    EXPECT_EQ(stranger.status, 409);
    EXPECT_EQ(code_of(stranger), "payment_already_used");

    const auto fresh =
        world.send({"/weather", "GET", {}, World::payment(required, payload_of("2")), {}});
    EXPECT_EQ(fresh.status, 402) << "without a record the facilitator's word stands";
    EXPECT_EQ(code_of(fresh), "invalid_exact_evm_nonce_already_used");
    EXPECT_TRUE(fresh.headers.has("PAYMENT-REQUIRED"));
    EXPECT_EQ(world.upstream->calls, 1);
    EXPECT_EQ(settles(world.script), 1);
}

TEST(GatewayRules, ABodyIsComparedAgainUnderTheSeat) {
    const auto finds = std::make_shared<std::atomic<int>>(0);
    // It learns its body between two looks, as a record does while a run ends.
    const auto learning = [](int look, std::optional<store::GrantRecord>& found) {
        if (look >= 2 && found) found->body = Hash32{};
    };
    World world(glimpsing(kAsk + "settle = \"before\"\n", finds, learning));
    world.upstream->status = 500;
    const std::string payment = World::payment(world.offers_of("/ask", "POST"), payload_of("1"));
    EXPECT_EQ(world.send({"/ask", "POST", "question", payment, {}}).status, 500);
    EXPECT_TRUE(world.reaches("1", GrantState::settled));
    world.upstream->status = 200;
    net::ClientResponse answer;
    for (int turn = 0; turn < 500; ++turn) {
        *finds = 0;
        answer = world.send({"/ask", "POST", "question", payment, {}});
        if (code_of(answer) != "payment_in_progress") break;
        std::this_thread::sleep_for(Duration{2});
    }
    EXPECT_EQ(code_of(answer), "payment_already_used");
    EXPECT_EQ(world.upstream->calls, 1) << "the second run would be another question's";
}

// The words of the design: GET /settlements reports and is never a ground for a grant; a payment
// that nobody settled for us is verified like any other.
TEST(GatewayRules, AReportedSettlementGrantsNothing) {
    World world(with(kPaid));
    SettlementStatus status;
    status.outcome = Outcome::settled;
    status.payer = "toy1alice";
    status.transactions = {"0x77"};
    status.updated_at = from_unix_s(4'000'000'000);
    world.script->status = status;
    world.script->settle = [](int) { return not_settled("duplicate_settlement", "0x77"); };
    const auto told = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(told.status, 409);
    EXPECT_EQ(code_of(told), "duplicate_settlement");
    EXPECT_EQ(told.body.find("sunny"), std::string::npos);
    EXPECT_FALSE(told.headers.has("PAYMENT-REQUIRED"));
}

// "Any other repeat gets 409 payment_already_used without body, state or token": in each state that
// a record may be in.
void expect_nothing_told(const net::ClientResponse& answer) {
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(code_of(answer), "payment_already_used");
    for (const char* name :
         {"PAYMENT-RESPONSE", "PAYMENT-REQUIRED", "Retry-After", "ETag", "X402-Payment-Key"})
        EXPECT_FALSE(answer.headers.has(name)) << name;
    for (const char* text : {"sunny", "0x8", "settl", "pending"})
        EXPECT_EQ(answer.body.find(text), std::string::npos) << text;
}

TEST(GatewayRules, AStrangerLearnsNothingInAnyState) {
    World world(with(kPaid + "settle = \"before\"\n", "pending_wait = \"60ms\""));
    {
        const std::scoped_lock lock(world.upstream->mutex);
        world.upstream->headers.add("ETag", "\"1\"");
    }
    const std::string mine = World::payment(world.offers_of("/weather"), payload_of("1"));
    const std::string theirs = World::payment(world.offers_of("/weather"), payload_of("1"));
    const Pay stranger{"/weather", "GET", {}, theirs, {}};
    settle_with(world, [](int) { return not_settled("settlement_pending", "0x8"); });
    EXPECT_EQ(code_of(world.send({"/weather", "GET", {}, mine, {}})), "settlement_pending");
    EXPECT_EQ(world.grant("1")->state, GrantState::settling);
    expect_nothing_told(world.send(stranger));

    world.upstream->status = 500;
    settle_with(world, [](int) { return settled_with("0x8"); });
    EXPECT_EQ(world.send_settled({"/weather", "GET", {}, mine, {}}).status, 500);
    EXPECT_TRUE(world.reaches("1", GrantState::settled));
    world.upstream->status = 200;
    const int before = world.upstream->calls;
    expect_nothing_told(world.send(stranger));
    EXPECT_EQ(world.upstream->calls, before) << "the run that is left is its payer's";

    EXPECT_EQ(world.send_settled({"/weather", "GET", {}, mine, {}}).status, 200);
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
    expect_nothing_told(world.send(stranger));
}

TEST(GatewayRules, AStrangerLearnsNothingOfAClaim) {
    World world(with(kPaid));
    const std::string mine = World::payment(world.offers_of("/weather"), payload_of("1"));
    const std::string theirs = World::payment(world.offers_of("/weather"), payload_of("1"));
    const auto hold = std::make_shared<Latch>();
    world.upstream->hold = hold;
    net::ClientResponse paid;
    std::thread payer(
        [&world, &mine, &paid] { paid = world.send({"/weather", "GET", {}, mine, {}}); });
    EXPECT_TRUE(world.reaches("1", GrantState::claimed));
    expect_nothing_told(world.send({"/weather", "GET", {}, theirs, {}}));
    const auto own = world.send({"/weather", "GET", {}, mine, {}});
    EXPECT_EQ(code_of(own), "payment_in_progress");
    EXPECT_TRUE(own.headers.has("Retry-After"));
    hold->open();
    payer.join();
    EXPECT_EQ(paid.status, 200);
}

// "Pending is first waited out in the request, with the same settle and the same key."
TEST(GatewayRules, PendingIsWaitedOutWithTheSameWords) {
    for (const char* settle : {"after", "before"}) {
        SCOPED_TRACE(settle);
        World world(with(kPaid + "settle = \"" + settle + "\"\n", "pending_wait = \"5s\""));
        world.script->settle = [](int call) {
            return call < 4 ? not_settled("settlement_pending", "0x8") : settled_with("0x8");
        };
        const auto paid = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
        EXPECT_EQ(paid.status, 200);
        EXPECT_EQ(world.upstream->calls, 1);
        const std::scoped_lock lock(world.script->mutex);
        ASSERT_EQ(world.script->keys.size(), 4U);
        for (std::size_t i = 1; i < 4; ++i) {
            EXPECT_EQ(world.script->keys[i], world.script->keys[0]);
            EXPECT_EQ(world.script->requests[i], world.script->requests[0]);
        }
    }
}

// "A new verified payment by the same payer for a request whose earlier payment is settled without
// its answer having left is not settled; it receives the earlier answer."
TEST(GatewayRules, ANewPaymentForAnUndeliveredRequestIsNotSettled) {
    World world(with(kPaid + "settle = \"before\"\n"));
    world.upstream->status = 500;
    const std::string first = world.pay_for("/weather", "1");
    EXPECT_EQ(world.send({"/weather", "GET", {}, first, {}}).status, 500);
    EXPECT_TRUE(world.reaches("1", GrantState::settled));
    // Once the first request has let go: what lives side by side is never merged.
    for (int turn = 0; turn < 1000; ++turn) {
        if (world.metrics().find("x402_paid_undelivered_total{") != std::string::npos) break;
        std::this_thread::sleep_for(Duration{2});
    }
    world.upstream->status = 200;
    const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "2"), {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "sunny");
    const auto told = headers::decode_text(answer.headers.get("PAYMENT-RESPONSE"));
    EXPECT_NE(told.value_or("").find("0xtx1"), std::string::npos) << "the earlier payment's";
    EXPECT_FALSE(world.grant("2").has_value());
    EXPECT_EQ(settles(world.script), 1);
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
}

Task<void> leave_open(store::GrantStore& store, store::GrantRecord grant, bool& left) {
    const PaymentKey key = grant.key;
    const Instant at = grant.created;
    const auto claimed = co_await store.claim(std::move(grant));
    store::GrantChange settling;
    settling.to = GrantState::settling;
    const auto begun = co_await store.move(key, GrantState::claimed, settling, at);
    store::GrantChange settled;
    settled.to = GrantState::settled;
    settled.response = R"({"success":true,"transaction":"0xother","network":"toy:two"})";
    settled.answer = store::StoredAnswer{R"({"status":200,"headers":[]})", "bob's",
                                         at + std::chrono::minutes(10)};
    const auto done = co_await store.move(key, GrantState::settling, settled, at);
    left = claimed && claimed->fresh && begun && *begun && done && *done;
}

// The address of a contract wallet may belong to somebody else on another chain.
TEST(GatewayRules, APayerOfAnotherNetworkIsSomebodyElse) {
    World world(with(kPaid));
    EXPECT_EQ(world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}}).status, 200);
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
    store::GrantRecord other = *world.grant("1");
    other.key = PaymentKey("toy~toy:two~toy1alice~1");
    other.network = *ChainId::parse("toy:two");
    other.answer.reset();
    bool left = false;
    world.run([&] { return leave_open(world.store(), other, left); });
    ASSERT_TRUE(left);
    const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "2"), {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "sunny");
    const auto told = headers::decode_text(answer.headers.get("PAYMENT-RESPONSE"));
    EXPECT_EQ(told.value_or("").find("0xother"), std::string::npos);
    EXPECT_TRUE(world.reaches("2", GrantState::delivered)) << "a purchase of its own";
    EXPECT_EQ(settles(world.script), 2);
}

// "Parallel live requests are never merged."
TEST(GatewayRules, TwoPaymentsAtOnceAreTwoPurchases) {
    World world(with(kPaid));
    const auto hold = std::make_shared<Latch>();
    world.script->hold_settle = hold;
    std::thread opener([&world, hold] {
        for (int turn = 0; turn < 1000 && settles(world.script) < 2; ++turn)
            std::this_thread::sleep_for(Duration{2});
        hold->open();
    });
    const auto answers =
        world.send_all({{"/weather", "GET", {}, world.pay_for("/weather", "1"), {}},
                        {"/weather", "GET", {}, world.pay_for("/weather", "2"), {}}});
    opener.join();
    for (const auto& answer : answers) EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(world.upstream->calls, 2);
    EXPECT_EQ(settles(world.script), 2);
}

// "Up to three runs within `replay`", and none after it.
TEST(GatewayRules, NoRunAfterReplay) {
    World world(with(kPaid + "settle = \"before\"\nreplay = \"150ms\"\n"));
    world.upstream->status = 500;
    const std::string payment = world.pay_for("/weather", "1");
    EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 500);
    std::this_thread::sleep_for(Duration{300});
    world.upstream->status = 200;
    const auto late = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(late.status, 502);
    EXPECT_EQ(code_of(late), "delivery_failed");
    EXPECT_TRUE(late.headers.has("PAYMENT-RESPONSE"));
    EXPECT_FALSE(late.headers.has("PAYMENT-REQUIRED"));
    EXPECT_EQ(world.upstream->calls, 1);
}

// "Where none was kept, one new upstream run if the first answer did not leave completely."
TEST(GatewayRules, AnAnswerThatWasNotKeptIsMadeOnceMore) {
    World world(with(kPaid + "replay = \"0s\"\n"));
    world.upstream->body = std::string(6 * 1024 * 1024, 'x');
    const std::string payment = world.pay_for("/weather", "1");
    {
        auto peer = net::testing::RawPeer::connect(world.address(), 4096);
        ASSERT_TRUE(peer.send("GET /weather HTTP/1.1\r\nHost: x\r\nPAYMENT-SIGNATURE: " + payment +
                              "\r\n\r\n"));
        EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
        peer.reset();
    }
    for (int turn = 0; turn < 1000; ++turn) {
        if (world.metrics().find("x402_paid_undelivered_total{") != std::string::npos) break;
        std::this_thread::sleep_for(Duration{2});
    }
    EXPECT_EQ(world.grant("1")->state, GrantState::settled);
    world.upstream->body = "sunny";
    const auto again = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, "sunny");
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
    EXPECT_EQ(code_of(world.send_settled({"/weather", "GET", {}, payment, {}})),
              "payment_already_used");
    EXPECT_EQ(world.upstream->calls, 2);
    EXPECT_EQ(settles(world.script), 1);
}

// A copy for a repeat gives way to answers that are waited for; what is paid for is delivered all
// the same, once.
TEST(GatewayRules, WithoutRoomForACopyAStreamedAnswerIsStillDelivered) {
    for (const bool fits : {true, false}) {
        SCOPED_TRACE(fits);
        World world(with(kPaid + "settle = \"before\"\nmax_held = \"64KiB\"\n",
                         "max_held_total = \"64KiB\""));
        world.upstream->body = std::string(fits ? 30'000 : 40'000, 'x');
        const std::string payment = world.pay_for("/weather", "1");
        EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).body, world.upstream->body);
        EXPECT_TRUE(world.reaches("1", GrantState::delivered));
        const auto again = world.send_settled({"/weather", "GET", {}, payment, {}});
        EXPECT_EQ(again.status, fits ? 200 : 409);
        EXPECT_EQ(world.upstream->calls, 1);
    }
}

}  // namespace
}  // namespace x402::server
