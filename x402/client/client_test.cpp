// SPDX-License-Identifier: Apache-2.0
// One run against every kind of server: honest, broken and hostile. What counts is how often a
// payment was signed, whether it was always the same one, and what the journal says.
#include "x402/client/client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "x402/client/testing/test_world.hpp"
#include "x402/net/runtime.hpp"

namespace x402::client {
namespace {

using namespace testing;
using store::JournalState;

class ClientTest : public ::testing::Test, public TestWorld {
protected:
    JournalState only_state() {
        const auto entries = history();
        EXPECT_EQ(entries.size(), 1u);
        return entries.empty() ? JournalState::signed_ : entries[0].state;
    }
    bool same_payment_always() {
        return std::all_of(
            transport.payments.begin(), transport.payments.end(),
            [&](const std::string& each) { return each == transport.payments.front(); });
    }
};

TEST_F(ClientTest, APaidRequest) {
    serve([](std::size_t) { return paid_answer(); });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_EQ(result.status, 200);
    EXPECT_EQ(result.body, "sunny");
    EXPECT_EQ(result.attempts, 1u);
    EXPECT_EQ(result.transaction, "0xaa");
    EXPECT_TRUE(result.told);
    ASSERT_TRUE(result.accepted);
    EXPECT_EQ(result.accepted->amount, U256(1000));
    EXPECT_FALSE(result.error);
    EXPECT_EQ(exit_code(result), 0);

    ASSERT_EQ(transport.payments.size(), 1u);
    const auto payment = headers::decode_payment(transport.payments[0]);
    ASSERT_TRUE(payment);
    EXPECT_TRUE(same_terms(payment->accepted, offer()));
    ASSERT_TRUE(payment->resource);
    const auto entries = history();
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].state, JournalState::settled);
    EXPECT_TRUE(entries[0].delivered);
    EXPECT_EQ(entries[0].url, "https://api.example.com/weather");  // row 42: no query
    EXPECT_EQ(entries[0].header, transport.payments[0]);
    EXPECT_EQ(entries[0].transaction, "0xaa");
}

TEST_F(ClientTest, FreeAnswersPassThrough) {
    for (const int status : {200, 204, 404, 500}) {
        transport.handler = [&](const auto&) -> Answer { return answer(status, "free"); };
        const PayResult result = fetch();
        EXPECT_EQ(result.outcome, PayOutcome::none);
        EXPECT_EQ(result.status, status);
        EXPECT_EQ(result.body, "free");
        EXPECT_EQ(exit_code(result), status < 400 ? 0 : 1);
    }
    EXPECT_EQ(signatures(), 0);
    EXPECT_TRUE(history().empty());
}

TEST_F(ClientTest, ThePaymentIsInTheJournalBeforeItIsSent) {
    serve([this](std::size_t) -> Answer {
        Result<std::vector<store::JournalEntry>> entries = fail(Errc::internal);
        std::thread([&] { read_into(entries); }).join();
        EXPECT_TRUE(entries && entries->size() == 1 &&
                    entries->front().state == JournalState::sent);
        return paid_answer();
    });
    EXPECT_EQ(fetch().outcome, PayOutcome::settled);
}

// The journal calls a payment delivered only when who asked has the answer.
TEST_F(ClientTest, TheAnswerIsHandedOverBeforeTheJournalSaysSo) {
    serve([](std::size_t) { return paid_answer(); });
    int handed = 0;
    Request request{.url = std::string(kUrl)};
    request.hand_over = [&](const PayResult& result) -> Result<void> {
        ++handed;
        EXPECT_EQ(result.outcome, PayOutcome::settled);
        EXPECT_TRUE(result.delivered);
        EXPECT_EQ(result.status, 200);
        EXPECT_EQ(result.body, "sunny");
        EXPECT_EQ(result.transaction, "0xaa");
        EXPECT_FALSE(result.error);
        Result<std::vector<store::JournalEntry>> entries = fail(Errc::internal);
        std::thread([&] { read_into(entries); }).join();
        EXPECT_TRUE(entries && entries->size() == 1 &&
                    entries->front().state == JournalState::sent && !entries->front().delivered);
        return {};
    };
    const PayResult result = fetch(std::move(request));
    EXPECT_EQ(handed, 1);
    EXPECT_EQ(result.body, "sunny");  // and returned
    EXPECT_TRUE(result.delivered);
    EXPECT_EQ(exit_code(result), 0);
    EXPECT_EQ(only_state(), JournalState::settled);
    EXPECT_TRUE(history()[0].delivered);
}

TEST_F(ClientTest, OnlyAnAnswerThatWasPaidForIsHandedOver) {
    struct Row {
        const char* name;
        net::ClientResponse unpaid;
        Answer paid;
        int handed;
    };
    const Row rows[] = {
        {"paid", answer402(), paid_answer(), 1},
        {"without a word", answer402(), answer(200, "sunny"), 1},
        {"free", answer(200, "free"), paid_answer(), 0},
        {"denied", answer402(), answer402(), 0},
        {"silence", answer402(), fail(Errc::timeout), 0},
        {"paid, not delivered", answer402(), with_settlement(answer(502, "oops"), true), 0},
        {"refused", answer402({offer(9'000'000)}), paid_answer(), 0},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.serve([&](std::size_t) { return row.paid; }, row.unpaid);
        int handed = 0;
        Request request{.url = std::string(kUrl)};
        request.hand_over = [&](const PayResult&) -> Result<void> {
            ++handed;
            return {};
        };
        const PayResult result = world.fetch(std::move(request));
        EXPECT_EQ(handed, row.handed);
        EXPECT_EQ(result.outcome == PayOutcome::settled && result.delivered, row.handed == 1);
    }
}

TEST_F(ClientTest, WhatCannotBeHandedOverIsPaidAndStaysOwed) {
    serve([](std::size_t) { return paid_answer(); });
    for (const bool throws : {false, true}) {
        Request request{.url = std::string(kUrl)};
        request.hand_over = [throws](const PayResult&) -> Result<void> {
            if (throws) throw std::runtime_error("no room is left");
            return fail(Errc::io, "no room is left");
        };
        const PayResult result = fetch(std::move(request));
        EXPECT_EQ(result.outcome, PayOutcome::settled);
        EXPECT_FALSE(result.delivered);
        EXPECT_EQ(exit_code(result), 1);
        EXPECT_EQ(result.body, "sunny");
        EXPECT_EQ(result.transaction, "0xaa");
        ASSERT_TRUE(result.error);
        EXPECT_EQ(result.error->code, kNotHandedOver);
        EXPECT_FALSE(result.error->next.empty());
        EXPECT_EQ(only_state(), JournalState::sent);
        EXPECT_FALSE(history()[0].delivered);
    }
    EXPECT_EQ(signatures(), 1);
    EXPECT_TRUE(same_payment_always());
    EXPECT_EQ(fetch().outcome, PayOutcome::settled);
    EXPECT_EQ(only_state(), JournalState::settled);
    EXPECT_EQ(signatures(), 1);
    EXPECT_EQ(clock.slept(), Duration{0});  // its record was free at once
}

TEST_F(ClientTest, Row11SettledThenReset) {
    serve([](std::size_t n) -> Answer {
        if (n == 1) return fail(Errc::interrupted, "connection reset");
        return paid_answer();
    });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_EQ(result.attempts, 2u);
    EXPECT_EQ(signatures(), 1);
    EXPECT_TRUE(same_payment_always());
}

TEST_F(ClientTest, Row11ResetThenA402IsUnknownNotFailed) {
    serve([](std::size_t n) -> Answer {
        if (n == 1) return fail(Errc::interrupted, "connection reset");
        return answer402();
    });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::unknown);
    EXPECT_EQ(exit_code(result), 3);
    EXPECT_EQ(signatures(), 1);
    EXPECT_TRUE(same_payment_always());
    EXPECT_EQ(only_state(), JournalState::unknown);
}

TEST_F(ClientTest, Row11BadGatewayAfterSettlement) {
    serve([](std::size_t n) -> Answer {
        return n < 3 ? Answer(with_settlement(answer(502, "oops"), true))
                     : Answer(paid_answer("late"));
    });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_EQ(result.body, "late");
    EXPECT_EQ(signatures(), 1);
    EXPECT_TRUE(same_payment_always());
}

TEST_F(ClientTest, SettledAndNeverDelivered) {
    serve([](std::size_t) -> Answer { return with_settlement(answer(502, "oops"), true); });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_FALSE(result.delivered);
    EXPECT_EQ(result.body, "oops");  // always handed over
    EXPECT_EQ(result.transaction, "0xaa");
    EXPECT_EQ(exit_code(result), 1);
    EXPECT_EQ(result.error->code, "answer_owed");
    EXPECT_EQ(only_state(), JournalState::sent);  // the next run asks for its answer
    EXPECT_FALSE(history()[0].delivered);
}

TEST_F(ClientTest, Row11And33EndlessFresh402) {
    serve([](std::size_t) -> Answer { return answer402(); });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::failed);
    EXPECT_EQ(result.status, 402);
    EXPECT_EQ(result.attempts, 1u);
    EXPECT_EQ(exit_code(result), 1);
    EXPECT_EQ(signatures(), 1);
    // The server said no, but holds what we signed: it counts until it has expired.
    EXPECT_EQ(only_state(), JournalState::unknown);
    // Again and again: the same payment, never a second one while the first could be taken.
    for (int i = 0; i < 5; ++i) EXPECT_EQ(fetch().outcome, PayOutcome::failed);
    EXPECT_EQ(signatures(), 1);
    EXPECT_TRUE(same_payment_always());
}

TEST_F(ClientTest, Row33FakeDelivery) {
    serve([](std::size_t) -> Answer { return answer(200, ""); });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);  // counted as spent
    EXPECT_FALSE(result.told);
    EXPECT_FALSE(result.proven);
    EXPECT_EQ(signatures(), 1);
    EXPECT_EQ(only_state(), JournalState::settled);
    EXPECT_NE(summary(result).find("told nothing"), std::string::npos);
}

TEST_F(ClientTest, SilentServersAreAskedABoundedNumberOfTimes) {
    struct Row {
        const char* name;
        Answer got;
    };
    const Row rows[] = {{"timeouts", fail(Errc::timeout)},
                        {"resets", fail(Errc::interrupted)},
                        {"errors", answer(500, "broken")}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.serve([&](std::size_t) { return row.got; });
        const PayResult result = world.fetch();
        EXPECT_EQ(result.outcome, PayOutcome::unknown);
        EXPECT_EQ(result.attempts, 1 + world.limits.resends);
        EXPECT_EQ(result.status, row.got ? 500 : 0);
        EXPECT_EQ(world.signatures(), 1);
        EXPECT_EQ(world.history().at(0).state, JournalState::unknown);
    }
}

TEST_F(ClientTest, WhatNeverLeftHasFailedAndCostsNothing) {
    policy.budgets = {*read_budget("$0.0015", "test")};
    serve([](std::size_t) -> Answer { return fail(Errc::unreachable); });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::failed);
    EXPECT_EQ(only_state(), JournalState::failed);
    serve([](std::size_t) { return paid_answer(); });
    EXPECT_EQ(fetch().outcome, PayOutcome::settled);  // the budget still holds one
}

TEST_F(ClientTest, APendingPaymentIsWaitedForAndSentAgain) {
    serve([](std::size_t n) -> Answer {
        if (n > 4) return paid_answer();
        net::ClientResponse wait = with_settlement(answer(409), false, "settlement_pending");
        wait.headers.add("Retry-After", "2");
        return wait;
    });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_EQ(result.attempts, 5u);
    EXPECT_EQ(clock.slept(), std::chrono::seconds(8));
    EXPECT_TRUE(same_payment_always());
    EXPECT_EQ(signatures(), 1);
}

TEST_F(ClientTest, PendingForEverIsUnknown) {
    serve([](std::size_t) -> Answer {
        return answer(409, R"({"error":{"code":"payment_in_progress"}})");
    });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::unknown);
    EXPECT_LE(result.attempts, limits.pending_sends + 1);
    EXPECT_EQ(signatures(), 1);
}

TEST_F(ClientTest, AUsedPaymentAsksTheChain) {
    with_chain = true;
    toy_chain.told = Trace{TraceState::done, "0xbb", "t-sender", {}, 7};
    serve([](std::size_t) -> Answer {
        return answer(409, R"({"error":{"code":"payment_already_used"}})");
    });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_FALSE(result.delivered);
    EXPECT_EQ(result.transaction, "0xbb");
    ASSERT_TRUE(result.payment);
    EXPECT_EQ(result.payment->transaction, "0xbb");
    EXPECT_EQ(exit_code(result), 1);
    EXPECT_FALSE(result.notices.empty());  // which endpoint was asked is shown
}

TEST_F(ClientTest, Row31RefusedByPolicyMeansNoSignature) {
    struct Row {
        const char* name;
        PaymentRequirements terms;
        const char* code;
    };
    PaymentRequirements wrong_chain = offer();
    wrong_chain.network = chain("eip155:1");
    const Row rows[] = {
        {"eighteen decimals", offer(2'000'000'000'000'000'000, "t-dai"), "over_limit"},
        {"euros", offer(1000, "t-eurc"), "unknown_asset"},
        {"unknown token", offer(1000, "t-evil"), "unknown_asset"},
        {"wrong chain", wrong_chain, "unsupported_network"},
        {"too dear", offer(1'000'001), "over_limit"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.serve([](std::size_t) { return paid_answer(); }, answer402({row.terms}));
        const PayResult result = world.fetch();
        EXPECT_EQ(result.outcome, PayOutcome::refused);
        ASSERT_TRUE(result.error);
        EXPECT_EQ(result.error->code, row.code);
        EXPECT_EQ(exit_code(result), 4);
        EXPECT_EQ(world.signatures(), 0);
        EXPECT_TRUE(world.transport.payments.empty());
        EXPECT_TRUE(world.history().empty());
    }
}

TEST_F(ClientTest, Row31ARecipientThatChangedSinceTheLastVisit) {
    serve([](std::size_t) { return paid_answer(); });
    ASSERT_EQ(fetch().outcome, PayOutcome::settled);
    PaymentRequirements other = offer();
    other.pay_to = "t-thief";
    serve([](std::size_t) { return paid_answer(); }, answer402({other}));
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::refused);
    EXPECT_EQ(result.error->code, "pay_to_changed");
    EXPECT_EQ(signatures(), 1);
}

TEST_F(ClientTest, Row31AHostThatLooksLikeOneThatWasPaid) {
    serve([](std::size_t) { return paid_answer(); });
    ASSERT_EQ(fetch().outcome, PayOutcome::settled);
    const PayResult fake = fetch("https://api.examp1e.com/weather");
    EXPECT_EQ(fake.outcome, PayOutcome::refused);
    EXPECT_EQ(fake.error->code, "lookalike_host");
    const PayResult plain = fetch("http://shop.example/weather");
    EXPECT_EQ(plain.outcome, PayOutcome::refused);
    EXPECT_EQ(plain.error->code, "insecure_transport");
    EXPECT_EQ(signatures(), 1);
    policy.allow_hosts = {"api.examp1e.com"};
    EXPECT_EQ(fetch("https://api.examp1e.com/weather").outcome, PayOutcome::settled);
}

TEST_F(ClientTest, Row31ARecipientThatChangesBetweenTwoQuotesOfOneRun) {
    std::size_t quotes = 0;
    transport.handler = [&](const net::ClientRequest& request) -> Answer {
        if (carries_payment(request)) return paid_answer();
        PaymentRequirements terms = offer();
        if (++quotes > 1) terms.pay_to = "t-thief";
        return answer402({terms});
    };
    const auto shared = client();
    EXPECT_EQ(fetch_blocking(*shared, Request{.url = std::string(kUrl)}).outcome,
              PayOutcome::settled);
    const PayResult second = fetch_blocking(*shared, Request{.url = std::string(kUrl)});
    EXPECT_EQ(second.outcome, PayOutcome::refused);
    EXPECT_EQ(second.error->code, "pay_to_changed");
}

TEST_F(ClientTest, Row31RedirectToAnotherHostThen402) {
    transport.handler = [](const net::ClientRequest& request) -> Answer {
        if (request.url.starts_with("https://evil.example")) {
            EXPECT_FALSE(request.headers.has("Authorization"));
            return answer402();
        }
        net::ClientResponse moved = answer(302);
        moved.headers.add("Location", "https://evil.example/weather");
        return moved;
    };
    Request request{.url = std::string(kUrl)};
    request.headers.add("Authorization", "Bearer s3cret");
    const PayResult result = fetch(request);
    EXPECT_EQ(result.outcome, PayOutcome::refused);
    EXPECT_EQ(result.error->code, "redirected_402");
    EXPECT_EQ(signatures(), 0);
}

TEST_F(ClientTest, APaymentNeverFollowsARedirectToAnotherHost) {
    serve([](std::size_t) -> Answer {
        net::ClientResponse moved = answer(307);
        moved.headers.add("Location", "https://evil.example/collect");
        return moved;
    });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::failed);
    for (const auto& request : transport.requests) {
        if (carries_payment(request)) {
            EXPECT_TRUE(request.url.starts_with("https://api.example.com/"));
        }
    }
    EXPECT_EQ(transport.payments.size(), 1u);
}

// The server that redirects has the payment: whatever becomes of the next step, its amount is
// spent.
TEST_F(ClientTest, ARedirectAfterThePaymentHasLeftKeepsTheAmountSpent) {
    struct Row {
        const char* name;
        const char* location;
        Errc beyond;  // what becomes of the step after it
        PayOutcome outcome;
    };
    const Row rows[] = {
        {"nobody there", "/collect", Errc::unreachable, PayOutcome::unknown},
        {"a private address by now", "/collect", Errc::refused, PayOutcome::unknown},
        {"not a URL", "/collect", Errc::invalid, PayOutcome::unknown},
        {"cut", "/collect", Errc::interrupted, PayOutcome::unknown},
        {"another host", "https://evil.example/collect", Errc::unreachable, PayOutcome::failed},
        {"another port", "https://api.example.com:8443/", Errc::unreachable, PayOutcome::failed},
        {"without TLS", "http://api.example.com/weather", Errc::unreachable, PayOutcome::failed},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.policy.budgets = {*read_budget("$0.0015", "test")};
        world.transport.handler = [&](const net::ClientRequest& request) -> Answer {
            if (!carries_payment(request)) return answer402();
            if (request.url.find("/weather") == std::string::npos) return fail(row.beyond);
            net::ClientResponse moved = answer(307);
            moved.headers.add("Location", row.location);
            return moved;
        };
        const PayResult result = world.fetch();
        EXPECT_EQ(result.outcome, row.outcome);
        EXPECT_NE(exit_code(result), 0);
        EXPECT_EQ(world.signatures(), 1);
        EXPECT_EQ(world.history().at(0).state, JournalState::unknown);
        for (const auto& request : world.transport.requests) {
            EXPECT_TRUE(request.url.starts_with("https://api.example.com/")) << request.url;
        }
        const PayResult other = world.fetch("https://api.example.com/other");
        ASSERT_TRUE(other.error);
        EXPECT_EQ(other.error->code, "over_budget");
    }
}

TEST_F(ClientTest, OnlyTheChainProves) {
    serve([](std::size_t) { return paid_answer(); });
    EXPECT_EQ(write(fetch()).at("proven"), json::Value(false));
    serve([](std::size_t) -> Answer {
        return answer(409, R"({"error":{"code":"payment_already_used"}})");
    });
    with_chain = true;
    toy_chain.told = Trace{TraceState::done, "0xbb", "t-sender", {}, 7};
    EXPECT_EQ(write(fetch()).at("proven"), json::Value(true));
    toy_chain.told = Trace{TraceState::impossible, {}, {}, {}, 7};
    const PayResult unused = fetch();
    EXPECT_EQ(unused.outcome, PayOutcome::failed);
    EXPECT_EQ(write(unused).at("proven"), json::Value(true));
    toy_chain.told = Trace{TraceState::none, {}, {}, {}, 7};
    EXPECT_EQ(write(fetch()).at("proven"), json::Value(false));
}

TEST_F(ClientTest, ASuccessBesideA402IsNoDelivery) {
    serve([](std::size_t) { return with_settlement(answer402(), true); });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_FALSE(result.delivered);
    EXPECT_EQ(exit_code(result), 1);
    EXPECT_EQ(signatures(), 1);
    EXPECT_TRUE(same_payment_always());
}

TEST_F(ClientTest, RedirectsWithinAnOriginAreFollowedWithThePayment) {
    transport.handler = [](const net::ClientRequest& request) -> Answer {
        if (request.url.find("/weather") != std::string::npos) {
            net::ClientResponse moved = answer(308);
            moved.headers.add("Location", "/v2/today");
            return moved;
        }
        return carries_payment(request) ? paid_answer() : answer402();
    };
    EXPECT_EQ(fetch().outcome, PayOutcome::settled);
    EXPECT_EQ(signatures(), 1);
}

TEST_F(ClientTest, RedirectLoopsEnd) {
    transport.handler = [](const net::ClientRequest&) -> Answer {
        net::ClientResponse moved = answer(302);
        moved.headers.add("Location", "/again");
        return moved;
    };
    EXPECT_EQ(fetch().status, 302);
    EXPECT_LE(transport.requests.size(), 6u);
}

TEST_F(ClientTest, Row34PrivateAddressesAreGuarded) {
    transport.handler = [](const net::ClientRequest& request) -> Answer {
        EXPECT_TRUE(request.guard_private_addresses);
        return fail(Errc::refused, "the address is private");
    };
    const PayResult result = fetch("http://169.254.169.254/latest/meta-data");
    EXPECT_EQ(result.outcome, PayOutcome::refused);
    EXPECT_EQ(result.error->code, "private_address");
    policy.allow_loopback = true;
    transport.handler = [](const net::ClientRequest& request) -> Answer {
        EXPECT_EQ(request.guard_private_addresses,
                  request.url.find("127.0.0.1") == std::string::npos);
        net::ClientResponse moved = answer(302);
        moved.headers.add("Location", "http://169.254.169.254/");
        return moved;
    };
    (void)fetch("http://127.0.0.1:4021/");
}

TEST_F(ClientTest, Malformed402sAreNoPolicyMatter) {
    struct Row {
        const char* name;
        net::ClientResponse got;
        const char* code;
    };
    net::ClientResponse garbled = answer(402);
    garbled.headers.add("PAYMENT-REQUIRED", "not base64!");
    const Row rows[] = {
        {"no x402 at all", answer(402, "pay me"), "not_x402"},
        {"garbled", garbled, "malformed_402"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        serve([](std::size_t) { return paid_answer(); }, row.got);
        const PayResult result = fetch();
        EXPECT_EQ(result.outcome, PayOutcome::none);
        EXPECT_EQ(result.status, 402);
        EXPECT_EQ(result.error->code, row.code);
        EXPECT_EQ(exit_code(result), 1);
    }
    EXPECT_EQ(signatures(), 0);
}

TEST_F(ClientTest, AV1ServerIsPaidInItsOwnWords) {
    net::ClientResponse required =
        answer(402, R"({"x402Version":1,"error":"pay","accepts":[{"scheme":"exact",
        "network":"toy","maxAmountRequired":"1000","resource":"https://api.example.com/weather","description":"",
        "mimeType":"","payTo":"t-seller","maxTimeoutSeconds":60,"asset":"t-usdc"}]})");
    transport.handler = [&](const net::ClientRequest& request) -> Answer {
        if (!carries_payment(request)) return required;
        EXPECT_FALSE(request.headers.has(headers::kPaymentSignature));
        net::ClientResponse paid = answer(200, "sunny");
        paid.headers.add(
            "X-PAYMENT-RESPONSE",
            headers::encode(*json::parse_object(
                R"({"success":true,"transaction":"0x11","network":"toy","payer":"t-payer"})")));
        return paid;
    };
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_EQ(result.transaction, "0x11");
    const auto text = headers::decode_text(transport.payments.at(0));
    ASSERT_TRUE(text);
    const auto object = json::parse_object(*text);
    EXPECT_EQ(*json::get_int(*object, "x402Version"), 1);
    EXPECT_EQ(json::text_or_empty(*object, "network"), "toy");
    EXPECT_EQ(history().at(0).version, kVersion1);
}

TEST_F(ClientTest, ASignatureOverMoreThanTheOfferIsThrownAway) {
    toy->scheme.oversign = true;
    serve([](std::size_t) { return paid_answer(); });
    EXPECT_EQ(fetch().outcome, PayOutcome::failed);
    EXPECT_TRUE(transport.payments.empty());
    EXPECT_TRUE(history().empty());
}

TEST_F(ClientTest, WhatOnlyTheNetworkKnowsIsAskedBeforeTheSignature) {
    toy->scheme.asks = true;
    with_chain = true;
    serve([](std::size_t) { return paid_answer(); });
    const PayResult result = fetch();
    EXPECT_EQ(result.outcome, PayOutcome::settled);
    EXPECT_EQ(toy_chain.prepares, 1);
    ASSERT_EQ(transport.payments.size(), 1u);
    const auto payment = headers::decode_payment(transport.payments[0]);
    ASSERT_TRUE(payment);
    const json::Object told{{"height", 7}, {"payer", "t-payer"}, {"to", "t-seller"}};
    EXPECT_EQ(payment->payload.at("told"), json::Value(told));
    ASSERT_FALSE(result.notices.empty());
    EXPECT_EQ(result.notices[0],
              "asked toy:main at https://rpc.example what a payment there needs");
}

TEST_F(ClientTest, NothingIsSignedWhereTheNetworkIsNotReadyForIt) {
    struct Row {
        const char* name;
        bool with_chain;
        Error error;
        const char* code;
        const char* field;
        const char* next;
    };
    const Row rows[] = {
        {"nobody to ask", false, {}, "network_needed", "rpc", "pass --rpc toy:main=URL"},
        {"no answer", true, fail(Errc::unreachable, "down").error(), "network_needed", "rpc",
         "pass --rpc toy:main=URL"},
        {"too little money", true, fail_field(Errc::refused, "asset", "poor", "earn some").error(),
         "refused", "asset", "earn some"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        TestWorld world;
        world.toy->scheme.asks = true;
        world.with_chain = row.with_chain;
        world.toy_chain.unprepared = row.error;
        world.serve([](std::size_t) { return paid_answer(); });
        const PayResult result = world.fetch();
        EXPECT_EQ(result.outcome, PayOutcome::failed);
        EXPECT_EQ(exit_code(result), 1);
        ASSERT_TRUE(result.error);
        EXPECT_EQ(result.error->code, row.code);
        EXPECT_EQ(result.error->field, row.field);
        EXPECT_EQ(result.error->next, row.next);
        EXPECT_EQ(result.notices.empty(), !row.with_chain);
        EXPECT_EQ(world.signatures(), 0);
        EXPECT_TRUE(world.transport.payments.empty());
        EXPECT_TRUE(world.history().empty());
    }
}

TEST_F(ClientTest, TheNetworkIsNotAskedForWhatIsNotPaid) {
    toy->scheme.asks = true;
    with_chain = true;
    serve([](std::size_t) { return paid_answer(); });
    const auto asker = client();
    EXPECT_TRUE(quote_blocking(*asker, Request{.url = std::string(kUrl)}).selection.choice);
    policy.max_usd_micros = U256(1);
    EXPECT_EQ(fetch().outcome, PayOutcome::refused);
    EXPECT_EQ(toy_chain.prepares, 0);
}

TEST_F(ClientTest, ADryRunSignsNothing) {
    serve([](std::size_t) { return paid_answer(); }, answer402({offer(5000), offer(1000)}));
    const Quote quote = quote_blocking(*client(), Request{.url = std::string(kUrl)});
    EXPECT_TRUE(quote.payment_required);
    ASSERT_TRUE(quote.selection.choice);
    EXPECT_EQ(quote.selection.choice->requirements.amount, U256(1000));
    EXPECT_EQ(quote.selection.offers.size(), 2u);
    EXPECT_FALSE(quote.refused);
    serve([](std::size_t) { return paid_answer(); }, answer402({offer(5'000'000)}));
    const Quote dear = quote_blocking(*client(), Request{.url = std::string(kUrl)});
    EXPECT_TRUE(dear.refused);
    EXPECT_EQ(dear.error->code, "over_limit");
    serve([](std::size_t) { return paid_answer(); }, answer(402, "pay me"));
    EXPECT_FALSE(quote_blocking(*client(), Request{.url = std::string(kUrl)}).refused);
    EXPECT_EQ(signatures(), 0);
    EXPECT_TRUE(history().empty());
}

TEST_F(ClientTest, WhoApprovesHasTheLastWord) {
    serve([](std::size_t) { return paid_answer(); });
    ClientOptions options{.modules = modules,
                          .policy = policy,
                          .journal = *journal,
                          .transport = transport,
                          .env = Env{clock, *random}};
    options.wallets.push_back(std::make_unique<ToyWallet>());
    options.approve = [](const Choice& choice, const std::string& url) {
        EXPECT_EQ(choice.usd_micros, U256(1000));
        EXPECT_EQ(url, "https://api.example.com/weather");
        return false;
    };
    Client careful(std::move(options));
    const PayResult result = fetch_blocking(careful, Request{.url = std::string(kUrl)});
    EXPECT_EQ(result.outcome, PayOutcome::refused);
    EXPECT_EQ(result.error->code, "not_approved");
    EXPECT_EQ(signatures(), 0);
}

TEST_F(ClientTest, OddRequestsAreRefusedBeforeAnythingIsSent) {
    transport.handler = [](const net::ClientRequest&) -> Answer { return answer(200); };
    for (const char* url : {"", "ftp://x/", "https://user:pass@api.example.com/", "nonsense"}) {
        const PayResult result = fetch(url);
        EXPECT_EQ(result.status, 0);
        EXPECT_TRUE(result.error);
    }
    Request smuggled{.url = std::string(kUrl)};
    smuggled.headers.add("payment_signature", "x");
    EXPECT_TRUE(fetch(smuggled).error);
    EXPECT_TRUE(transport.requests.empty());
}

TEST_F(ClientTest, AnIdentifierIsMadeWhereTheServerAsksForOne) {
    net::ClientResponse required = answer(402);
    PaymentRequired terms;
    terms.resource.url = "https://api.example.com/weather";
    terms.accepts = {offer()};
    terms.extensions =
        *json::parse_object(R"({"payment-identifier":{"info":{"required":true},"schema":{}},
        "other":{"info":{"a":1}}})");
    required.headers.add("PAYMENT-REQUIRED", headers::encode(write(terms)));
    serve([](std::size_t) { return paid_answer(); }, required);
    ASSERT_EQ(fetch().outcome, PayOutcome::settled);
    const auto payment = headers::decode_payment(transport.payments.at(0));
    const auto identifier = json::get_object(payment->extensions, "payment-identifier");
    const std::string id = json::text_or_empty(*json::get_object(*identifier, "info"), "id");
    EXPECT_TRUE(id.starts_with("pay_"));
    EXPECT_EQ(id.size(), 36u);
    EXPECT_TRUE(json::is_subset(*terms.extensions.if_contains("other"),
                                *payment->extensions.if_contains("other")));
}

}  // namespace
}  // namespace x402::client
