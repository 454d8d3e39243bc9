// SPDX-License-Identifier: Apache-2.0
// Instructions: accounts out of tables, exactly the known forms and nothing near them, and messages
// made of them.
#include "x402/chains/svm/instructions.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <set>

#include "x402/base/hex.hpp"
#include "x402/base/random.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

Address filled(std::uint8_t byte) {
    Address out;
    out.data.fill(byte);
    return out;
}

AccountUse use(std::uint8_t byte, bool signer, bool writable) {
    return AccountUse{filled(byte), signer, writable};
}

// Four static keys, then table 8's entries 1 and 0, table 7's entry 2, and, readonly, table 8's 2.
Message looking_up() {
    Message message;
    message.signers = 2;
    message.readonly_signers = 1;
    message.readonly_others = 1;
    message.keys = {filled(1), filled(2), filled(3), filled(4)};
    message.instructions = {{3, {0, 1, 4, 5, 6, 7}, {9}}, {2, {}, {}}};
    message.lookups = {{filled(8), {1, 0}, {2}}, {filled(7), {2}, {}}};
    return message;
}

std::vector<LookupTable> tables() {
    return {{filled(7), {filled(70), filled(71), filled(72)}},
            {filled(8), {filled(80), filled(81), filled(82)}}};
}

TEST(ResolveAccounts, StaticThenWritableThenReadonly) {
    const Message message = looking_up();
    const auto got = resolve_accounts(message, tables());
    ASSERT_TRUE(got) << to_string(got.error());
    const std::vector<AccountUse> want = {
        use(1, true, true),   use(2, true, false),  use(3, false, true),  use(4, false, false),
        use(81, false, true), use(80, false, true), use(72, false, true), use(82, false, false),
    };
    EXPECT_EQ(*got, want);

    const auto instructions = resolve_instructions(message, *got);
    ASSERT_EQ(instructions.size(), 2U);
    EXPECT_EQ(instructions[0].program, filled(4));
    EXPECT_EQ(instructions[0].data, Bytes{9});
    EXPECT_EQ(instructions[0].accounts,
              (std::vector<AccountUse>{want[0], want[1], want[4], want[5], want[6], want[7]}));
    EXPECT_EQ(instructions[1].program, filled(3));
    EXPECT_TRUE(instructions[1].accounts.empty());
}

TEST(ResolveAccounts, FailsClosed) {
    struct Row {
        const char* name;
        std::function<void(Message&, std::vector<LookupTable>&)> change;
        bool good;
    };
    using Tables = std::vector<LookupTable>;
    const Row rows[] = {
        {"nothing", [](Message&, Tables&) {}, true},
        {"no tables", [](Message&, Tables& t) { t.clear(); }, false},
        {"one table missing", [](Message&, Tables& t) { t.pop_back(); }, false},
        {"a table too many", [](Message&, Tables& t) { t.push_back({filled(6), {}}); }, true},
        {"a table cut", [](Message&, Tables& t) { t[1].entries.pop_back(); }, false},
        {"an empty table", [](Message&, Tables& t) { t[0].entries.clear(); }, false},
        {"index at the end", [](Message& m, Tables&) { m.lookups[0].writable[0] = 3; }, false},
        {"index 255", [](Message& m, Tables&) { m.lookups[0].readonly[0] = 255; }, false},
        {"an entry twice", [](Message& m, Tables&) { m.lookups[0].readonly[0] = 1; }, false},
        {"an entry that is a key", [](Message&, Tables& t) { t[1].entries[2] = filled(1); }, false},
        {"an entry of both tables", [](Message&, Tables& t) { t[1].entries[2] = filled(72); },
         false},
        {"alike where nothing looks", [](Message&, Tables& t) { t[0].entries[0] = filled(1); },
         true},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Message message = looking_up();
        Tables known = tables();
        row.change(message, known);
        const auto got = resolve_accounts(message, known);
        ASSERT_EQ(got.has_value(), row.good);
        if (!got) {
            EXPECT_EQ(got.error().code, Errc::invalid);
        }
    }
}

TEST(ComputeBudget, Table) {
    struct Row {
        const char* name;
        std::string_view data;
        std::optional<std::uint32_t> limit;
        std::optional<std::uint64_t> price;
    };
    static constexpr Row rows[] = {
        {"limit", "02204e0000", 20'000, std::nullopt},
        {"largest limit", "02ffffffff", 0xffff'ffff, std::nullopt},
        {"limit cut", "02204e00", std::nullopt, std::nullopt},
        {"limit and a byte", "02204e000000", std::nullopt, std::nullopt},
        {"limit of the price's width", "02204e000000000000", std::nullopt, std::nullopt},
        {"price", "030100000000000000", std::nullopt, 1},
        {"largest price", "03ffffffffffffffff", std::nullopt,
         std::numeric_limits<std::uint64_t>::max()},
        {"price cut", "0301000000000000", std::nullopt, std::nullopt},
        {"price and a byte", "03010000000000000000", std::nullopt, std::nullopt},
        {"price of the limit's width", "0301000000", std::nullopt, std::nullopt},
        {"heap", "0100000100", std::nullopt, std::nullopt},
        {"loaded bytes", "0400000100", std::nullopt, std::nullopt},
        {"tag alone", "02", std::nullopt, std::nullopt},
        {"nothing", "", std::nullopt, std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Instruction instruction{compute_budget_program(), {}, *from_hex(row.data)};
        EXPECT_EQ(read_compute_limit(instruction), row.limit);
        EXPECT_EQ(read_compute_price(instruction), row.price);
        instruction.program = memo_program();
        EXPECT_FALSE(read_compute_limit(instruction));
        EXPECT_FALSE(read_compute_price(instruction));
        instruction.program = compute_budget_program();
        instruction.accounts.push_back(use(1, false, false));
        EXPECT_FALSE(read_compute_limit(instruction));
        EXPECT_FALSE(read_compute_price(instruction));
    }
    for (const std::uint32_t value : {0U, 1U, 256U, 20'000U, 0xffff'ffffU}) {
        EXPECT_EQ(read_compute_limit(make_compute_limit(value)), value);
        EXPECT_EQ(read_compute_price(make_compute_price(value)), value);
    }
    EXPECT_EQ(to_hex(make_compute_limit(20'000).data), "02204e0000");
    EXPECT_EQ(to_hex(make_compute_price(1).data), "030100000000000000");
}

Instruction transfer() {
    return Instruction{
        token_program(),
        {use(1, false, true), use(2, false, false), use(3, false, true), use(4, true, false)},
        *from_hex("0c87d612000000000006")};
}

TEST(ReadTransferChecked, Table) {
    struct Row {
        const char* name;
        std::function<void(Instruction&)> change;
        bool good;
    };
    const Row rows[] = {
        {"SPL Token", [](Instruction&) {}, true},
        {"Token-2022", [](Instruction& i) { i.program = token_2022_program(); }, true},
        {"another program", [](Instruction& i) { i.program = token_account_program(); }, false},
        {"no account", [](Instruction& i) { i.accounts.clear(); }, false},
        {"three accounts", [](Instruction& i) { i.accounts.pop_back(); }, false},
        {"Transfer", [](Instruction& i) { i.data[0] = 3; }, false},
        {"Approve", [](Instruction& i) { i.data[0] = 13; }, false},
        {"with a fee", [](Instruction& i) { i.data[0] = 26; }, false},
        {"no decimals", [](Instruction& i) { i.data.pop_back(); }, false},
        {"a byte more", [](Instruction& i) { i.data.push_back(0); }, false},
        {"no data", [](Instruction& i) { i.data.clear(); }, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Instruction instruction = transfer();
        row.change(instruction);
        EXPECT_EQ(read_transfer_checked(instruction).has_value(), row.good);
    }
    const auto got = *read_transfer_checked(transfer());
    EXPECT_EQ(got.program, token_program());
    EXPECT_EQ(got.source, filled(1));
    EXPECT_EQ(got.mint, filled(2));
    EXPECT_EQ(got.destination, filled(3));
    EXPECT_EQ(got.authority, filled(4));
    EXPECT_EQ(got.amount, 1'234'567U);
    EXPECT_EQ(got.decimals, 6);
    EXPECT_EQ(got.more_accounts, 0U);
    const Instruction made = make_transfer_checked(got);
    EXPECT_EQ(made.program, transfer().program);
    EXPECT_EQ(made.accounts, transfer().accounts);
    EXPECT_EQ(made.data, transfer().data);

    Instruction multisig = transfer();
    multisig.accounts.push_back(use(5, true, false));
    multisig.accounts.push_back(use(6, true, false));
    EXPECT_EQ(read_transfer_checked(multisig)->more_accounts, 2U);

    Instruction largest = transfer();
    std::fill_n(largest.data.begin() + 1, 9, std::uint8_t{0xff});
    EXPECT_EQ(read_transfer_checked(largest)->amount, std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(read_transfer_checked(largest)->decimals, 255);
}

TEST(IsAdvanceNonce, AsTheRuntimeSeesIt) {
    struct Row {
        const char* name;
        Address program;
        std::string_view data;
        bool want;
    };
    const Row rows[] = {
        {"advance", system_program(), "04000000", true},
        {"bytes behind it", system_program(), "04000000ff", true},
        {"transfer", system_program(), "020000000100000000000000", false},
        {"three bytes", system_program(), "040000", false},
        {"another number", system_program(), "04000100", false},
        {"big endian", system_program(), "00000004", false},
        {"nothing", system_program(), "", false},
        {"another program", memo_program(), "04000000", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(is_advance_nonce(Instruction{row.program, {}, *from_hex(row.data)}), row.want);
    }
}

TEST(ReadMemo, Table) {
    struct Row {
        const char* name;
        std::string_view text;
        bool good;
    };
    static constexpr Row rows[] = {
        {"text", "hello", true},
        {"nothing", "", true},
        {"letters beyond ASCII", "ol\xc3\xa1 \xf0\x9f\x92\xb8", true},
        {"a nul", std::string_view("a\0b", 3), true},
        {"a byte that begins nothing", "\xff", false},
        {"a letter cut", "a\xc3", false},
        {"a surrogate", "\xed\xa0\x80", false},
        {"overlong", "\xc0\x80", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Instruction instruction = make_memo(row.text);
        EXPECT_EQ(instruction.program, memo_program());
        EXPECT_EQ(read_memo(instruction),
                  row.good ? std::optional(std::string(row.text)) : std::nullopt);
        instruction.accounts.push_back(use(1, true, false));
        EXPECT_EQ(read_memo(instruction).has_value(), row.good);
        instruction.program = lighthouse_program();
        EXPECT_FALSE(read_memo(instruction));
    }
}

TEST(Compile, APayment) {
    const std::vector<Instruction> instructions = {
        make_compute_limit(20'000), make_compute_price(1), transfer(), make_memo("hello")};
    const Message message = compile(filled(9), instructions, filled(5));
    EXPECT_TRUE(message.versioned);
    EXPECT_EQ(message.signers, 2);
    EXPECT_EQ(message.readonly_signers, 1);
    EXPECT_EQ(message.readonly_others, 4);
    EXPECT_EQ(message.blockhash, filled(5));
    EXPECT_TRUE(message.lookups.empty());
    EXPECT_EQ(message.keys,
              (std::vector<Address>{filled(9), filled(4), filled(1), filled(3), filled(2),
                                    compute_budget_program(), token_program(), memo_program()}));
    const auto read = read_message(write(message));
    ASSERT_TRUE(read) << to_string(read.error());
    EXPECT_EQ(*read, message);
}

TEST(Compile, AnAddressHasAllThatAnyUseAsks) {
    struct Row {
        const char* name;
        std::vector<AccountUse> uses;
        std::vector<AccountUse> want;
    };
    const AccountUse payer = use(9, true, true);
    const AccountUse program = {memo_program(), false, false};
    const Row rows[] = {
        {"none", {}, {payer, program}},
        {"the fee payer as less", {use(9, false, false)}, {payer, program}},
        {"readonly then writable",
         {use(1, false, false), use(1, false, true)},
         {payer, use(1, false, true), program}},
        {"writable and signer apart",
         {use(1, false, true), use(1, true, false)},
         {payer, use(1, true, true), program}},
        {"a program that is written",
         {{memo_program(), false, true}},
         {payer, {memo_program(), false, true}}},
        {"all four kinds",
         {use(1, false, false), use(2, false, true), use(3, true, false), use(4, true, true)},
         {payer, use(4, true, true), use(3, true, false), use(2, false, true), use(1, false, false),
          program}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const std::vector<Instruction> one = {{memo_program(), row.uses, {}}};
        const Message message = compile(filled(9), one, {});
        const auto accounts = resolve_accounts(message, {});
        ASSERT_TRUE(accounts);
        EXPECT_EQ(*accounts, row.want);
        EXPECT_EQ(write(*read_message(write(message))), write(message));
    }
}

// Every instruction comes back with its accounts in their order, each with at least what was asked.
TEST(Compile, RoundTrip) {
    const auto random = make_test_random(16);
    const auto pick = [&random](std::size_t below) { return random->bytes<1>().data[0] % below; };
    for (int i = 0; i < 2'000; ++i) {
        std::vector<Instruction> asked(pick(4));
        for (Instruction& each : asked) {
            each.program = filled(static_cast<std::uint8_t>(200 + pick(3)));
            each.accounts.resize(pick(6));
            for (AccountUse& account : each.accounts) {
                account = use(static_cast<std::uint8_t>(pick(8)), pick(4) == 0, pick(2) == 0);
            }
            each.data.resize(pick(40));
            random->fill(each.data);
        }
        const Address fee_payer = filled(static_cast<std::uint8_t>(pick(8)));
        const auto read = read_message(write(compile(fee_payer, asked, random->bytes<32>())));
        ASSERT_TRUE(read) << to_string(read.error());
        EXPECT_EQ(read->keys.front(), fee_payer);
        const auto got = resolve_instructions(*read, *resolve_accounts(*read, {}));
        ASSERT_EQ(got.size(), asked.size());
        for (std::size_t k = 0; k < asked.size(); ++k) {
            EXPECT_EQ(got[k].program, asked[k].program);
            EXPECT_EQ(got[k].data, asked[k].data);
            ASSERT_EQ(got[k].accounts.size(), asked[k].accounts.size());
            for (std::size_t n = 0; n < asked[k].accounts.size(); ++n) {
                const AccountUse& want = asked[k].accounts[n];
                EXPECT_EQ(got[k].accounts[n].address, want.address);
                EXPECT_GE(got[k].accounts[n].signer, want.signer);
                EXPECT_GE(got[k].accounts[n].writable, want.writable);
            }
        }
    }
}

}  // namespace
}  // namespace x402::svm
