// SPDX-License-Identifier: Apache-2.0
// What simulations and accounts mean: whose fault an error is, and what a stranger is told of it.
#include "x402/chains/svm/exact/diagnose.hpp"

#include <gtest/gtest.h>

#include "x402/chains/svm/exact/testing/bend.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/testing/fake_accounts.hpp"

namespace x402::svm {
namespace {

using testing::FakeHolding;
using testing::holding_data;
using testing::sample_address;

std::optional<Account> holding(const FakeHolding& what, const Address& program = token_program()) {
    return Account{2'039'280, program, holding_data(what, program)};
}

Sound sound_payment() {
    Sound sound;
    const auto read = read_payment(testing::sample_payment({}));
    X402_CHECK(read.has_value());
    sound.read = *read;
    sound.accounts = known_accounts(read->transaction.message);
    const auto layout = check_layout(sound.read, sound.accounts, Bounds{});
    X402_CHECK(layout.has_value());
    sound.layout = *layout;
    sound.mint = MintFacts{true, token_program(), 6, ""};
    return sound;
}

FakeHolding of(const Address& owner, std::uint64_t amount) {
    FakeHolding out;
    out.owner = owner;
    out.mint = testing::address_at(testing::kUsdc);
    out.amount = amount;
    return out;
}
FakeHolding payee() {
    return of(sample_address(testing::kPayee), 5);
}
FakeHolding payer(std::uint64_t amount) {
    return of(sample_address(), amount);
}

TEST(SvmDiagnose, CausesAreToldInOurWords) {
    struct Row {
        const char* error;
        const char* cause;
    };
    static constexpr Row rows[] = {
        {R"("BlockhashNotFound")", "BlockhashNotFound"},
        {R"({"InstructionError":[2,{"Custom":1}]})", "instruction 2: custom error 1"},
        {R"({"InstructionError":[2,"InvalidAccountData"]})", "instruction 2: InvalidAccountData"},
        {R"({"InstructionError":[3,{"BorshIoError":"text of a stranger"}]})",
         "instruction 3: BorshIoError"},
        {R"({"InsufficientFundsForRent":{"account_index":0}})", "InsufficientFundsForRent"},
        {R"({"InsufficientFundsForRent":{"account_index":3}})",
         "an account would keep too little for its rent"},
        {R"({"DuplicateInstruction":4})", "DuplicateInstruction"},
        {R"("<script>")", ""},
        {R"({"InstructionError":[-1,{"Custom":1}]})", ""},
        {R"({"InstructionError":[2,{"Custom":1}],"more":1})", ""},
        {R"({"InstructionError":"x"})", ""},
        {R"([1,2])", ""},
        {"", ""},
        {R"({"InstructionError":[2,{"Cust)", ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.error);
        EXPECT_EQ(cause_of(row.error), row.cause);
    }
}

struct FailureRow {
    const char* name;
    std::string error;
    std::optional<Account> destination;
    std::optional<Account> source;
    std::string_view code;  // empty: an Error
};

TEST(SvmDiagnose, AFailedSimulation) {
    const std::string poor = R"({"InstructionError":[2,{"Custom":1}]})";
    const std::string invalid = R"({"InstructionError":[2,"InvalidAccountData"]})";
    FakeHolding frozen_payee = payee();
    frozen_payee.state = TokenAccountState::frozen;
    FakeHolding frozen_payer = payer(10'000);
    frozen_payer.state = TokenAccountState::frozen;
    FakeHolding other = payer(10'000);
    other.mint = sample_address(60);
    const FailureRow rows[] = {
        {"too little", poor, holding(payee()), holding(payer(9'999)),
         "invalid_exact_svm_insufficient_balance"},
        {"no account of the payer's", invalid, holding(payee()), std::nullopt,
         "invalid_exact_svm_insufficient_balance"},
        {"the payer's account is another token's", invalid, holding(payee()), holding(other),
         "invalid_exact_svm_payload_mint_mismatch"},
        {"the payer is frozen", R"({"InstructionError":[2,{"Custom":17}]})", holding(payee()),
         holding(frozen_payer), "invalid_exact_svm_transaction_simulation_failed"},
        {"payTo has no account", invalid, std::nullopt, holding(payer(10'000)),
         "invalid_exact_svm_recipient_token_account_missing"},
        {"payTo before the payer", invalid, std::nullopt, std::nullopt,
         "invalid_exact_svm_recipient_token_account_missing"},
        {"payTo is frozen", R"({"InstructionError":[2,{"Custom":17}]})", holding(frozen_payee),
         holding(payer(10'000)), "invalid_exact_svm_recipient_token_account_unusable"},
        {"something else", R"({"InstructionError":[4,{"Custom":6400}]})", holding(payee()),
         holding(payer(10'000)), "invalid_exact_svm_transaction_simulation_failed"},
        {"already there", R"("AlreadyProcessed")", holding(payee()), holding(payer(0)),
         "duplicate_settlement"},
        {"no SOL", R"("AccountNotFound")", holding(payee()), holding(payer(10'000)), ""},
        {"too little SOL", R"("InsufficientFundsForFee")", std::nullopt, std::nullopt, ""},
        {"no rent left", R"({"InsufficientFundsForRent":{"account_index":0}})", std::nullopt,
         std::nullopt, ""},
        {"another's rent", R"({"InsufficientFundsForRent":{"account_index":2}})", holding(payee()),
         holding(payer(10'000)), "invalid_exact_svm_transaction_simulation_failed"},
    };
    for (const FailureRow& row : rows) {
        SCOPED_TRACE(row.name);
        SimulationAnswer answer;
        answer.error = row.error;
        const std::vector<std::optional<Account>> now{row.destination, row.source};
        const auto judged = judge_failure(sound_payment(), answer, now);
        ASSERT_EQ(judged.has_value(), !row.code.empty());
        if (!judged) {
            EXPECT_EQ(judged.error().code, Errc::unavailable);
            continue;
        }
        ASSERT_TRUE(judged->has_value());
        EXPECT_EQ((*judged)->code, row.code);
    }
}

TEST(SvmDiagnose, AnUnknownBlockhashNeedsNoAccounts) {
    SimulationAnswer answer;
    answer.error = R"("BlockhashNotFound")";
    answer.blockhash_unknown = true;
    const auto judged = judge_failure(sound_payment(), answer, {});
    ASSERT_TRUE(judged && *judged);
    EXPECT_EQ((*judged)->code, "invalid_exact_svm_blockhash_not_found");
    EXPECT_TRUE((*judged)->next.starts_with("Sign a new payment"));
}

TEST(SvmDiagnose, TheCommandThatMakesTheAccountIsTold) {
    const Sound sound = sound_payment();
    const auto refusal = check_recipient(sound.recipient(), std::nullopt);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->next, "Create it once: spl-token create-account " +
                                 std::string(testing::kUsdc) + " --owner " +
                                 to_text(sample_address(testing::kPayee)) +
                                 " --fee-payer KEYPAIR_FILE.");
    // SOL that somebody sent to the address is no token account.
    const Account lamports{1'000'000, system_program(), {}};
    EXPECT_EQ(check_recipient(sound.recipient(), lamports)->code, refusal->code);
}

TEST(SvmDiagnose, WhoCanReceive) {
    struct Row {
        const char* name;
        void (*change)(FakeHolding& holding);
        bool usable;
    };
    static constexpr Row rows[] = {
        {"as it should be", [](FakeHolding&) {}, true},
        {"another mint", [](FakeHolding& h) { h.mint = sample_address(60); }, false},
        {"given to somebody else", [](FakeHolding& h) { h.owner = sample_address(61); }, false},
        {"frozen", [](FakeHolding& h) { h.state = TokenAccountState::frozen; }, false},
        {"not initialized", [](FakeHolding& h) { h.state = TokenAccountState::uninitialized; },
         false},
        {"wants a memo first", [](FakeHolding& h) { h.requires_memo = true; }, false},
    };
    Sound sound = sound_payment();
    sound.mint.program = token_2022_program();
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        FakeHolding what = payee();
        row.change(what);
        const auto refusal =
            check_recipient(sound.recipient(), holding(what, token_2022_program()));
        EXPECT_EQ(refusal.has_value(), !row.usable);
        if (!row.usable && refusal) {
            EXPECT_EQ(refusal->code, "invalid_exact_svm_recipient_token_account_unusable");
        }
    }
    EXPECT_TRUE(check_recipient(sound.recipient(), holding(payee(), token_program())))
        << "of the other token program";
}

TEST(SvmDiagnose, TheMintIsHeldAgainstTheTransfer) {
    struct Row {
        const char* name;
        void (*change)(Sound& sound);
        std::string_view code;
    };
    static constexpr Row rows[] = {
        {"it fits", [](Sound&) {}, ""},
        {"no mint", [](Sound& s) { s.mint = MintFacts{}; }, "invalid_exact_svm_mint_not_found"},
        {"of the other program", [](Sound& s) { s.mint.program = token_2022_program(); },
         "invalid_exact_svm_payload_mint_mismatch"},
        {"other decimals", [](Sound& s) { s.mint.decimals = 9; },
         "invalid_exact_svm_payload_mint_mismatch"},
        {"takes a fee (attack 14)", [](Sound& s) { s.mint.harmful = "TransferFeeConfig"; },
         "invalid_exact_svm_mint_extension_not_allowed"},
        {"a wallet's transfer is not known yet",
         [](Sound& s) {
             s.path = TransferPath::wallet;
             s.mint.program = token_2022_program();
         },
         ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Sound sound = sound_payment();
        row.change(sound);
        const auto refusal = check_mint(sound);
        EXPECT_EQ(refusal ? refusal->code : "", row.code);
    }
}

TEST(SvmDiagnose, TokensOfOursArePaidByNobody) {
    const Sound sound = sound_payment();
    const std::vector<std::optional<Account>> after{holding(payee()), holding(payer(0))};
    const Address stranger[] = {sample_address(99)};
    const auto good = judge_success(sound, {}, after, stranger);
    ASSERT_TRUE(good);
    EXPECT_FALSE(*good);
    const Address ours[] = {sample_address(99), sample_address()};
    const auto bad = judge_success(sound, {}, after, ours);
    ASSERT_TRUE(bad && *bad);
    EXPECT_EQ((*bad)->code, "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds");
}

struct WalletRow {
    const char* name;
    void (*change)(std::vector<TransferChecked>& transfers);
    std::string_view code;
};

TEST(SvmDiagnose, AWalletMakesExactlyTheTransferAskedFor) {
    static constexpr WalletRow rows[] = {
        {"the one", [](auto&) {}, ""},
        {"none", [](auto& t) { t.clear(); },
         "invalid_exact_svm_smart_wallet_no_transfer_in_simulation"},
        {"one less", [](auto& t) { --t[0].amount; },
         "invalid_exact_svm_smart_wallet_transfer_mismatch"},
        {"one more (attack 21)", [](auto& t) { ++t[0].amount; },
         "invalid_exact_svm_smart_wallet_transfer_mismatch"},
        {"another mint", [](auto& t) { t[0].mint = sample_address(60); },
         "invalid_exact_svm_smart_wallet_transfer_mismatch"},
        {"another program", [](auto& t) { t[0].program = token_2022_program(); },
         "invalid_exact_svm_smart_wallet_transfer_mismatch"},
        {"to somebody else", [](auto& t) { t[0].destination = sample_address(61); },
         "invalid_exact_svm_smart_wallet_transfer_mismatch"},
        {"onto itself", [](auto& t) { t[0].source = t[0].destination; },
         "invalid_exact_svm_smart_wallet_transfer_mismatch"},
        {"twice (attack 21)", [](auto& t) { t.push_back(t[0]); },
         "invalid_exact_svm_smart_wallet_multiple_matching_transfers"},
        {"and a little more",
         [](auto& t) {
             t.push_back(t[0]);
             t[1].amount = 1;
         },
         "invalid_exact_svm_smart_wallet_multiple_matching_transfers"},
        {"and some of it back",
         [](auto& t) {
             t.push_back(t[0]);
             t[1].source = t[0].destination;
             t[1].destination = sample_address(61);
         },
         "invalid_exact_svm_smart_wallet_multiple_matching_transfers"},
        {"and something to somebody else",
         [](auto& t) {
             t.push_back(t[0]);
             t[1].destination = sample_address(61);
         },
         ""},
        {"ours pays",
         [](auto& t) {
             t.push_back(t[0]);
             t[1].authority = sample_address(testing::kFeePayer);
             t[1].destination = sample_address(61);
         },
         "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    };
    Sound sound = sound_payment();
    sound.path = TransferPath::wallet;
    const std::vector<std::optional<Account>> after{holding(payee())};
    const Address ours[] = {sample_address(testing::kFeePayer)};
    for (const WalletRow& row : rows) {
        SCOPED_TRACE(row.name);
        SimulationAnswer answer;
        answer.has_inner = true;
        answer.transfers = {testing::sample_transfer({})};
        row.change(answer.transfers);
        const auto judged = judge_success(sound, answer, after, ours);
        ASSERT_TRUE(judged);
        EXPECT_EQ(*judged ? (*judged)->code : "", row.code);
        answer.has_inner = false;
        EXPECT_FALSE(judge_success(sound, answer, after, ours)) << "nothing is known: no verdict";
    }
}

}  // namespace
}  // namespace x402::svm
