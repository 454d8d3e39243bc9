// SPDX-License-Identifier: Apache-2.0
// Transactions on the wire: three made with another implementation (@solana/kit), every demand of
// the reader broken one at a time, and the way there and back.
#include "x402/chains/svm/transaction.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "x402/base/base64.hpp"
#include "x402/base/hex.hpp"
#include "x402/base/random.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

// Compute limit, compute price, TransferChecked, memo; the payer's signature is there, the fee
// payer's is not.
constexpr std::string_view kVersion0 =
    "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADoYpcl"
    "991XjMLUvN7D/rszP4LjL9bdjYvh6Vk1Qu2TFJcrBK2HrVNYT1/xIia0ALv00KGZKWKePmd+ruHnAVcKgAIBBAjSQi5Q"
    "MfZjTQqLKE2/ukJv2aDRdGxPeSDugzbnAJDUEAyELeCEtHeq1OSH5jg5qTXegGamB6adZqRw/BBBIyCGAQEBAQEBAQEB"
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwICAgICAgICAgICAgIC"
    "AgICAgICAgICAgICAgICAgICAwZGb+UhFzL/7K26csOb57yM5bvF9xJrLEObOkAAAAAFSlNamSkhBk0k6HFg2jh8fDW1"
    "3bySu4HkH6hAQQVEjQbd9uHXZaGT2cvhRs7reawctIXtX1s3kTqM9YV+/wCpBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUF"
    "BQUFBQUFBQUEBQAFAiBOAAAFAAkDAQAAAAAAAAAHBAIEAwEKDIfWEgAAAAAABgYABWhlbGxvAA==";
constexpr std::string_view kLegacy =
    "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACOqZuQ"
    "XxLeDTPpCnPVzQZ5vfUQJAHDowqW4rpIPJ8FqPp8t/6OHYqMMQqXqNCUJy6XqvvQO+CfqTy9ErAlzeMLAgEECNJCLlAx"
    "9mNNCosoTb+6Qm/ZoNF0bE95IO6DNucAkNQQDIQt4IS0d6rU5IfmODmpNd6AZqYHpp1mpHD8EEEjIIYBAQEBAQEBAQEB"
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAgICAgICAgICAgICAgIC"
    "AgICAgICAgICAgICAgICAgIDBkZv5SEXMv/srbpyw5vnvIzlu8X3EmssQ5s6QAAAAAVKU1qZKSEGTSTocWDaOHx8NbXd"
    "vJK7geQfqEBBBUSNBt324ddloZPZy+FGzut5rBy0he1fWzeROoz1hX7/AKkFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUF"
    "BQUFBQUFBQQFAAUCIE4AAAUACQMBAAAAAAAAAAcEAgQDAQoMh9YSAAAAAAAGBgAFaGVsbG8=";
constexpr std::string_view kLookingUp =
    "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAePZpU"
    "3GHJUD74TI+uhkiie0c0/SOXfDivHcleJ7QrSwSGt72ljt1hC1ZyBdxdmhVCUVyuKVCNAcsHeA23wPgHgAIBAwbSQi5Q"
    "MfZjTQqLKE2/ukJv2aDRdGxPeSDugzbnAJDUEAyELeCEtHeq1OSH5jg5qTXegGamB6adZqRw/BBBIyCGAQEBAQEBAQEB"
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEDBkZv5SEXMv/srbpyw5vnvIzlu8X3EmssQ5s6QAAAAAVKU1qZKSEGTSTocWDa"
    "OHx8NbXdvJK7geQfqEBBBUSNBt324ddloZPZy+FGzut5rBy0he1fWzeROoz1hX7/AKkFBQUFBQUFBQUFBQUFBQUFBQUF"
    "BQUFBQUFBQUFBQUFBQQDAAUCIE4AAAMACQMBAAAAAAAAAAUEAgcGAQoMh9YSAAAAAAAGBAAFaGVsbG8BCQkJCQkJCQkJ"
    "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkBAgEB";

Address filled(std::uint8_t byte) {
    Address out;
    out.data.fill(byte);
    return out;
}

TEST(ReadTransaction, Version0) {
    const auto got = read_transaction_text(kVersion0);
    ASSERT_TRUE(got) << to_string(got.error());
    const Message& message = got->message;
    EXPECT_TRUE(message.versioned);
    EXPECT_EQ(message.signers, 2);
    EXPECT_EQ(message.readonly_signers, 1);
    EXPECT_EQ(message.readonly_others, 4);
    ASSERT_EQ(message.keys.size(), 8U);
    EXPECT_EQ(to_text(got->fee_payer()), "F9m9YPpVX9YtnkN9JLVCecjaeySDesmSo7w3Et11YPq1");
    EXPECT_EQ(to_text(message.keys[1]), "qrnxQsPJLmvVfdugUTKE3t9NYkXVZWnCzEmShQXq9vd");
    EXPECT_EQ(message.keys[2], filled(1));
    EXPECT_EQ(message.keys[3], filled(3));
    EXPECT_EQ(message.keys[4], filled(2));
    EXPECT_EQ(message.keys[5], compute_budget_program());
    EXPECT_EQ(message.keys[6], memo_program());
    EXPECT_EQ(message.keys[7], token_program());
    EXPECT_EQ(message.blockhash, filled(5));
    ASSERT_EQ(message.instructions.size(), 4U);
    EXPECT_EQ(message.instructions[2].program, 7);
    EXPECT_EQ(message.instructions[2].accounts, (Bytes{2, 4, 3, 1}));
    EXPECT_EQ(to_hex(message.instructions[2].data), "0c87d612000000000006");
    EXPECT_EQ(as_text(message.instructions[3].data), "hello");
    EXPECT_TRUE(message.lookups.empty());
    EXPECT_EQ(message.looked_up(), 0U);

    ASSERT_EQ(got->signatures.size(), 2U);
    EXPECT_TRUE(got->signatures[0].is_zero());
    EXPECT_TRUE(crypto::ed25519_verify(got->message_bytes, got->signatures[1], message.keys[1]));
    EXPECT_EQ(to_hex(message_hash(*got).view()),
              "825f04bbad706e9b4489d082c5dad915eed606d11fb412090328b0e22dcb07a8");
    EXPECT_EQ(to_base64_text(*got), kVersion0);
}

TEST(ReadTransaction, Legacy) {
    const auto got = read_transaction_text(kLegacy);
    ASSERT_TRUE(got) << to_string(got.error());
    EXPECT_FALSE(got->message.versioned);
    EXPECT_EQ(got->message.keys, read_transaction_text(kVersion0)->message.keys);
    EXPECT_EQ(got->message.instructions, read_transaction_text(kVersion0)->message.instructions);
    EXPECT_TRUE(
        crypto::ed25519_verify(got->message_bytes, got->signatures[1], got->message.keys[1]));
    EXPECT_EQ(to_hex(message_hash(*got).view()),
              "b283c478ea2f8480529b6962621e07a2b3effb7c4f57d69b69ae6e8b40d04238");
    EXPECT_EQ(to_base64_text(*got), kLegacy);
    EXPECT_EQ(write(got->message), got->message_bytes);
}

TEST(ReadTransaction, WithLookups) {
    const auto got = read_transaction_text(kLookingUp);
    ASSERT_TRUE(got) << to_string(got.error());
    ASSERT_EQ(got->message.lookups.size(), 1U);
    EXPECT_EQ(got->message.lookups[0].table, filled(9));
    EXPECT_EQ(got->message.lookups[0].writable, Bytes{2});
    EXPECT_EQ(got->message.lookups[0].readonly, Bytes{1});
    EXPECT_EQ(got->message.looked_up(), 2U);
    EXPECT_EQ(got->message.instructions[2].accounts, (Bytes{2, 7, 6, 1}));
    EXPECT_EQ(to_hex(message_hash(*got).view()),
              "51b511a173918f9c5e65fad8c0675d0e439b7d6efe6c0edb0d92325297bececc");
    EXPECT_EQ(to_base64_text(*got), kLookingUp);
}

TEST(MessageHash, DoesNotDependOnSignatures) {
    auto transaction = *read_transaction_text(kVersion0);
    const Hash32 before = message_hash(transaction);
    transaction.signatures[0].data.fill(1);
    EXPECT_EQ(message_hash(transaction), before);
    EXPECT_EQ(message_hash(*read_transaction(write(transaction))), before);
}

TEST(ReadTransactionText, OneAlphabetOfBase64) {
    std::string url(kVersion0);
    ASSERT_NE(url.find_first_of("+/"), std::string::npos);
    std::replace(url.begin(), url.end(), '+', '-');
    std::replace(url.begin(), url.end(), '/', '_');
    EXPECT_EQ(read_transaction_text(url).error().code, Errc::invalid);
    EXPECT_EQ(read_transaction_text("").error().code, Errc::invalid);
    EXPECT_EQ(read_transaction_text(std::string(kVersion0) + "\n").error().code, Errc::invalid);
    EXPECT_EQ(read_transaction_text(std::string(4'000, 'A')).error().code, Errc::too_large);
}

TEST(ReadTransaction, EveryCutIsRefused) {
    for (const std::string_view text : {kVersion0, kLegacy, kLookingUp}) {
        const Bytes wire = *base64_decode(text, kTransactionBytes);
        for (std::size_t size = 0; size < wire.size(); ++size) {
            EXPECT_FALSE(read_transaction(ByteView(wire).first(size))) << size;
        }
        Bytes longer = wire;
        longer.push_back(0);
        EXPECT_EQ(read_transaction(longer).error().code, Errc::invalid);
    }
}

// What differs in one bit is another message, or none, and is never silently the same one.
TEST(ReadTransaction, EveryBitCounts) {
    for (const std::string_view text : {kVersion0, kLegacy, kLookingUp}) {
        const Bytes wire = *base64_decode(text, kTransactionBytes);
        const auto whole = read_transaction(wire);
        for (std::size_t bit = 0; bit < wire.size() * 8; ++bit) {
            Bytes other = wire;
            other[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            const auto got = read_transaction(other);
            if (!got) continue;
            EXPECT_EQ(write(*got), other);
            EXPECT_EQ(write(got->message), got->message_bytes);
            const bool same =
                got->signatures == whole->signatures && got->message == whole->message;
            EXPECT_FALSE(same) << bit;
        }
    }
}

Message small(bool versioned = true) {
    Message message;
    message.versioned = versioned;
    message.signers = 2;
    message.readonly_signers = 1;
    message.readonly_others = 1;
    message.keys = {filled(1), filled(2), filled(3), filled(4)};
    message.blockhash = filled(9);
    message.instructions = {{3, {0, 1, 2}, {7, 8}}, {2, {}, {}}};
    return message;
}

Message looking_up() {
    Message message = small();
    message.lookups = {{filled(8), {5, 0}, {255}}, {filled(7), {}, {1}}};
    message.instructions.push_back({3, {4, 5, 6, 7}, {}});
    return message;
}

TEST(ReadMessage, OneBrokenDemandAtATime) {
    struct Row {
        const char* name;
        std::function<void(Message&)> change;
        bool good;
    };
    const Row rows[] = {
        {"nothing", [](Message&) {}, true},
        {"no signers", [](Message& m) { m.signers = 0; }, false},
        {"one signer, readonly", [](Message& m) { m.signers = 1; }, false},
        {"one signer", [](Message& m) { m.signers = 1, m.readonly_signers = 0; }, true},
        {"all sign", [](Message& m) { m.signers = 4, m.readonly_others = 0; }, true},
        {"all sign, one readonly beside them", [](Message& m) { m.signers = 4; }, false},
        {"more signers than keys", [](Message& m) { m.signers = 5, m.readonly_others = 0; }, false},
        {"as many readonly signers as signers", [](Message& m) { m.readonly_signers = 2; }, false},
        {"more readonly signers than signers", [](Message& m) { m.readonly_signers = 3; }, false},
        {"255 readonly signers", [](Message& m) { m.readonly_signers = 255; }, false},
        {"all others readonly", [](Message& m) { m.readonly_others = 2; }, true},
        {"more readonly others than others", [](Message& m) { m.readonly_others = 3; }, false},
        {"255 readonly others", [](Message& m) { m.readonly_others = 255; }, false},
        {"a key twice", [](Message& m) { m.keys[3] = m.keys[0]; }, false},
        {"neighbours alike", [](Message& m) { m.keys[2] = m.keys[1]; }, false},
        {"no instructions", [](Message& m) { m.instructions.clear(); }, true},
        {"the fee payer as a program", [](Message& m) { m.instructions[0].program = 0; }, false},
        {"a signer as a program", [](Message& m) { m.instructions[0].program = 1; }, true},
        {"a program beyond the keys", [](Message& m) { m.instructions[1].program = 4; }, false},
        {"the last account", [](Message& m) { m.instructions[1].accounts = {3}; }, true},
        {"an account beyond", [](Message& m) { m.instructions[1].accounts = {3, 4}; }, false},
        {"account 255", [](Message& m) { m.instructions[0].accounts = {255}; }, false},
        {"an account twice", [](Message& m) { m.instructions[0].accounts = {0, 0}; }, true},
        {"no blockhash", [](Message& m) { m.blockhash = {}; }, true},
        {"127 bytes of data", [](Message& m) { m.instructions[0].data.resize(127); }, true},
        {"128 bytes of data", [](Message& m) { m.instructions[0].data.resize(128); }, true},
        {"200 accounts", [](Message& m) { m.instructions[0].accounts.resize(200); }, true},
    };
    for (const bool versioned : {true, false}) {
        for (const Row& row : rows) {
            SCOPED_TRACE(row.name);
            Message message = small(versioned);
            row.change(message);
            const Bytes bytes = write(message);
            const auto got = read_message(bytes);
            ASSERT_EQ(got.has_value(), row.good);
            if (!got) {
                EXPECT_EQ(got.error().code, Errc::invalid);
                continue;
            }
            EXPECT_EQ(*got, message);
            EXPECT_EQ(write(*got), bytes);
        }
    }
}

TEST(ReadMessage, Lookups) {
    struct Row {
        const char* name;
        std::function<void(Message&)> change;
        bool good;
    };
    const Row rows[] = {
        {"two tables", [](Message&) {}, true},
        {"an account behind the tables", [](Message& m) { m.instructions[2].accounts = {8}; },
         false},
        {"a looked-up program", [](Message& m) { m.instructions[2].program = 4; }, false},
        {"the last looked-up program", [](Message& m) { m.instructions[2].program = 7; }, false},
        {"nothing looked up in a table",
         [](Message& m) { m.lookups[1].readonly.clear(), m.instructions.pop_back(); }, false},
        {"one table twice", [](Message& m) { m.lookups[1].table = m.lookups[0].table; }, true},
        {"256 accounts", [](Message& m) { m.lookups[0].readonly.assign(249, 3); }, true},
        {"257 accounts", [](Message& m) { m.lookups[0].readonly.assign(250, 3); }, false},
        {"600 accounts", [](Message& m) { m.lookups[0].writable.assign(600, 3); }, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Message message = looking_up();
        row.change(message);
        const auto got = read_message(write(message));
        ASSERT_EQ(got.has_value(), row.good);
        if (got) {
            EXPECT_EQ(*got, message);
        }
    }
    Message last = looking_up();
    last.lookups[0].readonly.assign(249, 3);
    last.instructions[2].accounts = {255};
    EXPECT_TRUE(read_message(write(last)));
}

TEST(ReadMessage, Versions) {
    Bytes bytes = write(small());
    for (int first = 0x80; first <= 0xff; ++first) {
        bytes[0] = static_cast<std::uint8_t>(first);
        const auto got = read_message(bytes);
        ASSERT_EQ(got.has_value(), first == 0x80) << first;
        if (!got) {
            EXPECT_EQ(got.error().code, Errc::unsupported);
        }
    }
    EXPECT_FALSE(read_message(Bytes{0x80}));
    EXPECT_FALSE(read_message({}));
    // The lookups of a version 0 message are no part of a legacy one.
    Bytes legacy = write(small(false));
    legacy.push_back(0);
    EXPECT_EQ(read_message(legacy).error().detail, "Solana transaction: bytes follow its end");
}

// A length where the count of keys stands: [0x80] header, then it.
TEST(ReadMessage, LengthsInTheirShortestForm) {
    struct Row {
        const char* name;
        Bytes length;
    };
    const Row rows[] = {
        {"two bytes for 4", {0x84, 0x00}},
        {"three bytes for 4", {0x84, 0x80, 0x00}},
        {"three bytes for 132", {0x84, 0x81, 0x00}},
        {"four bytes", {0x84, 0x80, 0x80, 0x00}},
        {"four bytes, the last of meaning", {0x84, 0x80, 0x80, 0x01}},
        {"65536", {0x80, 0x80, 0x04}},
        {"the largest of 21 bits", {0xff, 0xff, 0x7f}},
        {"without end", {0xff, 0xff, 0xff, 0xff, 0xff}},
        {"65535", {0xff, 0xff, 0x03}},
        {"none", {0x00}},
        {"one too few", {0x03}},
        {"one too many", {0x05}},
    };
    const Bytes bytes = write(small());
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Bytes other(bytes.begin(), bytes.begin() + 4);
        append(other, row.length);
        other.insert(other.end(), bytes.begin() + 5, bytes.end());
        const auto got = read_message(other);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, Errc::invalid);
    }
}

TEST(ReadTransaction, AsManySignaturesAsSigners) {
    Transaction transaction = unsigned_transaction(small());
    EXPECT_EQ(transaction.signatures.size(), 2U);
    EXPECT_TRUE(read_transaction(write(transaction)));
    for (const std::size_t count : {0U, 1U, 3U}) {
        transaction.signatures.resize(count);
        EXPECT_EQ(read_transaction(write(transaction)).error().code, Errc::invalid) << count;
    }
}

TEST(ReadTransaction, HoldsItsCap) {
    Message message = small();
    message.instructions[0].data.resize(128);
    const std::size_t around = write(unsigned_transaction(message)).size() - 128;
    message.instructions[0].data.resize(kTransactionBytes - around);
    const Transaction largest = unsigned_transaction(message);
    ASSERT_EQ(write(largest).size(), kTransactionBytes);
    EXPECT_TRUE(read_transaction(write(largest)));
    EXPECT_TRUE(read_transaction_text(to_base64_text(largest)));
    EXPECT_TRUE(read_message(largest.message_bytes));

    message.instructions[0].data.push_back(0);
    const Transaction larger = unsigned_transaction(message);
    EXPECT_EQ(read_transaction(write(larger)).error().code, Errc::too_large);
    EXPECT_EQ(read_transaction_text(to_base64_text(larger)).error().code, Errc::too_large);
    EXPECT_EQ(read_message(larger.message_bytes).error().code, Errc::too_large);
    EXPECT_EQ(read_message(Bytes(1'000'000)).error().code, Errc::too_large);
    EXPECT_EQ(read_transaction(Bytes(1'000'000)).error().code, Errc::too_large);
}

TEST(Message, RolesOfStaticKeys) {
    struct Row {
        std::uint8_t signers, readonly_signers, readonly_others;
        std::string_view writable;  // of five keys
    };
    static constexpr Row rows[] = {
        {1, 0, 0, "wwwww"}, {1, 0, 4, "w...."}, {1, 0, 1, "wwww."}, {2, 1, 1, "w.ww."},
        {3, 2, 0, "w..ww"}, {5, 0, 0, "wwwww"}, {5, 4, 0, "w...."},
    };
    for (const Row& row : rows) {
        Message message;
        message.signers = row.signers;
        message.readonly_signers = row.readonly_signers;
        message.readonly_others = row.readonly_others;
        message.keys.resize(5);
        for (std::size_t i = 0; i < 5; ++i) {
            EXPECT_EQ(message.is_writable_static(i), row.writable[i] == 'w') << row.writable << i;
            EXPECT_EQ(message.is_signer(i), i < row.signers);
        }
        EXPECT_FALSE(message.is_writable_static(5));
        EXPECT_FALSE(message.is_signer(5));
    }
}

Message random_message(Random& random) {
    const auto pick = [&random](std::size_t below) -> std::size_t {
        return random.bytes<1>().data[0] % below;
    };
    const auto some = [&](std::size_t most, std::size_t below) {
        Bytes out(pick(most + 1));
        for (auto& each : out) each = static_cast<std::uint8_t>(pick(below));
        return out;
    };
    Message message;
    message.versioned = pick(3) != 0;
    message.keys.resize(2 + pick(9));
    for (Address& key : message.keys) key = random.bytes<32>();
    message.signers =
        static_cast<std::uint8_t>(1 + pick(std::min<std::size_t>(message.keys.size(), 4)));
    message.readonly_signers = static_cast<std::uint8_t>(pick(message.signers));
    message.readonly_others =
        static_cast<std::uint8_t>(pick(message.keys.size() - message.signers + 1));
    message.blockhash = random.bytes<32>();
    if (message.versioned) message.lookups.resize(pick(3));
    for (TableLookup& each : message.lookups) {
        each.table = random.bytes<32>();
        each.writable = some(4, 256);
        each.readonly = some(4, 256);
        if (each.writable.empty() && each.readonly.empty()) each.writable.push_back(1);
    }
    const std::size_t total = message.keys.size() + message.looked_up();
    message.instructions.resize(pick(5));
    for (CompiledInstruction& each : message.instructions) {
        each.program = static_cast<std::uint8_t>(1 + pick(message.keys.size() - 1));
        each.accounts = some(12, total);
        each.data = some(pick(20) == 0 ? 200 : 20, 256);
    }
    return message;
}

TEST(ReadTransaction, RoundTrip) {
    const auto random = make_test_random(1232);
    int read = 0;
    for (int i = 0; i < 3'000; ++i) {
        Transaction transaction = unsigned_transaction(random_message(*random));
        for (Signature& each : transaction.signatures) each = random->bytes<64>();
        const Bytes wire = write(transaction);
        const auto got = read_transaction(wire);
        ASSERT_EQ(got.has_value(), wire.size() <= kTransactionBytes);
        if (!got) continue;
        ++read;
        EXPECT_EQ(got->message, transaction.message);
        EXPECT_EQ(got->signatures, transaction.signatures);
        EXPECT_EQ(write(*got), wire);
        EXPECT_EQ(write(got->message), got->message_bytes);
        EXPECT_EQ(*read_message(got->message_bytes), got->message);
    }
    EXPECT_GT(read, 2'500);
}

// Strict reading has one text for one meaning: what is read from changed bytes is written as them.
TEST(ReadTransaction, RoundTripOfChangedBytes) {
    const auto random = make_test_random(35);
    int read = 0;
    for (int i = 0; i < 30'000; ++i) {
        Bytes wire = write(unsigned_transaction(random_message(*random)));
        const auto change = random->bytes<4>().data;
        const std::size_t at = (std::size_t{change[0]} << 8 | change[1]) % wire.size();
        if (change[2] % 3 == 0) {
            wire[at] = change[3];
        } else if (change[2] % 3 == 1) {
            wire.insert(wire.begin() + static_cast<std::ptrdiff_t>(at), change[3]);
        } else {
            wire.erase(wire.begin() + static_cast<std::ptrdiff_t>(at));
        }
        const auto got = read_transaction(wire);
        if (!got) continue;
        ++read;
        ASSERT_EQ(write(*got), wire);
        ASSERT_EQ(write(got->message), got->message_bytes);
    }
    EXPECT_GT(read, 1'000);
}

}  // namespace
}  // namespace x402::svm
