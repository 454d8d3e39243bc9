// SPDX-License-Identifier: Apache-2.0
// A full table of losses: whoever is cooling down stays, whoever is not makes room.
#include "x402/server/losses.hpp"

#include <gtest/gtest.h>

namespace x402::server {
namespace {

constexpr int kRows = 10'000;
const Instant kStart = from_unix_s(1'000'000);

Instant at(int minutes) {
    return kStart + std::chrono::minutes(minutes);
}

void lose(Losses& losses, const std::string& payer, Instant when, int times = 1) {
    for (int i = 0; i < times; ++i) losses.note(payer, "GET /a", when);
}

bool cools(const Losses& losses, const std::string& payer, Instant when) {
    return losses.must_pay_first(payer, "GET /a", when);
}

// On a public chain a cancellation is final long after the payment's own end.
TEST(Losses, WhatThePayerDidCountsLateToo) {
    struct Row {
        const char* code;
        bool in_time;
        bool late;
    };
    static constexpr Row rows[] = {
        {"invalid_exact_evm_nonce_already_used", true, true},
        {"invalid_exact_evm_insufficient_balance", true, true},
        {"invalid_exact_evm_transaction_failed", true, true},
        {"invalid_transaction_state", true, true},
        {"authorization_expired", true, false},
        {"invalid_exact_evm_payload_authorization_valid_before", true, false},
        {"unexpected_settle_error", false, false},
        {"temporarily_unavailable", false, false},
        {"a_code_of_its_own", true, false},
        {"", true, false}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.code);
        EXPECT_EQ(is_payers_loss(at(1), at(0), row.code), row.in_time);
        EXPECT_EQ(is_payers_loss(at(0), at(0), row.code), row.late);
        EXPECT_EQ(is_payers_loss(at(0) + kDying, at(0), row.code), row.in_time);
        EXPECT_EQ(is_payers_loss(at(0), at(20), row.code), row.late);
    }
}

// An attacker who fills the table with one loss each cannot keep others out of it, nor wash a
// payer's hour away.
TEST(Losses, AFullTableTakesWhoComesAndKeepsWhoCoolsDown) {
    Losses losses;
    lose(losses, "a-cooling", at(0), 3);
    for (int i = 1; i < kRows; ++i) lose(losses, "b" + std::to_string(i), at(0));
    lose(losses, "c-new", at(1), 3);
    EXPECT_TRUE(cools(losses, "c-new", at(2)));
    for (int i = 0; i < 100; ++i) lose(losses, "d" + std::to_string(i), at(2));
    EXPECT_TRUE(cools(losses, "a-cooling", at(59)));
    EXPECT_TRUE(cools(losses, "c-new", at(59)));
}

// Who is known already needs no room: the third loss counts in a full table too.
TEST(Losses, AFullTableStillCounts) {
    Losses losses;
    for (int i = 0; i < kRows; ++i) lose(losses, "a" + std::to_string(i), at(0));
    for (const char* payer : {"a0", "a5000", "a9999"}) {
        lose(losses, payer, at(1), 2);
        EXPECT_TRUE(cools(losses, payer, at(2))) << payer;
    }
    lose(losses, "b", at(2), 2);
    lose(losses, "c", at(3));
    lose(losses, "b", at(4));
    EXPECT_TRUE(cools(losses, "b", at(5))) << "the oldest made room for c, not the latest";
}

TEST(Losses, WhoeverCoolsDownIsNeverPutOut) {
    Losses losses;
    for (int i = 0; i < kRows; ++i) lose(losses, "a" + std::to_string(i), at(0), 3);
    lose(losses, "b", at(1), 3);
    EXPECT_FALSE(cools(losses, "b", at(2))) << "there is no room";
    for (const int i : {0, 1, 5'000, kRows - 1})
        EXPECT_TRUE(cools(losses, "a" + std::to_string(i), at(2)));
    lose(losses, "b", at(61), 3);
    EXPECT_TRUE(cools(losses, "b", at(62))) << "their hour is over";
}

TEST(Losses, APaymentAboutToDieIsNobodysLoss) {
    EXPECT_TRUE(is_dying(kStart, kStart + std::chrono::seconds(1)));
    EXPECT_TRUE(is_dying(kStart, kStart));
    EXPECT_TRUE(is_dying(kStart + std::chrono::milliseconds(9'999), kStart));
    EXPECT_FALSE(is_dying(kStart + std::chrono::seconds(10), kStart));
}

}  // namespace
}  // namespace x402::server
