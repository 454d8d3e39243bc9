// SPDX-License-Identifier: Apache-2.0
// Rows 1 to 9 of the reference's order that need no chain, each broken alone, and the order where
// two are broken.
#include <gtest/gtest.h>

#include "x402/base/hex.hpp"
#include "x402/chains/evm/exact/client.hpp"
#include "x402/chains/evm/exact/rules.hpp"
#include "x402/chains/evm/exact/server.hpp"
#include "x402/chains/evm/signature.hpp"
#include "x402/chains/evm/testing/samples.hpp"
#include "x402/schemes/exact.hpp"

namespace x402::evm {
namespace {

using testing::Change;
using testing::kNow;
using testing::sample_payment;

std::string code_of(const Payment& payment) {
    const auto read = read_payment(payment);
    if (!read) return read.error().code;
    const auto refusal = check_signed(*read, payment, kNow);
    return refusal ? refusal->code : "";
}

void set(Payment& payment, const char* key, const char* value) {
    payment.payload.payload["authorization"].as_object()[key] = value;
}
void set_signature(Payment& payment, const std::string& value) {
    payment.payload.payload["signature"] = value;
}

struct Row {
    const char* name;
    Change change;
    std::string_view code;
};

const Row kRows[] = {
    {"a good payment", [](Payment&) {}, ""},
    {"scheme asked", [](Payment& p) { p.requirements.scheme = "upto"; },
     "invalid_exact_evm_scheme"},
    {"scheme signed", [](Payment& p) { p.payload.accepted.scheme = "upto"; },
     "invalid_exact_evm_scheme"},
    {"no name", [](Payment& p) { p.requirements.extra.erase("name"); },
     "invalid_exact_evm_missing_eip712_domain"},
    {"no version", [](Payment& p) { p.requirements.extra.erase("version"); },
     "invalid_exact_evm_missing_eip712_domain"},
    {"name is no text", [](Payment& p) { p.requirements.extra["name"] = 5; },
     "invalid_exact_evm_missing_eip712_domain"},
    {"other network", [](Payment& p) { p.payload.accepted.network = *ChainId::parse("eip155:1"); },
     "invalid_exact_evm_network_mismatch"},
    {"other family",
     [](Payment& p) {
         p.payload.accepted.network = *ChainId::parse("solana:abc");
         p.requirements.network = p.payload.accepted.network;
     },
     "invalid_exact_evm_network_mismatch"},
    {"permit2 asked", [](Payment& p) { p.requirements.extra["assetTransferMethod"] = "permit2"; },
     "invalid_exact_evm_payload"},
    {"asset is no address", [](Payment& p) { p.requirements.asset = "USDC"; },
     "invalid_payment_requirements"},
    {"payTo is no address", [](Payment& p) { p.requirements.pay_to = "merchant"; },
     "invalid_payment_requirements"},
    {"amount 0", [](Payment& p) { p.requirements.amount = U256(0); },
     "invalid_payment_requirements"},
    {"no authorization", [](Payment& p) { p.payload.payload.erase("authorization"); },
     "invalid_exact_evm_payload"},
    {"no signature", [](Payment& p) { p.payload.payload.erase("signature"); },
     "invalid_exact_evm_payload"},
    {"value as number",
     [](Payment& p) { p.payload.payload["authorization"].as_object()["value"] = 10000; },
     "invalid_exact_evm_payload"},
    {"value 1e3", [](Payment& p) { set(p, "value", "1e3"); }, "invalid_exact_evm_payload"},
    {"value 0x10", [](Payment& p) { set(p, "value", "0x10"); }, "invalid_exact_evm_payload"},
    {"value -1", [](Payment& p) { set(p, "value", "-1"); }, "invalid_exact_evm_payload"},
    {"value 0.02", [](Payment& p) { set(p, "value", "0.02"); }, "invalid_exact_evm_payload"},
    {"value with a leading zero", [](Payment& p) { set(p, "value", "010000"); },
     "invalid_exact_evm_payload"},
    {"value in other digits", [](Payment& p) { set(p, "value", "\xD9\xA1\xD9\xA0"); },
     "invalid_exact_evm_payload"},
    {"value 2^256",
     [](Payment& p) {
         set(p, "value",
             "115792089237316195423570985008687907853269984665640564039457584007913129639936");
     },
     "invalid_exact_evm_payload"},
    {"short nonce", [](Payment& p) { set(p, "nonce", "0x12"); }, "invalid_exact_evm_payload"},
    {"signature is no hex", [](Payment& p) { set_signature(p, "0xzz"); },
     "invalid_exact_evm_payload"},
    {"signature without 0x", [](Payment& p) { set_signature(p, "1234"); },
     "invalid_exact_evm_payload"},
    {"signature without end", [](Payment& p) { set_signature(p, "0x" + std::string(20'000, 'a')); },
     "invalid_exact_evm_payload"},
    {"counterfactual wallet",
     [](Payment& p) {
         set_signature(p, "0xabcd6492649264926492649264926492649264926492649264926492649264926492");
     },
     "eip6492_factory_not_allowed"},
    {"other recipient", [](Payment& p) { p.requirements.pay_to = testing::kStranger; },
     "invalid_exact_evm_recipient_mismatch"},
    {"expired", [](Payment& p) { set(p, "validBefore", "1700000000"); },
     "invalid_exact_evm_payload_authorization_valid_before"},
    {"expires in 5 s", [](Payment& p) { set(p, "validBefore", "1800000005"); },
     "invalid_exact_evm_payload_authorization_valid_before"},
    {"expires in 6 s", [](Payment& p) { set(p, "validBefore", "1800000006"); }, ""},
    {"valid for the timeout and a minute", [](Payment& p) { set(p, "validBefore", "1800000360"); },
     ""},
    {"valid for too long", [](Payment& p) { set(p, "validBefore", "1800000361"); },
     "invalid_exact_evm_payload_authorization_valid_before_too_late"},
    {"year 9999", [](Payment& p) { set(p, "validBefore", "253402300799"); },
     "invalid_exact_evm_payload_authorization_valid_before_too_late"},
    {"validBefore 2^255",
     [](Payment& p) {
         set(p, "validBefore",
             "57896044618658097711785492504343953926634992332820282019728792003956564819968");
     },
     "invalid_exact_evm_payload_authorization_valid_before_too_late"},
    {"valid from now on is too late by a second",
     [](Payment& p) { set(p, "validAfter", "1800000000"); },
     "invalid_exact_evm_payload_authorization_valid_after"},
    {"valid since a second ago", [](Payment& p) { set(p, "validAfter", "1799999999"); }, ""},
    {"valid from later on", [](Payment& p) { set(p, "validAfter", "1800000100"); },
     "invalid_exact_evm_payload_authorization_valid_after"},
    {"less", [](Payment& p) { set(p, "value", "9999"); },
     "invalid_exact_evm_payload_authorization_value_mismatch"},
    {"more", [](Payment& p) { set(p, "value", "10001"); },
     "invalid_exact_evm_payload_authorization_value_mismatch"},
    {"version 1, less",
     [](Payment& p) {
         p.payload.version = 1;
         set(p, "value", "9999");
     },
     "invalid_exact_evm_authorization_value"},
    {"version 1, more",
     [](Payment& p) {
         p.payload.version = 1;
         set(p, "value", "10001");
     },
     ""},
    // Two at once: the earlier row is told.
    {"recipient before expiry",
     [](Payment& p) {
         p.requirements.pay_to = testing::kStranger;
         set(p, "validBefore", "1700000000");
     },
     "invalid_exact_evm_recipient_mismatch"},
    {"expiry before value",
     [](Payment& p) {
         set(p, "value", "1");
         set(p, "validBefore", "1700000000");
     },
     "invalid_exact_evm_payload_authorization_valid_before"},
    {"validBefore before validAfter",
     [](Payment& p) {
         set(p, "validAfter", "1800000100");
         set(p, "validBefore", "253402300799");
     },
     "invalid_exact_evm_payload_authorization_valid_before_too_late"},
    {"validAfter before value",
     [](Payment& p) {
         set(p, "validAfter", "1800000100");
         set(p, "value", "1");
     },
     "invalid_exact_evm_payload_authorization_valid_after"},
    {"domain before network",
     [](Payment& p) {
         p.requirements.extra.erase("name");
         p.payload.accepted.network = *ChainId::parse("eip155:1");
     },
     "invalid_exact_evm_missing_eip712_domain"},
};

TEST(ExactRules, Rows) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.name);
        Payment payment = sample_payment();
        row.change(payment);
        EXPECT_EQ(code_of(payment), row.code);
    }
}

TEST(ExactRules, FactsComeFromTheSignedData) {
    const Payment payment = sample_payment();
    const ExactClient client;
    const auto facts = client.facts(payment);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->payer, testing::payer_address());
    EXPECT_EQ(facts->amount, U256(10000));
    EXPECT_EQ(to_unix_s(facts->usable_from), 1);
    EXPECT_EQ(to_unix_s(facts->usable_until), 1'800'000'300);
    const std::string key = facts->key.value();
    EXPECT_TRUE(
        key.starts_with("eip3009~eip155~84532~0x036cbd53842c5426634e7929541ec2318f3dcf7e~0x"))
        << key;
    EXPECT_EQ(key.size(), std::string("eip3009~eip155~84532~").size() + 42 + 1 + 42 + 1 + 66);
}

std::string upper_hex(std::string text) {
    for (std::size_t i = 2; i < text.size(); ++i) {
        if (text[i] >= 'a' && text[i] <= 'f') text[i] = static_cast<char>(text[i] - 'a' + 'A');
    }
    return text;
}

// The same authorization in another coat is the same payment (attack 3).
TEST(ExactRules, KeyKnowsNoCase) {
    const Payment payment = sample_payment();
    Payment other = payment;
    auto& authorization = other.payload.payload["authorization"].as_object();
    for (const char* key : {"from", "nonce"}) {
        authorization[key] = upper_hex(std::string(json::text_or_empty(authorization, key)));
    }
    other.requirements.asset = upper_hex(other.requirements.asset);
    other.payload.extensions["note"] = "x";
    const ExactServer server;
    ASSERT_TRUE(server.facts(other));
    EXPECT_EQ(server.facts(other)->key, server.facts(payment)->key);
    Payment later = payment;
    later.payload.payload["authorization"].as_object()["nonce"] = "0x" + std::string(64, '7');
    EXPECT_NE(server.facts(later)->key, server.facts(payment)->key);
}

TEST(ExactRules, PayloadComesBack) {
    const Payment payment = sample_payment();
    const auto read = read_transfer_payload(payment.payload.payload);
    ASSERT_TRUE(read);
    EXPECT_EQ(write(*read), payment.payload.payload);
}

TEST(ExactClient, SignsWhatTheFacilitatorReads) {
    const Payment payment = sample_payment();
    const auto read = read_payment(payment);
    ASSERT_TRUE(read);
    const Authorization& signed_data = read->payload.authorization;
    EXPECT_EQ(signed_data.valid_after, U256(0));
    EXPECT_EQ(signed_data.valid_before, U256(1'800'000'300));
    EXPECT_EQ(signed_data.value, U256(10000));
    EXPECT_FALSE(signed_data.nonce.is_zero());
    const auto signer = recover_signer(read->digest(), read->payload.signature);
    ASSERT_TRUE(signer);
    EXPECT_EQ(to_checksum(*signer), testing::payer_address());
    EXPECT_NE(sample_payment(8).payload.payload, payment.payload.payload) << "nonces must differ";
}

TEST(ExactClient, RefusesOffersItCannotPay) {
    const ExactClient client;
    EXPECT_FALSE(client.cannot_pay(sample_payment().requirements));
    const auto refused = [&client](void (*change)(PaymentRequirements&)) {
        PaymentRequirements offer = sample_payment().requirements;
        change(offer);
        const auto refusal = client.cannot_pay(offer);
        return refusal ? refusal->code : std::string();
    };
    using Offer = PaymentRequirements;
    EXPECT_EQ(refused([](Offer& o) { o.scheme = "upto"; }), "unsupported_scheme");
    EXPECT_EQ(refused([](Offer& o) { o.network = *ChainId::parse("solana:abc"); }),
              "invalid_network");
    EXPECT_EQ(refused([](Offer& o) { o.extra["assetTransferMethod"] = "permit2"; }),
              "unsupported_scheme");
    EXPECT_EQ(refused([](Offer& o) { o.extra.erase("version"); }),
              "invalid_exact_evm_missing_eip712_domain");
    EXPECT_EQ(refused([](Offer& o) { o.asset = "0x12"; }), "invalid_payment_requirements");
    EXPECT_EQ(refused([](Offer& o) { o.pay_to = ""; }), "invalid_payment_requirements");
    EXPECT_EQ(refused([](Offer& o) { o.max_timeout_seconds = 0; }), "invalid_payment_requirements");
    EXPECT_EQ(refused([](Offer& o) { o.max_timeout_seconds = INT64_MAX; }),
              "invalid_payment_requirements");
}

AssetInfo sample_asset() {
    AssetInfo asset;
    asset.address = std::string(testing::kToken);
    asset.symbol = "USDC";
    asset.decimals = 6;
    asset.extra["name"] = "USDC";
    asset.extra["version"] = "2";
    return asset;
}

TEST(ExactServer, Enrich) {
    const ExactServer server;
    PaymentRequirements offer = sample_payment().requirements;
    offer.extra.clear();
    ASSERT_TRUE(server.enrich(offer, sample_asset(), {}));
    EXPECT_EQ(json::dump(offer.extra), R"({"name":"USDC","version":"2"})");
    AssetInfo unknown = sample_asset();
    unknown.extra.erase("version");
    offer.extra.clear();
    EXPECT_EQ(server.enrich(offer, unknown, {}).error().field, "extra.version");
    AssetInfo permit2 = sample_asset();
    permit2.extra["assetTransferMethod"] = "permit2";
    EXPECT_EQ(server.enrich(offer, permit2, {}).error().code, Errc::unsupported);
    offer.extra["name"] = "Another";
    EXPECT_EQ(server.enrich(offer, sample_asset(), {}).error().field, "extra.name");
    offer.extra.clear();
    offer.extra["paymentFlow"] = "escrow";
    EXPECT_FALSE(server.enrich(offer, sample_asset(), {}));
}

TEST(ExactServer, ChecksTermsAndSettlesTheWholeAmountOnce) {
    const ExactServer server;
    Payment payment = sample_payment();
    EXPECT_TRUE(server.check(payment, std::nullopt).verdict.valid());
    EXPECT_EQ(server.check(payment, std::nullopt).verdict.payer, testing::payer_address());
    const auto request = server.settle_request(payment, ServerScheme::Phase::only, U256(10000));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->requirements.amount, U256(10000));
    EXPECT_FALSE(server.settle_request(payment, ServerScheme::Phase::only, U256(9999)));
    EXPECT_FALSE(server.settle_request(payment, ServerScheme::Phase::deposit, U256(10000)));
    EXPECT_EQ(server.flow(payment.requirements), PaymentFlow::authorization);
    payment.requirements.extra["paymentFlow"] = "upfront";
    EXPECT_EQ(server.flow(payment.requirements), PaymentFlow::upfront);
    payment.requirements.amount = U256(20000);
    const auto verdict = server.check(payment, std::nullopt).verdict;
    ASSERT_FALSE(verdict.valid());
    EXPECT_EQ(verdict.refusal->code, "invalid_exact_evm_payload_authorization_value_mismatch");
    EXPECT_EQ(verdict.refusal->expected, "20000");
    EXPECT_EQ(verdict.refusal->actual, "10000");
}

}  // namespace
}  // namespace x402::evm
