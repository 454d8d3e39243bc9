// SPDX-License-Identifier: Apache-2.0
// What a smart wallet's transaction may hold, each row broken alone: whatever its program does, the
// fee payer must have no part in it.
#include <gtest/gtest.h>

#include "x402/chains/svm/exact/rules.hpp"
#include "x402/chains/svm/exact/testing/bend.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

using testing::payment_with;
using testing::sample_address;
using testing::SampleOptions;

const Address& fee_payer() {
    static const Address address = sample_address(testing::kFeePayer);
    return address;
}

Instruction wallet_call() {
    return Instruction{wallet_programs()[0],
                       {{sample_address(), true, false}, {sample_address(30), false, true}},
                       {7, 7, 7}};
}

struct Draft {
    std::vector<Instruction> instructions = {make_compute_limit(200'000), make_compute_price(100),
                                             wallet_call(), make_memo("m")};
    std::vector<std::uint8_t> more;
    std::optional<std::string> seller_memo;
    Bounds bounds;
};

Payment payment_of(const Draft& draft) {
    Payment payment = payment_with(draft.instructions, SampleOptions{}, draft.more);
    if (draft.seller_memo) payment.requirements.extra["memo"] = *draft.seller_memo;
    return payment;
}

std::string code_of(const Draft& draft) {
    const Payment payment = payment_of(draft);
    const auto read = read_payment(payment);
    if (!read) return read.error().code;
    const auto accounts = resolve_accounts(read->transaction.message, {});
    if (!accounts) return "unresolved";
    const auto layout = check_wallet_layout(*read, *accounts, draft.bounds);
    if (layout) return "";
    EXPECT_FALSE(layout.error().field.empty());
    return layout.error().code;
}

struct Row {
    const char* name;
    void (*change)(Draft& draft);
    std::string_view code;
};

const Row kRows[] = {
    {"a good one", [](Draft&) {}, ""},
    {"in any order", [](Draft& d) { std::swap(d.instructions[0], d.instructions[2]); }, ""},
    {"many calls", [](Draft& d) { d.instructions.insert(d.instructions.end(), 5, wallet_call()); },
     ""},
    {"a lighthouse",
     [](Draft& d) { d.instructions.push_back(Instruction{lighthouse_program(), {}, {1}}); }, ""},
    {"two keys sign",
     [](Draft& d) {
         d.instructions[2].accounts.push_back({sample_address(50), true, false});
         d.more = {50};
     },
     "invalid_exact_svm_payload_excessive_signers"},
    {"a program that nobody knows",
     [](Draft& d) { d.instructions.push_back(Instruction{sample_address(31), {}, {1}}); },
     "invalid_exact_svm_smart_wallet_program_not_allowed"},
    {"a transfer of its own",
     [](Draft& d) {
         d.instructions.push_back(make_transfer_checked(testing::sample_transfer({})));
     },
     "invalid_exact_svm_smart_wallet_program_not_allowed"},
    {"the System Program (attack 18)",
     [](Draft& d) { d.instructions.push_back(Instruction{system_program(), {}, {2, 0, 0, 0}}); },
     "invalid_exact_svm_smart_wallet_program_not_allowed"},
    {"an account is made (attack 20)",
     [](Draft& d) { d.instructions.push_back(Instruction{token_account_program(), {}, {}}); },
     "invalid_exact_svm_smart_wallet_program_not_allowed"},
    {"the fee payer is handed to the wallet",
     [](Draft& d) { d.instructions[2].accounts.push_back({fee_payer(), true, true}); },
     "invalid_exact_svm_smart_wallet_fee_payer_not_isolated"},
    {"the fee payer stands in the memo",
     [](Draft& d) { d.instructions[3].accounts.push_back({fee_payer(), false, false}); },
     "invalid_exact_svm_smart_wallet_fee_payer_not_isolated"},
    {"an empty budget instruction", [](Draft& d) { d.instructions[0].data.clear(); },
     "invalid_exact_svm_smart_wallet_malformed_compute_budget"},
    {"a limit cut short", [](Draft& d) { d.instructions[0].data.pop_back(); },
     "invalid_exact_svm_smart_wallet_malformed_compute_limit"},
    {"a price with a byte too many", [](Draft& d) { d.instructions[1].data.push_back(0); },
     "invalid_exact_svm_smart_wallet_malformed_compute_price"},
    {"a heap frame", [](Draft& d) { d.instructions[0].data[0] = 1; },
     "invalid_exact_svm_smart_wallet_unsupported_compute_budget_instruction"},
    {"no limit (attack 19)", [](Draft& d) { d.instructions.erase(d.instructions.begin()); },
     "invalid_exact_svm_smart_wallet_compute_budget_violation"},
    {"no price", [](Draft& d) { d.instructions.erase(d.instructions.begin() + 1); },
     "invalid_exact_svm_smart_wallet_compute_budget_violation"},
    {"the price twice (attack 19)",
     [](Draft& d) { d.instructions.push_back(make_compute_price(1)); },
     "invalid_exact_svm_smart_wallet_compute_budget_violation"},
    {"the limit twice", [](Draft& d) { d.instructions.push_back(make_compute_limit(1)); },
     "invalid_exact_svm_smart_wallet_compute_budget_violation"},
    {"the highest limit", [](Draft& d) { d.instructions[0] = make_compute_limit(400'000); }, ""},
    {"above it",
     [](Draft& d) {
         d.bounds.max_compute_units = 1'400'000;
         d.instructions[0] = make_compute_limit(400'001);
     },
     "invalid_exact_svm_smart_wallet_compute_units_too_high"},
    {"above the operator's", [](Draft& d) { d.bounds.max_compute_units = 199'999; },
     "invalid_exact_svm_smart_wallet_compute_units_too_high"},
    {"the highest price", [](Draft& d) { d.instructions[1] = make_compute_price(50'000); }, ""},
    {"a higher price", [](Draft& d) { d.instructions[1] = make_compute_price(50'001); },
     "invalid_exact_svm_smart_wallet_priority_fee_too_high"},
    {"a fee above the operator's",
     [](Draft& d) {
         d.bounds.max_fee = 10'001;
         d.instructions[1] = make_compute_price(50'000);
     },
     "invalid_exact_svm_smart_wallet_priority_fee_too_high"},
    {"the seller's memo", [](Draft& d) { d.seller_memo = "m"; }, ""},
    {"another memo", [](Draft& d) { d.seller_memo = "n"; },
     "invalid_exact_svm_payload_memo_mismatch"},
    {"the memo twice",
     [](Draft& d) {
         d.seller_memo = "m";
         d.instructions.push_back(make_memo("m"));
     },
     "invalid_exact_svm_payload_memo_count"},
    {"the program before the fee payer",
     [](Draft& d) {
         d.instructions.push_back(
             Instruction{sample_address(31), {{fee_payer(), false, false}}, {1}});
     },
     "invalid_exact_svm_smart_wallet_program_not_allowed"},
    {"the fee payer before the budget",
     [](Draft& d) {
         d.instructions[2].accounts.push_back({fee_payer(), true, true});
         d.instructions.push_back(make_compute_price(1));
     },
     "invalid_exact_svm_smart_wallet_fee_payer_not_isolated"},
};

TEST(SvmWalletLayout, EachRowAloneAndTheirOrder) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.name);
        Draft draft;
        row.change(draft);
        EXPECT_EQ(code_of(draft), row.code);
    }
}

TEST(SvmWalletLayout, WhichPathAPaymentAsksFor) {
    struct PathRow {
        const char* name;
        std::vector<Instruction> instructions;
        bool wallet;
    };
    const auto plain = testing::sample_instructions({});
    auto both = plain;
    both.push_back(wallet_call());
    auto unknown = plain;
    unknown[2] = Instruction{sample_address(31), {{sample_address(), true, false}}, {1}};
    const PathRow rows[] = {
        {"a plain transfer", plain, false},
        {"a wallet's call", Draft{}.instructions, true},
        {"a wallet's call alone", {wallet_call()}, true},
        {"a plain transfer and a wallet's call", both, false},
        {"a program that nobody knows", unknown, false},
    };
    for (const PathRow& row : rows) {
        SCOPED_TRACE(row.name);
        const auto read = read_payment(payment_with(row.instructions, SampleOptions{}));
        ASSERT_TRUE(read);
        EXPECT_EQ(is_wallet_payment(*read, known_accounts(read->transaction.message)), row.wallet);
    }
}

TEST(SvmWalletLayout, AnOfferSaysWhetherItTakesWallets) {
    struct ExtraRow {
        const char* text;
        bool takes;
    };
    static constexpr ExtraRow rows[] = {
        {R"({})", false},
        {R"({"features":{"smartWalletSupported":true}})", true},
        {R"({"features":{"smartWalletSupported":false}})", false},
        {R"({"features":{"smartWalletSupported":"true"}})", false},
        {R"({"features":true})", false},
        {R"({"smartWalletSupported":true})", false},
    };
    for (const ExtraRow& row : rows) {
        SCOPED_TRACE(row.text);
        EXPECT_EQ(takes_wallets(*json::parse_object(row.text)), row.takes);
    }
}

// The gateway lets a wallet's payment go to the facilitator where the offer takes them.
TEST(SvmWalletLayout, WithoutTablesOnlyAnOfferThatTakesWalletsPasses) {
    const auto read = read_payment(payment_of(Draft{}));
    ASSERT_TRUE(read);
    EXPECT_FALSE(check_without_tables(*read, true));
    const auto refusal = check_without_tables(*read, false);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, "invalid_exact_svm_payload_no_transfer_instruction");
}

}  // namespace
}  // namespace x402::svm
