// SPDX-License-Identifier: Apache-2.0
// Rows 1 to 5 of the reference's order, each broken alone, and the order where two are broken; what
// names a payment, and what does not.
#include "x402/chains/svm/exact/rules.hpp"

#include <gtest/gtest.h>

#include "x402/base/base64.hpp"
#include "x402/chains/svm/exact/testing/bend.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

using testing::payment_with;
using testing::put_transaction;
using testing::sample_address;
using testing::sample_payment;
using testing::SampleOptions;
using testing::sign_as;
using testing::transaction_in;

std::string code_of(const Payment& payment) {
    const auto read = read_payment(payment);
    return read ? "" : read.error().code;
}

Signature noise(std::uint8_t seed) {
    Signature out;
    for (std::size_t i = 0; i < out.data.size(); ++i)
        out.data[i] = static_cast<std::uint8_t>(seed + 7 * i);
    return out;
}

Instruction advance_nonce() {
    const Address nonce = sample_address(40);
    return Instruction{
        system_program(), {{nonce, false, true}, {sample_address(), true, false}}, {4, 0, 0, 0}};
}

struct Row {
    const char* name;
    void (*change)(Payment& payment);
    std::string_view code;
};

const Row kRows[] = {
    {"a good payment", [](Payment&) {}, ""},
    {"1 scheme asked", [](Payment& p) { p.requirements.scheme = "upto"; },
     "invalid_exact_svm_unsupported_scheme"},
    {"1 scheme signed", [](Payment& p) { p.payload.accepted.scheme = "upto"; },
     "invalid_exact_svm_unsupported_scheme"},
    {"2 other network",
     [](Payment& p) {
         p.payload.accepted.network = *ChainId::parse("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp");
     },
     "invalid_exact_svm_network_mismatch"},
    {"2 other family",
     [](Payment& p) {
         p.payload.accepted.network = *ChainId::parse("eip155:1");
         p.requirements.network = p.payload.accepted.network;
     },
     "invalid_exact_svm_network_mismatch"},
    {"3 no fee payer", [](Payment& p) { p.requirements.extra.erase("feePayer"); },
     "invalid_exact_svm_payload_missing_fee_payer"},
    {"3 fee payer is no text", [](Payment& p) { p.requirements.extra["feePayer"] = 5; },
     "invalid_exact_svm_payload_missing_fee_payer"},
    {"3 fee payer is no address", [](Payment& p) { p.requirements.extra["feePayer"] = "0x12"; },
     "invalid_exact_svm_payload_missing_fee_payer"},
    {"asset is no address", [](Payment& p) { p.requirements.asset = "USDC"; },
     "invalid_payment_requirements"},
    {"payTo is no address", [](Payment& p) { p.requirements.pay_to = "merchant"; },
     "invalid_payment_requirements"},
    {"amount 0", [](Payment& p) { p.requirements.amount = U256(0); },
     "invalid_payment_requirements"},
    {"amount above 64 bits",
     [](Payment& p) { p.requirements.amount = *U256::from_decimal("18446744073709551616"); },
     "invalid_payment_requirements"},
    {"memo is no text", [](Payment& p) { p.requirements.extra["memo"] = 5; },
     "invalid_payment_requirements"},
    {"memo of 257 bytes", [](Payment& p) { p.requirements.extra["memo"] = std::string(257, 'm'); },
     "invalid_payment_requirements"},
    {"memo is empty", [](Payment& p) { p.requirements.extra["memo"] = ""; }, ""},
    {"4 no transaction", [](Payment& p) { p.payload.payload.clear(); },
     "invalid_exact_svm_payload_transaction"},
    {"4 transaction is no text", [](Payment& p) { p.payload.payload["transaction"] = 5; },
     "invalid_exact_svm_payload_transaction"},
    {"4 no base64", [](Payment& p) { p.payload.payload["transaction"] = "%%%"; },
     "invalid_exact_svm_payload_transaction_could_not_be_decoded"},
    {"4 empty", [](Payment& p) { p.payload.payload["transaction"] = ""; },
     "invalid_exact_svm_payload_transaction_could_not_be_decoded"},
    {"4 too long", [](Payment& p) { p.payload.payload["transaction"] = std::string(10'000, 'A'); },
     "invalid_exact_svm_payload_transaction_could_not_be_decoded"},
    {"4 a byte behind it",
     [](Payment& p) {
         Bytes wire = write(transaction_in(p));
         wire.push_back(0);
         p.payload.payload["transaction"] = base64_encode(wire);
     },
     "invalid_exact_svm_payload_transaction_could_not_be_decoded"},
    {"4 cut short",
     [](Payment& p) {
         Bytes wire = write(transaction_in(p));
         wire.pop_back();
         p.payload.payload["transaction"] = base64_encode(wire);
     },
     "invalid_exact_svm_payload_transaction_could_not_be_decoded"},
    {"5 another fee payer asked",
     [](Payment& p) { p.requirements.extra["feePayer"] = to_text(sample_address(9)); },
     "invalid_exact_svm_fee_payer_mismatch"},
    {"5 nobody signs but the fee payer",
     [](Payment& p) {
         Message message = transaction_in(p).message;
         message.signers = 1;
         message.readonly_signers = 0;
         put_transaction(p, unsigned_transaction(message));
     },
     "invalid_exact_svm_payload_signature_invalid"},
    {"5 not signed",
     [](Payment& p) { put_transaction(p, unsigned_transaction(transaction_in(p).message)); },
     "invalid_exact_svm_payload_signature_invalid"},
    {"5 one bit of the signature differs",
     [](Payment& p) {
         Transaction transaction = transaction_in(p);
         transaction.signatures[1].data[5] ^= 1;
         put_transaction(p, transaction);
     },
     "invalid_exact_svm_payload_signature_invalid"},
    {"5 changed after it was signed",
     [](Payment& p) {
         Transaction transaction = transaction_in(p);
         transaction.message.blockhash.data[0] ^= 1;
         transaction.message_bytes = write(transaction.message);
         put_transaction(p, transaction);
     },
     "invalid_exact_svm_payload_signature_invalid"},
    {"5 one of two signatures is missing",
     [](Payment& p) {
         const SampleOptions options;
         auto instructions = testing::sample_instructions(options);
         instructions[3].accounts.push_back({sample_address(50), true, false});
         p = payment_with(instructions, options);
     },
     "invalid_exact_svm_payload_signature_invalid"},
    {"a durable nonce first",
     [](Payment& p) {
         const SampleOptions options;
         auto instructions = testing::sample_instructions(options);
         instructions.insert(instructions.begin(), advance_nonce());
         p = payment_with(instructions, options);
     },
     "invalid_exact_svm_payload_durable_nonce"},
    {"a durable nonce with a byte behind its tag",
     [](Payment& p) {
         const SampleOptions options;
         auto instructions = testing::sample_instructions(options);
         instructions.insert(instructions.begin(), advance_nonce());
         instructions.front().data.push_back(0);
         p = payment_with(instructions, options);
     },
     "invalid_exact_svm_payload_durable_nonce"},
    {"scheme before network",
     [](Payment& p) {
         p.requirements.scheme = "upto";
         p.requirements.network = *ChainId::parse("eip155:1");
     },
     "invalid_exact_svm_unsupported_scheme"},
    {"network before fee payer",
     [](Payment& p) {
         p.requirements.network = *ChainId::parse("eip155:1");
         p.requirements.extra.clear();
     },
     "invalid_exact_svm_network_mismatch"},
    {"fee payer before the bytes",
     [](Payment& p) {
         p.requirements.extra.clear();
         p.payload.payload.clear();
     },
     "invalid_exact_svm_payload_missing_fee_payer"},
    {"the fee payer's place before the signature",
     [](Payment& p) {
         p.requirements.extra["feePayer"] = to_text(sample_address(9));
         put_transaction(p, unsigned_transaction(transaction_in(p).message));
     },
     "invalid_exact_svm_fee_payer_mismatch"},
};

TEST(SvmRules, EachRowAloneAndTheirOrder) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.name);
        Payment payment = sample_payment({});
        row.change(payment);
        EXPECT_EQ(code_of(payment), row.code);
        const auto read = read_payment(payment);
        if (!read) {
            EXPECT_FALSE(read.error().field.empty());
        }
    }
}

// Attack 4: whatever stands in the fee payer's place, it is the same payment.
TEST(SvmRules, TheFeePayersSignatureNamesNothing) {
    const Payment good = sample_payment({});
    const auto read = read_payment(good);
    ASSERT_TRUE(read);
    const ChainId network = good.requirements.network;
    const PaymentFacts facts = facts_of(*read, network);
    for (std::uint8_t seed = 0; seed < 20; ++seed) {
        Payment other = good;
        Transaction transaction = transaction_in(good);
        transaction.signatures[0] = noise(seed);
        put_transaction(other, transaction);
        ASSERT_NE(other.payload.payload, good.payload.payload);
        const auto again = read_payment(other);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->hash, read->hash);
        EXPECT_EQ(facts_of(*again, network).key, facts.key);
    }
}

TEST(SvmRules, TheKeyIsLowerCaseAndUrlSafe) {
    const Payment payment = sample_payment({});
    const auto read = read_payment(payment);
    ASSERT_TRUE(read);
    const PaymentKey key = key_of(payment.requirements.network, read->hash);
    EXPECT_TRUE(key.value().starts_with("svm~etwtrabzayq6imfeykouru166vu2xqa1~")) << key.value();
    EXPECT_EQ(key.value().size(), 37 + 64);
    EXPECT_EQ(key.value().find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789~"),
              std::string::npos);
    EXPECT_TRUE(key.value().ends_with(slot_key_of(read->hash)));
}

TEST(SvmRules, FactsAreWhatWasSigned) {
    Payment payment = sample_payment({});
    payment.requirements.amount = U256(9'999);
    const auto read = read_payment(payment);
    ASSERT_TRUE(read);
    const PaymentFacts facts = facts_of(*read, payment.requirements.network);
    EXPECT_EQ(facts.payer, to_text(sample_address()));
    EXPECT_EQ(facts.amount, U256(10'000)) << "not what is asked for";
    ASSERT_TRUE(facts.usable_for);
    EXPECT_EQ(*facts.usable_for, Duration(kLifetime));
}

// Of a smart wallet's transaction the message says neither amount nor owner.
TEST(SvmRules, FactsOfAWalletAreItsSigner) {
    const SampleOptions options;
    auto instructions = testing::sample_instructions(options);
    instructions[2] =
        Instruction{wallet_programs()[0],
                    {{sample_address(), true, false}, {sample_address(30), false, true}},
                    {1, 2, 3}};
    const Payment payment = payment_with(instructions, options);
    const auto read = read_payment(payment);
    ASSERT_TRUE(read);
    const PaymentFacts facts = facts_of(*read, payment.requirements.network);
    EXPECT_EQ(facts.payer, to_text(sample_address()));
    EXPECT_EQ(facts.amount, U256(10'000));
}

TEST(SvmRules, ALegacyTransactionIsRead) {
    Payment payment = sample_payment({});
    Message message = transaction_in(payment).message;
    message.versioned = false;
    put_transaction(payment, sign_as(unsigned_transaction(message), testing::kPayer));
    EXPECT_EQ(code_of(payment), "");
}

TEST(SvmRules, FeesAreRoundedUpAndNeverWrap) {
    struct FeeRow {
        const char* name;
        std::size_t signers;
        std::uint64_t units;
        std::uint64_t price;
        std::optional<std::uint64_t> want;
    };
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    static constexpr FeeRow rows[] = {
        {"two signatures", 2, 0, 0, 10'000},
        {"the reference's own", 2, 20'000, 1, 10'001},
        {"exactly one lamport", 1, 1'000'000, 1, 5'001},
        {"a little more", 1, 1'000'001, 1, 5'002},
        {"the highest price", 2, 400'000, 5'000'000, 2'010'000},
        {"no 64 bits hold it", 2, kMax, kMax, std::nullopt},
    };
    for (const FeeRow& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(fee_of(row.signers, row.units, row.price), row.want);
    }
}

}  // namespace
}  // namespace x402::svm
