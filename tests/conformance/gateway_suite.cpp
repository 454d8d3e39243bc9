// SPDX-License-Identifier: Apache-2.0
// What every network's gateway must do: one payment, one delivery, whatever is repeated, lost or
// late. Asked over HTTP as a client would, with payments made by hand, and judged by answers,
// upstream runs and what moved.
#include <thread>

#include "tests/conformance/house.hpp"
#include "x402/protocol/reasons.hpp"
#include "x402/store/memory/memory.hpp"
#include "x402/store/testing.hpp"

namespace x402::conformance {
namespace {

const char* const kMoments[] = {"after", "before"};

class Gateway : public House {
protected:
    FacilitatorRole facilitator(const FacilitatorOptions& options = {}) {
        return FacilitatorRole(*world_, store::make_memory_store(world_->env()), options);
    }
    GatewayRole gateway(FacilitatorRole& facilitator, const GatewayOptions& options = {}) {
        return GatewayRole(*world_, store::make_memory_store(world_->env()), facilitator, upstream_,
                           options);
    }
    // A payment for a fresh offer of this gateway.
    SignedPayment pay_for(const std::string& url, const Wallet& payer) {
        const Reply unpaid = get(*world_, url);
        EXPECT_EQ(unpaid.status, 402);
        if (!unpaid.required || unpaid.required->accepts.empty()) {
            ADD_FAILURE() << "no offer: " << unpaid.body;
            return {};
        }
        return sign(unpaid.required->accepts.front(), payer);
    }
    static std::string refusal_of(const Reply& reply) {
        const auto body = json::parse_object(reply.body);
        if (!body) return {};
        const auto error = json::opt_object(*body, "error");
        return error && *error ? json::text_or_empty(**error, "code") : std::string{};
    }
    static bool has_weather(const Reply& reply) {
        return reply.body.find("sunny") != std::string::npos;
    }

    Upstream upstream_;
};

TEST_F(Gateway, AsksForPaymentWithoutAskingTheUpstream) {
    auto bank = facilitator();
    auto shop = gateway(bank);
    const Reply unpaid = get(*world_, shop.url());
    EXPECT_EQ(unpaid.status, 402);
    ASSERT_TRUE(unpaid.required.has_value());
    ASSERT_EQ(unpaid.required->accepts.size(), 1U);
    const PaymentRequirements& terms = unpaid.required->accepts.front();
    EXPECT_EQ(terms.scheme, world_->scheme());
    EXPECT_EQ(terms.network, world_->network());
    EXPECT_EQ(terms.amount, cents(1));
    EXPECT_EQ(terms.pay_to, world_->merchant());
    EXPECT_EQ(upstream_.runs(), 0U);
    EXPECT_FALSE(has_weather(unpaid));
}

TEST_F(Gateway, DeliversForOnePayment) {
    auto bank = facilitator();
    std::size_t count = 0;
    for (const char* settle : kMoments) {
        SCOPED_TRACE(settle);
        auto shop = gateway(bank, {.settle = settle});
        const auto payer = rich();
        const U256 before = world_->balance(payer->address());
        const SignedPayment payment = pay_for(shop.url(), *payer);
        const Reply paid = get(*world_, shop.url(), &payment.payload);
        EXPECT_EQ(paid.status, 200) << paid.body;
        EXPECT_TRUE(has_weather(paid));
        ASSERT_TRUE(paid.settlement.has_value());
        EXPECT_TRUE(paid.settlement->success);
        EXPECT_FALSE(paid.settlement->transaction.empty());
        EXPECT_EQ(world_->balance(payer->address()), *before.checked_sub(cents(1)));
        ++count;
        EXPECT_EQ(upstream_.runs(), count);
        EXPECT_EQ(world_->transfers(), count);
    }
}

TEST_F(Gateway, RefusesAPaymentThatIsNotWhatItAsksFor) {
    auto bank = facilitator();
    auto shop = gateway(bank);
    const auto payer = rich();
    const auto poor = world_->open_account(U256{});
    SignedPayment cheap = pay_for(shop.url(), *payer);
    PaymentRequirements less = cheap.terms;
    less.amount = *less.amount.checked_sub(U256{1});
    cheap = sign(less, *payer);
    SignedPayment changed = pay_for(shop.url(), *payer);
    changed.payload.payload = world_->tamper(changed.payload.payload);
    const SignedPayment unfunded = pay_for(shop.url(), *poor);
    struct Row {
        const char* name;
        const SignedPayment& payment;
    };
    const Row rows[] = {
        {"less", cheap}, {"changed after signing", changed}, {"unfunded", unfunded}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const Reply refused = get(*world_, shop.url(), &row.payment.payload);
        EXPECT_EQ(refused.status, 402) << refused.body;
        EXPECT_TRUE(refused.required.has_value()) << "with offers, so that it can be done right";
        EXPECT_FALSE(has_weather(refused));
    }
    EXPECT_EQ(upstream_.runs(), 0U);
    EXPECT_EQ(world_->transfers(), 0U);
}

TEST_F(Gateway, AFailedUpstreamCostsNothingAndThePaymentStillWorks) {
    auto bank = facilitator();
    auto shop = gateway(bank);
    const auto payer = rich();
    const SignedPayment payment = pay_for(shop.url(), *payer);
    upstream_.fail(true);
    const Reply failed = get(*world_, shop.url(), &payment.payload);
    EXPECT_EQ(failed.status, 500);
    EXPECT_EQ(world_->transfers(), 0U);
    upstream_.fail(false);
    const Reply paid = get(*world_, shop.url(), &payment.payload);
    EXPECT_EQ(paid.status, 200) << paid.body;
    EXPECT_EQ(world_->transfers(), 1U);
    EXPECT_EQ(upstream_.runs(), 2U);
}

TEST_F(Gateway, PaidFirstAndFailedIsRunAgainWithoutAnotherCharge) {
    auto bank = facilitator();
    auto shop = gateway(bank, {.settle = "before"});
    const auto payer = rich();
    const SignedPayment payment = pay_for(shop.url(), *payer);
    upstream_.fail(true);
    const Reply failed = get(*world_, shop.url(), &payment.payload);
    EXPECT_GE(failed.status, 500);
    EXPECT_EQ(world_->transfers(), 1U);
    upstream_.fail(false);
    const Reply paid = get(*world_, shop.url(), &payment.payload);
    EXPECT_EQ(paid.status, 200) << paid.body;
    EXPECT_TRUE(has_weather(paid));
    EXPECT_EQ(world_->transfers(), 1U);
}

TEST_F(Gateway, SixteenAtOnceAreOneDelivery) {
    auto bank = facilitator();
    std::size_t count = 0;
    for (const char* settle : kMoments) {
        SCOPED_TRACE(settle);
        auto shop = gateway(bank, {.settle = settle});
        const auto payer = rich();
        const SignedPayment payment = pay_for(shop.url(), *payer);
        const net::ClientRequest request = request_for(*world_, shop.url(), &payment.payload);
        // The network waits until all have asked: nobody can be so late that he gets the kept
        // answer.
        world_->hold(true);
        auto asked = at_once(16, [&](std::size_t) { return world_->http().fetch(request); });
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        world_->hold(false);
        std::size_t served = 0;
        for (auto& answer : asked.wait()) {
            const Reply reply = read_reply(std::move(answer));
            if (reply.status == 200) ++served;
            if (reply.status == 200) continue;
            EXPECT_EQ(reply.status, 409) << reply.body;
            EXPECT_FALSE(has_weather(reply));
        }
        EXPECT_EQ(served, 1U);
        ++count;
        EXPECT_EQ(upstream_.runs(), count);
        EXPECT_EQ(world_->transfers(), count);
    }
}

TEST_F(Gateway, ARepeatGetsTheAnswerThatWasPaidFor) {
    auto bank = facilitator();
    std::size_t count = 0;
    for (const char* settle : kMoments) {
        SCOPED_TRACE(settle);
        auto shop = gateway(bank, {.settle = settle});
        const auto payer = rich();
        const SignedPayment payment = pay_for(shop.url(), *payer);
        const Reply paid = get(*world_, shop.url(), &payment.payload);
        ASSERT_EQ(paid.status, 200) << paid.body;
        ++count;
        // The answer may leave a moment before its copy is kept.
        Reply repeat;
        EXPECT_TRUE(eventually([&] {
            repeat = get(*world_, shop.url(), &payment.payload);
            return repeat.status != 409;
        }));
        EXPECT_EQ(repeat.status, 200);
        EXPECT_EQ(repeat.body, paid.body);
        ASSERT_TRUE(repeat.settlement.has_value());
        EXPECT_EQ(repeat.settlement->transaction, paid.settlement->transaction);
        EXPECT_EQ(upstream_.runs(), count);
        EXPECT_EQ(world_->transfers(), count);
    }
}

TEST_F(Gateway, AStrangersRepeatGetsNothing) {
    auto bank = facilitator();
    auto shop = gateway(bank);
    const auto payer = rich();
    const SignedPayment payment = pay_for(shop.url(), *payer);
    ASSERT_EQ(get(*world_, shop.url(), &payment.payload).status, 200);
    SignedPayment other_quote = payment;
    const Reply unpaid = get(*world_, shop.url());
    ASSERT_TRUE(unpaid.required.has_value());
    other_quote.payload.accepted = unpaid.required->accepts.front();
    other_quote.payload.accepted_text.clear();
    struct Row {
        const char* name;
        std::string url;
        const SignedPayment& payment;
    };
    const Row rows[] = {{"another request", shop.url() + "?city=rome", payment},
                        {"another quote", shop.url(), other_quote}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const Reply reply = get(*world_, row.url, &row.payment.payload);
        EXPECT_EQ(reply.status, 409) << reply.body;
        EXPECT_EQ(refusal_of(reply), "payment_already_used");
        EXPECT_FALSE(has_weather(reply));
        EXPECT_FALSE(reply.settlement.has_value())
            << "no state for who cannot prove to be the payer";
    }
    EXPECT_EQ(upstream_.runs(), 1U);
    EXPECT_EQ(world_->transfers(), 1U);
}

TEST_F(Gateway, PendingIsToldWithoutAnOfferAndThenAnswered) {
    auto bank = facilitator({.settle_wait = "200ms"});
    std::size_t count = 0;
    for (const char* settle : kMoments) {
        SCOPED_TRACE(settle);
        auto shop = gateway(bank, {.settle = settle, .pending_wait = "400ms"});
        const auto payer = rich();
        const SignedPayment payment = pay_for(shop.url(), *payer);
        world_->hold(true);
        const Reply pending = get(*world_, shop.url(), &payment.payload);
        EXPECT_EQ(pending.status, 409) << pending.body;
        EXPECT_FALSE(pending.required.has_value()) << "an offer would invite to pay twice";
        EXPECT_TRUE(pending.headers.has("Retry-After"));
        ASSERT_TRUE(pending.settlement.has_value());
        EXPECT_EQ(pending.settlement->error_reason, "settlement_pending");
        EXPECT_FALSE(has_weather(pending));
        world_->hold(false);
        Reply paid;
        EXPECT_TRUE(eventually([&] {
            paid = get(*world_, shop.url(), &payment.payload);
            return paid.status != 409;
        }));
        EXPECT_EQ(paid.status, 200) << paid.body;
        EXPECT_TRUE(has_weather(paid));
        ++count;
        EXPECT_EQ(upstream_.runs(), count);
        EXPECT_EQ(world_->transfers(), count);
    }
}

TEST_F(Gateway, ANewPaymentIsNotTakenWhileTheEarlierOneIsPending) {
    auto bank = facilitator({.settle_wait = "200ms"});
    auto shop = gateway(bank, {.pending_wait = "400ms"});
    const auto payer = rich();
    const SignedPayment first = pay_for(shop.url(), *payer);
    world_->hold(true);
    ASSERT_EQ(get(*world_, shop.url(), &first.payload).status, 409);
    const SignedPayment second = pay_for(shop.url(), *payer);
    ASSERT_NE(first.key, second.key);
    const Reply waiting = get(*world_, shop.url(), &second.payload);
    EXPECT_EQ(waiting.status, 409) << waiting.body;
    world_->hold(false);
    Reply paid;
    EXPECT_TRUE(eventually([&] {
        paid = get(*world_, shop.url(), &second.payload);
        return paid.status != 409;
    }));
    EXPECT_EQ(paid.status, 200) << paid.body;
    EXPECT_EQ(upstream_.runs(), 1U);
    EXPECT_EQ(world_->transfers(), 1U) << "one of the two payments was never settled";
}

TEST_F(Gateway, ARestartKeepsWhatWasPaidFor) {
    auto bank = facilitator({.settle_wait = "200ms"});
    const auto payer = rich();
    SignedPayment settled, pending;
    std::string body;
    {
        GatewayRole shop(*world_, open_store("gateway"), bank, upstream_,
                         {.pending_wait = "400ms"});
        settled = pay_for(shop.url(), *payer);
        const Reply paid = get(*world_, shop.url(), &settled.payload);
        ASSERT_EQ(paid.status, 200) << paid.body;
        body = paid.body;
        pending = pay_for(shop.url() + "?city=rome", *payer);
        world_->hold(true);
        ASSERT_EQ(get(*world_, shop.url() + "?city=rome", &pending.payload).status, 409);
    }
    GatewayRole shop(*world_, open_store("gateway"), bank, upstream_, {.pending_wait = "400ms"});
    const Reply repeat = get(*world_, shop.url(), &settled.payload);
    EXPECT_EQ(repeat.status, 200) << repeat.body;
    EXPECT_EQ(repeat.body, body);
    world_->hold(false);
    Reply late;
    EXPECT_TRUE(eventually([&] {
        late = get(*world_, shop.url() + "?city=rome", &pending.payload);
        return late.status != 409;
    }));
    EXPECT_EQ(late.status, 200) << late.body;
    EXPECT_TRUE(has_weather(late));
    EXPECT_EQ(world_->transfers(), 2U);
    EXPECT_EQ(upstream_.runs(), 2U);
}

// The gateway's store dies at every write of one paid request; started again, the same payment must
// be answered, and must have been taken exactly once.
TEST_F(Gateway, ACrashAtAnyWriteChargesOnce) {
    constexpr std::size_t kMostWrites = 16;
    auto bank = facilitator();
    const auto payer = rich();
    std::size_t crashes = 0;
    for (const char* settle : kMoments) {
        const GatewayOptions options{.settle = settle, .pending_wait = "300ms", .may_fail = true};
        for (const bool durable : {false, true}) {
            bool crashed = true;
            for (std::size_t n = 1; crashed && n <= kMostWrites; ++n) {
                SCOPED_TRACE(std::string(settle) +
                             (durable ? ", after write " : ", before write ") + std::to_string(n));
                const std::size_t before = world_->transfers();
                const std::size_t runs = upstream_.runs();
                const auto disk = store::make_memory_disk();
                const auto plan = std::make_shared<store::testing::FaultPlan>();
                durable ? plan->crash_after(n) : plan->crash_before(n);
                std::optional<SignedPayment> payment;
                {
                    auto stores = store::testing::with_faults(
                        store::open_memory_store(disk, world_->env()), plan);
                    GatewayRole shop(*world_, std::move(stores), bank, upstream_, options);
                    if (shop.started()) payment = pay_for(shop.url(), *payer);
                    if (payment) static_cast<void>(get(*world_, shop.url(), &payment->payload));
                    crashed = plan->crashed();
                }
                if (crashed) ++crashes;
                if (!payment) continue;
                GatewayRole shop(*world_, store::open_memory_store(disk, world_->env()), bank,
                                 upstream_, options);
                Reply paid;
                EXPECT_TRUE(eventually([&] {
                    paid = get(*world_, shop.url(), &payment->payload);
                    return paid.status != 409;
                }));
                EXPECT_EQ(paid.status, 200) << paid.body;
                EXPECT_TRUE(has_weather(paid));
                EXPECT_EQ(world_->transfers(), before + 1);
                EXPECT_LE(upstream_.runs(), runs + 2) << "at most one run more than was answered";
            }
            EXPECT_FALSE(crashed) << "a request of more than " << kMostWrites << " writes";
        }
    }
    EXPECT_GE(crashes, 12U) << "claim, intent and end, each before and after, in both orders";
}

}  // namespace
}  // namespace x402::conformance
