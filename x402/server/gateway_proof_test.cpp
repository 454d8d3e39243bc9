// SPDX-License-Identifier: Apache-2.0
// Facilitators whose word is not enough (`proof = "chain"`): whatever they say, a payment is
// settled when the network shows it, and not before. attacks.md 44.
#include <gtest/gtest.h>

#include <atomic>

#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/server/test_world.hpp"

namespace x402::server {
namespace {

using namespace testing;
using store::GrantState;

const std::string kPaid =
    "[[routes]]\nmatch = \"GET /weather\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n";
const char* const kProving = "[{ url = \"http://127.0.0.1:1\", proof = \"chain\" }]";
const char* const kRpc = "\n[networks.\"toy:one\"]\nrpc = \"http://127.0.0.1:1\"\n";

Trace trace_of(TraceState state) {
    Trace trace;
    trace.state = state;
    if (state != TraceState::done) return trace;
    trace.transaction = "0xchain";
    trace.sender = "toy1anybody";
    trace.at = from_unix_s(4'000'000'000);
    return trace;
}

// Says at its n-th look what the test tells it to say.
class ScriptedChain final : public Chain {
public:
    using Look = std::function<Result<Trace>(int look)>;
    explicit ScriptedChain(Look look) : look_(std::move(look)) {}
    explicit ScriptedChain(TraceState state) { say(state); }
    const ChainId& id() const noexcept override { return id_; }
    Task<Result<void>> prove() override { co_return Result<void>{}; }
    Network* network() noexcept override { return nullptr; }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override { return {}; }
    Task<Result<Trace>> trace(const Payment& payment) override {
        EXPECT_EQ(payment.requirements.pay_to, "toy1seller");
        const std::scoped_lock lock(mutex_);
        seen_ = payment.seen;
        co_return look_(++looks_);
    }
    Task<Result<Trace>> confirm(const Payment& payment, const std::string& transaction) override {
        EXPECT_EQ(payment.requirements.pay_to, "toy1seller");
        const std::scoped_lock lock(mutex_);
        named_ = transaction;
        co_return confirmed_ == transaction ? trace_of(TraceState::done) : Trace{};
    }
    Task<Result<U256>> balance(const std::string&, const AssetInfo&) override { co_return U256(0); }
    Task<Result<AssetInfo>> asset(const std::string&) override {
        co_return fail(Errc::unsupported);
    }
    std::vector<EndpointHealth> health() const override { return {}; }

    void say(Look look) {
        const std::scoped_lock lock(mutex_);
        look_ = std::move(look);
    }
    void say(TraceState state) {
        say([state](int) -> Result<Trace> { return trace_of(state); });
    }
    // The transaction that can be seen before anything is final.
    void show(const std::string& transaction) {
        const std::scoped_lock lock(mutex_);
        confirmed_ = transaction;
    }
    std::string named() {
        const std::scoped_lock lock(mutex_);
        return named_;
    }
    int looks() {
        const std::scoped_lock lock(mutex_);
        return looks_;
    }
    std::optional<Instant> seen() {
        const std::scoped_lock lock(mutex_);
        return seen_;
    }

private:
    ChainId id_ = *ChainId::parse("toy:one");
    std::mutex mutex_;
    Look look_;
    int looks_ = 0;
    std::optional<Instant> seen_;
    std::optional<std::string> confirmed_;
    std::string named_;
};

WorldOptions proving(ScriptedChain& chain, const std::string& pending_wait,
                     const std::string& settle = "after") {
    WorldOptions options{kPaid + "settle = \"" + settle + "\"\n",
                         "pending_wait = \"" + pending_wait + "\"" + kRpc,
                         {},
                         {},
                         {&chain},
                         {},
                         {}};
    options.facilitators = kProving;
    return options;
}

SettleResponse told(const net::ClientResponse& answer) {
    const auto text = headers::decode_text(answer.headers.get("PAYMENT-RESPONSE"));
    return read_settle_response(text.value_or("")).value_or(SettleResponse{});
}

void expect_pending(const net::ClientResponse& answer) {
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(code_of(answer), "settlement_pending");
    EXPECT_TRUE(answer.headers.has("Retry-After"));
    EXPECT_FALSE(answer.headers.has("PAYMENT-REQUIRED")) << "no invitation to pay twice";
    EXPECT_FALSE(told(answer).success);
    EXPECT_EQ(told(answer).error_reason, "settlement_pending");
    EXPECT_EQ(answer.body.find("sunny"), std::string::npos);
}

TEST(GatewayProof, ALieIsNotBelieved) {
    for (const std::string settle : {"after", "before"}) {
        for (const TraceState state : {TraceState::none, TraceState::unknown}) {
            SCOPED_TRACE(settle);
            ScriptedChain chain(state);
            World world(proving(chain, "40ms", settle));
            world.script->settle = [](int) { return settled_with("0xlie"); };
            const std::string payment = world.pay_for("/weather", "1");
            for (int turn = 0; turn < 3; ++turn) {
                expect_pending(world.send_settled({"/weather", "GET", {}, payment, {}}));
                EXPECT_EQ(world.grant("1")->state, GrantState::settling);
            }
            // A new payment for the same request waits for the first.
            const std::string another = world.pay_for("/weather", "2");
            expect_pending(world.send_settled({"/weather", "GET", {}, another, {}}));
            EXPECT_FALSE(world.grant("2").has_value());
            EXPECT_EQ(settles(world.script), 1) << "who has said yes has nothing to add";
            EXPECT_GE(chain.looks(), 2);
            EXPECT_EQ(chain.seen(), world.grant("1")->created);
            EXPECT_EQ(world.upstream->calls, settle == "before" ? 0 : 1);
            const std::string page = world.metrics();
            EXPECT_NE(page.find("x402_pending_settlements 1"), std::string::npos);
            EXPECT_NE(page.find("x402_unpaid_served_total 0"), std::string::npos);
            EXPECT_EQ(page.find("x402_revenue_atomic_total"), std::string::npos);
        }
    }
}

TEST(GatewayProof, AnHonestFacilitatorIsProvenAtOnce) {
    for (const std::string settle : {"after", "before"}) {
        SCOPED_TRACE(settle);
        ScriptedChain chain(TraceState::done);
        World world(proving(chain, "10s", settle));
        world.script->settle = [](int) { return settled_with("0xchain"); };
        const std::string payment = world.pay_for("/weather", "1");
        for (int turn = 0; turn < 2; ++turn) {
            const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
            EXPECT_EQ(answer.status, 200);
            EXPECT_EQ(answer.body, "sunny");
            EXPECT_TRUE(told(answer).success);
            EXPECT_EQ(told(answer).transaction, "0xchain");
        }
        EXPECT_EQ(chain.looks(), 1);
        EXPECT_EQ(settles(world.script), 1);
        EXPECT_TRUE(world.reaches("1", GrantState::delivered));
        EXPECT_NE(world.metrics().find("x402_revenue_atomic_total"), std::string::npos);
    }
}

// What is named and seen need not be final.
TEST(GatewayProof, ANamedTransactionIsEnoughBeforeItIsFinal) {
    for (const bool late : {false, true}) {
        SCOPED_TRACE(late);
        ScriptedChain chain(TraceState::unknown);
        World world(proving(chain, late ? "40ms" : "10s"));
        world.script->settle = [](int) { return settled_with("0xchain"); };
        const std::string payment = world.pay_for("/weather", "1");
        if (late) expect_pending(world.send({"/weather", "GET", {}, payment, {}}));
        chain.show("0xchain");
        if (late) {
            EXPECT_TRUE(world.reaches("1", GrantState::settled));
        }
        const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "sunny");
        EXPECT_EQ(chain.named(), "0xchain");
        EXPECT_EQ(chain.looks() == 0, !late) << "the whole search is for what was not seen";
    }
}

// The network is looked at again within the same request.
TEST(GatewayProof, ALateChainIsWaitedFor) {
    ScriptedChain chain([](int look) -> Result<Trace> {
        if (look == 1) return trace_of(TraceState::none);
        if (look == 2) return trace_of(TraceState::unknown);
        if (look == 3) return fail(Errc::unreachable);
        return trace_of(TraceState::done);
    });
    World world(proving(chain, "10s"));
    world.script->settle = [](int) { return settled_with("0xtold"); };
    const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(told(answer).transaction, "0xchain") << "what was seen, whatever was told";
    EXPECT_EQ(chain.looks(), 4);
    EXPECT_EQ(settles(world.script), 1);
    EXPECT_EQ(world.upstream->calls, 1);
}

// A chain that is down delays and decides nothing; the same payment has its answer afterwards.
TEST(GatewayProof, AChainThatIsDownOnlyDelays) {
    for (const std::string settle : {"after", "before"}) {
        SCOPED_TRACE(settle);
        ScriptedChain chain([](int) -> Result<Trace> { return fail(Errc::unreachable); });
        World world(proving(chain, "40ms", settle));
        const std::string payment = world.pay_for("/weather", "1");
        expect_pending(world.send({"/weather", "GET", {}, payment, {}}));
        EXPECT_EQ(told(world.send_settled({"/weather", "GET", {}, payment, {}})).transaction,
                  "0xtx1")
            << "what was told is passed on";
        chain.say(TraceState::done);
        EXPECT_TRUE(world.reaches("1", GrantState::settled));
        const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "sunny");
        EXPECT_EQ(told(answer).transaction, "0xchain");
        EXPECT_EQ(world.upstream->calls, 1);
        EXPECT_EQ(settles(world.script), 1);
    }
}

// Only that nothing can be paid any more ends it, and then there is no loss of anybody's.
TEST(GatewayProof, ALieThatTheChainDisproves) {
    for (const std::string settle : {"after", "before"}) {
        SCOPED_TRACE(settle);
        ScriptedChain chain(TraceState::impossible);
        World world(proving(chain, "10s", settle));
        world.script->settle = [](int) { return settled_with("0xlie"); };
        const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
        EXPECT_EQ(answer.status, 402);
        EXPECT_TRUE(answer.headers.has("PAYMENT-REQUIRED"));
        EXPECT_EQ(answer.body.find("sunny"), std::string::npos);
        EXPECT_FALSE(told(answer).success);
        EXPECT_EQ(told(answer).error_reason, "invalid_transaction_state");
        EXPECT_EQ(told(answer).transaction, "") << "there is none";
        EXPECT_TRUE(world.reaches("1", GrantState::released));
        EXPECT_EQ(world.upstream->calls, settle == "before" ? 0 : 1);
        const std::string page = world.metrics();
        EXPECT_NE(page.find("x402_disproved_total{facilitator=\"http://facilitator.test\"} 1"),
                  std::string::npos)
            << page;
        EXPECT_NE(page.find("x402_unpaid_served_total 0"), std::string::npos);
    }
}

// What was paid long before was paid for something else.
TEST(GatewayProof, AnEarlierTransferIsNoProof) {
    ScriptedChain chain([](int) -> Result<Trace> {
        Trace trace = trace_of(TraceState::done);
        trace.at = from_unix_s(1'700'000'000);
        return trace;
    });
    World world(proving(chain, "40ms"));
    const std::string payment = world.pay_for("/weather", "1");
    expect_pending(world.send({"/weather", "GET", {}, payment, {}}));
    expect_pending(world.send_settled({"/weather", "GET", {}, payment, {}}));
}

// Nor are the facilitator's own books enough, after an answer that was lost.
TEST(GatewayProof, TheBooksOfALiarAreAClaimAtMost) {
    ScriptedChain chain(TraceState::none);
    WorldOptions options = proving(chain, "60ms");
    World world(std::move(options));
    SettlementStatus status;
    status.outcome = Outcome::settled;
    status.payer = "toy1alice";
    status.transactions = {"0xlie"};
    status.updated_at = from_unix_s(4'000'000'000);
    world.script->status = status;
    world.script->settle = [](int call) -> Result<SettleResponse> {
        if (call == 1) return fail(Errc::interrupted);
        return not_settled("invalid_exact_evm_nonce_already_used");
    };
    const std::string payment = world.pay_for("/weather", "1");
    expect_pending(world.send({"/weather", "GET", {}, payment, {}}));
    // Its books may change; what it has claimed stays claimed.
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->status->outcome = Outcome::failed;
    }
    expect_pending(world.send_settled({"/weather", "GET", {}, payment, {}}));
    EXPECT_EQ(settles(world.script), 2);
    EXPECT_EQ(world.grant("1")->state, GrantState::settling);
    chain.say(TraceState::done);
    const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(told(answer).transaction, "0xchain");
    EXPECT_EQ(told(answer).payer, "toy1alice");
}

// What it claimed is remembered: after a restart it is not asked again, and what it would say then
// does not matter.
TEST(GatewayProof, AClaimOutlivesTheProcess) {
    for (const TraceState end : {TraceState::done, TraceState::impossible}) {
        const auto disk = store::make_memory_disk();
        const auto script = std::make_shared<ScriptedFacilitator::Script>();
        script->settle = [](int call) {
            return call == 1 ? settled_with("0xtold") : not_settled("insufficient_funds");
        };
        ScriptedChain chain(TraceState::none);
        std::string payment;
        {
            WorldOptions options = proving(chain, "60ms");
            options.disk = disk;
            options.script = script;
            World world(std::move(options));
            payment = world.pay_for("/weather", "1");
            expect_pending(world.send({"/weather", "GET", {}, payment, {}}));
            EXPECT_EQ(world.grant("1")->transaction, "0xtold");
        }
        WorldOptions options = proving(chain, "60ms");
        options.disk = disk;
        options.script = script;
        World world(std::move(options));
        const auto pending = world.send_settled({"/weather", "GET", {}, payment, {}});
        expect_pending(pending);
        EXPECT_EQ(told(pending).transaction, "0xtold");
        chain.say(end);
        const bool done = end == TraceState::done;
        EXPECT_TRUE(world.reaches("1", done ? GrantState::settled : GrantState::released));
        EXPECT_EQ(settles(script), 1);
        if (!done) continue;
        const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "sunny");
        EXPECT_EQ(world.upstream->calls, 0) << "kept from before the restart";
    }
}

// Fails at one of its moves: before it is done, or after it was done.
class StruckStore final : public store::GrantStore {
public:
    struct Strike {
        std::atomic<int> move{0};
        int at = 0;
        bool after = false;
    };
    StruckStore(std::unique_ptr<store::GrantStore> inner, std::shared_ptr<Strike> strike)
        : inner_(std::move(inner)), strike_(std::move(strike)) {}
    const store::Owner& owner() const noexcept override { return inner_->owner(); }
    Task<Result<store::GrantClaim>> claim(store::GrantRecord grant) override {
        co_return co_await inner_->claim(std::move(grant));
    }
    Task<Result<bool>> move(PaymentKey key, GrantState from, store::GrantChange change,
                            Instant at) override {
        const bool strikes = ++strike_->move == strike_->at;
        if (strikes && !strike_->after) co_return fail(Errc::unavailable, "struck");
        auto done = co_await inner_->move(std::move(key), from, std::move(change), at);
        if (strikes) co_return fail(Errc::unavailable, "struck");
        co_return done;
    }
    Task<Result<std::optional<store::GrantRecord>>> find(PaymentKey key) override {
        co_return co_await inner_->find(std::move(key));
    }
    Task<Result<std::optional<store::GrantRecord>>> find_open(ChainId network, std::string payer,
                                                              Hash32 request) override {
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
    std::unique_ptr<store::GrantStore> inner_;
    std::shared_ptr<Strike> strike_;
};

// The intent, the claim, the end, the delivery: whichever write is struck, the answer is had once
// the chain shows the payment, and not before.
TEST(GatewayProof, AStoreThatFailsAtAnyWriteIsOvercome) {
    for (int at = 1; at <= 5; ++at) {
        for (const bool after : {false, true}) {
            SCOPED_TRACE(std::to_string(at) + (after ? " after" : " before"));
            const auto strike = std::make_shared<StruckStore::Strike>();
            strike->at = at;
            strike->after = after;
            ScriptedChain chain([](int look) -> Result<Trace> {
                return trace_of(look < 3 ? TraceState::none : TraceState::done);
            });
            WorldOptions options = proving(chain, "10s");
            options.wrap = [strike](std::unique_ptr<store::GrantStore> inner)
                -> std::unique_ptr<store::GrantStore> {
                return std::make_unique<StruckStore>(std::move(inner), strike);
            };
            World world(std::move(options));
            const std::string payment = world.pay_for("/weather", "1");
            int served = 0;
            for (int turn = 0; turn < 20 && served == 0; ++turn) {
                const auto answer = world.send_settled({"/weather", "GET", {}, payment, {}});
                if (answer.status == 200) {
                    ++served;
                    EXPECT_EQ(told(answer).transaction, "0xchain");
                    EXPECT_GE(chain.looks(), 3);
                    continue;
                }
                EXPECT_TRUE(answer.status == 503 || answer.status == 409) << answer.status;
                EXPECT_FALSE(answer.headers.has("PAYMENT-REQUIRED"));
            }
            EXPECT_EQ(served, 1);
            EXPECT_EQ(settles(world.script), 1);
        }
    }
}

// Its "no" is believed as ever, and so is trouble: only a "yes" has to be proven.
TEST(GatewayProof, WhatIsNoClaimIsJudgedAsEver) {
    ScriptedChain chain(TraceState::none);
    World world(proving(chain, "40ms"));
    world.script->settle = [](int) { return not_settled("insufficient_funds"); };
    const auto refused = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(refused.status, 402);
    EXPECT_TRUE(world.reaches("1", GrantState::released));
    {
        const std::scoped_lock lock(world.script->mutex);
        world.script->settle = [](int) -> Result<SettleResponse> {
            return fail(Errc::unauthorized);
        };
    }
    const auto away = world.send({"/weather", "GET", {}, world.pay_for("/weather", "2"), {}});
    EXPECT_EQ(away.status, 503);
    EXPECT_TRUE(world.reaches("2", GrantState::released));
    EXPECT_EQ(chain.looks(), 0);
}

TEST(GatewayProof, UnlessItIsAskedForTheChainIsNot) {
    ScriptedChain chain(TraceState::impossible);
    WorldOptions options = proving(chain, "10s");
    options.facilitators = "[{ url = \"http://127.0.0.1:1\", proof = \"facilitator\" }]";
    options.top.clear();  // nobody reads the endpoint
    World world(std::move(options));
    const auto answer = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(told(answer).transaction, "0xtx1");
    EXPECT_EQ(chain.looks(), 0);
}

// Neither is taken over in silence: whose word is enough, and a chain that was not opened.
TEST(GatewayProof, AReloadNeitherEndsProofNorSellsWhatCannotBeProven) {
    ScriptedChain chain(TraceState::done);
    WorldOptions options = proving(chain, "10s");
    options.script = std::make_shared<ScriptedFacilitator::Script>();
    SupportedKind two = options.script->supported->kinds.front();
    two.network = *ChainId::parse("toy:two");
    two.network_text = "toy:two";
    options.script->supported->kinds.push_back(two);
    World world(std::move(options));
    auto same = world.config(kPaid, kRpc);
    ASSERT_TRUE(same.has_value());
    auto believing = world.config(kPaid, kRpc);
    ASSERT_TRUE(believing.has_value());
    believing->facilitators.front().proof = ProofBy::facilitator;
    const auto refused = world.gateway().reload(std::move(*believing));
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().next.find("restart"), std::string::npos);
    auto more = world.config(
        kPaid +
            "[[routes]]\nmatch = \"GET /gold\"\naccepts = [{ asset = \"far\", price = \"1 LOCAL\" "
            "}]\n[assets.far]\nnetwork = \"toy:two\"\naddress = \"coin-far\"\ndecimals = 2\n",
        std::string(kRpc) + "[networks.\"toy:two\"]\nrpc = \"http://127.0.0.1:1\"\n");
    ASSERT_TRUE(more.has_value()) << to_string(more.error());
    const auto unproven = world.gateway().reload(std::move(*more));
    ASSERT_FALSE(unproven.has_value());
    EXPECT_NE(to_string(unproven.error()).find("toy:two"), std::string::npos);
    EXPECT_TRUE(world.gateway().reload(std::move(*same)).has_value());
    EXPECT_EQ(world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}}).status, 200);
}

}  // namespace
}  // namespace x402::server
