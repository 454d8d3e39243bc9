// SPDX-License-Identifier: Apache-2.0
// Facilitators of other makes at /settle, as their bytes come (attacks.md 9 and 10): what grants,
// what refuses, and what is neither, so that nothing is handed out, nothing is called failed, and
// nobody is invited to sign again. Then what ends such an ambiguity, and what does not.
#include <gtest/gtest.h>

#include <thread>

#include "x402/protocol/headers.hpp"
#include "x402/server/test_world.hpp"
#include "x402/transports/facilitator_answer.hpp"

namespace x402::server {
namespace {

using namespace testing;
using store::GrantState;

const std::string kPaid =
    "[[routes]]\nmatch = \"GET /weather\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n";

WorldOptions with(const std::string& routes, const std::string& top = {}) {
    return {routes, top, {}, {}, {}, {}, {}};
}

struct Said {
    int status = 200;  // 0: no answer came
    const char* body = "";
};

Result<SettleResponse> heard(const Said& said) {
    if (said.status == 0) return fail(Errc::interrupted, "cut");
    return transports::judge_settle({said.status, {}, said.body}, *ChainId::parse("toy:one"), {});
}

enum class Means { granted, refused, pending, away, used };

struct Row {
    const char* name;
    Said said;
    Means means;
};

const Row kDialects[] = {
    {"success",
     {200, R"({"success":true,"transaction":"0x1","network":"toy:one","payer":"toy1alice"})"},
     Means::granted},
    {"success, payer left out",
     {200, R"({"success":true,"transaction":"0x1","network":"toy:one"})"},
     Means::granted},
    {"success, every member",
     {200, R"({"success":true,"transaction":"0x1","network":"toy:one",
         "payer":"toy1alice","amount":"1000","errorReason":null,"extra":{"a":1}})"},
     Means::granted},
    {"200 success:false", {200, R"({"success":false})"}, Means::refused},
    {"200 success:false, null members",
     {200, R"({"success":false,"errorReason":null,"transaction":null,"network":null})"},
     Means::refused},
    {"200 poor",
     {200, R"({"success":false,"errorReason":"invalid_exact_evm_insufficient_balance"})"},
     Means::refused},
    {"400 poor", {400, R"({"success":false,"errorReason":"insufficient_funds"})"}, Means::refused},
    {"402 unknown code",
     {402, R"({"success":false,"errorReason":"house_rule_7"})"},
     Means::refused},
    {"reverted",
     {200, R"({"success":false,"errorReason":"invalid_exact_evm_transaction_failed",
         "transaction":"0x1","network":"toy:one"})"},
     Means::refused},
    {"reverted, they say, and name nothing",
     {200, R"({"success":false,"errorReason":"invalid_exact_evm_transaction_failed",
         "transaction":"","network":"toy:one"})"},
     Means::pending},
    {"duplicate",
     {200, R"({"success":false,"errorReason":"duplicate_settlement",
         "transaction":"0x1","network":"toy:one"})"},
     Means::used},
    {"pending, by CDP",
     {500, R"({"success":false,"errorReason":"settlement_pending",
         "transaction":"0x1","network":"toy:one"})"},
     Means::pending},
    {"pending, by PayAI",
     {200, R"({"success":false,"errorReason":"settlement_pending",
         "transaction":"","network":"toy:one"})"},
     Means::pending},
    {"pending, renamed",
     {200, R"({"success":false,"errorReason":"other",
         "errorMessage":"settlement_pending: 0x1","network":"toy:one"})"},
     Means::pending},
    {"sent, and lost sight of",
     {200, R"({"success":false,"errorReason":"house_rule_7",
         "transaction":"0x1","network":"toy:one"})"},
     Means::pending},
    {"ran out of time",
     {200, R"({"success":false,"errorReason":"confirmation_timed_out"})"},
     Means::pending},
    {"unconfirmed", {500, R"({"success":false,"errorReason":"tx_not_confirmed"})"}, Means::pending},
    {"unexpected",
     {500, R"({"success":false,"errorReason":"unexpected_settle_error"})"},
     Means::pending},
    {"missing success", {200, R"({"transaction":"0x1","network":"toy:one"})"}, Means::pending},
    {"success as text",
     {200, R"({"success":"true","transaction":"0x1","network":"toy:one"})"},
     Means::pending},
    {"false as text",
     {200, R"({"success":"false","errorReason":"invalid_payload"})"},
     Means::pending},
    {"success as a number",
     {200, R"({"success":1,"transaction":"0x1","network":"toy:one"})"},
     Means::pending},
    {"a reason that is a number", {200, R"({"success":false,"errorReason":7})"}, Means::pending},
    {"a payer that is an object",
     {200, R"({"success":true,"transaction":"0x1","network":"toy:one","payer":{}})"},
     Means::pending},
    {"success without a transaction",
     {200, R"({"success":true,"transaction":"","network":"toy:one"})"},
     Means::pending},
    {"success on another network",
     {200, R"({"success":true,"transaction":"0x1","network":"toy:two"})"},
     Means::pending},
    {"success of another payer",
     {200, R"({"success":true,"transaction":"0x1","network":"toy:one","payer":"toy1bob"})"},
     Means::pending},
    {"success of another amount",
     {200, R"({"success":true,"transaction":"0x1","network":"toy:one","amount":"1"})"},
     Means::pending},
    {"success of nothing",
     {200, R"({"success":true,"transaction":"","network":"toy:one","amount":"0"})"},
     Means::pending},
    {"success beside a reason",
     {200, R"({"success":true,"transaction":"0x1","network":"toy:one",
         "errorReason":"invalid_payload"})"},
     Means::pending},
    {"success with 500",
     {500, R"({"success":true,"transaction":"0x1","network":"toy:one"})"},
     Means::pending},
    {"success twice",
     {200, R"({"success":false,"success":true,"transaction":"0x1","network":"toy:one"})"},
     Means::pending},
    {"half a JSON", {200, R"({"success":true,"transaction":"0x1","netw)"}, Means::pending},
    {"HTML with 200", {200, "<html>ok</html>"}, Means::pending},
    {"HTML with 503", {503, "<html>busy</html>"}, Means::pending},
    {"an empty 200", {200, ""}, Means::pending},
    {"a redirect", {307, ""}, Means::pending},
    {"slow down", {429, "slow down"}, Means::pending},
    {"no answer", {0, ""}, Means::pending},
    {"a catch-all's 400", {400, R"({"error":"Invalid request: timed out"})"}, Means::pending},
    {"a bare 422", {422, ""}, Means::pending},
    {"turned away: 400", {400, R"({"error":"invalid_payload"})"}, Means::away},
    {"turned away: 401", {401, R"({"error":"who are you"})"}, Means::away},
    {"turned away: 404", {404, "<html>"}, Means::away},
    {"turned away: 413", {413, ""}, Means::away},
};

void expect_meaning(const net::ClientResponse& answer, Means means) {
    EXPECT_EQ(answer.body.find("sunny") != std::string::npos, means == Means::granted)
        << "handed out for money alone";
    EXPECT_EQ(answer.headers.has("PAYMENT-REQUIRED"), means == Means::refused)
        << "invited to sign again only where nothing was taken";
    switch (means) {
        case Means::granted:
            EXPECT_EQ(answer.status, 200);
            break;
        case Means::refused:
            EXPECT_EQ(answer.status, 402);
            break;
        case Means::pending:
            EXPECT_EQ(answer.status, 409);
            EXPECT_EQ(code_of(answer), "settlement_pending");
            EXPECT_TRUE(answer.headers.has("Retry-After"));
            EXPECT_TRUE(answer.headers.has("PAYMENT-RESPONSE"));
            break;
        case Means::away:
            EXPECT_EQ(answer.status, 503);
            EXPECT_TRUE(answer.headers.has("Retry-After"));
            break;
        case Means::used:
            EXPECT_EQ(answer.status, 409);
            EXPECT_EQ(code_of(answer), "duplicate_settlement");
            break;
    }
}

GrantState state_after(Means means) {
    if (means == Means::granted) return GrantState::delivered;
    return means == Means::pending ? GrantState::settling : GrantState::released;
}

class Dialects : public ::testing::TestWithParam<const char*> {};

TEST_P(Dialects, EachMeansOneThing) {
    World world(with(kPaid + "settle = \"" + GetParam() + "\"\n", "pending_wait = \"40ms\""));
    int nonce = 0;
    for (const Row& row : kDialects) {
        SCOPED_TRACE(row.name);
        {
            const std::scoped_lock lock(world.script->mutex);
            world.script->settle = [&row](int) { return heard(row.said); };
        }
        // A payer each, and a query each: what is open for one does not hold up the next.
        const std::string target = "/weather?row=" + std::to_string(++nonce);
        const std::string id = std::to_string(nonce);
        const std::string payment = world.pay_for(target, id);
        const auto answer = world.send({target, "GET", {}, payment, {}});
        expect_meaning(answer, row.means);
        EXPECT_TRUE(world.reaches(id, state_after(row.means)));
        if (row.means != Means::pending) continue;
        const auto again = world.send_settled({target, "GET", {}, payment, {}});
        expect_meaning(again, Means::pending);
        // It ends here, so that the next row stands alone.
        {
            const std::scoped_lock lock(world.script->mutex);
            world.script->settle = [](int) { return settled_with("0x1"); };
        }
        // On a slow machine a whole wait may pass between two looks.
        auto granted = world.send_settled({target, "GET", {}, payment, {}});
        for (int turn = 0; turn < 200 && granted.status == 409; ++turn) {
            granted = world.send_settled({target, "GET", {}, payment, {}});
        }
        expect_meaning(granted, Means::granted);
    }
    EXPECT_NE(world.metrics().find("x402_unpaid_served_total 0"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Moments, Dialects, ::testing::Values("after", "before"),
                         [](const auto& each) { return std::string(each.param); });

// What a network says when it is asked for proof.
class ProvingChain final : public Chain {
public:
    const ChainId& id() const noexcept override { return id_; }
    Task<Result<void>> prove() override { co_return Result<void>{}; }
    Network* network() noexcept override { return nullptr; }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override { return {}; }
    Task<Result<Trace>> trace(const Payment&) override {
        const std::scoped_lock lock(mutex);
        co_return answer;
    }
    Task<Result<U256>> balance(const std::string&, const AssetInfo&) override { co_return U256(0); }
    Task<Result<AssetInfo>> asset(const std::string&) override {
        co_return fail(Errc::unsupported);
    }
    std::vector<EndpointHealth> health() const override { return {}; }

    void say(TraceState state) {
        const std::scoped_lock lock(mutex);
        Trace trace;
        trace.state = state;
        trace.sender = "toy1fees";
        trace.transaction = "0xchain";
        trace.at = from_unix_s(4'000'000'000);
        answer = trace;
    }
    std::mutex mutex;
    Result<Trace> answer = fail(Errc::unreachable);

private:
    ChainId id_ = *ChainId::parse("toy:one");
};

constexpr Said kAmbiguous[] = {
    {0, ""},
    {200, "<html>"},
    {503, "<html>"},
    {500, R"({"success":false,"errorReason":"settlement_pending","transaction":"0x1"})"},
    {200, R"({"success":true,"transaction":"","network":"toy:one"})"},
};
constexpr Said kNegative[] = {
    {200, R"({"success":false,"errorReason":"invalid_exact_evm_nonce_already_used"})"},
    {200, R"({"success":false,"errorReason":"duplicate_settlement","transaction":"0x1"})"},
    {400, R"({"success":false,"errorReason":"invalid_payload"})"},
    {401, ""},
    {404, ""},
};

// Whatever was ambiguous first and negative then, only proof ends it.
TEST(GatewayDialects, AfterAnAmbiguityOnlyProofIsBelieved) {
    ProvingChain chain;
    WorldOptions options = with(kPaid, "pending_wait = \"40ms\"");
    options.chains = {&chain};
    World world(std::move(options));
    int nonce = 0;
    for (const Said& first : kAmbiguous) {
        for (const Said& then : kNegative) {
            for (const TraceState end : {TraceState::done, TraceState::impossible}) {
                SCOPED_TRACE(std::to_string(first.status) + first.body + " then " +
                             std::to_string(then.status) + then.body);
                chain.say(TraceState::none);
                auto calls = std::make_shared<std::atomic<int>>(0);
                {
                    const std::scoped_lock lock(world.script->mutex);
                    world.script->settle = [first, then, calls](int) {
                        return heard(++*calls == 1 ? first : then);
                    };
                }
                const std::string id = std::to_string(++nonce);
                const std::string target = "/weather?row=" + id;
                // What is impossible before its time was cancelled: one payer could not lose so
                // often.
                const std::string payer = "toy1alice" + id;
                const std::string payment = world.pay_for(target, id, payer);
                expect_meaning(world.send({target, "GET", {}, payment, {}}), Means::pending);
                for (int turn = 0; turn < 1000 && *calls < 4; ++turn)
                    std::this_thread::sleep_for(Duration{2});
                EXPECT_EQ(world.grant(id, payer)->state, GrantState::settling);
                EXPECT_NE(world.metrics().find("x402_pending_settlements 1"), std::string::npos);
                chain.say(end);
                const bool settled = end == TraceState::done;
                EXPECT_TRUE(
                    world.reaches(id, settled ? GrantState::settled : GrantState::released, payer));
                const int before = world.upstream->calls;
                if (settled) {
                    const auto answer = world.send_settled({target, "GET", {}, payment, {}});
                    expect_meaning(answer, Means::granted);
                    EXPECT_EQ(world.upstream->calls, before) << "the answer that was kept";
                }
            }
        }
    }
    EXPECT_NE(world.metrics().find("x402_unpaid_served_total 0"), std::string::npos);
}

// None: it stays, is counted, and grows old on the page that alarms are made of.
TEST(GatewayDialects, WithoutProofItStaysUnknownAndIsCounted) {
    World world(with(kPaid, "pending_wait = \"40ms\""));
    world.script->settle = [](int call) {
        return heard(call == 1 ? Said{0, ""} : Said{200, R"({"success":false})"});
    };
    const std::string payment = world.pay_for("/weather", "1");
    for (int turn = 0; turn < 3; ++turn) {
        expect_meaning(world.send_settled({"/weather", "GET", {}, payment, {}}), Means::pending);
        EXPECT_EQ(world.grant("1")->state, GrantState::settling);
    }
    for (int turn = 0; turn < 1000; ++turn) {
        if (world.metrics().find("x402_pending_oldest_seconds 0") == std::string::npos) break;
        std::this_thread::sleep_for(Duration{5});
    }
    const std::string page = world.metrics();
    EXPECT_NE(page.find("x402_pending_settlements 1"), std::string::npos);
    EXPECT_NE(page.find("x402_live_settlements 1"), std::string::npos);
    EXPECT_EQ(page.find("x402_pending_oldest_seconds 0"), std::string::npos);
    EXPECT_EQ(page.find("x402_loss_total"), std::string::npos) << "nobody lost anything yet";
    EXPECT_EQ(world.upstream->calls, 1);
}

}  // namespace
}  // namespace x402::server
