// SPDX-License-Identifier: Apache-2.0
#include "x402/client/result.hpp"

#include <gtest/gtest.h>

#include "x402/client/testing/test_world.hpp"

namespace x402::client {
namespace {

PayResult result(PayOutcome outcome, int status, bool delivered = true) {
    PayResult made;
    made.outcome = outcome;
    made.status = status;
    made.delivered = delivered;
    return made;
}

TEST(Result, ExitCodes) {
    struct Row {
        const char* name;
        PayOutcome outcome;
        int status;
        bool delivered;
        int exit;
        int exit_never;
    };
    const Row rows[] = {
        {"free", PayOutcome::none, 200, true, 0, 0},
        {"free, not found", PayOutcome::none, 404, true, 1, 0},
        {"free, server error", PayOutcome::none, 500, true, 1, 0},
        {"no answer", PayOutcome::none, 0, false, 1, 1},
        {"paid", PayOutcome::settled, 200, true, 0, 0},
        {"paid, not found", PayOutcome::settled, 404, true, 0, 0},
        {"paid, undelivered", PayOutcome::settled, 502, false, 1, 1},
        {"failed", PayOutcome::failed, 402, false, 1, 1},
        {"unknown", PayOutcome::unknown, 200, false, 3, 3},
        {"refused", PayOutcome::refused, 402, false, 4, 4},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(exit_code(result(row.outcome, row.status, row.delivered)), row.exit);
        EXPECT_EQ(exit_code(result(row.outcome, row.status, row.delivered), {.fail_never = true}),
                  row.exit_never);
    }
}

TEST(Result, TheWorstOfSeveral) {
    const std::vector<int> best_first = {0, 4, 1, 3};
    for (std::size_t i = 0; i < best_first.size(); ++i) {
        for (std::size_t k = 0; k < best_first.size(); ++k) {
            EXPECT_EQ(worse_exit(best_first[i], best_first[k]), best_first[std::max(i, k)]);
        }
    }
}

TEST(Result, JsonLine) {
    PayResult made = result(PayOutcome::settled, 200);
    made.body = "sunny";
    made.attempts = 1;
    made.accepted = testing::offer();
    made.ms = Duration{12};
    const json::Object object = write(made);
    EXPECT_EQ(json::text_or_empty(object, "outcome"), "settled");
    EXPECT_EQ(json::text_or_empty(object, "body"), "sunny");
    EXPECT_EQ(*json::get_int(object, "ms"), 12);
    EXPECT_EQ(json::text_or_empty(*json::get_object(object, "accepted"), "amount"), "1000");
    EXPECT_FALSE(object.contains("error"));
    EXPECT_EQ(json::dump(object).find('\n'), std::string::npos);

    made.body = "\xff\xfe";
    made.error = pay_error("over_limit", "too much", "raise it");
    const json::Object binary = write(made);
    EXPECT_FALSE(binary.contains("body"));
    EXPECT_EQ(json::text_or_empty(binary, "body_base64"), "//4=");
    EXPECT_EQ(json::text_or_empty(*json::get_object(binary, "error"), "next"), "raise it");
}

TEST(Result, JsonSaysWhetherTheChainShowedIt) {
    PayResult made = result(PayOutcome::settled, 200);
    made.proven = false;
    EXPECT_EQ(write(made).at("proven"), json::Value(false));
    made.proven = true;
    EXPECT_EQ(write(made).at("proven"), json::Value(true));
}

// Who has the quote and has seen the payment may ask for what was bought.
TEST(Result, TheQuoteIsShownToNobody) {
    PayResult made = result(PayOutcome::settled, 200);
    made.accepted = testing::offer();
    made.accepted->extra["name"] = "USDC";
    made.accepted->extra["quote"] = "b3BlbiBzZXNhbWU";
    made.payment = SettleResponse{};
    made.payment->extra["quote"] = "b3BlbiBzZXNhbWU";
    made.payment->extra["paymentKey"] = "toy~1";
    const std::string line = json::dump(write(made));
    EXPECT_EQ(line.find("b3BlbiBzZXNhbWU"), std::string::npos) << line;
    EXPECT_NE(line.find("USDC"), std::string::npos);
    EXPECT_NE(line.find("toy~1"), std::string::npos);
    EXPECT_EQ(summary(made).find("b3BlbiBzZXNhbWU"), std::string::npos);
    EXPECT_EQ(json::text_or_empty(made.accepted->extra, "quote"), "b3BlbiBzZXNhbWU");
}

TEST(Result, HostileTextsDoNotReachATerminal) {
    struct Row {
        const char* name;
        std::string text;
        std::string want;
    };
    const Row rows[] = {
        {"plain", "a b\n\tc", "a b\n\tc"},
        {"colours", "\x1b[31mred\x1b[0m", "[31mred[0m"},
        {"carriage return", "paid\rfree", "paidfree"},
        {"delete and C1",
         "a\x7f\xc2\x9b"
         "b",
         "ab"},
        {"turned text",
         "a\xe2\x80\xae"
         "b\xe2\x81\xa6",
         "ab"},
        {"broken UTF-8",
         "a\xff"
         "b",
         "ab"},
        {"letters that nobody sees",
         "a\xf3\xa0\x81\xa1"  // U+E0061, a tag
         "b\xf3\xa0\x84\x80"  // U+E0100, a variation selector
         "c\xc2\xad"          // soft hyphen
         "d\xe1\xa0\x8e"      // U+180E
         "e\xef\xbf\xb9",     // U+FFF9
         "abcde"},
        {"umlaut", "\xc3\xa4", "\xc3\xa4"},
        {"emoji", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(for_terminal(row.text), row.want);
    }
    EXPECT_EQ(for_terminal("abcdef", 3), "abc...");
}

TEST(Result, AServerCannotBoastOfMoreThanWasSigned) {
    PayResult made = result(PayOutcome::settled, 200);
    made.accepted = testing::offer();
    made.asset = testing::toy_asset("toy:main", "t-usdc", "USDC", 6, true);
    made.payment = SettleResponse{};
    made.payment->amount = U256(400);
    EXPECT_NE(summary(made).find("paid 0.0004 USDC"), std::string::npos);
    made.payment->amount = U256(400'000'000);
    EXPECT_NE(summary(made).find("paid 0.001 USDC"), std::string::npos);
}

TEST(Result, TheSummaryIsOneLine) {
    PayResult made = result(PayOutcome::failed, 402);
    made.accepted = testing::offer();
    made.accepted->pay_to = "t-\nseller\x1b[0m";
    made.asset = testing::toy_asset("toy:main", "t-usdc", "US\nDC", 6, true);
    made.transaction = "0x\n1";
    made.error = pay_error("co\nde", "mess\nage", "ne\nxt");
    const std::string line = summary(made);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_NE(line.find("0.001 US DC"), std::string::npos);
}

}  // namespace
}  // namespace x402::client
