// SPDX-License-Identifier: Apache-2.0
// What an offer says, and what a gateway refuses on its own.
#include "x402/chains/svm/exact/server.hpp"

#include <gtest/gtest.h>

#include "x402/chains/svm/exact/rules.hpp"
#include "x402/chains/svm/exact/testing/bend.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

using testing::sample_address;

AssetInfo usdc() {
    AssetInfo asset;
    asset.address = std::string(testing::kUsdc);
    asset.symbol = "USDC";
    asset.decimals = 6;
    return asset;
}

PaymentRequirements plain_offer() {
    PaymentRequirements offer = testing::sample_payment({}).requirements;
    offer.extra.clear();
    return offer;
}

json::Object supported(const Address& fee_payer = sample_address(testing::kFeePayer)) {
    json::Object extra;
    extra["feePayer"] = to_text(fee_payer);
    return extra;
}

TEST(SvmServer, TheFacilitatorNamesTheFeePayer) {
    const ExactServer server;
    PaymentRequirements offer = plain_offer();
    offer.extra["feePayer"] = to_text(sample_address(9));
    ASSERT_TRUE(server.enrich(offer, usdc(), supported()));
    EXPECT_EQ(json::dump(offer.extra),
              R"({"feePayer":")" + to_text(sample_address(testing::kFeePayer)) + R"("})");
    EXPECT_EQ(offer.asset, testing::kUsdc);
}

TEST(SvmServer, WalletsAreOfferedWhereTheFacilitatorTakesThem) {
    const ExactServer server;
    PaymentRequirements offer = plain_offer();
    json::Object extra = supported();
    extra["features"] = *json::parse(R"({"smartWalletSupported":true,"more":1})");
    ASSERT_TRUE(server.enrich(offer, usdc(), extra));
    EXPECT_EQ(json::dump(offer.extra.at("features")), R"({"smartWalletSupported":true})");
}

TEST(SvmServer, OffersThatNobodyCouldPay) {
    struct Row {
        const char* name;
        void (*change)(PaymentRequirements& offer, json::Object& supported);
        std::string_view field;
    };
    static constexpr Row rows[] = {
        {"no fee payer", [](PaymentRequirements&, json::Object& s) { s.clear(); },
         "extra.feePayer"},
        {"a fee payer that is no address",
         [](PaymentRequirements&, json::Object& s) { s["feePayer"] = "x"; }, "extra.feePayer"},
        {"the fee payer is paid",
         [](PaymentRequirements& o, json::Object& s) {
             o.pay_to = std::string(s.at("feePayer").as_string());
         },
         "payTo"},
        {"payTo is no address", [](PaymentRequirements& o, json::Object&) { o.pay_to = "0x12"; },
         "payTo"},
        {"a memo of 257 bytes",
         [](PaymentRequirements& o, json::Object&) { o.extra["memo"] = std::string(257, 'm'); },
         "extra.memo"},
        {"an amount of more than 64 bits",
         [](PaymentRequirements& o, json::Object&) {
             o.amount = *U256::from_decimal("18446744073709551616");
         },
         "amount"},
        {"an escrow flow",
         [](PaymentRequirements& o, json::Object&) { o.extra["paymentFlow"] = "escrow"; },
         "extra.paymentFlow"},
    };
    const ExactServer server;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        PaymentRequirements offer = plain_offer();
        json::Object extra = supported();
        row.change(offer, extra);
        const auto done = server.enrich(offer, usdc(), extra);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().field, row.field);
    }
}

TEST(SvmServer, AgedBlockhashesMayDiffer) {
    const auto names = ExactServer{}.dynamic_extra();
    EXPECT_EQ(names, (std::vector<std::string>{"recentBlockhash", "lastValidBlockHeight"}));
}

TEST(SvmServer, WhatItRefusesOnItsOwn) {
    struct Row {
        const char* name;
        void (*change)(Payment& payment);
        std::string_view code;
    };
    static constexpr Row rows[] = {
        {"a good payment", [](Payment&) {}, ""},
        {"another amount", [](Payment& p) { p.requirements.amount = U256(10'001); },
         "invalid_exact_svm_payload_amount_mismatch"},
        {"another recipient",
         [](Payment& p) { p.requirements.pay_to = to_text(sample_address(testing::kStranger)); },
         "invalid_exact_svm_payload_recipient_mismatch"},
        {"another signature",
         [](Payment& p) {
             Transaction transaction = testing::transaction_in(p);
             transaction.signatures[1].data[3] ^= 4;
             testing::put_transaction(p, transaction);
         },
         "invalid_exact_svm_payload_signature_invalid"},
        {"another memo", [](Payment& p) { p.requirements.extra["memo"] = "inv-1"; },
         "invalid_exact_svm_payload_memo_mismatch"},
    };
    const ExactServer server;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Payment payment = testing::sample_payment({});
        row.change(payment);
        const ServerCheck check = server.check(payment, std::nullopt);
        EXPECT_EQ(check.verdict.refusal ? check.verdict.refusal->code : "", row.code);
        EXPECT_TRUE(check.state_key.empty());
    }
    const ServerCheck good = server.check(testing::sample_payment({}), std::nullopt);
    EXPECT_EQ(good.verdict.payer, to_text(sample_address()));
}

TEST(SvmServer, ItSettlesTheAmountOnce) {
    const ExactServer server;
    const Payment payment = testing::sample_payment({});
    const auto request = server.settle_request(payment, ServerScheme::Phase::only, U256(10'000));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->payload.payload, payment.payload.payload);
    EXPECT_EQ(request->requirements.amount, U256(10'000));
    EXPECT_FALSE(server.settle_request(payment, ServerScheme::Phase::only, U256(9'999)));
    EXPECT_FALSE(server.settle_request(payment, ServerScheme::Phase::deposit, U256(10'000)));
    EXPECT_EQ(server.flow(payment.requirements), PaymentFlow::authorization);
    PaymentRequirements upfront = payment.requirements;
    upfront.extra["paymentFlow"] = "upfront";
    EXPECT_EQ(server.flow(upfront), PaymentFlow::upfront);
}

}  // namespace
}  // namespace x402::svm
