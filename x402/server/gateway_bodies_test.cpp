// SPDX-License-Identifier: Apache-2.0
// Requests with bodies whose payment is taken first, or stays open: whatever becomes of the
// connection in the middle of a body, what was paid for can still be had, and is paid for once.
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "x402/crypto/hash.hpp"
#include "x402/net/test_peer.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/server/test_world.hpp"

namespace x402::server {
namespace {

using namespace testing;
using store::GrantState;

WorldOptions with(const std::string& more, const std::string& top = {}) {
    return {"[[routes]]\nmatch = \"POST /ask\"\nprice = \"$0.001\"\nnetworks = [\"toy:one\"]\n" +
                more + "\n",
            top,
            {},
            {},
            {},
            {},
            {}};
}

std::string payment_for(World& world, const std::string& nonce) {
    const json::Object required = world.offers_of("/ask", "POST");
    const json::Object payload{{"payer", "toy1alice"},
                               {"nonce", nonce},
                               {"amount", "1000"},
                               {"validUntil", 4'000'000'000}};
    return World::payment(required, payload);
}

void settle_with(World& world, Settle settle) {
    const std::scoped_lock lock(world.script->mutex);
    world.script->settle = std::move(settle);
}

TEST(GatewayBodies, APendingPaymentGetsItsAnswerLater) {
    for (const char* settle : {"after", "before"}) {
        SCOPED_TRACE(settle);
        World world(with(std::string("settle = \"") + settle + "\"", "pending_wait = \"60ms\""));
        settle_with(world, [](int) { return not_settled("settlement_pending", "0x8"); });
        const std::string payment = payment_for(world, "1");
        const auto told = world.send({"/ask", "POST", "question", payment, {}});
        EXPECT_EQ(code_of(told), "settlement_pending");
        settle_with(world, [](int) { return settled_with("0x8"); });
        const auto other = world.send_settled({"/ask", "POST", "another", payment, {}});
        EXPECT_EQ(code_of(other), "payment_already_used") << "paid for another question";
        const auto answer = world.send_settled({"/ask", "POST", "question", payment, {}});
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "sunny");
        EXPECT_EQ(world.upstream->last_body, "question");
        EXPECT_EQ(world.upstream->calls, 1);
    }
}

TEST(GatewayBodies, ANewPaymentForAPendingBodyIsNotSettled) {
    World world(with("settle = \"before\"", "pending_wait = \"60ms\""));
    settle_with(world, [](int) { return not_settled("settlement_pending", "0x8"); });
    const auto first = world.send({"/ask", "POST", "question", payment_for(world, "1"), {}});
    EXPECT_EQ(code_of(first), "settlement_pending");
    const auto again = world.send({"/ask", "POST", "question", payment_for(world, "2"), {}});
    EXPECT_EQ(code_of(again), "settlement_pending");
    EXPECT_FALSE(world.grant("2").has_value());
    const auto another = world.send({"/ask", "POST", "another", payment_for(world, "3"), {}});
    EXPECT_EQ(code_of(another), "settlement_pending");
    EXPECT_TRUE(world.grant("3").has_value()) << "another question is another purchase";
}

// Nothing is settled for a request that never arrived.
TEST(GatewayBodies, HalfABodyIsNotPaidFor) {
    World world(with("settle = \"before\""));
    const std::string payment = payment_for(world, "1");
    {
        auto peer = net::testing::RawPeer::connect(world.address());
        ASSERT_TRUE(
            peer.send("POST /ask HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n"
                      "Expect: 100-continue\r\nPAYMENT-SIGNATURE: " +
                      payment + "\r\n\r\n"));
        EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
        ASSERT_TRUE(peer.send("ques"));
        const auto second = world.send({"/ask", "POST", "question", payment, {}});
        EXPECT_EQ(code_of(second), "payment_in_progress") << "one payment, one body in memory";
    }
    EXPECT_EQ(settles(world.script), 0);
    const auto answer = world.send_settled({"/ask", "POST", "question", payment, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(settles(world.script), 1);
    EXPECT_EQ(world.upstream->calls, 1);
}

TEST(GatewayBodies, ABodyThatTookTooLongIsNotPaidFor) {
    World world(with("settle = \"before\"\nupstream_timeout = \"1s\"", "pending_wait = \"1s\""));
    const auto clock = make_system_clock();
    const json::Object required = world.offers_of("/ask", "POST");
    const Instant needed = clock->now() + std::chrono::seconds(12);
    const json::Object payload{{"payer", "toy1alice"},
                               {"nonce", "1"},
                               {"amount", "1000"},
                               {"validUntil", to_unix_s(needed) + 2}};
    auto peer = net::testing::RawPeer::connect(world.address());
    ASSERT_TRUE(
        peer.send("POST /ask HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n"
                  "Expect: 100-continue\r\nPAYMENT-SIGNATURE: " +
                  World::payment(required, payload) + "\r\n\r\n"));
    ASSERT_TRUE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
    while (clock->now() + std::chrono::seconds(12) <= from_unix_s(to_unix_s(needed) + 2))
        std::this_thread::sleep_for(Duration{5});
    ASSERT_TRUE(peer.send("question"));
    const std::string answer = peer.read_answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 402 ")) << answer;
    EXPECT_NE(answer.find("payment_expires_too_soon"), std::string::npos);
    EXPECT_NE(answer.find("PAYMENT-REQUIRED: "), std::string::npos);
    EXPECT_EQ(settles(world.script), 0);
    EXPECT_FALSE(world.grant("1").has_value());
}

// Who repeats a payment is let in one by one: one payment makes us hold one body.
TEST(GatewayBodies, ARepeatReadsItsBodyUnderTheSeat) {
    World world(with(""));
    const std::string payment = payment_for(world, "1");
    EXPECT_EQ(world.send({"/ask", "POST", "question", payment, {}}).status, 200);
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
    EXPECT_EQ(world.send_settled({"/ask", "POST", "question", payment, {}}).status, 200);
    {
        std::optional<net::testing::RawPeer> peer;
        std::string heard;
        // The request before may still be leaving.
        for (int turn = 0; turn < 500 && !heard.starts_with("HTTP/1.1 100 "); ++turn) {
            peer.emplace(net::testing::RawPeer::connect(world.address()));
            ASSERT_TRUE(
                peer->send("POST /ask HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n"
                           "Expect: 100-continue\r\nPAYMENT-SIGNATURE: " +
                           payment + "\r\n\r\n"));
            heard = peer->read_until("\r\n\r\n");
        }
        ASSERT_TRUE(heard.starts_with("HTTP/1.1 100 "));
        ASSERT_TRUE(peer->send("ques"));
        const auto second = world.send({"/ask", "POST", "question", payment, {}});
        EXPECT_EQ(code_of(second), "payment_in_progress");
        EXPECT_TRUE(second.headers.has("Retry-After"));
    }
    const auto answer = world.send_settled({"/ask", "POST", "question", payment, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "sunny");
    EXPECT_EQ(world.upstream->calls, 1);
    EXPECT_EQ(settles(world.script), 1);
}

// A body without a length is hashed on its way, so its payment is settled before it is known.
TEST(GatewayBodies, ACutStreamOfAPaidRequestCanBeSentAgain) {
    World world(with("settle = \"before\""));
    const std::string payment = payment_for(world, "1");
    {
        auto peer = net::testing::RawPeer::connect(world.address());
        ASSERT_TRUE(
            peer.send("POST /ask HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                      "PAYMENT-SIGNATURE: " +
                      payment + "\r\n\r\n4\r\nques\r\n"));
        EXPECT_TRUE(world.reaches("1", GrantState::settled));
    }
    const auto answer = world.send_settled({"/ask", "POST", "question", payment, {}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "sunny");
    EXPECT_EQ(settles(world.script), 1);
    EXPECT_TRUE(world.reaches("1", GrantState::delivered));
    EXPECT_EQ(code_of(world.send({"/ask", "POST", "another", payment, {}})), "payment_already_used")
        << "from now on its body is known";
}

// A body beyond max_body is compared with nothing, whether its length was announced or not.
TEST(GatewayBodies, ALongBodyWithoutALengthIsAPurchaseOfItsOwn) {
    for (const bool chunked : {false, true}) {
        SCOPED_TRACE(chunked);
        World world(with("settle = \"before\"\nmax_body = 64"));
        world.upstream->status = 500;
        EXPECT_EQ(world.send({"/ask", "POST", "question", payment_for(world, "1"), {}}).status,
                  500);
        EXPECT_TRUE(world.reaches("1", GrantState::settled));
        world.upstream->status = 200;
        std::string body(64, 'a');
        body += std::string(5'000, 'b');
        auto peer = net::testing::RawPeer::connect(world.address());
        const std::string head =
            "POST /ask HTTP/1.1\r\nHost: x\r\nPAYMENT-SIGNATURE: " + payment_for(world, "2");
        const std::string sent =
            chunked ? "\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + body.substr(0, 64) +
                          "\r\n1388\r\n" + body.substr(64) + "\r\n0\r\n\r\n"
                    : "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        ASSERT_TRUE(peer.send(head + sent));
        const std::string answer = peer.read_answer();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
        EXPECT_EQ(world.upstream->last_body, body) << "whole and in order";
        EXPECT_EQ(settles(world.script), 2);
        EXPECT_TRUE(world.reaches("2", GrantState::delivered));
        const auto grant = world.grant("2");
        ASSERT_TRUE(grant.has_value());
        EXPECT_EQ(grant->body, crypto::sha256(x402::as_bytes(body)));
        // What is not the earlier one's body is not answered for it.
        EXPECT_EQ(world.grant("1")->state, GrantState::settled);
    }
}

}  // namespace
}  // namespace x402::server
