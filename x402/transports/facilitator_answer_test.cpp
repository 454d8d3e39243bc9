// SPDX-License-Identifier: Apache-2.0
// Every dialect in which facilitators answer, and what it means for the money (attacks.md 9 and
// 10).
#include "x402/transports/facilitator_answer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "x402/protocol/codec.hpp"

namespace x402::transports {
namespace {

NetworkNames names() {
    NetworkNames out;
    out.to_chain = [](std::string_view name) -> std::optional<ChainId> {
        if (name == "base-sepolia") return *ChainId::parse("eip155:84532");
        return std::nullopt;
    };
    return out;
}

net::ClientResponse answer(int status, std::string body) {
    return {status, {}, std::move(body)};
}

const ChainId kAsked = *ChainId::parse("eip155:84532");

constexpr const char* kPending =
    R"({"success":false,"errorReason":"settlement_pending","transaction":"0x1","network":"eip155:84532"})";
constexpr const char* kSettled =
    R"({"success":true,"transaction":"0x1","network":"eip155:84532","payer":"0xa"})";

TEST(JudgeSettle, Attack10Judgements) {
    struct Row {
        const char* name;
        int status;
        const char* body;
        Outcome want;
    };
    const Row rows[] = {
        {"settled", 200, kSettled, Outcome::settled},
        {"settled, short name", 200,
         R"({"success":true,"transaction":"0x1","network":"base-sepolia"})", Outcome::settled},
        {"settled, nothing charged", 200,
         R"({"success":true,"transaction":"","amount":"0","network":"eip155:84532"})",
         Outcome::settled},
        {"created", 201, kSettled, Outcome::settled},
        {"200 success:false", 200, R"({"success":false})", Outcome::failed},
        {"200 with a reason", 200,
         R"({"success":false,"errorReason":"insufficient_funds","transaction":""})",
         Outcome::failed},
        {"400 with a judgement", 400, R"({"success":false,"errorReason":"invalid_payload"})",
         Outcome::failed},
        {"402 with a judgement", 402, R"({"success":false,"errorReason":"duplicate_settlement"})",
         Outcome::failed},
        {"200 pending", 200, kPending, Outcome::unknown},
        {"500 pending", 500, kPending, Outcome::unknown},
        {"503 pending", 503, kPending, Outcome::unknown},
        {"pending in the message alone", 200,
         R"({"success":false,"errorReason":"x","errorMessage":"settlement_pending: 0x1"})",
         Outcome::unknown},
        {"500 lost sight", 500, R"({"success":false,"errorReason":"unexpected_error"})",
         Outcome::unknown},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = judge_settle(answer(row.status, row.body), kAsked, names());
        ASSERT_TRUE(got) << to_string(got.error());
        EXPECT_EQ(outcome_of(*got), row.want);
    }
    EXPECT_EQ(judge_settle(answer(500, kPending), kAsked, names())->transaction, "0x1");
}

// Every code that we know, whatever status carries it: none grants, and those by which facilitators
// say that they lost sight of a settlement refuse nothing either; nor does a failed transaction
// that is not named.
TEST(JudgeSettle, EveryKnownReason) {
    static constexpr std::string_view kCodes[] = {
#define X402_REASON(name, wire, status, retryable, sentence, next) wire,
#include "x402/protocol/reasons.def"
#undef X402_REASON
    };
    static constexpr std::string_view kLost[] = {"settlement_pending",
                                                 "unexpected_settle_error",
                                                 "unexpected_error",
                                                 "post_settlement_transfer_not_confirmed",
                                                 "invalid_exact_evm_transaction_failed",
                                                 "invalid_exact_svm_transaction_failed"};
    EXPECT_GT(std::size(kCodes), 50U);
    std::size_t lost = 0;
    for (const std::string_view code : kCodes) {
        const bool unknown = std::find(std::begin(kLost), std::end(kLost), code) != std::end(kLost);
        lost += unknown ? 1 : 0;
        for (const int status : {200, 400, 402, 409, 412, 500, 503}) {
            SCOPED_TRACE(std::string(code) + " " + std::to_string(status));
            const auto got = judge_settle(
                answer(status, R"({"success":false,"errorReason":")" + std::string(code) + "\"}"),
                kAsked, names());
            ASSERT_TRUE(got);
            EXPECT_EQ(outcome_of(*got), unknown ? Outcome::unknown : Outcome::failed);
            EXPECT_EQ(is_duplicate(*got), code == "duplicate_settlement");
        }
    }
    EXPECT_GE(lost, 3U);
}

// Errc::invalid, unauthorized, too_large and unreachable say "nothing was begun"; nothing else may.
TEST(JudgeSettle, Attack09And10NoJudgement) {
    struct Row {
        const char* name;
        int status;
        const char* body;
        Errc want;
    };
    const Row rows[] = {
        {"missing success", 200, "{}", Errc::bad_peer},
        {"text success", 200, R"({"success":"true","transaction":"0x1","network":"eip155:84532"})",
         Errc::bad_peer},
        {"number success", 200, R"({"success":1,"transaction":"0x1","network":"eip155:84532"})",
         Errc::bad_peer},
        {"null success", 200, R"({"success":null})", Errc::bad_peer},
        {"empty transaction", 200, R"({"success":true,"transaction":"","network":"eip155:84532"})",
         Errc::bad_peer},
        {"empty transaction, amount", 200,
         R"({"success":true,"transaction":"","amount":"5","network":"eip155:84532"})",
         Errc::bad_peer},
        {"null transaction", 200, R"({"success":true,"transaction":null,"network":"eip155:84532"})",
         Errc::bad_peer},
        {"transaction object", 200, R"({"success":true,"transaction":{},"network":"eip155:84532"})",
         Errc::bad_peer},
        {"another network", 200, R"({"success":true,"transaction":"0x1","network":"eip155:1"})",
         Errc::bad_peer},
        {"no network", 200, R"({"success":true,"transaction":"0x1"})", Errc::bad_peer},
        {"success and a reason", 200,
         R"({"success":true,"transaction":"0x1","network":"eip155:84532","errorReason":"x"})",
         Errc::bad_peer},
        {"amount number", 200,
         R"({"success":true,"transaction":"0x1","network":"eip155:84532","amount":1})",
         Errc::bad_peer},
        {"twice", 200,
         R"({"success":false,"success":true,"transaction":"0x1","network":"eip155:84532"})",
         Errc::bad_peer},
        {"reason number", 200, R"({"success":false,"errorReason":7})", Errc::bad_peer},
        {"payer object", 200,
         R"({"success":true,"transaction":"0x1","network":"eip155:84532","payer":{}})",
         Errc::bad_peer},
        {"network number", 200, R"({"success":true,"transaction":"0x1","network":84532})",
         Errc::bad_peer},
        {"cut off", 200, R"({"success":true,"transaction":"0x1","netw)", Errc::bad_peer},
        {"two objects", 200, R"({"success":false}{"success":true})", Errc::bad_peer},
        {"array", 200, "[]", Errc::bad_peer},
        {"empty", 200, "", Errc::bad_peer},
        {"no content", 204, "", Errc::bad_peer},
        {"html with 200", 200, "<html></html>", Errc::bad_peer},
        {"success with 500", 500, kSettled, Errc::bad_peer},
        {"success with 400", 400, kSettled, Errc::bad_peer},
        {"garbled judgement with 400", 400, R"({"success":"false"})", Errc::bad_peer},
        {"redirect", 302, "", Errc::bad_peer},
        {"bad request", 400, R"({"error":"invalid_payload"})", Errc::invalid},
        {"bad request, ours", 400,
         R"({"error":{"code":"malformed_request","message":"not JSON","next":"send JSON"}})",
         Errc::invalid},
        {"a catch-all's 400", 400, R"({"error":"Invalid request: receipt timed out"})",
         Errc::unavailable},
        {"400 without words", 400, "", Errc::unavailable},
        {"400 in HTML", 400, "<html></html>", Errc::unavailable},
        {"400 with a stranger's code", 400, R"({"error":{"code":"boom"}})", Errc::unavailable},
        {"400 that is a code, but of a lost settlement", 400,
         R"({"error":"transaction_confirmation_timeout"})", Errc::unavailable},
        {"400 that is a code of something done", 400, R"({"error":"duplicate_settlement"})",
         Errc::unavailable},
        {"400 that is a code of something sent", 400,
         R"({"error":{"code":"invalid_exact_evm_transaction_failed"}})", Errc::unavailable},
        {"400 that is a code of a used nonce", 400,
         R"({"error":"invalid_exact_evm_nonce_already_used"})", Errc::unavailable},
        {"422 without a judgement", 422, R"({"error":"x"})", Errc::unavailable},
        {"not found", 404, "<html></html>", Errc::invalid},
        {"unauthorized", 401, R"({"error":{"code":"unauthorized"}})", Errc::unauthorized},
        {"forbidden", 403, "", Errc::unauthorized},
        {"too large", 413, "", Errc::too_large},
        {"rate limited", 429, "", Errc::unavailable},
        {"conflict", 409, R"({"error":"x"})", Errc::unavailable},
        {"server error", 500, R"({"error":"boom"})", Errc::unavailable},
        {"edge page", 503, "<html>try later</html>", Errc::unavailable},
        {"503 json", 503, R"({"error":{"code":"temporarily_unavailable"}})", Errc::unavailable},
        {"bad gateway", 502, "", Errc::unavailable},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = judge_settle(answer(row.status, row.body), kAsked, names());
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, row.want);
    }
}

TEST(JudgeSettle, NoStatusTurnsNonsenseIntoMoney) {
    for (int status = 100; status < 600; ++status) {
        for (const char* body : {"", "{}", "<html>", R"({"success":"true","transaction":"0x1"})"}) {
            EXPECT_FALSE(judge_settle(answer(status, body), kAsked, names())) << status << body;
        }
        const auto whole = judge_settle(answer(status, kSettled), kAsked, names());
        EXPECT_EQ(whole.has_value(), status >= 200 && status < 300) << status;
    }
}

TEST(JudgeSettle, APeersWordsAreCutAndPlain) {
    const auto got =
        judge_settle(answer(503, "line\nbreak\x01\xff" + std::string(5000, 'x')), kAsked, names());
    ASSERT_FALSE(got);
    EXPECT_LT(got.error().detail.size(), 300U);
    for (const char c : got.error().detail) {
        EXPECT_TRUE(c >= ' ' && c < 0x7f);
    }
}

TEST(JudgeVerify, Table) {
    struct Row {
        const char* name;
        int status;
        const char* body;
        std::optional<bool> valid;
        Errc want;
    };
    const Row rows[] = {
        {"valid", 200, R"({"isValid":true,"payer":"0xa"})", true, {}},
        {"invalid", 200, R"({"isValid":false,"invalidReason":"x"})", false, {}},
        {"400 invalid", 400, R"({"isValid":false,"invalidReason":"x"})", false, {}},
        {"412 invalid",
         412,
         R"({"isValid":false,"invalidReason":"permit2_allowance_required"})",
         false,
         {}},
        {"500 invalid", 500, R"({"isValid":false,"invalidReason":"x"})", false, {}},
        {"500 valid", 500, R"({"isValid":true})", {}, Errc::bad_peer},
        {"valid, with a reason",
         200,
         R"({"isValid":true,"invalidReason":"x"})",
         {},
         Errc::bad_peer},
        {"missing", 200, "{}", {}, Errc::bad_peer},
        {"text", 200, R"({"isValid":"true"})", {}, Errc::bad_peer},
        {"number", 200, R"({"isValid":1})", {}, Errc::bad_peer},
        {"null", 200, R"({"isValid":null})", {}, Errc::bad_peer},
        {"twice", 200, R"({"isValid":false,"isValid":true})", {}, Errc::bad_peer},
        {"cut off", 200, R"({"isValid":true,"pay)", {}, Errc::bad_peer},
        {"reason number", 200, R"({"isValid":false,"invalidReason":7})", {}, Errc::bad_peer},
        {"html with 200", 200, "<html>", {}, Errc::bad_peer},
        {"redirect", 307, "", {}, Errc::bad_peer},
        {"slow down", 429, "", {}, Errc::unavailable},
        {"garbled with 400", 400, R"({"isValid":"false"})", {}, Errc::bad_peer},
        {"html", 503, "<html>", {}, Errc::unavailable},
        {"unauthorized", 401, "", {}, Errc::unauthorized},
        {"bad request", 400, R"({"error":"x"})", {}, Errc::invalid},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = judge_verify(answer(row.status, row.body));
        ASSERT_EQ(got.has_value(), row.valid.has_value());
        if (got) {
            EXPECT_EQ(got->is_valid, *row.valid);
        }
        if (!got) {
            EXPECT_EQ(got.error().code, row.want);
        }
    }
}

TEST(JudgeSupported, MapsShortNamesAndLeavesOutTheUnknown) {
    const auto got = judge_supported(
        answer(
            200,
            R"({"kinds":[{"x402Version":2,"scheme":"exact","network":"eip155:1"},)"
            R"({"x402Version":1,"scheme":"exact","network":"base-sepolia"},)"
            R"({"x402Version":1,"scheme":"exact","network":"moonbase"}],"extensions":["bazaar"]})"),
        names());
    ASSERT_TRUE(got);
    ASSERT_EQ(got->kinds.size(), 2U);
    EXPECT_EQ(got->kinds[1].network.text(), "eip155:84532");
    EXPECT_EQ(got->kinds[1].network_text, "base-sepolia");
    EXPECT_EQ(judge_supported(answer(200, "{}"), names()).error().code, Errc::bad_peer);
    EXPECT_EQ(judge_supported(answer(401, "{}"), names()).error().code, Errc::unauthorized);
}

TEST(JudgeSettlement, Table) {
    const PaymentKey key{"k"};
    const auto found = judge_settlement(
        answer(200, R"({"key":"k","outcome":"settled","transactions":["0x1"]})"), key);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->outcome, Outcome::settled);
    struct Row {
        const char* name;
        int status;
        const char* body;
        bool none;
        Errc want;
    };
    const Row rows[] = {
        {"unknown key", 404, R"({"error":{"code":"settlement_not_found"}})", true, {}},
        {"unknown key, flat", 404, R"({"code":"settlement_not_found"})", true, {}},
        {"no such endpoint", 404, "<html>", false, Errc::unsupported},
        {"another 404", 404, R"({"error":{"code":"route_unknown"}})", false, Errc::unsupported},
        {"404 text error", 404, R"({"error":"Not Found"})", false, Errc::unsupported},
        {"no method", 405, "", false, Errc::unsupported},
        {"another key", 200, R"({"key":"other","outcome":"settled"})", false, Errc::bad_peer},
        {"garbled", 200, "{}", false, Errc::bad_peer},
        {"busy", 503, "", false, Errc::unavailable},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = judge_settlement(answer(row.status, row.body), key);
        ASSERT_EQ(got.has_value(), row.none);
        if (got) {
            EXPECT_FALSE(got->has_value());
        }
        if (!got) {
            EXPECT_EQ(got.error().code, row.want);
        }
    }
}

TEST(ErrorOfExchange, OnlyWhatWasNotSentReadsAsNotBegun) {
    struct Row {
        Errc from;
        Errc want;
    };
    const Row rows[] = {
        {Errc::unreachable, Errc::unreachable}, {Errc::invalid, Errc::invalid},
        {Errc::refused, Errc::invalid},         {Errc::timeout, Errc::timeout},
        {Errc::interrupted, Errc::interrupted}, {Errc::cancelled, Errc::cancelled},
        {Errc::too_large, Errc::bad_peer},      {Errc::unauthorized, Errc::interrupted},
        {Errc::internal, Errc::interrupted},    {Errc::io, Errc::interrupted},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(to_string(row.from));
        const Error got = error_of_exchange(Error{row.from, "x", {}, {}, false});
        EXPECT_EQ(got.code, row.want);
        EXPECT_EQ(got.retryable, is_retryable(row.want));
    }
}

}  // namespace
}  // namespace x402::transports
