// SPDX-License-Identifier: Apache-2.0
// What becomes of a payment whose end is learned late, by another request, or after the routes were
// changed: it is told the same to whoever asks, however often, and counted once.
#include <gtest/gtest.h>

#include <thread>

#include "x402/protocol/headers.hpp"
#include "x402/server/test_world.hpp"

namespace x402::server {
namespace {

using namespace testing;
using store::GrantState;

const std::string kPaid =
    "[[routes]]\nmatch = \"GET /weather\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n";
const std::string kOther =
    "[[routes]]\nmatch = \"GET /other\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n";
const std::string kShort = "pending_wait = \"60ms\"";

WorldOptions with(const std::string& routes, const std::string& top = {}) {
    return {routes, top, {}, {}, {}, {}, {}};
}

void settle_with(World& world, Settle settle) {
    const std::scoped_lock lock(world.script->mutex);
    world.script->settle = std::move(settle);
}

// The facilitator says for certain that nothing was taken, and with which code.
void fail_with(World& world, const std::string& code) {
    SettlementStatus status;
    status.outcome = Outcome::failed;
    status.updated_at = from_unix_s(4'000'000'000);
    const std::scoped_lock lock(world.script->mutex);
    world.script->status = status;
    world.script->settle = [code](int) { return not_settled(code); };
}

std::string told_by(const net::ClientResponse& answer) {
    return headers::decode_text(answer.headers.get("PAYMENT-RESPONSE")).value_or("");
}

bool says(World& world, const std::string& line) {
    for (int turn = 0; turn < 1000; ++turn) {
        if (world.metrics().find(line) != std::string::npos) return true;
        std::this_thread::sleep_for(Duration{2});
    }
    return false;
}

// A verdict that comes long after the request was told to wait is a loss like any other, once.
TEST(GatewayEnds, ALossIsCountedWhenItBecomesCertain) {
    World world(with(kPaid, kShort));
    std::vector<std::string> payments;
    settle_with(world, [](int) { return not_settled("settlement_pending", "0x8"); });
    for (const char* nonce : {"1", "2", "3"}) {
        const std::string path = std::string("/weather?page=") + nonce;
        payments.push_back(world.pay_for(path, nonce));
        EXPECT_EQ(code_of(world.send({path, "GET", {}, payments.back(), {}})),
                  "settlement_pending");
    }
    EXPECT_EQ(world.metrics().find("x402_loss_total"), std::string::npos) << "not certain yet";
    fail_with(world, "invalid_transaction_state");
    for (const char* nonce : {"1", "2", "3"})
        EXPECT_TRUE(world.reaches(nonce, GrantState::released));
    EXPECT_TRUE(says(world, "x402_loss_total{route=\"GET /weather\"} 3")) << world.metrics();
    const int worked = world.upstream->calls;
    const std::string fourth = world.pay_for("/weather?page=4", "4");
    EXPECT_EQ(world.send({"/weather?page=4", "GET", {}, fourth, {}}).status, 402);
    EXPECT_EQ(world.upstream->calls, worked) << "this payer settles first now";
    EXPECT_EQ(world.send({"/weather?page=1", "GET", {}, payments[0], {}}).status, 402);
    EXPECT_TRUE(says(world, "x402_loss_total{route=\"GET /weather\"} 3"));
    EXPECT_EQ(world.upstream->calls, worked);
}

// The seller has the money, by another transaction: whoever sends this payment again must never be
// asked to sign a new one.
TEST(GatewayEnds, ADuplicateIsRememberedWithItsTransaction) {
    const auto disk = store::make_memory_disk();
    const crypto::Secret secret(Bytes(32, 9));
    WorldOptions options = with(kPaid);
    options.disk = disk;
    options.secret = secret.clone();
    std::string payment;
    const auto expect_duplicate = [](const net::ClientResponse& answer) {
        EXPECT_EQ(answer.status, 409);
        EXPECT_EQ(code_of(answer), "duplicate_settlement");
        EXPECT_FALSE(answer.headers.has("PAYMENT-REQUIRED"));
        const std::string told = told_by(answer);
        EXPECT_NE(told.find("\"0x77\""), std::string::npos) << told;
        EXPECT_NE(told.find("\"duplicate_settlement\""), std::string::npos) << told;
        EXPECT_NE(told.find("\"success\":false"), std::string::npos) << told;
    };
    {
        World world(std::move(options));
        settle_with(world, [](int) { return not_settled("duplicate_settlement", "0x77"); });
        payment = world.pay_for("/weather", "1");
        for (int i = 0; i < 3; ++i) {
            SCOPED_TRACE("ask " + std::to_string(i));
            expect_duplicate(world.send_settled({"/weather", "GET", {}, payment, {}}));
        }
        EXPECT_EQ(settles(world.script), 1);
        EXPECT_EQ(world.script->verifies, 1);
        EXPECT_EQ(world.upstream->calls, 1);
        const auto stranger =
            world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
        EXPECT_EQ(code_of(stranger), "payment_already_used");
        EXPECT_FALSE(stranger.headers.has("PAYMENT-RESPONSE"));
    }
    WorldOptions again = with(kPaid);
    again.disk = disk;
    again.secret = secret.clone();
    World world(std::move(again));
    expect_duplicate(world.send({"/weather", "GET", {}, payment, {}}));
    EXPECT_EQ(settles(world.script), 0) << "a restart forgets nothing";
}

// Where proof ends it, the transaction is the one that was proven.
TEST(GatewayEnds, AProvenDuplicateNamesTheProvenTransaction) {
    World world(with(kPaid));
    {
        SettlementStatus status;
        status.outcome = Outcome::settled;
        status.transactions = {"0x77"};
        status.updated_at = from_unix_s(4'000'000'000);
        const std::scoped_lock lock(world.script->mutex);
        world.script->status = status;
        world.script->settle = [](int call) {
            return call < 2 ? not_settled("settlement_pending", "0x8")
                            : not_settled("duplicate_settlement");
        };
    }
    const std::string payment = world.pay_for("/weather", "1");
    for (int i = 0; i < 2; ++i) {
        const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
        EXPECT_EQ(code_of(answer), "duplicate_settlement");
        EXPECT_NE(told_by(answer).find("\"0x77\""), std::string::npos) << told_by(answer);
    }
}

// "A reload changes nothing for it": the route is gone, or free, and who has paid gets the answer.
TEST(GatewayEnds, APaymentOutlivesItsRoute) {
    struct Row {
        const char* name;
        std::string routes;
        int stranger;  // what a payment without a record is answered
    };
    const Row rows[] = {
        {"removed", kOther, 404},
        {"made free", kOther + "[[routes]]\nmatch = \"GET /weather\"\nfree = true\n", 200},
        {"renamed",
         "[[routes]]\nmatch = \"GET /:any\"\nprice = \"$0.2\"\nnetworks = [\"toy:one\"]\n", 402}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        World world(with(kPaid, kShort));
        settle_with(world, [](int) { return not_settled("settlement_pending", "0x8"); });
        const std::string payment = world.pay_for("/weather", "1");
        const std::string unseen = world.pay_for("/weather", "2", "toy1bob");
        EXPECT_EQ(code_of(world.send({"/weather", "GET", {}, payment, {}})), "settlement_pending");
        auto next = world.config(row.routes, kShort);
        ASSERT_TRUE(next.has_value()) << to_string(next.error());
        ASSERT_TRUE(world.gateway().reload(std::move(*next)).has_value());
        const auto waiting = world.send_settled({"/weather", "GET", {}, payment, {}});
        EXPECT_EQ(code_of(waiting), "settlement_pending");
        EXPECT_EQ(world.upstream->calls, 1);
        settle_with(world, [](int) { return settled_with("0x8"); });
        const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "sunny");
        EXPECT_NE(told_by(answer).find("\"0x8\""), std::string::npos);
        EXPECT_EQ(world.upstream->calls, 1) << "the kept one";
        EXPECT_EQ(world.send({"/weather", "GET", {}, unseen, {}}).status, row.stranger);
        EXPECT_EQ(world.send({"/weather", "GET", {}, "%%%", {}}).status,
                  row.stranger == 402 ? 400 : row.stranger);
    }
}

// What failed on a route that is gone is told, without an offer of it.
TEST(GatewayEnds, AFailedPaymentOfARouteThatIsGone) {
    World world(with(kPaid, kShort));
    settle_with(world, [](int) { return not_settled("settlement_pending", "0x8"); });
    const std::string payment = world.pay_for("/weather", "1");
    EXPECT_EQ(code_of(world.send({"/weather", "GET", {}, payment, {}})), "settlement_pending");
    auto next = world.config(kOther, "pending_wait = \"5s\"");
    ASSERT_TRUE(next.has_value() && world.gateway().reload(std::move(*next)).has_value());
    net::ClientResponse told;
    std::thread asks([&world, &payment, &told] {
        told = world.send_settled({"/weather", "GET", {}, payment, {}});
    });
    fail_with(world, "invalid_transaction_state");
    asks.join();
    EXPECT_EQ(told.status, 404) << told.body;
    EXPECT_FALSE(told.headers.has("PAYMENT-REQUIRED"));
    EXPECT_TRUE(world.reaches("1", GrantState::released));
}

// A run that is paid for is not made on a path that is no longer sold.
TEST(GatewayEnds, NoRunWithoutItsRoute) {
    World world(with(kPaid + "settle = \"before\"\n", kShort));
    world.upstream->status = 500;
    const std::string payment = world.pay_for("/weather", "1");
    EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 500);
    EXPECT_TRUE(world.reaches("1", GrantState::settled));
    auto next = world.config(kOther, kShort);
    ASSERT_TRUE(next.has_value() && world.gateway().reload(std::move(*next)).has_value());
    world.upstream->status = 200;
    const auto told = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(told.status, 502);
    EXPECT_EQ(code_of(told), "delivery_failed");
    EXPECT_NE(told_by(told).find("\"0xtx1\""), std::string::npos);
    EXPECT_EQ(world.upstream->calls, 1);
}

// A store whose next look at a record is answered when the test says so.
class PausingStore final : public store::GrantStore {
public:
    struct Plan {
        std::atomic<bool> armed{false};
        std::atomic<bool> paused{false};
        Latch go;
    };
    PausingStore(std::unique_ptr<store::GrantStore> inner, std::shared_ptr<Plan> plan)
        : inner_(std::move(inner)), plan_(std::move(plan)) {}
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
        if (plan_->armed.exchange(false)) {
            plan_->paused = true;
            co_await plan_->go.wait();
        }
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
    std::shared_ptr<Plan> plan_;
};

// Two runs came to nothing; a repeat looks at the record while the third run is under way, and goes
// on after that has ended well.
TEST(GatewayEnds, ARepeatThatMeetsTheEndOfTheLastRunGetsItsAnswer) {
    const auto plan = std::make_shared<PausingStore::Plan>();
    WorldOptions options = with(kPaid + "settle = \"before\"\n");
    options.wrap =
        [plan](std::unique_ptr<store::GrantStore> inner) -> std::unique_ptr<store::GrantStore> {
        return std::make_unique<PausingStore>(std::move(inner), plan);
    };
    World world(std::move(options));
    const std::string payment = world.pay_for("/weather", "1");
    const Pay pay{"/weather", "GET", {}, payment, {}};
    world.upstream->status = 500;
    EXPECT_EQ(world.send(pay).status, 500);
    EXPECT_EQ(world.send_settled(pay).status, 500);
    const auto hold = std::make_shared<Latch>();
    {
        const std::scoped_lock lock(world.upstream->mutex);
        world.upstream->status = 200;
        world.upstream->hold = hold;
    }
    net::ClientResponse third;
    net::ClientResponse repeat;
    std::thread runs([&world, &pay, &third] { third = world.send_settled(pay); });
    while (world.upstream->calls < 3) std::this_thread::sleep_for(Duration{2});
    plan->armed = true;
    std::thread meets([&world, &pay, &repeat] { repeat = world.send(pay); });
    while (!plan->paused) std::this_thread::sleep_for(Duration{2});
    hold->open();
    runs.join();
    EXPECT_EQ(third.status, 200);
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
    std::this_thread::sleep_for(Duration{50});  // until the third has let go of its seat
    plan->go.open();
    meets.join();
    EXPECT_EQ(repeat.status, 200) << repeat.body;
    EXPECT_EQ(repeat.body, "sunny");
    EXPECT_EQ(world.upstream->calls, 3);
}

Task<void> leave_released(store::GrantStore& store, std::string nonce, Instant usable_until) {
    store::GrantRecord record;
    record.key = PaymentKey("toy~toy:one~toy1alice~" + nonce);
    record.payer = "toy1alice";
    record.network = *ChainId::parse("toy:one");
    record.created = from_unix_s(1'000'000);
    record.usable_until = usable_until;
    const PaymentKey key = record.key;
    const auto claimed = co_await store.claim(std::move(record));
    store::GrantChange change{GrantState::released, {}, {}, {}, {}, {}, {}};
    const auto moved =
        co_await store.move(key, GrantState::claimed, std::move(change), from_unix_s(1'000'000));
    EXPECT_TRUE(claimed.has_value() && moved.has_value() && *moved);
}

// A payment that bought nothing is kept while it could be used, and for the longest replay.
TEST(GatewayEnds, WhatCameToNothingIsForgottenAfterItsTime) {
    const auto clock = make_system_clock();
    const Instant now = clock->now();
    WorldOptions options = with(kPaid + "replay = \"20m\"\n");
    options.housekeeping = Duration{20};
    World world(std::move(options));
    world.run([&] { return leave_released(world.store(), "old", now - std::chrono::minutes(21)); });
    world.run([&] { return leave_released(world.store(), "new", now - std::chrono::minutes(15)); });
    for (int turn = 0; turn < 1000 && world.grant("old"); ++turn)
        std::this_thread::sleep_for(Duration{2});
    EXPECT_FALSE(world.grant("old").has_value());
    EXPECT_TRUE(world.grant("new").has_value());
}

// Whoever holds as many as he may is told to wait, before anything is begun; others are served.
TEST(GatewayEnds, OnePayerDoesNotHoldAllTheRoom) {
    WorldOptions options = with(kPaid, kShort);
    options.most_per_payer = 2;
    World world(std::move(options));
    settle_with(world, [](int) { return not_settled("settlement_pending", "0x8"); });
    const auto pay = [&world](const std::string& nonce, const std::string& payer) {
        const std::string path = "/weather?page=" + nonce;
        return world.send({path, "GET", {}, world.pay_for(path, nonce, payer), {}});
    };
    for (const char* nonce : {"1", "2"})
        EXPECT_EQ(code_of(pay(nonce, "toy1alice")), "settlement_pending");
    const auto refused = pay("3", "toy1alice");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(code_of(refused), "rate_limited");
    EXPECT_TRUE(refused.headers.has("Retry-After"));
    EXPECT_FALSE(refused.headers.has("PAYMENT-REQUIRED"));
    EXPECT_FALSE(world.grant("3").has_value()) << "nothing is begun";
    EXPECT_EQ(world.upstream->calls, 2);
    EXPECT_EQ(code_of(pay("4", "toy1bob")), "settlement_pending") << "others have room";
    settle_with(world, [](int) { return settled_with("0x8"); });
    for (const char* nonce : {"1", "2"}) EXPECT_TRUE(world.reaches(nonce, GrantState::settled));
    net::ClientResponse served;
    for (int turn = 0; turn < 500 && served.status != 200; ++turn) served = pay("3", "toy1alice");
    EXPECT_EQ(served.status, 200);
}

json::Object error_of(const net::ClientResponse& answer) {
    const auto body = json::parse_object(answer.body);
    if (!body) return {};
    const auto* refusal = body->if_contains(answer.status == 402 ? "refusal" : "error");
    return refusal != nullptr && refusal->is_object() ? refusal->get_object() : json::Object{};
}

VerifyResponse refused_with(const std::string& code, json::Object details) {
    VerifyResponse no;
    no.invalid_reason = code;
    no.extra["error"] = std::move(details);
    return no;
}

// What our facilitators say beside a code; a stranger's words are cut, cleaned, or not believed.
TEST(GatewayEnds, WhatTheFacilitatorMissedIsTold) {
    const std::string code = "invalid_exact_evm_insufficient_balance";
    const std::string field = "payload.authorization.value";
    struct Row {
        const char* name;
        json::Object details;
        std::string field;
        std::string expected;
        std::string actual;
    };
    const Row rows[] = {
        {"all of it",
         {{"code", code}, {"field", field}, {"expected", "1000"}, {"actual", "7"}, {"next", "!"}},
         field,
         "1000",
         "7"},
        {"of another code", {{"code", "other"}, {"field", field}}, "", "", ""},
        {"without a code", {{"field", field}}, "", "", ""},
        {"no texts", {{"code", code}, {"field", 1}, {"actual", json::Object{}}}, "", "", ""},
        {"no clean text",
         {{"code", code},
          {"field", field},
          {"expected", "a\r\nSet-Cookie: b\x7f"},
          {"actual", "é"}},
         field,
         "a  Set-Cookie: b ",
         "  "},
        {"far too long",
         {{"code", code}, {"field", field}, {"actual", std::string(5000, 'x')}},
         field,
         "",
         std::string(200, 'x')}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        World world(with(kPaid));
        world.script->verify = [&code, &row] { return refused_with(code, row.details); };
        const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
        EXPECT_EQ(answer.status, 402);
        const json::Object told = error_of(answer);
        EXPECT_EQ(json::text_or_empty(told, "code"), code);
        EXPECT_EQ(json::text_or_empty(told, "field"), row.field);
        EXPECT_EQ(json::text_or_empty(told, "expected"), row.expected);
        EXPECT_EQ(json::text_or_empty(told, "actual"), row.actual);
        EXPECT_EQ(json::text_or_empty(told, "next"), "Fund the payer's account.") << "our own";
    }
}

TEST(GatewayEnds, WhatTheSettlementMissedIsTold) {
    World world(with(kPaid));
    settle_with(world, [](int) {
        SettleResponse no = not_settled("invalid_exact_evm_insufficient_balance");
        no.extra["error"] = json::Object{{"code", no.error_reason}, {"field", "balance"}};
        return no;
    });
    const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(answer.status, 402);
    EXPECT_EQ(json::text_or_empty(error_of(answer), "field"), "balance");
}

}  // namespace
}  // namespace x402::server
