// SPDX-License-Identifier: Apache-2.0
// What every network's facilitator must do and must never do: judged through its public door, and
// by what moved.
#include <set>

#include "tests/conformance/house.hpp"
#include "x402/protocol/reasons.hpp"
#include "x402/store/memory/memory.hpp"
#include "x402/store/testing.hpp"

namespace x402::conformance {
namespace {

class Facilitator : public House {
protected:
    FacilitatorRole start(const FacilitatorOptions& options = {}) {
        return FacilitatorRole(*world_, store::make_memory_store(world_->env()), options);
    }
    // Held transactions do not make a test wait.
    static FacilitatorOptions impatient(bool may_fail = false) { return {"250ms", may_fail}; }
};

std::string code_of(const Result<SettleResponse>& answer) {
    if (!answer) return "no judgement: " + to_string(answer.error());
    return answer->success ? "success" : answer->error_reason;
}

const char* const kDuplicate = "duplicate_settlement";
const char* const kPending = "settlement_pending";

TEST_F(Facilitator, TellsWhatItSupports) {
    auto role = start();
    const Supported supported = role.supported();
    bool listed = false;
    for (const SupportedKind& kind : supported.kinds) {
        listed = listed || (kind.version == kVersion2 && kind.scheme == world_->scheme() &&
                            kind.network == world_->network());
    }
    EXPECT_TRUE(listed);
    const std::string family = std::string(world_->network().family()) + ":*";
    ASSERT_TRUE(supported.signers.contains(family));
    EXPECT_FALSE(supported.signers.at(family).as_array().empty());
}

TEST_F(Facilitator, VerifyReadsAndChangesNothing) {
    auto role = start();
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(1)), *payer);
    const U256 before = world_->balance(payer->address());
    for (int i = 0; i < 2; ++i) {
        const auto verdict = role.verify(payment);
        ASSERT_TRUE(verdict) << to_string(verdict.error());
        EXPECT_TRUE(verdict->is_valid) << verdict->invalid_message;
        EXPECT_EQ(verdict->payer, payer->address());
    }
    EXPECT_EQ(world_->balance(payer->address()), before);
    EXPECT_EQ(world_->transfers(), 0U);
    EXPECT_FALSE(role.settlement(payment.key).has_value());
}

TEST_F(Facilitator, RefusesWhatWasNotSigned) {
    auto role = start();
    const auto payer = rich();
    const auto poor = world_->open_account(U256{});
    const auto stranger = rich();
    PaymentRequirements to_another = offer(cents(1));
    to_another.pay_to = stranger->address();
    struct Row {
        const char* name;
        SignedPayment payment;
    };
    std::vector<Row> rows;
    rows.push_back({"to another recipient", sign(to_another, *payer)});
    rows.back().payment.terms = offer(cents(1));
    rows.push_back({"less than asked for", sign(offer(cents(1)), *payer)});
    rows.back().payment.terms = offer(cents(2));
    rows.push_back({"changed after signing", sign(offer(cents(1)), *payer)});
    rows.back().payment.payload.payload = world_->tamper(rows.back().payment.payload.payload);
    rows.push_back({"without the money", sign(offer(cents(1)), *poor)});
    rows.push_back({"no payload", sign(offer(cents(1)), *payer)});
    rows.back().payment.payload.payload = {};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto verdict = role.verify(row.payment);
        ASSERT_TRUE(verdict) << to_string(verdict.error());
        EXPECT_FALSE(verdict->is_valid);
        EXPECT_FALSE(verdict->invalid_reason.empty());
        const auto settled = role.settle(row.payment);
        ASSERT_TRUE(settled) << to_string(settled.error());
        EXPECT_FALSE(settled->success);
        EXPECT_EQ(outcome_of(*settled), Outcome::failed);
        EXPECT_TRUE(settled->transaction.empty());
        EXPECT_EQ(settled->error_reason, verdict->invalid_reason);
    }
    EXPECT_EQ(world_->transfers(), 0U);
}

TEST_F(Facilitator, RefusesWhatHasExpired) {
    auto role = start();
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(1)), *payer);
    world_->let_expire();
    const auto verdict = role.verify(payment);
    ASSERT_TRUE(verdict) << to_string(verdict.error());
    EXPECT_FALSE(verdict->is_valid);
    const auto settled = role.settle(payment);
    ASSERT_TRUE(settled) << to_string(settled.error());
    EXPECT_EQ(outcome_of(*settled), Outcome::failed);
    EXPECT_EQ(world_->transfers(), 0U);
}

TEST_F(Facilitator, RefusesKindsThatItDoesNotServe) {
    auto role = start();
    const auto payer = rich();
    struct Row {
        const char* name;
        std::string code;
        std::function<void(PaymentRequirements&)> change;
    };
    const Row rows[] = {
        {"network", "invalid_network",
         [](auto& terms) { terms.network = *ChainId::parse("nowhere:1"); }},
        {"scheme", "unsupported_scheme", [](auto& terms) { terms.scheme = "barter"; }},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        SignedPayment payment = sign(offer(cents(1)), *payer);
        row.change(payment.terms);
        const auto verdict = role.verify(payment);
        ASSERT_TRUE(verdict) << to_string(verdict.error());
        EXPECT_EQ(verdict->invalid_reason, row.code);
        EXPECT_EQ(code_of(role.settle(payment)), row.code);
    }
}

TEST_F(Facilitator, SettleMovesTheMoneyOnce) {
    auto role = start();
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(3)), *payer);
    const U256 before = world_->balance(payer->address());
    const auto settled = role.settle(payment);
    ASSERT_TRUE(settled) << to_string(settled.error());
    ASSERT_TRUE(settled->success) << settled->error_message;
    EXPECT_FALSE(settled->transaction.empty());
    EXPECT_EQ(settled->payer, payer->address());
    EXPECT_EQ(settled->network, world_->network());
    EXPECT_EQ(settled->amount, cents(3));
    EXPECT_EQ(world_->balance(world_->merchant()), cents(3));
    EXPECT_EQ(world_->balance(payer->address()), *before.checked_sub(cents(3)));
    EXPECT_EQ(world_->transfers(), 1U);
    const auto status = role.settlement(payment.key);
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->outcome, Outcome::settled);
    ASSERT_EQ(status->transactions.size(), 1U);
    EXPECT_EQ(status->transactions[0], settled->transaction);
    EXPECT_EQ(status->payer, payer->address());
    EXPECT_EQ(status->amount, cents(3).to_decimal());
}

TEST_F(Facilitator, ASecondTellingNeedsTheFirstOnesKey) {
    auto role = start();
    const auto payer = rich();
    const SignedPayment keyless = sign(offer(cents(1)), *payer);
    const auto first = role.settle(keyless);
    ASSERT_EQ(code_of(first), "success");
    for (const char* key : {"", "somebody's"}) {
        const auto again = role.settle(keyless, key);
        EXPECT_EQ(code_of(again), kDuplicate);
        EXPECT_EQ(again->transaction, first->transaction);
    }

    const SignedPayment keyed = sign(offer(cents(1)), *payer);
    const auto told = role.settle(keyed, "mine");
    ASSERT_EQ(code_of(told), "success");
    const auto retold = role.settle(keyed, "mine");
    ASSERT_EQ(code_of(retold), "success");
    EXPECT_EQ(retold->transaction, told->transaction);
    EXPECT_EQ(retold->amount, told->amount);
    EXPECT_EQ(code_of(role.settle(keyed, "")), kDuplicate);
    EXPECT_EQ(code_of(role.settle(keyed, "other")), kDuplicate);
    FacilitatorRequest other_terms = keyed.request();
    other_terms.requirements.amount = *cents(1).checked_sub(U256{1});
    EXPECT_EQ(code_of(role.settle(other_terms, "mine")), kDuplicate)
        << "other terms are another request";
    EXPECT_EQ(world_->transfers(), 2U);
}

TEST_F(Facilitator, ManyAtOnceAreToldOneSuccess) {
    auto role = start();
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(1)), *payer);
    const FacilitatorRequest request = payment.request();
    const SettleContext context;
    auto asked = at_once(8, [&](std::size_t) { return role.service().settle(request, context); });
    std::multiset<std::string> codes;
    std::set<std::string> transactions;
    for (const auto& answer : asked.wait()) {
        codes.insert(code_of(answer));
        if (answer) transactions.insert(answer->transaction);
    }
    EXPECT_EQ(codes.count("success"), 1U) << ::testing::PrintToString(codes);
    EXPECT_EQ(codes.count(kDuplicate), 7U) << ::testing::PrintToString(codes);
    EXPECT_EQ(transactions.size(), 1U);
    EXPECT_EQ(world_->transfers(), 1U);
}

TEST_F(Facilitator, DifferentPaymentsAtOnceAreAllSettled) {
    auto role = start({.settle_wait = "10s"});
    std::vector<std::unique_ptr<Wallet>> payers;
    std::vector<FacilitatorRequest> payments;
    const std::size_t crowd = world_->powers().crowd;
    for (std::size_t i = 0; i < crowd; ++i) {
        payers.push_back(rich());
        payments.push_back(sign(offer(cents(1)), *payers.back()).request());
    }
    const SettleContext context;
    auto asked =
        at_once(crowd, [&](std::size_t i) { return role.service().settle(payments[i], context); });
    for (const auto& answer : asked.wait()) EXPECT_EQ(code_of(answer), "success");
    EXPECT_EQ(world_->transfers(), crowd);
    EXPECT_EQ(world_->balance(world_->merchant()), cents(crowd));
}

TEST_F(Facilitator, PendingIsWaitedOutWithTheSamePayment) {
    auto role = start(impatient());
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(1)), *payer);
    world_->hold(true);
    const auto pending = role.settle(payment, "mine");
    ASSERT_EQ(code_of(pending), kPending);
    EXPECT_EQ(outcome_of(*pending), Outcome::unknown);
    EXPECT_EQ(code_of(role.settle(payment, "a stranger's")), kPending);
    const auto status = role.settlement(payment.key);
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->outcome, Outcome::unknown);
    EXPECT_EQ(world_->transfers(), 0U);
    world_->hold(false);
    const SettleResponse settled = role.settle_to_the_end(payment, "mine");
    EXPECT_TRUE(settled.success) << settled.error_message;
    if (!pending->transaction.empty()) {
        EXPECT_EQ(settled.transaction, pending->transaction);
    }
    EXPECT_EQ(code_of(role.settle(payment, "a stranger's")), kDuplicate);
    EXPECT_EQ(world_->transfers(), 1U);
}

TEST_F(Facilitator, WhatExpiresWhileItWaitsMovesNothing) {
    auto role = start(impatient());
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(1)), *payer);
    const U256 before = world_->balance(payer->address());
    world_->hold(true);
    ASSERT_EQ(code_of(role.settle(payment)), kPending);
    world_->let_expire();
    world_->hold(false);
    const SettleResponse ended = role.settle_to_the_end(payment);
    EXPECT_EQ(outcome_of(ended), Outcome::failed);
    EXPECT_FALSE(is_duplicate(ended));
    const auto status = role.settlement(payment.key);
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->outcome, Outcome::failed);
    EXPECT_EQ(world_->transfers(), 0U);
    EXPECT_EQ(world_->balance(payer->address()), before);
}

TEST_F(Facilitator, OnlyWhatThePayerHasIsPaid) {
    auto role = start(impatient());
    const auto payer = world_->open_account(cents(5));
    const SignedPayment one = sign(offer(cents(4)), *payer);
    const SignedPayment other = sign(offer(cents(4)), *payer);
    world_->hold(true);
    ASSERT_EQ(code_of(role.settle(one)), kPending);
    ASSERT_EQ(code_of(role.settle(other)), kPending);
    world_->hold(false);
    const SettleResponse first = role.settle_to_the_end(one);
    const SettleResponse second = role.settle_to_the_end(other);
    ASSERT_NE(first.success, second.success) << first.error_reason << " " << second.error_reason;
    const SignedPayment& failed = first.success ? other : one;
    EXPECT_EQ(world_->transfers(), 1U);
    world_->credit(payer->address(), cents(10));
    const SettleResponse again = role.settle_to_the_end(failed);
    EXPECT_EQ(again.success, world_->powers().revives_failed) << again.error_message;
    EXPECT_EQ(world_->transfers(), world_->powers().revives_failed ? 2U : 1U);
}

TEST_F(Facilitator, AFailureWithoutAnAttemptMayBeClaimedAgain) {
    if (!world_->powers().refuses_simulations)
        GTEST_SKIP() << "this network's simulations cannot be told what to say";
    auto role = start();
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(1)), *payer);
    world_->refuse_next_simulation();
    const auto refused = role.settle(payment);
    ASSERT_TRUE(refused) << to_string(refused.error());
    EXPECT_EQ(outcome_of(*refused), Outcome::failed) << refused->error_reason;
    EXPECT_EQ(world_->transfers(), 0U);
    const auto settled = role.settle(payment);
    EXPECT_EQ(code_of(settled), "success");
    EXPECT_EQ(world_->transfers(), 1U);
}

TEST_F(Facilitator, ALostBroadcastAnswerIsNotASecondTransfer) {
    if (!world_->powers().loses_answers)
        GTEST_SKIP() << "this network's answers cannot be lost on command";
    auto role = start();
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(1)), *payer);
    world_->lose_next_answer();
    const SettleResponse settled = role.settle_to_the_end(payment);
    EXPECT_TRUE(settled.success) << settled.error_message;
    EXPECT_EQ(world_->transfers(), 1U);
}

TEST_F(Facilitator, ARestartFinishesWhatWasInFlight) {
    const auto payer = rich();
    const SignedPayment keyed = sign(offer(cents(1)), *payer);
    const SignedPayment keyless = sign(offer(cents(2)), *payer);
    world_->hold(true);
    {
        FacilitatorRole role(*world_, open_store("facilitator"), impatient());
        ASSERT_EQ(code_of(role.settle(keyed, "mine")), kPending);
        ASSERT_EQ(code_of(role.settle(keyless)), kPending);
    }
    FacilitatorRole role(*world_, open_store("facilitator"), impatient());
    ASSERT_EQ(code_of(role.settle(keyed, "mine")), kPending);
    world_->hold(false);
    EXPECT_TRUE(eventually([&] {
        const auto one = role.settlement(keyed.key);
        const auto other = role.settlement(keyless.key);
        return one && other && one->outcome == Outcome::settled &&
               other->outcome == Outcome::settled;
    }));
    EXPECT_EQ(code_of(role.settle(keyed, "mine")), "success");
    EXPECT_EQ(code_of(role.settle(keyless)), "success") << "nobody was told yet";
    EXPECT_EQ(code_of(role.settle(keyless)), kDuplicate);
    EXPECT_EQ(world_->transfers(), 2U);
}

TEST_F(Facilitator, ARestartKeepsWhatWasTold) {
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(1)), *payer);
    std::string transaction;
    {
        FacilitatorRole role(*world_, open_store("facilitator"));
        const auto settled = role.settle(payment, "mine");
        ASSERT_EQ(code_of(settled), "success");
        transaction = settled->transaction;
    }
    FacilitatorRole role(*world_, open_store("facilitator"));
    const auto stranger = role.settle(payment);
    EXPECT_EQ(code_of(stranger), kDuplicate);
    EXPECT_EQ(stranger->transaction, transaction);
    const auto mine = role.settle(payment, "mine");
    EXPECT_EQ(code_of(mine), "success");
    EXPECT_EQ(mine->transaction, transaction);
    EXPECT_EQ(world_->transfers(), 1U);
}

// The process dies at every write of one settlement, before and after it became durable; whoever
// comes back with the same payment must find it paid exactly once.
TEST_F(Facilitator, ACrashAtAnyWritePaysOnce) {
    constexpr std::size_t kMostWrites = 24;
    const auto payer = rich();
    std::size_t crashes = 0;
    for (const bool durable : {false, true}) {
        bool crashed = true;
        for (std::size_t n = 1; crashed && n <= kMostWrites; ++n) {
            SCOPED_TRACE((durable ? "after write " : "before write ") + std::to_string(n));
            const std::size_t before = world_->transfers();
            const SignedPayment payment = sign(offer(cents(1)), *payer);
            const auto disk = store::make_memory_disk();
            const auto plan = std::make_shared<store::testing::FaultPlan>();
            durable ? plan->crash_after(n) : plan->crash_before(n);
            {
                auto stores = store::open_memory_store(disk, world_->env());
                FacilitatorRole role(*world_, store::testing::with_faults(std::move(stores), plan),
                                     impatient(true));
                if (role.started()) static_cast<void>(role.settle(payment, "mine"));
                crashed = plan->crashed();
            }
            if (crashed) ++crashes;
            FacilitatorRole role(*world_, store::open_memory_store(disk, world_->env()),
                                 impatient());
            const SettleResponse ended = role.settle_to_the_end(payment, "mine");
            EXPECT_TRUE(ended.success) << ended.error_reason << ": " << ended.error_message;
            EXPECT_EQ(world_->transfers(), before + 1);
        }
        EXPECT_FALSE(crashed) << "a settlement of more than " << kMostWrites << " writes";
    }
    EXPECT_GE(crashes, 8U) << "claim, slot, attempt and end, each before and after";
}

TEST_F(Facilitator, KnowsNothingOfAnUnknownKey) {
    auto role = start();
    EXPECT_FALSE(role.settlement(PaymentKey("nobody~paid~this")).has_value());
}

// Schemes that may take less than was signed

class Metered : public Facilitator {
protected:
    void SetUp() override {
        if (!world_->powers().charges_less)
            GTEST_SKIP() << "this world's scheme charges what was signed";
    }
    FacilitatorRequest charge(const SignedPayment& payment, ServerScheme::Phase phase,
                              const U256& amount) {
        const ServerScheme* scheme =
            world_->modules().server(payment.terms.scheme, payment.terms.network);
        auto request =
            scheme->settle_request(Payment{payment.payload, payment.terms}, phase, amount);
        if (!request) ADD_FAILURE() << to_string(request.error());
        return request.value_or(FacilitatorRequest{});
    }
};

TEST_F(Metered, MayChargeLess) {
    auto role = start();
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(10)), *payer);
    const auto settled = role.settle(charge(payment, ServerScheme::Phase::only, cents(3)));
    ASSERT_EQ(code_of(settled), "success");
    EXPECT_EQ(settled->amount, cents(3));
    EXPECT_EQ(world_->balance(world_->merchant()), cents(3));
    EXPECT_EQ(code_of(role.settle(charge(payment, ServerScheme::Phase::only, cents(10)))),
              kDuplicate);
    EXPECT_EQ(world_->transfers(), 1U);
}

TEST_F(Metered, NeverMoreThanWasSigned) {
    auto role = start();
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(10)), *payer);
    const auto settled = role.settle(charge(payment, ServerScheme::Phase::only, cents(11)));
    ASSERT_TRUE(settled) << to_string(settled.error());
    EXPECT_EQ(outcome_of(*settled), Outcome::failed);
    EXPECT_EQ(world_->transfers(), 0U);
}

TEST_F(Metered, AChargeOfNothingBroadcastsNothingAndIsUsedUp) {
    auto role = start();
    const auto payer = rich();
    const SignedPayment payment = sign(offer(cents(10)), *payer);
    const FacilitatorRequest nothing = charge(payment, ServerScheme::Phase::only, U256{});
    const auto settled = role.settle(nothing, "mine");
    ASSERT_EQ(code_of(settled), "success");
    EXPECT_EQ(settled->transaction, "");
    ASSERT_TRUE(settled->amount.has_value());
    EXPECT_TRUE(settled->amount->is_zero());
    EXPECT_EQ(outcome_of(*settled), Outcome::settled);
    EXPECT_EQ(world_->transfers(), 0U);
    const auto status = role.settlement(payment.key);
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->outcome, Outcome::settled);
    EXPECT_TRUE(status->transactions.empty());
    EXPECT_EQ(code_of(role.settle(nothing, "mine")), "success");
    EXPECT_EQ(code_of(role.settle(payment)), kDuplicate) << "the money is not taken after all";
    EXPECT_EQ(world_->transfers(), 0U);
}

TEST_F(Metered, DepositAndClaimAreTwoPayments) {
    auto role = start();
    const auto payer = rich();
    const U256 before = world_->balance(payer->address());
    const SignedPayment payment = sign(offer(cents(10)), *payer);
    const FacilitatorRequest deposit = charge(payment, ServerScheme::Phase::deposit, cents(10));
    const FacilitatorRequest claim = charge(payment, ServerScheme::Phase::claim, cents(4));
    const ServerScheme* scheme =
        world_->modules().server(payment.terms.scheme, payment.terms.network);
    const auto deposit_facts = scheme->facts(Payment{deposit.payload, deposit.requirements});
    const auto claim_facts = scheme->facts(Payment{claim.payload, claim.requirements});
    ASSERT_TRUE(deposit_facts && claim_facts);
    EXPECT_NE(deposit_facts->key, claim_facts->key);

    const auto early = role.settle(claim);
    ASSERT_TRUE(early) << to_string(early.error());
    EXPECT_FALSE(early->success) << "there is nothing to claim before the deposit";
    ASSERT_EQ(code_of(role.settle(deposit)), "success");
    EXPECT_EQ(world_->balance(payer->address()), *before.checked_sub(cents(10)));
    EXPECT_EQ(code_of(role.settle(deposit)), kDuplicate);
    ASSERT_EQ(code_of(role.settle(claim)), "success");
    EXPECT_EQ(code_of(role.settle(claim)), kDuplicate);
    EXPECT_EQ(world_->balance(world_->merchant()), cents(4));
    EXPECT_EQ(world_->balance(payer->address()), *before.checked_sub(cents(4)));
    EXPECT_EQ(world_->transfers(), 1U);
}

}  // namespace
}  // namespace x402::conformance
