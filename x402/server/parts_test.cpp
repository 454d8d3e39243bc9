// SPDX-License-Identifier: Apache-2.0
// The small parts: challenges, matching, fingerprints, losses, seats.
#include <gtest/gtest.h>

#include "x402/base/base64.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/server/challenge.hpp"
#include "x402/server/fingerprint.hpp"
#include "x402/server/live.hpp"
#include "x402/server/losses.hpp"
#include "x402/server/matching.hpp"
#include "x402/server/quote.hpp"

namespace x402::server {
namespace {

PaymentRequirements offer() {
    PaymentRequirements out;
    out.scheme = "exact";
    out.network = *ChainId::parse("eip155:84532");
    out.amount = U256(1000);
    out.asset = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
    out.pay_to = "0x1111111111111111111111111111111111111111";
    out.max_timeout_seconds = 300;
    out.extra["name"] = "USDC";
    return out;
}

std::string filled(const net::Stencil& stencil, std::span<const std::string_view> values) {
    std::string out;
    stencil.append_to(out, values);
    EXPECT_EQ(out.size(), stencil.size(values));
    return out;
}

// The header is the base64 of the body whatever lengths the texts around the holes have.
TEST(Challenge, HeaderIsTheBase64OfTheBody) {
    const std::string quote(kQuoteChars, 'q');
    for (std::size_t chars = 0; chars < 7; ++chars) {
        for (std::size_t offers = 1; offers <= 3; ++offers) {
            for (const bool varies : {false, true}) {
                PaymentRequired required;
                required.error = "payment_required";
                required.resource.url = "https://a.example/x";
                required.resource.description = std::string(chars, 'd') + "\"quoted\" \xC3\xA9";
                required.accepts.assign(offers, offer());
                const auto challenge = Challenge::make(required, varies);
                ASSERT_TRUE(challenge.has_value());
                const std::string url = "https://a.example/" + std::string(chars, 'u');
                const ChallengeText text = challenge->fill(quote, url);
                EXPECT_EQ(text.header, base64_encode(as_bytes(text.body)));
                EXPECT_EQ(text.header.size(), challenge->header_size(url.size()));
                ChallengeValues values;
                challenge->fill(values, quote, url);
                EXPECT_EQ(filled(challenge->body(true), values.in_body()), text.body);
                EXPECT_EQ(filled(challenge->body(false), values.in_body()), "{}");
                EXPECT_EQ(filled(challenge->head().text(), values.in_head()),
                          "HTTP/1.1 402 Payment Required\r\nPAYMENT-REQUIRED: " + text.header +
                              "\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
                              "Vary: PAYMENT-SIGNATURE, SIGN-IN-WITH-X, Authorization, Cookie\r\n");
                const auto read = read_payment_required(text.body);
                ASSERT_TRUE(read.has_value()) << text.body;
                EXPECT_EQ(read->resource.url, varies ? url : "https://a.example/x");
                EXPECT_EQ(read->resource.description, required.resource.description);
                ASSERT_EQ(read->accepts.size(), offers);
                for (const auto& each : read->accepts)
                    EXPECT_EQ(each.extra.at("quote"), json::Value(quote));
            }
        }
    }
}

TEST(Challenge, RefusesTextsThatCouldBeTakenForAHole) {
    PaymentRequired required;
    required.resource.description = "\x01quote";
    required.accepts.push_back(offer());
    EXPECT_FALSE(Challenge::make(required, false).has_value());
}

TEST(Matching, EveryMemberCounts) {
    const MatchOffer ours{offer(), {"recentBlockhash"}};
    EXPECT_TRUE(is_echo_of(ours, offer()));
    PaymentRequirements lower = offer();
    lower.asset = "0x036cbd53842c5426634e7929541ec2318f3dcf7e";
    EXPECT_TRUE(is_echo_of(ours, lower)) << "hex case is no difference";
    PaymentRequirements more = offer();
    more.extra["quote"] = "anything";
    more.extra["recentBlockhash"] = "newer";
    more.extra["theirs"] = 1;
    EXPECT_TRUE(is_echo_of(ours, more));
    EXPECT_EQ(quote_of(more), "anything");
    EXPECT_EQ(quote_of(offer()), "");

    const auto differs = [&ours](auto change) {
        PaymentRequirements changed = offer();
        change(changed);
        return !is_echo_of(ours, changed);
    };
    EXPECT_TRUE(differs([](auto& r) { r.amount = U256(999); }));
    EXPECT_TRUE(differs([](auto& r) { r.scheme = "upto"; }));
    EXPECT_TRUE(differs([](auto& r) { r.network = *ChainId::parse("eip155:8453"); }));
    EXPECT_TRUE(differs([](auto& r) { r.asset = "0x0000000000000000000000000000000000000000"; }));
    EXPECT_TRUE(differs([](auto& r) { r.pay_to = "0x2222222222222222222222222222222222222222"; }));
    EXPECT_TRUE(differs([](auto& r) { r.max_timeout_seconds = 301; }));
    EXPECT_TRUE(differs([](auto& r) { r.extra["name"] = "USD Coin"; }));
    EXPECT_TRUE(differs([](auto& r) { r.extra.clear(); }));
    EXPECT_TRUE(differs([](auto& r) { r.unknown["x"] = 1; }));
}

TEST(Fingerprint, TellsRequestsApart) {
    const auto of = [](std::string_view method, std::string_view target) {
        return request_fingerprint(method, *read_target(target));
    };
    EXPECT_EQ(of("GET", "/a%41?x=%41"), of("GET", "/aA?x=A"));
    EXPECT_NE(of("GET", "/a"), of("HEAD", "/a"));
    EXPECT_NE(of("GET", "/a"), of("GET", "/a/"));
    EXPECT_NE(of("GET", "/a"), of("GET", "/a?"));
    EXPECT_NE(of("GET", "/a?b=1&c=2"), of("GET", "/a?c=2&b=1"));
    EXPECT_NE(body_fingerprint(""), body_fingerprint("x"));
}

TEST(Losses, ThreeInTenMinutesForAnHour) {
    Losses losses;
    const Instant start = from_unix_s(1'000'000);
    const auto at = [start](int minutes) { return start + std::chrono::minutes(minutes); };
    losses.note("alice", "GET /a", at(0));
    losses.note("alice", "GET /a", at(5));
    EXPECT_FALSE(losses.must_pay_first("alice", "GET /a", at(5)));
    losses.note("alice", "GET /a", at(11));
    EXPECT_FALSE(losses.must_pay_first("alice", "GET /a", at(11))) << "the first is too long ago";
    losses.note("alice", "GET /a", at(12));
    EXPECT_TRUE(losses.must_pay_first("alice", "GET /a", at(12)));
    EXPECT_TRUE(losses.must_pay_first("alice", "GET /a", at(71)));
    EXPECT_FALSE(losses.must_pay_first("alice", "GET /a", at(72))) << "never for longer";
    EXPECT_FALSE(losses.must_pay_first("alice", "GET /b", at(13)));
    EXPECT_FALSE(losses.must_pay_first("bob", "GET /a", at(13)));
}

TEST(LiveGrants, OneSeatAKey) {
    LiveGrants live;
    const PaymentKey key("toy~1");
    auto seat = live.sit(key, "alice");
    EXPECT_TRUE(static_cast<bool>(seat));
    EXPECT_TRUE(live.attended(key));
    EXPECT_FALSE(static_cast<bool>(live.sit(key, "alice")));
    EXPECT_TRUE(static_cast<bool>(live.sit(PaymentKey("toy~2"), "alice"))) << "another key";
    auto moved = std::move(seat);
    EXPECT_TRUE(live.attended(key));
    moved.leave();
    EXPECT_FALSE(live.attended(key));
    EXPECT_TRUE(static_cast<bool>(live.sit(key, "alice")));
    EXPECT_EQ(live.settlements(), 0U);
}

}  // namespace
}  // namespace x402::server
