// SPDX-License-Identifier: Apache-2.0
// What a final record says to whoever asks for it again.
#include "x402/facilitator/answers.hpp"

#include <gtest/gtest.h>

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator::test {
namespace {

store::PaymentRecord failed(const std::string& reason, const std::string& message) {
    store::PaymentRecord record;
    record.key = PaymentKey("fake~ann~n1");
    record.payer = "ann";
    record.state = store::PaymentState::failed;
    record.reason = reason;
    record.message = message;
    return record;
}

TEST(Answers, ARecordedFailureIsToldWholeWhateverBuildRecordedIt) {
    struct Row {
        const char* name;
        const char* reason;
        const char* message;
    };
    static constexpr Row kRows[] = {
        {"a code of ours", "invalid_transaction_state", "The transaction failed."},
        {"a code of ours without words", "authorization_expired", ""},
        {"a code of another build", "invalid_exact_moon_phase", "The moon was not full."},
        {"a code of another build without words", "invalid_exact_moon_phase", ""},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.name);
        const SettleResponse response = recorded_answer(failed(row.reason, row.message));
        EXPECT_FALSE(response.success);
        EXPECT_EQ(response.error_reason, row.reason);
        EXPECT_FALSE(response.error_message.empty());
        const auto error = json::get_object(response.extra, "error");
        ASSERT_TRUE(error);
        EXPECT_EQ(json::text_or_empty(*error, "code"), row.reason);
        EXPECT_GT(json::text_or_empty(*error, "message").size(), 10U);
        EXPECT_GT(json::text_or_empty(*error, "next").size(), 10U);
    }
}

// A peer that looks for one text only must not be told less, nor that nothing came where something
// did.
TEST(Answers, TheOneTextSaysWhatIsWrongAndWhere) {
    struct Row {
        const char* name;
        Refusal refusal;
        const char* text;
    };
    const Row rows[] = {
        {"nothing more to say", refuse(Reason::evm_simulation),
         "The transfer would fail on its network."},
        {"a field", refuse(Reason::evm_nonce_used, {"nonce", {}, {}}),
         "This authorization was already used or cancelled (nonce)."},
        {"what was expected", refuse(Reason::evm_signature, {"signature", "by the payer", {}}),
         "The signature is not the payer's for this authorization (signature: expected by the "
         "payer)."},
        {"what came", refuse(Reason::unsupported_asset, {"asset", {}, "0xa"}),
         "This token is not supported here (asset: got 0xa)."},
        {"both", refuse(Reason::evm_value, {"value", "1000", "999"}),
         "The authorized value is not the amount asked for (value: expected 1000, got 999)."},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const Subject subject{PaymentKey("fake~ann~n1"), "ann", {}};
        EXPECT_EQ(invalid_answer(subject, row.refusal).invalid_message, row.text);
        EXPECT_EQ(failed_answer(subject, row.refusal).error_message, row.text);
    }
}

TEST(Answers, ARefusalWithoutASentenceIsToldByItsCode) {
    Refusal refusal;
    refusal.code = "moon_phase";
    EXPECT_EQ(invalid_answer({}, refusal).invalid_message, "moon_phase");
    refusal.field = "moon";
    EXPECT_EQ(invalid_answer({}, refusal).invalid_message, "moon_phase (moon).");
}

TEST(Answers, WhatIsRecordedOfAFailureIsTheSentenceThatIsTold) {
    Live live;
    const Refusal refusals[] = {refuse(Reason::evm_simulation),
                                refuse(Reason::unsupported_asset, {"x", {}, "0xa"}),
                                refuse(Reason::evm_value, {"value", "1000", "999"})};
    for (const Refusal& refusal : refusals) {
        const store::PaymentEnd end = failed_end(live, refusal, "");
        EXPECT_EQ(end.reason, refusal.code);
        EXPECT_EQ(end.message, failed_answer({}, refusal).error_message);
    }
}

// What a caller is told to look at stands in what he sent, whichever room refuses it.
TEST(Placed, AFieldIsNamedAsItStandsInTheRequest) {
    struct Row {
        const char* name;
        int version;
        const char* accepted;  // scheme; the one that is asked for is exact
        const char* field;
        const char* want;
    };
    static constexpr Row kRows[] = {
        {"an asset", 2, "exact", "asset", "paymentRequirements.asset"},
        {"within extra", 2, "exact", "extra.name", "paymentRequirements.extra.name"},
        {"an amount", 2, "exact", "amount", "paymentRequirements.amount"},
        {"an amount in version 1", 1, "exact", "amount", "paymentRequirements.maxAmountRequired"},
        {"a scheme on both sides", 2, "exact", "scheme", "paymentRequirements.scheme"},
        {"another scheme accepted", 2, "upto", "scheme", "paymentPayload.accepted.scheme"},
        {"another scheme in version 1", 1, "upto", "scheme", "paymentPayload.scheme"},
        {"what was signed", 2, "exact", "payload.authorization.to", "payload.authorization.to"},
        {"what the network knows", 2, "exact", "balance", "balance"},
        {"named in full already", 2, "upto", "paymentRequirements.scheme",
         "paymentRequirements.scheme"},
        {"no field", 2, "exact", "", ""},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.name);
        Payment payment;
        payment.requirements.scheme = "exact";
        payment.payload.accepted.scheme = row.accepted;
        payment.payload.version = row.version;
        const Refusal refusal = placed(refuse(Reason::evm_payload, {row.field, {}, {}}), payment);
        EXPECT_EQ(refusal.field, row.want);
        EXPECT_EQ(refusal.code, to_string(Reason::evm_payload));
    }
}

}  // namespace
}  // namespace x402::facilitator::test
