// SPDX-License-Identifier: Apache-2.0
// A whole facilitator over a fake network and virtual time: the plain ways first, then everything
// that networks do to those who trust an answer.
#include "x402/facilitator/service.hpp"

#include <gtest/gtest.h>

#include "x402/facilitator/answers.hpp"
#include "x402/facilitator/replay_guard.hpp"
#include "x402/facilitator/test_world.hpp"
#include "x402/protocol/version.hpp"

namespace x402::facilitator::test {
namespace {

using namespace std::chrono_literals;

std::size_t moves_of(const World& world, const std::string& nonce) {
    const auto found = world.ledger.moves.find(used_key("ann", nonce));
    return found == world.ledger.moves.end() ? 0 : found->second.size();
}

Order order(const std::string& nonce) {
    Order made;
    made.nonce = nonce;
    return made;
}

Task<void> settles(Life& life) {
    const Duration begun = life.world.clock.steady();
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_TRUE(answer);
    EXPECT_TRUE(answer->success) << answer->error_reason;
    EXPECT_LT(life.world.clock.steady() - begun, 500ms) << "sooner than the watch comes by";
    EXPECT_EQ(answer->transaction, "tx-signer-a-0-0");
    EXPECT_EQ(answer->amount, U256(100));
    EXPECT_EQ(answer->payer, "ann");
    EXPECT_EQ(answer->network.text(), "fake:one");
    EXPECT_EQ(json::text_or_empty(answer->extra, "paymentKey"), "fake~ann~n1");
    const auto status = co_await life.service.settlement(key_of(order("n1")), 0s);
    EXPECT_TRUE(status && *status);
    EXPECT_EQ((*status)->outcome, Outcome::settled);
    EXPECT_EQ((*status)->transactions, std::vector<std::string>{"tx-signer-a-0-0"});
    EXPECT_EQ((*status)->payer, "ann");
    EXPECT_EQ((*status)->amount, "100");
}
TEST(Service, SettlesAndReports) {
    World world;
    EXPECT_TRUE(live(world, settles));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
    EXPECT_EQ(world.ledger.balances["shop"], U256(100));
}

Task<void> verifies(Life& life) {
    struct Row {
        const char* name;
        Order order;
        const char* reason;
    };
    Order bad_signature = order("v");
    bad_signature.signature = "forged";
    Order poor = order("v");
    poor.payer = "poor";
    Order foreign = order("v");
    foreign.network = "fake:two";
    Order unknown_scheme = order("v");
    unknown_scheme.scheme = "barter";
    Order unknown_asset = order("v");
    unknown_asset.asset = "pebble";
    Order no_payer = order("v");
    no_payer.payer = "";
    const Row rows[] = {
        {"good", order("good"), ""},
        {"signature", bad_signature, "invalid_exact_evm_signature"},
        {"balance", poor, "invalid_exact_evm_insufficient_balance"},
        {"network", foreign, "invalid_network"},
        {"scheme", unknown_scheme, "unsupported_scheme"},
        {"asset", unknown_asset, "unsupported_asset"},
        {"shape", no_payer, "invalid_payload"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const FacilitatorRequest request = request_of(life.world, row.order);
        const auto answer = co_await life.service.verify(request);
        EXPECT_TRUE(answer);
        EXPECT_EQ(answer->invalid_reason, row.reason);
        EXPECT_EQ(answer->is_valid, std::string_view(row.reason).empty());
        const auto settled = co_await settle(life, row.order);
        EXPECT_TRUE(settled);
        EXPECT_EQ(settled->error_reason, row.reason) << "settle must judge as verify does";
    }
}
TEST(Service, VerifyAndSettleJudgeAlike) {
    World world;
    EXPECT_TRUE(live(world, verifies));
    EXPECT_EQ(world.ledger.broadcasts, 1U) << "nothing refused may cost a fee";
}

Task<void> verify_reads_only(Life& life) {
    const FacilitatorRequest request = request_of(life.world, order("n1"));
    const auto answer = co_await life.service.verify(request);
    EXPECT_TRUE(answer && answer->is_valid);
    EXPECT_EQ(json::text_or_empty(answer->extra, "paymentKey"), "fake~ann~n1");
    EXPECT_EQ(life.world.faults->writes(), 2U)
        << "only the two reads of the start that take records over";
    life.world.ledger.down = true;
    const auto trouble = co_await life.service.verify(request);
    EXPECT_FALSE(trouble) << "infrastructure is no judgement";
    EXPECT_EQ(reason_of(trouble.error()), Reason::unavailable);
    const auto settled = co_await settle(life, order("n1"));
    EXPECT_FALSE(settled);
    EXPECT_EQ(settled.error().code, Errc::unreachable) << "nothing was begun";
    EXPECT_FALSE(life.service.ready());
    life.world.ledger.down = false;
    EXPECT_TRUE(life.service.ready());
}
TEST(Service, VerifyWritesNothingAndTroubleIsNoVerdict) {
    World world;
    EXPECT_TRUE(live(world, verify_reads_only));
}

Task<void> policy(Life& life) {
    const auto good = co_await settle(life, order("n1"));
    EXPECT_TRUE(good && good->success);
    Order elsewhere = order("n2");
    elsewhere.pay_to = "thief";
    const auto refused = co_await settle(life, elsewhere);
    EXPECT_TRUE(refused);
    EXPECT_EQ(refused->error_reason, "pay_to_not_allowed");
    Order dust = order("n3");
    dust.amount = 49;
    const auto small = co_await settle(life, dust);
    EXPECT_TRUE(small);
    EXPECT_EQ(small->error_reason, "amount_below_minimum");
    dust.amount = 50;
    const auto enough = co_await settle(life, dust);
    EXPECT_TRUE(enough && enough->success);
}
TEST(Service, KeepsThePolicy) {
    World world;
    world.configure = [](Config& config) {
        config.pay_to_allow.insert({"fake", "shop"});
        config.networks[0].min_amount.price = *parse_price("$0.5");
    };
    EXPECT_TRUE(live(world, policy));
}

Task<void> zero(Life& life) {
    Order free_of_charge = order("n1");
    free_of_charge.amount = 0;
    const auto answer = co_await settle(life, free_of_charge);
    EXPECT_TRUE(answer && answer->success);
    EXPECT_EQ(answer->transaction, "");
    EXPECT_EQ(answer->amount, U256(0));
    const auto again = co_await settle(life, free_of_charge);
    EXPECT_TRUE(again);
    EXPECT_EQ(again->error_reason, "duplicate_settlement") << "also a charge of zero is told once";
}
TEST(Service, NothingToMoveIsSettledWithoutATransaction) {
    World world;
    EXPECT_TRUE(live(world, zero));
    EXPECT_EQ(world.ledger.broadcasts, 0U);
}

Task<void> supported(Life& life) {
    const auto answer = co_await life.service.supported();
    EXPECT_TRUE(answer);
    EXPECT_EQ(answer->kinds.size(), 2U);
    EXPECT_EQ(answer->kinds[0].scheme, "exact");
    EXPECT_EQ(answer->kinds[1].version, kVersion1);
    EXPECT_EQ(answer->kinds[1].network_text, "fake-one");
    EXPECT_EQ(json::dump(answer->signers), R"({"fake:*":["signer-a","signer-b"]})");
    EXPECT_TRUE(life.service.ready());
    EXPECT_NE(life.service.chain(*ChainId::parse("fake:one")), nullptr);
    EXPECT_EQ(life.service.chain(*ChainId::parse("fake:two")), nullptr);
}
TEST(Service, SaysWhatItSupports) {
    World world;
    world.ledger.signers = {"signer-a", "signer-b", "signer-a"};
    EXPECT_TRUE(live(world, supported));
}

Task<void> parallel(Life& life) {
    std::vector<Later> answers;
    for (int i = 0; i < 200; ++i) answers.push_back(settle_later(life, order("n1")));
    const auto all = [&answers] {
        return std::all_of(answers.begin(), answers.end(),
                           [](const Later& each) { return each->has_value(); });
    };
    const bool done = co_await until(life, all);
    EXPECT_TRUE(done);
    int successes = 0;
    for (const Later& each : answers) {
        EXPECT_TRUE(**each);
        if ((**each)->success) {
            ++successes;
        } else {
            EXPECT_EQ((**each)->error_reason, "duplicate_settlement");
        }
    }
    EXPECT_EQ(successes, 1);
}
TEST(Attack1, TwoHundredIdenticalRequestsAreOneSuccessAndOneTransaction) {
    World world;
    EXPECT_TRUE(live(world, parallel));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
    EXPECT_EQ(world.ledger.broadcasts, 1U);
}

Task<void> keys(Life& life) {
    const auto first = co_await settle(life, order("n1"), "key-1");
    EXPECT_TRUE(first && first->success);
    const auto repeat = co_await settle(life, order("n1"), "key-1");
    EXPECT_TRUE(repeat && repeat->success) << "the same caller and key hears it again";
    EXPECT_EQ(repeat->transaction, first->transaction);
    EXPECT_EQ(repeat->amount, first->amount);
    static constexpr const char* kEach1[] = {"", "key-2"};
    for (const char* key : kEach1) {
        const auto other = co_await settle(life, order("n1"), key);
        EXPECT_TRUE(other);
        EXPECT_EQ(other->error_reason, "duplicate_settlement");
        EXPECT_EQ(other->transaction, first->transaction);
    }
    Order terms = order("n1");
    terms.pay_to = "elsewhere";
    const auto changed = co_await settle(life, terms, "key-1");
    EXPECT_TRUE(changed);
    EXPECT_EQ(changed->error_reason, "duplicate_settlement");
}
TEST(Service, AnIdempotencyKeyHearsItsSuccessAgain) {
    World world;
    EXPECT_TRUE(live(world, keys));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

Task<void> pending_then_joined(Life& life) {
    const auto pending = co_await settle(life, order("n1"));
    EXPECT_TRUE(pending);
    EXPECT_EQ(pending->error_reason, "settlement_pending");
    EXPECT_EQ(pending->transaction, "tx-signer-a-0-0");
    EXPECT_EQ(outcome_of(*pending), Outcome::unknown);
    const auto status = co_await life.service.settlement(key_of(order("n1")), 0s);
    EXPECT_EQ((*status)->outcome, Outcome::unknown);
    EXPECT_EQ((*status)->state, "attempted");
    life.world.ledger.auto_mine = true;
    life.world.ledger.mine();
    const auto joined = co_await settle(life, order("n1"));
    EXPECT_TRUE(joined && joined->success)
        << "pending told nothing: the repeat receives the one success";
    const auto late = co_await settle(life, order("n1"));
    EXPECT_EQ(late->error_reason, "duplicate_settlement");
}
TEST(Service, APendingSettlementGoesOnAndTheRepeatReceivesIt) {
    World world;
    world.ledger.auto_mine = false;
    world.ledger.replaceable = false;
    EXPECT_TRUE(live(world, pending_then_joined));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

Task<void> keyed_intent(Life& life) {
    const Later first = settle_later(life, order("n1"), "mine");
    const bool began = co_await until(life, [&] { return life.world.ledger.broadcasts > 0; });
    EXPECT_TRUE(began);
    Order forged = order("n1");
    forged.signature = "forged";
    const Later stranger = settle_later(life, order("n1"));
    const Later other_key = settle_later(life, order("n1"), "theirs");
    const Later forger = settle_later(life, forged, "mine");
    co_await breathe(life);
    life.world.ledger.mine();
    const bool done =
        co_await until(life, [&] { return *first && *stranger && *other_key && *forger; });
    EXPECT_TRUE(done);
    EXPECT_TRUE((**first)->success);
    EXPECT_EQ((**stranger)->error_reason, "duplicate_settlement");
    EXPECT_EQ((**other_key)->error_reason, "duplicate_settlement");
    EXPECT_EQ((**forger)->error_reason, "duplicate_settlement")
        << "another signature proves another sender";
}
TEST(Service, AKeyedIntentIsJoinedOnlyWithItsKey) {
    World world;
    world.ledger.auto_mine = false;
    EXPECT_TRUE(live(world, keyed_intent));
    EXPECT_EQ(moves_of(world, "n1"), 1U);
}

Task<void> front_run(Life& life) {
    life.world.ledger.front_run("ann", "n1", U256(100), "shop");
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_TRUE(answer);
    EXPECT_EQ(answer->error_reason, "duplicate_settlement");
    EXPECT_EQ(answer->transaction, "stranger-n1");
    life.world.ledger.cancel("ann", "n2");
    const auto cancelled = co_await settle(life, order("n2"));
    EXPECT_EQ(cancelled->error_reason, "invalid_exact_evm_nonce_already_used")
        << "a cancellation paid nobody";
    life.world.ledger.front_run("ann", "n3", U256(100), "shop");
    life.world.ledger.trace_down = true;
    const auto unclear = co_await settle(life, order("n3"));
    EXPECT_FALSE(unclear) << "whether it is paid is not known: no invitation to pay again";
}
TEST(Attack8, AStrangersTransferIsADuplicateWithItsTransaction) {
    World world;
    EXPECT_TRUE(live(world, front_run));
    EXPECT_EQ(world.ledger.broadcasts, 0U);
}

Task<void> front_run_in_flight(Life& life) {
    life.world.ledger.blind.insert("n1");
    const Later first = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return life.world.ledger.broadcasts > 0; });
    EXPECT_TRUE(sent);
    life.world.ledger.front_run("ann", "n1", U256(100), "shop");
    life.world.ledger.mine();
    const bool done = co_await until(life, [&] { return first->has_value(); });
    EXPECT_TRUE(done);
    const SettleResponse& answer = ***first;
    if (life.world.accept_observed) {
        EXPECT_TRUE(answer.success) << answer.error_reason;
        EXPECT_EQ(answer.transaction, "stranger-n1");
    } else {
        EXPECT_EQ(answer.error_reason, "duplicate_settlement");
        EXPECT_EQ(answer.transaction, "stranger-n1");
        const auto repeat = co_await settle(life, order("n1"));
        EXPECT_EQ(repeat->error_reason, "duplicate_settlement") << "and it stays one";
        const auto status = co_await life.service.settlement(key_of(order("n1")), 0s);
        EXPECT_EQ((*status)->state, "duplicate");
    }
}
TEST(Attack8, AFrontRunnerInFlight) {
    for (const bool accept : {false, true}) {
        SCOPED_TRACE(accept);
        World world;
        world.ledger.auto_mine = false;
        world.accept_observed = accept;
        EXPECT_TRUE(live(world, front_run_in_flight));
        EXPECT_EQ(moves_of(world, "n1"), 1U);
    }
}

Task<void> budget(Life& life) {
    const auto first = co_await settle(life, order("n1"));
    EXPECT_TRUE(first && first->success);
    const auto second = co_await settle(life, order("n2"));
    EXPECT_TRUE(second && second->success);
    const auto third = co_await settle(life, order("n3"));
    EXPECT_FALSE(third);
    EXPECT_EQ(reason_of(third.error()), Reason::budget_exhausted);
    const auto status = co_await life.service.settlement(key_of(order("n3")), 0s);
    EXPECT_FALSE(*status) << "it was not even claimed";
    life.world.clock.advance(25h);
    Order later = order("n3");
    later.valid_s = 200'000;
    const auto next_day = co_await settle(life, later);
    EXPECT_TRUE(next_day && next_day->success);
}
TEST(Service, TheDaysBudgetHolds) {
    World world;
    world.ledger.limits = {{U256(200), "grain"}, {}};
    EXPECT_TRUE(live(world, budget));
}

Task<void> no_time_signed(Life& life) {
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_TRUE(answer && answer->success);
    const auto record = co_await life.store.find_payment(key_of(order("n1")));
    EXPECT_EQ((*record)->usable_until, (*record)->created + 60s);
}
TEST(Service, APaymentWithoutASignedTimeLivesFromWhenItCame) {
    World world;
    world.ledger.lives_for = 60s;
    EXPECT_TRUE(live(world, no_time_signed));
}

Task<void> too_dear(Life& life) {
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_FALSE(answer);
    EXPECT_EQ(reason_of(answer.error()), Reason::budget_exhausted);
    const auto status = co_await life.service.settlement(key_of(order("n1")), 0s);
    EXPECT_EQ((*status)->outcome, Outcome::failed);
}
TEST(Service, OnePaymentMustNotCostTooMuch) {
    World world;
    world.ledger.limits = {{}, {U256(99), "grain"}};
    EXPECT_TRUE(live(world, too_dear));
    EXPECT_EQ(world.ledger.broadcasts, 0U);
}

Task<void> version_one_inside(Life& life) {
    FacilitatorRequest request = request_of(life.world, order("n1"));
    request.version = kVersion1;
    request.payload.version = kVersion1;
    request.payload.text.clear();
    request.requirements_text.clear();
    const SettleContext context;
    const auto answer = co_await life.service.settle(request, context);
    EXPECT_TRUE(answer && answer->success);
    const auto record = co_await life.store.find_payment(key_of(order("n1")));
    const auto kept = read_facilitator_request((*record)->request, life.world.modules.names());
    EXPECT_TRUE(kept) << "a later start can read it";
    const RequestPrint same = print_of(*kept, context);
    EXPECT_EQ(same.payload, payload_print(request.payload.payload));
    EXPECT_EQ(same.terms, (*record)->terms);
}
TEST(Service, TakesVersionOneFromItsOwnProcess) {
    World world;
    EXPECT_TRUE(live(world, version_one_inside));
}

Task<void> drained(Life& life) {
    const Later running = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return life.world.ledger.broadcasts > 0; });
    EXPECT_TRUE(sent);
    life.world.ledger.mine();
    const bool whole = co_await life.service.drain(20s);
    EXPECT_TRUE(whole);
    EXPECT_TRUE(running->has_value());
    EXPECT_TRUE((**running)->success);
    const auto late = co_await settle(life, order("n2"));
    EXPECT_FALSE(late);
    EXPECT_EQ(reason_of(late.error()), Reason::server_stopping);
    EXPECT_FALSE(life.service.ready());
}
TEST(Service, DrainsWhatRunsAndBeginsNothing) {
    World world;
    world.ledger.auto_mine = false;
    EXPECT_TRUE(live(world, drained));
}

}  // namespace
}  // namespace x402::facilitator::test
