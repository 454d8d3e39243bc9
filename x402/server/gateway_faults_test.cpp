// SPDX-License-Identifier: Apache-2.0
// When things break: the store at any operation, the upstream, the facilitator without an end, and
// proof from the chain. Whatever breaks, one payment is settled once and its answer is had in the
// end.
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

WorldOptions with(const std::string& routes, const std::string& top = {}) {
    return {routes, top, {}, {}, {}, {}, {}};
}

// A store that fails at one operation: before it is done, or after it was done.
class FaultyStore final : public store::GrantStore {
public:
    struct Plan {
        std::atomic<int> operation{0};
        std::atomic<int> fail_at{0};  // 0: never
        std::atomic<bool> after{false};
        std::atomic<bool> always{false};
        std::atomic<int> another_run_at{0};  // what is found then was claimed again meanwhile
    };

    FaultyStore(std::unique_ptr<store::GrantStore> inner, std::shared_ptr<Plan> plan)
        : inner_(std::move(inner)), plan_(std::move(plan)) {}
    const store::Owner& owner() const noexcept override { return inner_->owner(); }
    Task<Result<store::GrantClaim>> claim(store::GrantRecord grant) override {
        const bool fails = strikes();
        if (fails && !plan_->after) co_return fail(Errc::unavailable, "struck");
        auto done = co_await inner_->claim(std::move(grant));
        if (fails) co_return fail(Errc::unavailable, "struck");
        co_return done;
    }
    Task<Result<bool>> move(PaymentKey key, GrantState from, store::GrantChange change,
                            Instant at) override {
        const bool fails = strikes();
        if (fails && !plan_->after) co_return fail(Errc::unavailable, "struck");
        auto done = co_await inner_->move(std::move(key), from, std::move(change), at);
        if (fails) co_return fail(Errc::unavailable, "struck");
        co_return done;
    }
    Task<Result<std::optional<store::GrantRecord>>> find(PaymentKey key) override {
        if (strikes()) co_return fail(Errc::unavailable, "struck");
        auto found = co_await inner_->find(std::move(key));
        if (plan_->operation == plan_->another_run_at) (*found)->idempotency_key = "another";
        co_return found;
    }
    Task<Result<std::optional<store::GrantRecord>>> find_open(ChainId network, std::string payer,
                                                              Hash32 request) override {
        if (strikes()) co_return fail(Errc::unavailable, "struck");
        co_return co_await inner_->find_open(std::move(network), std::move(payer), request);
    }
    Task<Result<std::vector<store::GrantRecord>>> take_over(std::size_t limit) override {
        co_return co_await inner_->take_over(limit);
    }
    Task<Result<std::size_t>> forget_answers(Instant now) override {
        co_return co_await inner_->forget_answers(now);
    }
    Task<Result<std::size_t>> forget_released(Instant over, std::size_t limit) override {
        co_return co_await inner_->forget_released(over, limit);
    }

private:
    bool strikes() { return ++plan_->operation == plan_->fail_at || plan_->always; }

    std::unique_ptr<store::GrantStore> inner_;
    std::shared_ptr<Plan> plan_;
};

WorldOptions with_faults(const std::string& routes,
                         const std::shared_ptr<FaultyStore::Plan>& plan) {
    WorldOptions options = with(routes);
    options.wrap =
        [plan](std::unique_ptr<store::GrantStore> inner) -> std::unique_ptr<store::GrantStore> {
        return std::make_unique<FaultyStore>(std::move(inner), plan);
    };
    return options;
}

// As a facilitator of ours: one success a payment, repeated to the same key only.
Settle settles_once(const std::shared_ptr<ScriptedFacilitator::Script>& script) {
    auto first = std::make_shared<std::string>();
    // The script will own this, so it must not own the script.
    return [script = script.get(), first](int call) {
        const std::scoped_lock lock(script->mutex);
        const std::string& key = script->keys.at(static_cast<std::size_t>(call - 1));
        if (first->empty()) *first = key;
        return key == *first ? settled_with("0x1") : not_settled("duplicate_settlement", "0x1");
    };
}

TEST(GatewayFaults, AStoreThatFailsAnywhereCostsNobodyTheirMoney) {
    for (const char* settle : {"after", "before"}) {
        for (const bool after : {false, true}) {
            for (int at = 1; at <= 8; ++at) {
                SCOPED_TRACE(std::string(settle) + (after ? " after " : " before ") +
                             std::to_string(at));
                const auto plan = std::make_shared<FaultyStore::Plan>();
                World world(with_faults(kPaid + "settle = \"" + settle + "\"\n", plan));
                world.script->settle = settles_once(world.script);
                const std::string payment = world.pay_for("/weather", "1");
                plan->operation = 0;
                plan->after = after;
                plan->fail_at = at;
                int served = 0;
                for (int turn = 0; turn < 50 && served < 1; ++turn) {
                    const auto answer = world.send({"/weather", "GET", {}, payment, {}});
                    if (answer.status == 200) {
                        ++served;
                        EXPECT_EQ(answer.body, "sunny");
                        EXPECT_TRUE(answer.headers.has("PAYMENT-RESPONSE"));
                        EXPECT_GE(settles(world.script), 1) << "never served unpaid";
                        continue;
                    }
                    EXPECT_TRUE(answer.status == 503 || answer.status == 409 ||
                                answer.status == 502)
                        << answer.status;
                    EXPECT_FALSE(answer.headers.has("PAYMENT-REQUIRED"))
                        << "no invitation to pay twice";
                    std::this_thread::sleep_for(Duration{10});
                }
                EXPECT_EQ(served, 1);
                EXPECT_TRUE(world.reaches("1", GrantState::delivered) ||
                            world.grant("1")->state == GrantState::settled);
                EXPECT_NE(world.metrics().find("x402_unpaid_served_total 0"), std::string::npos);
            }
        }
    }
}

// The write was made, only its answer was lost: the client notices nothing.
TEST(GatewayFaults, ALostAnswerOfTheStoreIsLookedAfter) {
    struct Row {
        const char* name;
        const char* settle;
        int at;
    };
    static constexpr Row rows[] = {{"intent", "after", 4},    {"settled", "after", 5},
                                   {"delivered", "after", 6}, {"intent", "before", 4},
                                   {"settled", "before", 5},  {"delivered", "before", 7}};
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string(row.settle) + " " + row.name);
        const auto plan = std::make_shared<FaultyStore::Plan>();
        World world(with_faults(kPaid + "settle = \"" + row.settle + "\"\n", plan));
        const std::string payment = world.pay_for("/weather", "1");
        plan->operation = 0;
        plan->after = true;
        plan->fail_at = row.at;
        const auto answer = world.send({"/weather", "GET", {}, payment, {}});
        EXPECT_EQ(answer.status, 200);
        // The last write follows the answer.
        for (int turn = 0; turn < 1000 && plan->operation < row.at; ++turn)
            std::this_thread::sleep_for(Duration{2});
        EXPECT_GE(plan->operation, row.at);
        EXPECT_EQ(settles(world.script), 1);
        EXPECT_TRUE(world.reaches("1", GrantState::delivered));
    }
}

// A start would find the intent and settle it, so nobody may be told that nothing was taken.
TEST(GatewayFaults, AnIntentThatMayBeWrittenIsPending) {
    const auto plan = std::make_shared<FaultyStore::Plan>();
    WorldOptions options = with_faults(kPaid, plan);
    options.top = "pending_wait = \"60ms\"";
    World world(std::move(options));
    const std::string payment = world.pay_for("/weather", "1");
    world.upstream->hold = std::make_shared<Latch>();
    std::thread striker([&world, plan] {
        for (int turn = 0; turn < 1000 && world.upstream->calls == 0; ++turn)
            std::this_thread::sleep_for(Duration{2});
        plan->after = true;
        plan->always = true;
        world.upstream->hold->open();
    });
    const auto told = world.send({"/weather", "GET", {}, payment, {}});
    striker.join();
    EXPECT_EQ(told.status, 409);
    EXPECT_EQ(code_of(told), "settlement_pending");
    EXPECT_FALSE(told.headers.has("PAYMENT-REQUIRED"));
    EXPECT_EQ(settles(world.script), 0);
    plan->always = false;
    EXPECT_TRUE(world.reaches("1", GrantState::settled)) << "as soon as the store is back";
    const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(settles(world.script), 1);
    EXPECT_EQ(world.upstream->calls, 1) << "the answer was kept with the intent";
}

// What was judged was one grant; the one that is there when the seat is had must be the same.
TEST(GatewayFaults, ARecordThatChangedHandsIsJudgedAgain) {
    const auto plan = std::make_shared<FaultyStore::Plan>();
    World world(with_faults(kPaid + "settle = \"before\"\n", plan));
    const std::string payment = world.pay_for("/weather", "1");
    world.upstream->status = 500;
    EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 500);
    world.upstream->status = 200;
    // While the first request has not let go, a repeat finds the record only once.
    net::ClientResponse answer;
    for (int turn = 0; turn < 500; ++turn) {
        plan->operation = 0;
        plan->another_run_at = 2;
        answer = world.send({"/weather", "GET", {}, payment, {}});
        if (plan->operation >= 2) break;
        std::this_thread::sleep_for(Duration{2});
    }
    EXPECT_EQ(code_of(answer), "payment_in_progress");
    EXPECT_EQ(world.upstream->calls, 1);
    plan->another_run_at = 0;
    EXPECT_EQ(world.send_settled({"/weather", "GET", {}, payment, {}}).status, 200);
}

// Once the first request has let go: what lives side by side is never merged.
void wait_for_undelivered(World& world) {
    for (int turn = 0; turn < 1000; ++turn) {
        if (world.metrics().find("x402_paid_undelivered_total{") != std::string::npos) return;
        std::this_thread::sleep_for(Duration{2});
    }
}

// "A new verified payment for a request whose earlier payment is settled without its answer having
// left is not settled", and not either because our own store cannot say what became of it.
TEST(GatewayFaults, AStoreThatFailsWhileAPaymentJoinsSettlesNoSecondOne) {
    // The joining request looks up its own key, then for an earlier one, then at that one.
    for (int at = 1; at <= 3; ++at) {
        SCOPED_TRACE(at);
        const auto plan = std::make_shared<FaultyStore::Plan>();
        World world(with_faults(kPaid + "settle = \"before\"\n", plan));
        world.upstream->status = 500;
        const std::string first = world.pay_for("/weather", "1");
        EXPECT_EQ(world.send({"/weather", "GET", {}, first, {}}).status, 500);
        EXPECT_TRUE(world.reaches("1", GrantState::settled));
        wait_for_undelivered(world);
        world.upstream->status = 200;
        const std::string second = world.pay_for("/weather", "2");
        plan->operation = 0;
        plan->fail_at = at;
        const auto refused = world.send({"/weather", "GET", {}, second, {}});
        EXPECT_EQ(refused.status, 503);
        EXPECT_EQ(code_of(refused), "temporarily_unavailable");
        EXPECT_TRUE(refused.headers.has("Retry-After"));
        EXPECT_FALSE(refused.headers.has("PAYMENT-REQUIRED"));
        EXPECT_EQ(refused.headers.get(headers::kPaymentKey).find("alice~1"), std::string_view::npos)
            << "nothing was found out about the earlier one";
        plan->fail_at = 0;
        const auto answer = world.send_settled({"/weather", "GET", {}, second, {}});
        EXPECT_EQ(answer.status, 200);
        EXPECT_FALSE(world.grant("2").has_value());
        EXPECT_EQ(settles(world.script), 1) << "the earlier one's";
    }
}

// A repeat of the same payment is told the same: it is not at work, the store is gone.
TEST(GatewayFaults, AStoreThatFailsUnderTheSeatIsTold) {
    const auto plan = std::make_shared<FaultyStore::Plan>();
    World world(with_faults(kPaid + "settle = \"before\"\n", plan));
    world.upstream->status = 500;
    const std::string payment = world.pay_for("/weather", "1");
    EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 500);
    wait_for_undelivered(world);
    world.upstream->status = 200;
    net::ClientResponse refused;
    for (int turn = 0; turn < 500; ++turn) {
        plan->operation = 0;
        plan->fail_at = 2;
        refused = world.send({"/weather", "GET", {}, payment, {}});
        if (plan->operation >= 2) break;
        std::this_thread::sleep_for(Duration{2});
    }
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(code_of(refused), "temporarily_unavailable");
    EXPECT_TRUE(refused.headers.has("Retry-After"));
    plan->fail_at = 0;
    EXPECT_EQ(world.send_settled({"/weather", "GET", {}, payment, {}}).status, 200);
    EXPECT_EQ(settles(world.script), 1);
}

// A facilitator that verifies and never judges must not fill our memory.
TEST(GatewayFaults, SoManyStayOpenAndNoMoreAreTaken) {
    WorldOptions options = with(kPaid, "pending_wait = \"60ms\"");
    options.most_settlements = 2;
    World world(std::move(options));
    world.script->settle = [](int) -> Result<SettleResponse> { return fail(Errc::timeout); };
    const auto pay = [&world](const char* nonce, const char* payer) {
        return world.send({"/weather", "GET", {}, world.pay_for("/weather", nonce, payer), {}});
    };
    EXPECT_EQ(code_of(pay("1", "toy1alice")), "settlement_pending");
    EXPECT_EQ(code_of(pay("2", "toy1bob")), "settlement_pending");
    const auto refused = pay("3", "toy1carol");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(code_of(refused), "facilitator_unavailable");
    EXPECT_TRUE(refused.headers.has("Retry-After"));
    EXPECT_EQ(world.upstream->calls, 2);
    EXPECT_FALSE(world.grant("3", "toy1carol").has_value());
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->settle = [](int) { return settled_with("0x1"); };
    }
    EXPECT_TRUE(world.reaches("1", GrantState::settled));
    for (int turn = 0; turn < 1000; ++turn) {
        if (world.metrics().find("x402_live_settlements 0") != std::string::npos) break;
        std::this_thread::sleep_for(Duration{2});
    }
    EXPECT_EQ(pay("3", "toy1carol").status, 200);
}

// A header of that size would make a paid answer unreadable for every client.
TEST(GatewayFaults, AFacilitatorsWordsStaySmall) {
    World world(with(kPaid));
    world.script->settle = [](int) {
        SettleResponse much = settled_with(std::string(40'000, 'f'));
        much.payer = "toy1alice";
        much.extra["more"] = std::string(40'000, 'x');
        return much;
    };
    const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "sunny");
    EXPECT_LE(answer.headers.get("PAYMENT-RESPONSE").size(), 8 * 1024U);
    const auto text = headers::decode_text(answer.headers.get("PAYMENT-RESPONSE"));
    EXPECT_NE(text.value_or("").find("toy1alice"), std::string::npos);
}

// attacks.md 2
TEST(GatewayFaults, WithoutAStoreNothingIsGranted) {
    const auto plan = std::make_shared<FaultyStore::Plan>();
    World world(with_faults(kPaid, plan));
    const std::string payment = world.pay_for("/weather", "1");
    plan->always = true;
    for (int turn = 0; turn < 3; ++turn) {
        const auto closed = world.send({"/weather", "GET", {}, payment, {}});
        EXPECT_EQ(closed.status, 503);
        EXPECT_EQ(code_of(closed), "temporarily_unavailable");
        EXPECT_TRUE(closed.headers.has("Retry-After"));
    }
    EXPECT_EQ(world.send({}).status, 402) << "unpaid requests need no store";
    EXPECT_EQ(settles(world.script), 0);
    EXPECT_EQ(world.upstream->calls, 0);
}

TEST(GatewayFaults, AnUpstreamThatDoesNotAnswerCostsNothing) {
    World world(with(
        kPaid +
        "upstream_timeout = \"60ms\"\n[[routes]]\nmatch = \"GET /gone\"\nprice = \"$0.001\"\n" +
        "networks = [\"toy:one\"]\nupstream = \"http://127.0.0.1:1\"\n"));
    const auto gone = world.send({"/gone", "GET", {}, world.pay_for("/gone", "1"), {}});
    EXPECT_EQ(gone.status, 502);
    EXPECT_EQ(code_of(gone), "upstream_unreachable");
    world.upstream->hold = std::make_shared<Latch>();
    const std::string payment = world.pay_for("/weather", "2");
    const auto slow = world.send({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(slow.status, 504);
    EXPECT_EQ(code_of(slow), "upstream_timeout");
    world.upstream->hold->open();
    EXPECT_EQ(settles(world.script), 0);
    EXPECT_TRUE(world.reaches("1", GrantState::released));
    EXPECT_TRUE(world.reaches("2", GrantState::released));
    EXPECT_EQ(world.send({"/weather", "GET", {}, payment, {}}).status, 200)
        << "the same payment works again";
}

TEST(GatewayFaults, PaidAndGoneUpstreamIsUndelivered) {
    World world(
        with("[[routes]]\nmatch = \"GET /gone\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n"
             "upstream = \"http://127.0.0.1:1\"\nsettle = \"before\"\n"));
    const auto gone = world.send({"/gone", "GET", {}, world.pay_for("/gone", "1"), {}});
    EXPECT_EQ(gone.status, 502);
    EXPECT_EQ(code_of(gone), "delivery_failed");
    EXPECT_TRUE(gone.headers.has("PAYMENT-RESPONSE"));
    EXPECT_FALSE(gone.headers.has("PAYMENT-REQUIRED"));
    EXPECT_EQ(world.grant("1")->state, GrantState::settled);
}

// A network that is asked what became of a payment.
class TracingChain final : public Chain {
public:
    const ChainId& id() const noexcept override { return id_; }
    Task<Result<void>> prove() override { co_return Result<void>{}; }
    Network* network() noexcept override { return nullptr; }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override { return {}; }
    Task<Result<Trace>> trace(const Payment& payment) override {
        const std::scoped_lock lock(mutex);
        ++asked;
        EXPECT_EQ(payment.requirements.pay_to, "toy1seller");
        co_return answer;
    }
    Task<Result<U256>> balance(const std::string&, const AssetInfo&) override { co_return U256(0); }
    Task<Result<AssetInfo>> asset(const std::string&) override {
        co_return fail(Errc::unsupported);
    }
    std::vector<EndpointHealth> health() const override { return {}; }

    std::mutex mutex;
    Trace answer;
    int asked = 0;

private:
    ChainId id_ = *ChainId::parse("toy:one");
};

TEST(GatewayFaults, TheChainEndsAnAmbiguity) {
    struct Row {
        const char* name;
        TraceState state;
        const char* sender;
        int status;
        GrantState grant;
    };
    static constexpr Row rows[] = {
        {"sent by the facilitator", TraceState::done, "toy1fees", 200, GrantState::delivered},
        {"sent by a stranger", TraceState::done, "toy1mallory", 409, GrantState::settling},
        {"unused and over", TraceState::impossible, "", 402, GrantState::released},
        {"still possible", TraceState::none, "", 409, GrantState::settling},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TracingChain chain;
        chain.answer.state = row.state;
        chain.answer.sender = row.sender;
        chain.answer.transaction = "0xchain";
        chain.answer.at = from_unix_s(4'000'000'000);
        WorldOptions options = with(kPaid, "pending_wait = \"150ms\"");
        options.chains = {&chain};
        World world(std::move(options));
        world.script->settle = [](int) -> Result<SettleResponse> { return fail(Errc::bad_peer); };
        const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
        EXPECT_EQ(answer.status, row.status);
        EXPECT_TRUE(world.reaches("1", row.grant));
        const std::scoped_lock lock(chain.mutex);
        EXPECT_GE(chain.asked, 1);
        if (row.status == 200) {
            const auto text = headers::decode_text(answer.headers.get("PAYMENT-RESPONSE"));
            EXPECT_NE(text.value_or("").find("0xchain"), std::string::npos);
        }
    }
}

TEST(GatewayFaults, BodiesAreStreamedAndHashed) {
    for (const char* settle : {"after", "before"}) {
        SCOPED_TRACE(settle);
        World world(with(std::string("[[routes]]\nmatch = \"POST /ask\"\nprice = "
                                     "\"$0.001\"\nnetworks = [\"toy:one\"]\n") +
                         "settle = \"" + settle + "\"\n"));
        const json::Object required = world.offers_of("/ask", "POST");
        const json::Object payload{{"payer", "toy1alice"},
                                   {"nonce", "1"},
                                   {"amount", "1000"},
                                   {"validUntil", 4'000'000'000}};
        const std::string payment = World::payment(required, payload);
        std::string body(900'000, 'a');
        EXPECT_EQ(world.send({"/ask", "POST", body, payment, {}}).status, 200);
        EXPECT_EQ(world.upstream->last_body, body);
        EXPECT_TRUE(world.reaches("1", GrantState::delivered));
        EXPECT_EQ(world.send({"/ask", "POST", body, payment, {}}).status, 200);
        body.back() = 'b';
        EXPECT_EQ(code_of(world.send({"/ask", "POST", body, payment, {}})), "payment_already_used");
        EXPECT_EQ(world.upstream->calls, 1);
    }
}

TEST(GatewayFaults, HeadIsPricedAsGet) {
    World world(with(kPaid));
    EXPECT_EQ(world.send({"/weather", "HEAD", {}, {}, {}}).status, 402);
    const auto paid = world.send({"/weather", "HEAD", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(paid.status, 200);
    EXPECT_EQ(paid.body, "");
    EXPECT_EQ(paid.headers.get("Content-Length"), "5");
    EXPECT_EQ(world.upstream->last.method, "HEAD");
    EXPECT_EQ(settles(world.script), 1);
}

}  // namespace
}  // namespace x402::server
