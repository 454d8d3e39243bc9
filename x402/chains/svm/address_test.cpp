// SPDX-License-Identifier: Apache-2.0
// Addresses: texts that are one and that are not, derived addresses made with another
// implementation (@solana/kit), and the programs by name.
#include "x402/chains/svm/address.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "x402/base/base58.hpp"
#include "x402/base/random.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/crypto/ed25519.hpp"

namespace x402::svm {
namespace {

TEST(ParseAddress, Table) {
    struct Row {
        const char* name;
        std::string text;
        bool good;
    };
    const Row rows[] = {
        {"44 characters", "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb1", false},
        {"43 characters", "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb", true},
        {"another case", "tokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb", true},
        {"all zero", std::string(32, '1'), true},
        {"31 zeros", std::string(31, '1'), false},
        {"33 zeros", std::string(33, '1'), false},
        {"the largest", "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG", true},
        {"one more than the largest", "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFH", false},
        {"44 times the last digit", std::string(44, 'z'), false},
        {"31 bytes", to_base58(Bytes(31, 0xff)), false},
        {"33 bytes, as many characters", to_base58(Bytes(33, 1)), false},
        {"empty", "", false},
        {"an EVM address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", false},
        {"space in front", " TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", false},
        {"space behind", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA ", false},
        {"a zero for an o", "T0kenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", false},
        {"long", std::string(100'000, 'a'), false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = parse_address(row.text);
        ASSERT_EQ(got.has_value(), row.good);
        if (got) {
            EXPECT_EQ(to_text(*got), row.text);
        } else {
            EXPECT_EQ(got.error().code, Errc::invalid);
            EXPECT_FALSE(got.error().next.empty());
            EXPECT_LT(got.error().detail.size(), 200U);
        }
    }
}

TEST(DeriveAddress, KnownOnes) {
    struct Row {
        const char* name;
        std::string_view program;
        std::vector<std::string> seeds;
        std::string_view want;
        int bump;
    };
    constexpr std::string_view kLoader = "BPFLoader1111111111111111111111111111111111";
    constexpr std::string_view kToken = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
    const Row rows[] = {
        {"no seed", kLoader, {}, "EXWkUCz3YJU9TDVk39ogA4TwoVsUi75ZDhH6yT7acPgQ", 255},
        {"an empty seed", kLoader, {""}, "EXWkUCz3YJU9TDVk39ogA4TwoVsUi75ZDhH6yT7acPgQ", 255},
        {"one", kLoader, {"hello"}, "GxjqTUiZ3AurqWa1b1DFf1tRWGHE3ijPCAyfMJt1gzz1", 255},
        {"two",
         kLoader,
         {"Talking", "Squirrels"},
         "2zk8CrqYchWk9r6pLafrpKSBovS9Uk69Urk8YebszXAX",
         255},
        {"the longest",
         kLoader,
         {std::string(32, 'a')},
         "Vs9P9q7jfRbYswx8HQ3xNK7TgGByQ1gzPdkhDiygeaH",
         254},
        {"the most", kLoader, std::vector<std::string>(15, "x"),
         "99URhhjF1jD9Daby9XarVRAGPX7dz32VfHpqHuscR37E", 253},
        {"ten on the curve",
         kToken,
         {"seed 152"},
         "B4DeGAiwXnWk1NRv648gBHWCoa5pN9bYH1R97kpwgxRT",
         245},
        {"fourteen on the curve",
         kToken,
         {"seed 4587"},
         "G8iStyQy6jW6h7WT7TpX2WLP9kaN8jpx7xYDgLLeLhYg",
         241},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        std::vector<ByteView> seeds;
        for (const std::string& seed : row.seeds) seeds.push_back(as_bytes(seed));
        const auto got = derive_address(seeds, address_of_literal(row.program));
        ASSERT_TRUE(got);
        EXPECT_EQ(to_text(got->address), row.want);
        EXPECT_EQ(got->bump, row.bump);
        EXPECT_FALSE(crypto::is_on_ed25519(got->address));
    }
}

TEST(DeriveAddress, RefusesSeedsThatTheRuntimeRefuses) {
    const Bytes longest(32, 1);
    const Bytes too_long(33, 1);
    EXPECT_FALSE(derive_address(std::vector<ByteView>{too_long}, token_program()));
    EXPECT_FALSE(derive_address(std::vector<ByteView>{longest, too_long}, token_program()));
    EXPECT_TRUE(derive_address(std::vector<ByteView>(15, longest), token_program()));
    EXPECT_FALSE(derive_address(std::vector<ByteView>(16, longest), token_program()));
    EXPECT_FALSE(derive_address(std::vector<ByteView>(16), token_program()));
}

TEST(TokenAccountOf, KnownOnes) {
    const Address owner = address_of_literal("vines1vzrYbzLMRdu58ou5XTby4qAqVRLmqo36NKPTg");
    const Address usdc = address_of_literal("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v");
    const Address pyusd = address_of_literal("2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo");
    EXPECT_EQ(to_text(token_account_of(owner, usdc, token_program())),
              "9jrTvdU2Am3UmgSAX8EKS9wwrSufkWRbZzEukDogqpQg");
    EXPECT_EQ(to_text(token_account_of(owner, pyusd, token_2022_program())),
              "CBojxDJzw31dbD6KFJpzsYfRmaVc7fEx5RLZrhakLjsT");
}

TEST(TokenAccountOf, DiffersByEachOfItsThree) {
    const Address one = token_program();
    const Address other = memo_program();
    std::set<std::string> seen;
    for (const Address& owner : {one, other}) {
        for (const Address& mint : {one, other}) {
            for (const Address& program : {token_program(), token_2022_program()}) {
                seen.insert(to_text(token_account_of(owner, mint, program)));
            }
        }
    }
    EXPECT_EQ(seen.size(), 8U);
}

// A facilitator derives two or three for each payment; the bound is far above what it takes, so
// that only a wrong way to do it fails.
TEST(TokenAccountOf, IsFast) {
    const auto random = make_test_random(7);
    const auto started = std::chrono::steady_clock::now();
    constexpr int kTimes = 200;
    for (int i = 0; i < kTimes; ++i) {
        const Address owner = random->bytes<32>();
        EXPECT_FALSE(token_account_of(owner, token_program(), token_program()).is_zero());
    }
    const auto took = std::chrono::steady_clock::now() - started;
    EXPECT_LT(took, std::chrono::milliseconds(5) * kTimes);
}

TEST(Programs, AreWhoTheyAre) {
    EXPECT_TRUE(system_program().is_zero());
    const Address* const all[] = {&system_program(),         &token_program(),
                                  &token_2022_program(),     &token_account_program(),
                                  &compute_budget_program(), &memo_program(),
                                  &lighthouse_program(),     &lookup_table_program()};
    std::set<Address> seen;
    for (const Address* each : all) seen.insert(*each);
    for (const Address& each : wallet_programs()) seen.insert(each);
    EXPECT_EQ(seen.size(), std::size(all) + wallet_programs().size());
    for (const Address& each : seen) {
        const bool token = each == token_program() || each == token_2022_program();
        EXPECT_EQ(is_token_program(each), token) << to_text(each);
    }
}

}  // namespace
}  // namespace x402::svm
