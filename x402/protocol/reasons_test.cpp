// SPDX-License-Identifier: Apache-2.0
// The table of public words: every row usable, every code its own, and the texts of a refusal.
#include "x402/protocol/reasons.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace x402 {
namespace {

const std::vector<Reason>& every_reason() {
    static const std::vector<Reason> all = {
#define X402_REASON(name, wire, status, retryable, sentence, next) Reason::name,
#include "x402/protocol/reasons.def"
#undef X402_REASON
    };
    return all;
}

TEST(Reasons, EveryRowIsWellFormed) {
    std::set<std::string_view> seen;
    for (const Reason reason : every_reason()) {
        const ReasonInfo& row = info(reason);
        SCOPED_TRACE(row.wire);
        EXPECT_TRUE(seen.insert(row.wire).second) << "two rows share a code";
        EXPECT_FALSE(row.wire.empty());
        EXPECT_EQ(row.wire.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
                  std::string_view::npos);
        EXPECT_GE(row.http_status, 400);
        EXPECT_LT(row.http_status, 600);
        EXPECT_TRUE(row.sentence.ends_with('.'));
        EXPECT_TRUE(row.next.ends_with('.'));
        EXPECT_EQ(find_reason(row.wire), reason);
        EXPECT_EQ(to_string(reason), row.wire);
    }
    EXPECT_EQ(seen.size(), every_reason().size());
}

TEST(Reasons, UnknownCodesAreNotGuessed) {
    EXPECT_FALSE(find_reason(""));
    EXPECT_FALSE(find_reason("SETTLEMENT_PENDING"));
    EXPECT_FALSE(find_reason("settlement_pendin"));
}

TEST(Reasons, FactsOthersRelyOn) {
    EXPECT_EQ(info(Reason::malformed_payment).http_status, 400);
    EXPECT_EQ(info(Reason::settlement_pending).http_status, 409);
    EXPECT_TRUE(info(Reason::settlement_pending).retryable);
    EXPECT_FALSE(info(Reason::duplicate_settlement).retryable);
    EXPECT_EQ(info(Reason::facilitator_unavailable).http_status, 503);
}

TEST(Refusal, CarriesTheRowAndTheDifference) {
    const Refusal refusal = refuse(Reason::no_match, {"amount", "1000", "999"});
    EXPECT_EQ(refusal.code, "no_matching_requirements");
    EXPECT_EQ(refusal.http_status, 402);
    EXPECT_EQ(to_sentence(refusal), "amount differs: expected 1000, got 999");
    const json::Object object = write(refusal);
    EXPECT_EQ(json::dump(object),
              R"({"code":"no_matching_requirements",)"
              R"("message":"The payment does not match any offer of this resource.",)"
              R"("field":"amount","expected":"1000","actual":"999","retryable":false,)"
              R"("next":"Pay one of the current offers in `accepts`, unchanged."})");
}

TEST(Refusal, EmptyMembersAreLeftOut) {
    Refusal foreign;
    foreign.code = "some_peer_code";
    EXPECT_EQ(json::dump(write(foreign)), R"({"code":"some_peer_code","retryable":false})");
    EXPECT_EQ(to_sentence(foreign), "some_peer_code");
}

TEST(Refusal, SentenceTable) {
    struct Row {
        const char* name;
        Difference difference;
        const char* want;
    };
    const Row rows[] = {
        {"no field", {}, "The payment header could not be read."},
        {"field only", {"payload", "", ""}, "The payment header could not be read. (payload)"},
        {"nothing came", {"amount", "5", ""}, "amount differs: expected 5, got nothing"},
        {"no expectation", {"amount", "", "5"}, "amount differs: expected another, got 5"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(to_sentence(refuse(Reason::malformed_payment, row.difference)), row.want);
    }
}

}  // namespace
}  // namespace x402
