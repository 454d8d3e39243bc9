// SPDX-License-Identifier: Apache-2.0
// What a payer signs, and which offers it never signs; every payment that is made here is one that
// the facilitator's rules take.
#include "x402/chains/svm/exact/client.hpp"

#include <gtest/gtest.h>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/exact/rules.hpp"
#include "x402/chains/svm/exact/testing/bend.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/wallet.hpp"

namespace x402::svm {
namespace {

using testing::sample_address;
using testing::wait_for;

PaymentRequirements sample_offer() {
    return testing::sample_payment({}).requirements;
}

json::Object told_by(const Address& program = token_program()) {
    json::Object told;
    told["recentBlockhash"] = to_base58(sample_address(80).view());
    told["lastValidBlockHeight"] = 1'000;
    told["tokenProgram"] = to_text(program);
    told["decimals"] = 6;
    return told;
}

struct Payer {
    Payer() {
        auto made = SvmWallets{}.from_bytes(testing::sample_seed());
        X402_CHECK(made.has_value());
        wallet = std::move(*made);
    }
    Result<json::Object> sign(const PaymentRequirements& offer, const json::Object& told) {
        Env env{clock, *random};
        return wait_for(client.sign(offer, *wallet, told, env));
    }
    Payment payment(const PaymentRequirements& offer, const json::Object& told) {
        auto payload = sign(offer, told);
        X402_CHECK(payload.has_value());
        Payment out;
        out.requirements = offer;
        out.payload.accepted = offer;
        out.payload.payload = std::move(*payload);
        return out;
    }
    ExactClient client;
    testing::StillClock clock;
    std::unique_ptr<Random> random = make_test_random(1);
    std::unique_ptr<Wallet> wallet;
};

std::vector<Instruction> instructions_of(const Payment& payment) {
    const Message message = testing::transaction_in(payment).message;
    return resolve_instructions(message, known_accounts(message));
}

TEST(SvmClient, WhatItSignsIsWhatTheRulesTake) {
    Payer payer;
    const Payment payment = payer.payment(sample_offer(), told_by());
    const auto read = read_payment(payment);
    ASSERT_TRUE(read) << read.error().code;
    EXPECT_FALSE(check_without_tables(*read, false));
    EXPECT_TRUE(read->transaction.signatures[0].is_zero()) << "the fee payer signs last";
    EXPECT_TRUE(read->transaction.message.versioned);
    EXPECT_EQ(read->transaction.message.blockhash, sample_address(80));
    const auto instructions = instructions_of(payment);
    ASSERT_EQ(instructions.size(), 4u);
    EXPECT_EQ(read_compute_limit(instructions[0]), 20'000u);
    EXPECT_EQ(read_compute_price(instructions[1]), 1u);
    const auto transfer = read_transfer_checked(instructions[2]);
    ASSERT_TRUE(transfer);
    EXPECT_EQ(transfer->authority, sample_address());
    EXPECT_EQ(transfer->amount, 10'000u);
    EXPECT_EQ(transfer->decimals, 6);
    const auto memo = read_memo(instructions[3]);
    ASSERT_TRUE(memo);
    EXPECT_EQ(memo->size(), 32u);
    EXPECT_EQ(memo->find_first_not_of("0123456789abcdef"), std::string::npos);
    const auto facts = payer.client.facts(payment);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->payer, payer.wallet->address());
    EXPECT_EQ(facts->usable_for, std::optional<Duration>(kLifetime));
}

TEST(SvmClient, TwoPaymentsOfTheSameTermsAreTwo) {
    Payer payer;
    const Payment one = payer.payment(sample_offer(), told_by());
    const Payment other = payer.payment(sample_offer(), told_by());
    EXPECT_NE(payer.client.facts(one)->key, payer.client.facts(other)->key);
}

TEST(SvmClient, ASellersMemoIsWrittenAsItIs) {
    Payer payer;
    PaymentRequirements offer = sample_offer();
    offer.extra["memo"] = std::string(256, 'm');
    const Payment payment = payer.payment(offer, told_by());
    const auto instructions = instructions_of(payment);
    EXPECT_EQ(read_memo(instructions[3]), std::string(256, 'm'));
    EXPECT_EQ(read_compute_limit(instructions[0]), 20'000u + 224 * 400);
    const auto read = read_payment(payment);
    ASSERT_TRUE(read);
    EXPECT_FALSE(check_without_tables(*read, false));
}

TEST(SvmClient, TheTokenProgramIsTheMints) {
    Payer payer;
    const Payment payment = payer.payment(sample_offer(), told_by(token_2022_program()));
    const auto transfer = read_transfer_checked(instructions_of(payment)[2]);
    ASSERT_TRUE(transfer);
    EXPECT_EQ(transfer->program, token_2022_program());
    EXPECT_EQ(transfer->destination, token_account_of(sample_address(testing::kPayee),
                                                      transfer->mint, token_2022_program()));
    EXPECT_EQ(read_compute_limit(instructions_of(payment)[0]), 30'000u);
}

TEST(SvmClient, WhoseBlockhash) {
    struct Row {
        const char* name;
        const char* in_offer;
        bool offered;  // the one used is the offer's
    };
    const std::string good = to_base58(sample_address(81).view());
    const Row rows[] = {
        {"none in the offer", nullptr, false},
        {"one in the offer", good.c_str(), true},
        {"one that is too short", "abc", false},
        {"one that is no base58", "0OIl", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Payer payer;
        PaymentRequirements offer = sample_offer();
        if (row.in_offer != nullptr) offer.extra["recentBlockhash"] = row.in_offer;
        const Payment payment = payer.payment(offer, told_by());
        EXPECT_EQ(testing::transaction_in(payment).message.blockhash,
                  sample_address(row.offered ? 81 : 80));
    }
}

struct OfferRow {
    const char* name;
    void (*change)(PaymentRequirements& offer);
    std::string_view code;
    std::string_view field;
};

TEST(SvmClient, OffersThatItCannotPay) {
    static constexpr OfferRow rows[] = {
        {"a good one", [](PaymentRequirements&) {}, "", ""},
        {"the highest amount",
         [](PaymentRequirements& o) { o.amount = *U256::from_decimal("18446744073709551615"); }, "",
         ""},
        {"another scheme", [](PaymentRequirements& o) { o.scheme = "upto"; }, "unsupported_scheme",
         ""},
        {"another family", [](PaymentRequirements& o) { o.network = *ChainId::parse("eip155:1"); },
         "invalid_network", "network"},
        {"no fee payer", [](PaymentRequirements& o) { o.extra.clear(); },
         "invalid_exact_svm_payload_missing_fee_payer", "extra.feePayer"},
        {"a fee payer that is no address",
         [](PaymentRequirements& o) { o.extra["feePayer"] = "x"; },
         "invalid_exact_svm_payload_missing_fee_payer", "extra.feePayer"},
        {"an asset that is no address", [](PaymentRequirements& o) { o.asset = "USDC"; },
         "invalid_payment_requirements", "asset"},
        {"payTo is no address", [](PaymentRequirements& o) { o.pay_to = "0x12"; },
         "invalid_payment_requirements", "payTo"},
        {"nothing to pay", [](PaymentRequirements& o) { o.amount = U256(0); },
         "invalid_payment_requirements", "amount"},
        {"more than 64 bits",
         [](PaymentRequirements& o) { o.amount = *U256::from_decimal("18446744073709551616"); },
         "invalid_payment_requirements", "amount"},
        {"a memo of 257 bytes",
         [](PaymentRequirements& o) { o.extra["memo"] = std::string(257, 'm'); },
         "invalid_payment_requirements", "extra.memo"},
        {"a memo that is no text", [](PaymentRequirements& o) { o.extra["memo"] = 1; },
         "invalid_payment_requirements", "extra.memo"},
        {"no time", [](PaymentRequirements& o) { o.max_timeout_seconds = 0; },
         "invalid_payment_requirements", "maxTimeoutSeconds"},
    };
    Payer payer;
    for (const OfferRow& row : rows) {
        SCOPED_TRACE(row.name);
        PaymentRequirements offer = sample_offer();
        row.change(offer);
        const auto refusal = payer.client.cannot_pay(offer);
        EXPECT_EQ(refusal ? refusal->code : "", row.code);
        EXPECT_EQ(refusal ? refusal->field : "", row.field);
        EXPECT_EQ(payer.sign(offer, told_by()).has_value(), row.code.empty());
    }
}

TEST(SvmClient, WhatItNeverSigns) {
    struct Row {
        const char* name;
        void (*change)(PaymentRequirements& offer, json::Object& told);
        Errc code;
    };
    static constexpr Row rows[] = {
        {"its own wallet pays the fee",
         [](PaymentRequirements& o, json::Object&) {
             o.extra["feePayer"] = to_text(sample_address());
         },
         Errc::refused},
        {"its own wallet is paid",
         [](PaymentRequirements& o, json::Object&) { o.pay_to = to_text(sample_address()); },
         Errc::refused},
        {"no blockhash", [](PaymentRequirements&, json::Object& t) { t.erase("recentBlockhash"); },
         Errc::invalid},
        {"no token program", [](PaymentRequirements&, json::Object& t) { t.erase("tokenProgram"); },
         Errc::invalid},
        {"a program that is none",
         [](PaymentRequirements&, json::Object& t) { t["tokenProgram"] = to_text(memo_program()); },
         Errc::unsupported},
        {"no decimals", [](PaymentRequirements&, json::Object& t) { t.erase("decimals"); },
         Errc::invalid},
        {"too many decimals", [](PaymentRequirements&, json::Object& t) { t["decimals"] = 256; },
         Errc::invalid},
        {"decimals below zero", [](PaymentRequirements&, json::Object& t) { t["decimals"] = -1; },
         Errc::invalid},
    };
    Payer payer;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        PaymentRequirements offer = sample_offer();
        json::Object told = told_by();
        row.change(offer, told);
        const auto payload = payer.sign(offer, told);
        ASSERT_FALSE(payload);
        EXPECT_EQ(payload.error().code, row.code);
    }
    EXPECT_TRUE(payer.client.asks_network(sample_offer()));
}

}  // namespace
}  // namespace x402::svm
