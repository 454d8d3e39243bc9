// SPDX-License-Identifier: Apache-2.0
// What is signed, who signed it, and what a payment must say.
#include "x402/chains/_template/transfer.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "x402/chains/_template/keys.hpp"
#include "x402/chains/_template/networks.hpp"
#include "x402/schemes/exact.hpp"

namespace x402::mychain {
namespace {

crypto::Secret key_of(std::uint8_t filling) {
    return crypto::Secret(Bytes(32, filling));
}

Payment signed_payment() {
    Transfer transfer;
    transfer.network = known_networks().front().id.text();
    transfer.asset = "coin";
    transfer.from = *address_of_key(key_of(1));
    transfer.to = *address_of_key(key_of(2));
    transfer.amount = U256{1000};
    transfer.expires = from_unix_s(1'700'000'000);
    transfer.nonce = std::string(32, 'a');
    transfer.signature = *sign_digest(transfer.digest(), key_of(1));
    Payment payment;
    payment.requirements.scheme = std::string(exact::kScheme);
    payment.requirements.network = known_networks().front().id;
    payment.requirements.asset = transfer.asset;
    payment.requirements.pay_to = transfer.to;
    payment.requirements.amount = transfer.amount;
    payment.payload.accepted = payment.requirements;
    payment.payload.payload = write(transfer);
    return payment;
}

TEST(Transfer, ComesBackAsItWasWritten) {
    const Payment payment = signed_payment();
    const auto transfer = read_payment(payment);
    ASSERT_TRUE(transfer);
    EXPECT_EQ(write(*transfer), payment.payload.payload);
    EXPECT_EQ(*recover_address(transfer->digest(), transfer->signature), transfer->from);
    EXPECT_FALSE(check_terms(*transfer, payment.requirements));
}

TEST(Transfer, EverySignedMemberChangesItsName) {
    const auto transfer = read_payment(signed_payment());
    ASSERT_TRUE(transfer);
    struct Row {
        const char* name;
        std::function<void(Transfer&)> change;
    };
    const Row rows[] = {
        {"network", [](Transfer& t) { t.network += "x"; }},
        {"asset", [](Transfer& t) { t.asset += "x"; }},
        {"from", [](Transfer& t) { t.from += "x"; }},
        {"to", [](Transfer& t) { t.to += "x"; }},
        {"amount", [](Transfer& t) { t.amount = U256{1}; }},
        {"expires", [](Transfer& t) { t.expires += Duration{1}; }},
        {"nonce", [](Transfer& t) { t.nonce += "x"; }},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Transfer other = *transfer;
        row.change(other);
        EXPECT_NE(other.id(), transfer->id());
        EXPECT_NE(other.key(), transfer->key());
    }
    Transfer resigned = *transfer;
    resigned.signature += "x";
    EXPECT_EQ(resigned.key(), transfer->key()) << "how it is encoded is not what it is";
}

TEST(Transfer, RefusesWhatIsNotWellFormed) {
    struct Row {
        const char* name;
        const char* member;
        json::Value value;
    };
    const json::Value upper(std::string("MYCHAIN1") + std::string(40, 'A'));
    const json::Value no_hex(std::string(32, 'z'));
    const Row rows[] = {
        {"no address", "from", "nobody"},
        {"upper case", "to", upper},
        {"a sign", "amount", "-1"},
        {"a leading zero", "amount", "01"},
        {"no integer", "expires", "soon"},
        {"a short nonce", "nonce", "ab"},
        {"no hex", "nonce", no_hex},
        {"two lines", "asset", "co\nin"},
        {"no signature", "signature", nullptr},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Payment payment = signed_payment();
        payment.payload.payload[row.member] = row.value;
        const auto read = read_payment(payment);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, "invalid_payload");
    }
}

TEST(Transfer, HoldsTheTermsAgainstWhatWasSigned) {
    const Payment payment = signed_payment();
    const auto transfer = read_payment(payment);
    ASSERT_TRUE(transfer);
    struct Row {
        const char* name;
        std::function<void(PaymentRequirements&)> change;
    };
    const Row rows[] = {
        {"recipient", [](auto& terms) { terms.pay_to = *address_of_key(key_of(3)); }},
        {"asset", [](auto& terms) { terms.asset = "token"; }},
        {"more", [](auto& terms) { terms.amount = U256{1001}; }},
        {"less", [](auto& terms) { terms.amount = U256{999}; }},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        PaymentRequirements terms = payment.requirements;
        row.change(terms);
        EXPECT_TRUE(check_terms(*transfer, terms).has_value());
    }
}

TEST(Keys, AreToldApartByTheirForm) {
    const Wallets wallets;
    const std::string front = std::string(kFamily) + "-";
    EXPECT_TRUE(wallets.recognizes(front + std::string(64, '1')));
    EXPECT_FALSE(wallets.recognizes("0x" + std::string(64, '1')));
    EXPECT_FALSE(wallets.parse(crypto::Secret::from_text(front + std::string(63, '1'))));
    const auto wallet = wallets.parse(crypto::Secret::from_text(front + std::string(64, '1')));
    ASSERT_TRUE(wallet);
    EXPECT_EQ(*read_address((*wallet)->address()), (*wallet)->address());
}

TEST(Keys, AForeignSignatureIsNotThePayers) {
    const auto transfer = read_payment(signed_payment());
    ASSERT_TRUE(transfer);
    const std::string other = *sign_digest(transfer->digest(), key_of(9));
    EXPECT_NE(recover_address(transfer->digest(), other).value_or(""), transfer->from);
    EXPECT_FALSE(recover_address(transfer->digest(), other.substr(2)));
    EXPECT_FALSE(recover_address(transfer->digest(), ""));
}

}  // namespace
}  // namespace x402::mychain
