// SPDX-License-Identifier: Apache-2.0
// Rows 6 to 12 of a plain transfer, each broken alone, and the order where two are broken: attacks
// 18, 19 and 21 among them. Every bent transaction is signed again, so that nothing but the row
// itself refuses it.
#include <gtest/gtest.h>

#include "x402/chains/svm/exact/rules.hpp"
#include "x402/chains/svm/exact/testing/bend.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

using testing::Lookup;
using testing::payment_by_table;
using testing::payment_with;
using testing::sample_address;
using testing::SampleOptions;

const Address& fee_payer() {
    static const Address address = sample_address(testing::kFeePayer);
    return address;
}

std::string code_with(const Payment& payment, std::span<const LookupTable> tables,
                      const Bounds& bounds) {
    const auto read = read_payment(payment);
    if (!read) return read.error().code;
    const auto accounts = resolve_accounts(read->transaction.message, tables);
    if (!accounts) return "unresolved";
    const auto layout = check_layout(*read, *accounts, bounds);
    if (layout) return "";
    EXPECT_FALSE(layout.error().field.empty());
    return layout.error().code;
}

struct Draft {
    SampleOptions options;
    std::vector<Instruction> instructions = testing::sample_instructions({});
    std::vector<std::uint8_t> more;  // who else signs
    std::optional<std::string> seller_memo;
    Bounds bounds;
};

Payment payment_of(const Draft& draft) {
    Payment payment = payment_with(draft.instructions, draft.options, draft.more);
    if (draft.seller_memo) payment.requirements.extra["memo"] = *draft.seller_memo;
    return payment;
}

Instruction call(const Address& program, Bytes data = {1}) {
    return Instruction{program, {}, std::move(data)};
}
Instruction lighthouse() {
    return call(lighthouse_program());
}
// A transfer of the System Program's: the fee payer's lamports to somebody.
Instruction pay_lamports(const Address& from) {
    return Instruction{system_program(),
                       {{from, true, true}, {sample_address(testing::kStranger), false, true}},
                       {2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}};
}
// So that the payer signs where no transfer asks for it.
void sign_memo(Draft& draft) {
    draft.instructions[3].accounts.push_back({sample_address(), true, false});
}
void retransfer(Draft& draft, void (*change)(TransferChecked&)) {
    TransferChecked transfer = testing::sample_transfer(draft.options);
    change(transfer);
    draft.instructions[2] = make_transfer_checked(transfer);
}

struct Row {
    const char* name;
    void (*change)(Draft& draft);
    std::string_view code;
};

const Row kRows[] = {
    {"a good payment", [](Draft&) {}, ""},
    {"6 two instructions",
     [](Draft& d) {
         sign_memo(d);
         d.instructions = {d.instructions[0], d.instructions[3]};
     },
     "invalid_exact_svm_payload_transaction_instructions_length"},
    {"6 three are enough", [](Draft& d) { d.instructions.resize(3); }, ""},
    {"6 seven are not too many",
     [](Draft& d) { d.instructions.insert(d.instructions.end(), 3, lighthouse()); }, ""},
    {"6 eight are", [](Draft& d) { d.instructions.insert(d.instructions.end(), 4, lighthouse()); },
     "invalid_exact_svm_payload_transaction_instructions_length"},
    {"7 no limit (attack 19)", [](Draft& d) { d.instructions.erase(d.instructions.begin()); },
     "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction"},
    {"7 price before limit", [](Draft& d) { std::swap(d.instructions[0], d.instructions[1]); },
     "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction"},
    {"7 the limit twice (attack 19)",
     [](Draft& d) { d.instructions[1] = make_compute_limit(20'000); },
     "invalid_exact_svm_payload_transaction_instructions_compute_price_instruction"},
    {"7 the price twice (attack 19)",
     [](Draft& d) { d.instructions.push_back(make_compute_price(9)); },
     "invalid_exact_svm_payload_unknown_fifth_instruction"},
    {"7 a second limit in the transfer's place",
     [](Draft& d) {
         d.instructions.insert(d.instructions.begin() + 2, make_compute_limit(400'000));
     },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"7 the limit has a byte too many", [](Draft& d) { d.instructions[0].data.push_back(0); },
     "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction"},
    {"7 the limit is another program's",
     [](Draft& d) { d.instructions[0].program = memo_program(); },
     "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction"},
    {"7 the highest limit", [](Draft& d) { d.instructions[0] = make_compute_limit(400'000); }, ""},
    {"7 above the highest limit", [](Draft& d) { d.instructions[0] = make_compute_limit(400'001); },
     "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction_too_high"},
    {"7 the highest price",
     [](Draft& d) {
         d.instructions[0] = make_compute_limit(10'000);
         d.instructions[1] = make_compute_price(5'000'000);
     },
     ""},
    {"7 above the highest price",
     [](Draft& d) {
         d.instructions[0] = make_compute_limit(1);
         d.instructions[1] = make_compute_price(5'000'001);
     },
     "invalid_exact_svm_payload_transaction_instructions_compute_price_instruction_too_high"},
    {"7 a fee of 100 000 lamports",
     [](Draft& d) {
         d.instructions[0] = make_compute_limit(90'000);
         d.instructions[1] = make_compute_price(1'000'000);
     },
     ""},
    {"7 one lamport more",
     [](Draft& d) {
         d.instructions[0] = make_compute_limit(90'001);
         d.instructions[1] = make_compute_price(1'000'000);
     },
     "invalid_exact_svm_payload_transaction_instructions_compute_price_instruction_too_high"},
    {"7 the signatures alone cost too much", [](Draft& d) { d.bounds.max_fee = 9'999; },
     "invalid_exact_svm_payload_excessive_signers"},
    {"8 no transfer",
     [](Draft& d) {
         sign_memo(d);
         d.instructions[2] = lighthouse();
     },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"8 of another program", [](Draft& d) { d.instructions[2].program = memo_program(); },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"8 Approve (attack 18)", [](Draft& d) { d.instructions[2].data[0] = 13; },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"8 Transfer without a check", [](Draft& d) { d.instructions[2].data[0] = 3; },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"8 a byte too many", [](Draft& d) { d.instructions[2].data.push_back(0); },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"8 a byte too few", [](Draft& d) { d.instructions[2].data.pop_back(); },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"8 no authority", [](Draft& d) { d.instructions[2].accounts.pop_back(); },
     "invalid_exact_svm_payload_signature_invalid"},
    {"8 the source cannot be written",
     [](Draft& d) { d.instructions[2].accounts[0].writable = false; },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"8 the destination cannot be written",
     [](Draft& d) { d.instructions[2].accounts[2].writable = false; },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"8 lamports instead of tokens (attack 18)",
     [](Draft& d) {
         sign_memo(d);
         d.instructions[2] = pay_lamports(fee_payer());
     },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"9 the fee payer is the authority",
     [](Draft& d) { retransfer(d, [](TransferChecked& t) { t.authority = fee_payer(); }); },
     "invalid_exact_svm_payload_signature_invalid"},
    {"9 the fee payer is the authority, and somebody else signs too",
     [](Draft& d) {
         retransfer(d, [](TransferChecked& t) { t.authority = fee_payer(); });
         d.instructions[3].accounts.push_back({sample_address(), true, false});
     },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"9 the fee payer is the source",
     [](Draft& d) { retransfer(d, [](TransferChecked& t) { t.source = fee_payer(); }); },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"9 the fee payer's tokens are the source",
     [](Draft& d) {
         retransfer(d, [](TransferChecked& t) {
             t.source = token_account_of(fee_payer(), t.mint, t.program);
         });
     },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"9 the fee payer is paid",
     [](Draft& d) {
         d.options.pay_to = fee_payer();
         d.instructions = testing::sample_instructions(d.options);
     },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"9 the fee payer is one of the multisig's keys",
     [](Draft& d) { d.instructions[2].accounts.push_back({fee_payer(), true, true}); },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"9 the fee payer stands in a memo",
     [](Draft& d) { d.instructions[3].accounts.push_back({fee_payer(), true, false}); },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"9 the fee payer stands in an assertion",
     [](Draft& d) {
         d.instructions.push_back(lighthouse());
         d.instructions.back().accounts.push_back({fee_payer(), false, false});
     },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"9 the fee payer stands in the compute limit",
     [](Draft& d) { d.instructions[0].accounts.push_back({fee_payer(), false, false}); },
     "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction"},
    {"9 the fee payer is called", [](Draft& d) { d.instructions.push_back(call(fee_payer())); },
     "invalid_exact_svm_payload_transaction_could_not_be_decoded"},
    {"9 the fee payer's lamports behind the transfer (attack 18)",
     [](Draft& d) { d.instructions.push_back(pay_lamports(fee_payer())); },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"9 the owner does not sign",
     [](Draft& d) {
         retransfer(d, [](TransferChecked& t) { t.authority = sample_address(30); });
         d.instructions[2].accounts[3].signer = false;
         d.instructions[3].accounts.push_back({sample_address(), true, false});
     },
     "invalid_exact_svm_payload_signature_invalid"},
    {"9 a stranger signs too",
     [](Draft& d) {
         d.instructions[3].accounts.push_back({sample_address(testing::kStranger), true, false});
         d.more = {testing::kStranger};
     },
     "invalid_exact_svm_payload_excessive_signers"},
    {"9 the owner signs the memo too",
     [](Draft& d) { d.instructions[3].accounts.push_back({sample_address(), true, false}); }, ""},
    {"9 a multisig's keys sign",
     [](Draft& d) {
         retransfer(d, [](TransferChecked& t) { t.authority = sample_address(30); });
         d.instructions[2].accounts[3].signer = false;
         d.instructions[2].accounts.push_back({sample_address(), true, false});
         d.instructions[2].accounts.push_back({sample_address(51), true, false});
         d.more = {51};
     },
     ""},
    {"9 one of a multisig's keys does not",
     [](Draft& d) {
         retransfer(d, [](TransferChecked& t) { t.authority = sample_address(30); });
         d.instructions[2].accounts[3].signer = false;
         d.instructions[2].accounts.push_back({sample_address(), true, false});
         d.instructions[2].accounts.push_back({sample_address(51), false, false});
     },
     "invalid_exact_svm_payload_signature_invalid"},
    {"10 another mint",
     [](Draft& d) { retransfer(d, [](TransferChecked& t) { t.mint = sample_address(60); }); },
     "invalid_exact_svm_payload_mint_mismatch"},
    {"10 to a stranger",
     [](Draft& d) {
         retransfer(d, [](TransferChecked& t) {
             t.destination =
                 token_account_of(sample_address(testing::kStranger), t.mint, t.program);
         });
     },
     "invalid_exact_svm_payload_recipient_mismatch"},
    {"10 to payTo itself, no token account",
     [](Draft& d) {
         retransfer(d, [](TransferChecked& t) { t.destination = sample_address(testing::kPayee); });
     },
     "invalid_exact_svm_payload_recipient_mismatch"},
    {"10 to the other token program's account",
     [](Draft& d) { retransfer(d, [](TransferChecked& t) { t.program = token_2022_program(); }); },
     "invalid_exact_svm_payload_recipient_mismatch"},
    {"10 of Token-2022",
     [](Draft& d) {
         d.options.token_program = token_2022_program();
         d.instructions = testing::sample_instructions(d.options);
     },
     ""},
    {"10 from the destination",
     [](Draft& d) { retransfer(d, [](TransferChecked& t) { t.source = t.destination; }); },
     "invalid_exact_svm_payload_recipient_mismatch"},
    {"10 one less", [](Draft& d) { retransfer(d, [](TransferChecked& t) { --t.amount; }); },
     "invalid_exact_svm_payload_amount_mismatch"},
    {"10 one more (attack 21)",
     [](Draft& d) { retransfer(d, [](TransferChecked& t) { ++t.amount; }); },
     "invalid_exact_svm_payload_amount_mismatch"},
    {"11 a second transfer (attack 21)",
     [](Draft& d) { d.instructions.push_back(d.instructions[2]); },
     "invalid_exact_svm_payload_unknown_fifth_instruction"},
    {"11 CloseAccount fourth (attack 18)",
     [](Draft& d) { d.instructions[3] = call(token_program(), {9}); },
     "invalid_exact_svm_payload_unknown_fourth_instruction"},
    {"11 an account is made (attack 20)",
     [](Draft& d) { d.instructions.push_back(call(token_account_program())); },
     "invalid_exact_svm_payload_unknown_fifth_instruction"},
    {"11 sixth",
     [](Draft& d) {
         d.instructions.push_back(lighthouse());
         d.instructions.push_back(call(system_program()));
     },
     "invalid_exact_svm_payload_unknown_sixth_instruction"},
    {"11 seventh",
     [](Draft& d) {
         d.instructions.insert(d.instructions.end(), 2, lighthouse());
         d.instructions.push_back(call(compute_budget_program()));
     },
     "invalid_exact_svm_payload_unknown_seventh_instruction"},
    {"11 two assertions, as wallets add them",
     [](Draft& d) { d.instructions.insert(d.instructions.end(), 2, lighthouse()); }, ""},
    {"12 no memo, and none asked", [](Draft& d) { d.instructions.pop_back(); }, ""},
    {"12 two memos, and none asked", [](Draft& d) { d.instructions.push_back(make_memo("more")); },
     ""},
    {"12 the seller's memo",
     [](Draft& d) {
         d.seller_memo = "pi_3abc";
         d.instructions[3] = make_memo("pi_3abc");
     },
     ""},
    {"12 no memo",
     [](Draft& d) {
         d.seller_memo = "pi_3abc";
         d.instructions.pop_back();
     },
     "invalid_exact_svm_payload_memo_count"},
    {"12 the seller's memo and another",
     [](Draft& d) {
         d.seller_memo = "pi_3abc";
         d.instructions[3] = make_memo("pi_3abc");
         d.instructions.push_back(make_memo("more"));
     },
     "invalid_exact_svm_payload_memo_count"},
    {"12 another memo (attack 21)", [](Draft& d) { d.seller_memo = "pi_3abc"; },
     "invalid_exact_svm_payload_memo_mismatch"},
    {"12 a memo that begins alike",
     [](Draft& d) {
         d.seller_memo = "pi_3abc";
         d.instructions[3] = make_memo("pi_3abcd");
     },
     "invalid_exact_svm_payload_memo_mismatch"},
    {"12 a memo that is no text",
     [](Draft& d) {
         d.seller_memo = "\xEF\xBF\xBD";
         d.instructions[3] = make_memo("x");
         d.instructions[3].data = {0xFF};
     },
     "invalid_exact_svm_payload_memo_mismatch"},
    {"count before limit",
     [](Draft& d) {
         d.instructions.erase(d.instructions.begin());
         d.instructions.resize(2);
     },
     "invalid_exact_svm_payload_transaction_instructions_length"},
    {"the fee payer before the amount",
     [](Draft& d) {
         retransfer(d, [](TransferChecked& t) { ++t.amount; });
         d.instructions[3].accounts.push_back({fee_payer(), true, false});
     },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"the mint before the rest",
     [](Draft& d) {
         retransfer(d, [](TransferChecked& t) { t.mint = sample_address(60); });
         d.instructions[3] = call(system_program());
     },
     "invalid_exact_svm_payload_mint_mismatch"},
    {"the rest before the memo",
     [](Draft& d) {
         d.seller_memo = "pi_3abc";
         d.instructions.push_back(call(system_program()));
     },
     "invalid_exact_svm_payload_unknown_fifth_instruction"},
};

TEST(SvmLayout, EachRowAloneAndTheirOrder) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.name);
        Draft draft;
        row.change(draft);
        EXPECT_EQ(code_with(payment_of(draft), {}, draft.bounds), row.code);
    }
}

TEST(SvmLayout, WhatIsReadOfAGoodOne) {
    const Payment payment = testing::sample_payment({});
    const auto read = read_payment(payment);
    ASSERT_TRUE(read);
    const auto accounts = resolve_accounts(read->transaction.message, {});
    ASSERT_TRUE(accounts);
    const auto layout = check_layout(*read, *accounts, Bounds{});
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->compute_units, 20'000u);
    EXPECT_EQ(layout->compute_price, 1u);
    EXPECT_EQ(layout->fee, 10'001u);
    EXPECT_EQ(layout->payer, sample_address());
    EXPECT_EQ(layout->transfer.amount, 10'000u);
    EXPECT_EQ(layout->transfer.destination,
              token_account_of(sample_address(testing::kPayee), read->mint, token_program()));
}

struct TableRow {
    const char* name;
    Address looked_up;
    Address entry;  // what the table holds in its place
    std::string_view code;
};

TEST(SvmLayout, LookedUpAccountsCountLikeTheOthers) {
    const SampleOptions options;
    const TransferChecked transfer = testing::sample_transfer(options);
    const Address table = sample_address(70);
    const TableRow rows[] = {
        {"the destination", transfer.destination, transfer.destination, ""},
        {"the source", transfer.source, transfer.source, ""},
        {"the mint", transfer.mint, transfer.mint, ""},
        {"another destination", transfer.destination, sample_address(71),
         "invalid_exact_svm_payload_recipient_mismatch"},
        {"another mint", transfer.mint, sample_address(71),
         "invalid_exact_svm_payload_mint_mismatch"},
        {"the fee payer as the source (attack 18)", transfer.source, fee_payer(), "unresolved"},
    };
    for (const TableRow& row : rows) {
        SCOPED_TRACE(row.name);
        const Payment payment = payment_by_table(options, Lookup{row.looked_up, table, 1});
        const LookupTable good{table, {sample_address(72), row.entry}};
        EXPECT_EQ(code_with(payment, std::span(&good, 1), Bounds{}), row.code);
        EXPECT_EQ(code_with(payment, {}, Bounds{}), "unresolved") << "no table: closed";
        const LookupTable brief{table, {sample_address(72)}};
        EXPECT_EQ(code_with(payment, std::span(&brief, 1), Bounds{}), "unresolved");
    }
}

// The gateway cannot read tables: it judges what the message itself says.
TEST(SvmLayout, WithoutTablesTheKnownTermsAreJudged) {
    struct OpenRow {
        const char* name;
        Payment payment;
        std::string_view code;
    };
    const SampleOptions options;
    const TransferChecked transfer = testing::sample_transfer(options);
    const Address table = sample_address(70);
    const Payment hidden = payment_by_table(options, Lookup{transfer.destination, table, 0});
    Payment dear = hidden;
    dear.requirements.amount = U256(10'001);
    Payment other = payment_by_table(options, Lookup{transfer.mint, table, 0});
    other.requirements.pay_to = to_text(sample_address(testing::kStranger));
    SampleOptions priced = options;
    priced.price = 4'000'000'000;
    Payment cheap = testing::sample_payment(options);
    cheap.requirements.amount = U256(9'999);
    const OpenRow rows[] = {
        {"plain", testing::sample_payment(options), ""},
        {"plain, another amount", cheap, "invalid_exact_svm_payload_amount_mismatch"},
        {"fees are the facilitator's to bound", testing::sample_payment(priced), ""},
        {"the destination is looked up", hidden, ""},
        {"the destination is looked up, another amount", dear,
         "invalid_exact_svm_payload_amount_mismatch"},
        {"the mint is looked up, another recipient", other,
         "invalid_exact_svm_payload_recipient_mismatch"},
    };
    for (const OpenRow& row : rows) {
        SCOPED_TRACE(row.name);
        const auto read = read_payment(row.payment);
        ASSERT_TRUE(read) << read.error().code;
        const auto refusal = check_without_tables(*read, false);
        EXPECT_EQ(refusal ? refusal->code : "", row.code);
    }
}

}  // namespace
}  // namespace x402::svm
