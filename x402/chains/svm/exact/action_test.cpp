// SPDX-License-Identifier: Apache-2.0
// An action written is the action read, and what the journal cannot have written is refused.
#include "x402/chains/svm/exact/action.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm {
namespace {

using testing::kFeePayer;
using testing::sample_address;

TransferAction sample_action() {
    const Transaction transaction = testing::sample_transaction({});
    TransferAction action;
    action.transaction = to_base64_text(transaction);
    action.hash = message_hash(transaction);
    action.payer = sample_address();
    action.fee_payer = sample_address(kFeePayer);
    action.mint = testing::address_at(testing::kUsdc);
    action.destination = testing::sample_transfer({}).destination;
    action.amount = 10'000;
    action.fee = 10'001;
    return action;
}

void expect_equal(const TransferAction& got, const TransferAction& want) {
    EXPECT_EQ(got.transaction, want.transaction);
    EXPECT_EQ(got.hash, want.hash);
    EXPECT_EQ(got.payer, want.payer);
    EXPECT_EQ(got.fee_payer, want.fee_payer);
    EXPECT_EQ(got.mint, want.mint);
    EXPECT_EQ(got.destination, want.destination);
    EXPECT_EQ(got.amount, want.amount);
    EXPECT_EQ(got.path, want.path);
    EXPECT_EQ(got.fee, want.fee);
    EXPECT_EQ(got.last_height, want.last_height);
}

TEST(Action, WrittenIsRead) {
    TransferAction action = sample_action();
    auto read = read_action(write(action));
    ASSERT_TRUE(read);
    expect_equal(*read, action);
    action.path = TransferPath::wallet;
    action.last_height = ~std::uint64_t{0};
    action.amount = ~std::uint64_t{0};
    action.fee = 0;
    const auto text = json::dump(write(action));
    read = read_action(*json::parse_object(text));
    ASSERT_TRUE(read);
    expect_equal(*read, action);
    EXPECT_TRUE(write(action).at("lastHeight").is_string()) << "no number of JSON holds it";
}

TEST(Action, WhatTheJournalCannotHaveWritten) {
    struct Row {
        const char* name;
        std::function<void(json::Object&)> change;
    };
    const auto set = [](const char* key, json::Value value) {
        return [key, value](json::Object& body) { body[key] = value; };
    };
    const Row rows[] = {
        {"no transaction", [](json::Object& body) { body.erase("transaction"); }},
        {"no base64", set("transaction", "***")},
        {"no transaction's bytes", set("transaction", "AAAA")},
        {"no payer", [](json::Object& body) { body.erase("payer"); }},
        {"no address", set("payer", "somebody")},
        {"another fee payer", set("feePayer", json::Value(to_text(sample_address())))},
        {"no mint", set("mint", nullptr)},
        {"no destination", set("destination", 7)},
        {"a number", set("amount", 10'000)},
        {"no decimal", set("amount", "1e4")},
        {"negative", set("amount", "-1")},
        {"zero", set("amount", "0")},
        {"too large", set("amount", "18446744073709551616")},
        {"no fee", [](json::Object& body) { body.erase("fee"); }},
        {"no path", set("path", "by air")},
        {"no height", set("lastHeight", "high")},
        {"a height that is a number", set("lastHeight", 150)},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        json::Object body = write(sample_action());
        row.change(body);
        EXPECT_FALSE(read_action(body));
    }
}

// Whatever stands in the journal, the hash is that of the bytes, and a signature of ours is made
// anew.
TEST(Action, HashAndSignatureAreNotTaken) {
    TransferAction action = sample_action();
    action.hash = Hash32{};
    const auto read = read_action(write(action));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->hash, sample_action().hash);
    action.transaction =
        to_base64_text(testing::sign_as(testing::sample_transaction({}), kFeePayer));
    EXPECT_FALSE(read_action(write(action)));
}

TEST(Action, Parts) {
    EXPECT_EQ(read_part(write_part(U256(7))), U256(7));
    EXPECT_EQ(read_part(write_part(U256(0))), U256(0));
    EXPECT_EQ(read_part(write_part(std::nullopt)), std::nullopt);
    EXPECT_TRUE(write_part(std::nullopt).empty());
    json::Object body;
    body["credited"] = 7;
    EXPECT_EQ(read_part(body), std::nullopt);
    body["credited"] = "seven";
    EXPECT_EQ(read_part(body), std::nullopt);
}

}  // namespace
}  // namespace x402::svm
