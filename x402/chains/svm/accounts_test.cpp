// SPDX-License-Identifier: Apache-2.0
// Mints, token accounts and lookup tables: every length, tag and padding that the programs refuse,
// and for each extension of Token-2022 whether a transfer can trust it.
#include "x402/chains/svm/accounts.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "x402/chains/svm/little_endian.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

Address filled(std::uint8_t byte) {
    Address out;
    out.data.fill(byte);
    return out;
}

template <class T>
void put(Bytes& to, std::size_t at, T value) {
    Bytes bytes;
    append_le(bytes, value);
    std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_address(Bytes& to, std::size_t at, const Address& address) {
    std::copy(address.data.begin(), address.data.end(),
              to.begin() + static_cast<std::ptrdiff_t>(at));
}

Bytes mint() {
    Bytes out(82);
    put(out, 0, std::uint32_t{1});
    put_address(out, 4, filled(1));
    put(out, 36, std::uint64_t{1'000'000'007});
    out[44] = 6;
    out[45] = 1;
    return out;
}

Bytes token_account() {
    Bytes out(165);
    put_address(out, 0, filled(2));
    put_address(out, 32, filled(3));
    put(out, 64, std::uint64_t{0x0102'0304'0506'0708});
    out[108] = 1;
    return out;
}

Bytes extension(std::uint16_t type, const Bytes& value) {
    Bytes out;
    append_le(out, type);
    append_le(out, static_cast<std::uint16_t>(value.size()));
    append(out, value);
    return out;
}

Bytes extended(Bytes base, std::uint8_t type, std::initializer_list<Bytes> extensions) {
    base.resize(165);
    base.push_back(type);
    for (const Bytes& each : extensions) append(base, each);
    return base;
}

Bytes extended_mint(std::initializer_list<Bytes> extensions) {
    return extended(mint(), 1, extensions);
}

TEST(ReadMint, Plain) {
    for (const Address& program : {token_program(), token_2022_program()}) {
        const auto got = read_mint(program, mint());
        ASSERT_TRUE(got) << to_string(got.error());
        EXPECT_EQ(got->program, program);
        EXPECT_EQ(got->supply, 1'000'000'007U);
        EXPECT_EQ(got->decimals, 6);
        EXPECT_TRUE(got->initialized);
        EXPECT_FALSE(got->freeze_authority);
        EXPECT_TRUE(got->extensions.empty());
        EXPECT_EQ(harmful_extension(*got, false), "");
    }
}

TEST(ReadMint, OneBrokenDemandAtATime) {
    struct Row {
        const char* name;
        std::function<void(Bytes&)> change;
        bool good;
    };
    const Row rows[] = {
        {"nothing", [](Bytes&) {}, true},
        {"no mint authority", [](Bytes& b) { b[0] = 0; }, true},
        {"mint authority tag 2", [](Bytes& b) { b[0] = 2; }, false},
        {"mint authority tag 256", [](Bytes& b) { b[1] = 1; }, false},
        {"not initialized", [](Bytes& b) { b[45] = 0; }, true},
        {"initialized 2", [](Bytes& b) { b[45] = 2; }, false},
        {"a freeze authority", [](Bytes& b) { b[46] = 1; }, true},
        {"freeze authority tag 2", [](Bytes& b) { b[46] = 2; }, false},
        {"freeze authority tag of its last byte", [](Bytes& b) { b[49] = 1; }, false},
        {"no byte", [](Bytes& b) { b.clear(); }, false},
        {"a byte less", [](Bytes& b) { b.pop_back(); }, false},
        {"a byte more", [](Bytes& b) { b.push_back(0); }, false},
        {"as long as a token account", [](Bytes& b) { b.resize(165); }, false},
        {"as long as a multisig", [](Bytes& b) { b.resize(355); }, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Bytes data = mint();
        row.change(data);
        for (const Address& program : {token_program(), token_2022_program()}) {
            const auto got = read_mint(program, data);
            ASSERT_EQ(got.has_value(), row.good);
            if (!got) {
                EXPECT_EQ(got.error().code, Errc::invalid);
            }
        }
    }
    EXPECT_FALSE(read_mint(system_program(), mint()));
    EXPECT_FALSE(read_mint(lookup_table_program(), mint()));
    Bytes freezable = mint();
    freezable[46] = 1;
    put_address(freezable, 50, filled(7));
    EXPECT_EQ(read_mint(token_program(), freezable)->freeze_authority, filled(7));
}

TEST(ReadMint, Extensions) {
    const Bytes hook = extension(14, Bytes(64));
    const Bytes metadata = extension(19, Bytes(300, 5));
    const auto got = read_mint(token_2022_program(), extended_mint({hook, metadata}));
    ASSERT_TRUE(got) << to_string(got.error());
    ASSERT_EQ(got->extensions.size(), 2U);
    EXPECT_EQ(got->extensions[0].type, 14);
    EXPECT_EQ(got->extensions[0].value, Bytes(64));
    EXPECT_EQ(got->extensions[1].type, 19);
    EXPECT_EQ(got->extensions[1].value, Bytes(300, 5));
}

TEST(ReadMint, TheFormOfExtensions) {
    struct Row {
        const char* name;
        Bytes data;
        std::optional<std::size_t> want;  // how many
    };
    const Bytes none = extension(9, {});
    const auto changed = [](Bytes data, std::size_t at, std::uint8_t value) {
        data[at] = value;
        return data;
    };
    const Bytes whole = extended_mint({extension(6, {1}), none});
    const Row rows[] = {
        {"two", whole, 2},
        {"none, without room", extended_mint({}), std::nullopt},
        {"none, and one byte", extended_mint({Bytes(1)}), 0},
        {"none, and room", extended_mint({Bytes(20)}), 0},
        {"room behind", extended_mint({none, Bytes(20)}), 1},
        {"the end, and anything behind", extended_mint({none, Bytes{0, 0, 7, 7, 7}}), 1},
        {"one byte behind", extended_mint({none, Bytes{7}}), 1},
        {"a type alone", extended_mint({none, Bytes{6, 0}}), std::nullopt},
        {"half a length", extended_mint({none, Bytes{6, 0, 1}}), std::nullopt},
        {"a value cut", extended_mint({none, Bytes{6, 0, 1, 0}}), std::nullopt},
        {"a length far beyond", extended_mint({Bytes{6, 0, 255, 255, 1}}), std::nullopt},
        {"one twice", extended_mint({none, extension(6, {1}), none}), std::nullopt},
        {"an unknown one", extended_mint({extension(60'000, {1, 2})}), 1},
        {"padding", changed(whole, 82, 1), std::nullopt},
        {"the last of the padding", changed(whole, 164, 1), std::nullopt},
        {"the type of a token account", changed(whole, 165, 2), std::nullopt},
        {"the type of nothing", changed(whole, 165, 0), std::nullopt},
        {"as long as a multisig", extended_mint({extension(19, Bytes(355 - 166 - 4))}),
         std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read_mint(token_2022_program(), row.data);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (got) {
            EXPECT_EQ(got->extensions.size(), *row.want);
        }
        EXPECT_FALSE(read_mint(token_program(), row.data));
    }
}

std::string judged(std::uint16_t type, const Bytes& value, bool vouched) {
    const auto got = read_mint(token_2022_program(), extended_mint({extension(type, value)}));
    return got ? harmful_extension(*got, vouched) : "not read";
}

// Every type once, with a value of the length that it has and nothing but zeros in it.
TEST(HarmfulExtension, EveryType) {
    struct Row {
        std::uint16_t type;
        std::size_t size;
        std::string_view harmful;  // when all is zero
    };
    static constexpr Row rows[] = {
        {1, 108, ""},
        {2, 8, "TransferFeeAmount"},
        {3, 32, ""},
        {4, 65, ""},
        {5, 295, "ConfidentialTransferAccount"},
        {6, 1, "DefaultAccountState"},
        {7, 0, "ImmutableOwner"},
        {8, 1, "MemoTransfer"},
        {9, 0, "NonTransferable"},
        {10, 52, ""},
        {11, 1, "CpiGuard"},
        {12, 32, ""},
        {13, 0, "NonTransferableAccount"},
        {14, 64, ""},
        {15, 1, "TransferHookAccount"},
        {16, 129, ""},
        {17, 64, "ConfidentialTransferFeeAmount"},
        {18, 64, ""},
        {19, 100, ""},
        {20, 64, ""},
        {21, 80, ""},
        {22, 64, ""},
        {23, 72, ""},
        {24, 196, ""},
        {25, 56, ""},
        {26, 33, ""},
        {27, 0, "PausableAccount"},
        {28, 32, ""},
        {29, 32, "extension 29"},
        {65'535, 0, "extension 65535"},
    };
    for (const Row& row : rows) {
        for (const bool vouched : {true, false}) {
            EXPECT_EQ(judged(row.type, Bytes(row.size), vouched), row.harmful) << row.type;
        }
    }
}

Bytes fee(std::uint16_t older, std::uint16_t newer, std::uint8_t authority) {
    Bytes out(108);
    put_address(out, 0, filled(authority));
    put_address(out, 32, filled(0xaa));  // who may withdraw what was withheld
    put(out, 64, std::uint64_t{5});
    put(out, 72, std::uint64_t{400});
    put(out, 80, std::uint64_t{1'000});
    put(out, 88, older);
    put(out, 90, std::uint64_t{402});
    put(out, 98, std::uint64_t{1'000});
    put(out, 106, newer);
    return out;
}

Bytes two_keys(std::uint8_t authority, std::uint8_t program) {
    Bytes out = to_bytes(filled(authority).view());
    append(out, filled(program).view());
    return out;
}

Bytes pause(std::uint8_t authority, std::uint8_t paused) {
    Bytes out = to_bytes(filled(authority).view());
    out.push_back(paused);
    return out;
}

TEST(HarmfulExtension, ByWhatItSays) {
    struct Row {
        const char* name;
        std::uint16_t type;
        Bytes value;
        bool harmful_vouched;
        bool harmful_else;
    };
    const Row rows[] = {
        {"no fee, and nobody to set one", 1, fee(0, 0, 0), false, false},
        {"no fee, somebody may set one", 1, fee(0, 0, 1), false, true},
        {"a fee until an epoch", 1, fee(1, 0, 0), true, true},
        {"a fee from an epoch on", 1, fee(0, 1, 0), true, true},
        {"a fee of 256 points", 1, fee(0, 256, 1), true, true},
        {"a fee of all", 1, fee(10'000, 10'000, 1), true, true},
        {"a fee cut", 1, Bytes(107), true, true},
        {"a fee and a byte", 1, Bytes(109), true, true},
        {"nothing of a fee", 1, {}, true, true},
        {"usable at birth", 6, {1}, false, false},
        {"frozen at birth", 6, {2}, true, true},
        {"no state at birth", 6, {3}, true, true},
        {"nothing at birth", 6, {}, true, true},
        {"two states at birth", 6, {1, 1}, true, true},
        {"a delegate", 12, Bytes(32, 1), false, true},
        {"half a delegate", 12, Bytes(16), true, true},
        {"a hook's authority", 14, two_keys(1, 0), false, true},
        {"a hook", 14, two_keys(0, 1), true, true},
        {"a hook and its authority", 14, two_keys(1, 1), true, true},
        {"half a hook", 14, Bytes(32), true, true},
        {"may be paused", 26, pause(1, 0), false, true},
        {"is paused", 26, pause(1, 1), false, true},
        {"is paused for ever", 26, pause(0, 1), false, true},
        {"nobody to pause it", 26, pause(0, 0), false, false},
        {"half a pause", 26, Bytes(32), true, true},
        {"a rate", 10, Bytes(52, 9), false, false},
        {"a multiplier", 25, Bytes(56, 9), false, false},
        {"who may close it", 3, Bytes(32, 9), false, false},
        {"who may burn", 28, Bytes(32, 9), false, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(!judged(row.type, row.value, true).empty(), row.harmful_vouched);
        EXPECT_EQ(!judged(row.type, row.value, false).empty(), row.harmful_else);
    }
}

// As stablecoins carry them: several, all of them harmless once the issuer is trusted.
TEST(HarmfulExtension, OneOfMany) {
    const Bytes stable[] = {extension(3, Bytes(32, 1)),   extension(12, Bytes(32, 1)),
                            extension(1, fee(0, 0, 1)),   extension(4, Bytes(65, 1)),
                            extension(16, Bytes(129, 1)), extension(14, two_keys(1, 0)),
                            extension(18, Bytes(64, 1)),  extension(19, Bytes(180, 1))};
    Bytes data = extended_mint({});
    for (const Bytes& each : stable) append(data, each);
    EXPECT_EQ(harmful_extension(*read_mint(token_2022_program(), data), true), "");
    EXPECT_EQ(harmful_extension(*read_mint(token_2022_program(), data), false),
              "PermanentDelegate");
    append(data, extension(9, {}));
    EXPECT_EQ(harmful_extension(*read_mint(token_2022_program(), data), true), "NonTransferable");
}

TEST(ReadTokenAccount, Plain) {
    for (const Address& program : {token_program(), token_2022_program()}) {
        const auto got = read_token_account(program, token_account());
        ASSERT_TRUE(got) << to_string(got.error());
        EXPECT_EQ(got->program, program);
        EXPECT_EQ(got->mint, filled(2));
        EXPECT_EQ(got->owner, filled(3));
        EXPECT_EQ(got->amount, 0x0102'0304'0506'0708U);
        EXPECT_EQ(got->state, TokenAccountState::initialized);
        EXPECT_FALSE(got->requires_memo);
    }
}

TEST(ReadTokenAccount, OneBrokenDemandAtATime) {
    struct Row {
        const char* name;
        std::function<void(Bytes&)> change;
        bool good;
    };
    const Row rows[] = {
        {"nothing", [](Bytes&) {}, true},
        {"a delegate", [](Bytes& b) { b[72] = 1; }, true},
        {"delegate tag 2", [](Bytes& b) { b[72] = 2; }, false},
        {"delegate tag of its last byte", [](Bytes& b) { b[75] = 1; }, false},
        {"not initialized", [](Bytes& b) { b[108] = 0; }, true},
        {"frozen", [](Bytes& b) { b[108] = 2; }, true},
        {"state 3", [](Bytes& b) { b[108] = 3; }, false},
        {"native", [](Bytes& b) { b[109] = 1; }, true},
        {"native tag 2", [](Bytes& b) { b[109] = 2; }, false},
        {"a close authority", [](Bytes& b) { b[129] = 1; }, true},
        {"close authority tag 255", [](Bytes& b) { b[129] = 255; }, false},
        {"no byte", [](Bytes& b) { b.clear(); }, false},
        {"a mint's length", [](Bytes& b) { b.resize(82); }, false},
        {"a byte less", [](Bytes& b) { b.pop_back(); }, false},
        {"a byte more", [](Bytes& b) { b.push_back(2); }, false},
        {"as long as a multisig", [](Bytes& b) { b.push_back(2), b.resize(355); }, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Bytes data = token_account();
        row.change(data);
        for (const Address& program : {token_program(), token_2022_program()}) {
            const auto got = read_token_account(program, data);
            ASSERT_EQ(got.has_value(), row.good);
            if (got) {
                EXPECT_EQ(static_cast<std::uint8_t>(got->state), data[108]);
            }
        }
    }
    EXPECT_FALSE(read_token_account(system_program(), token_account()));
}

TEST(ReadTokenAccount, MemoTransfer) {
    struct Row {
        const char* name;
        Bytes data;
        std::optional<bool> want;
    };
    const auto with = [](std::uint8_t type, std::initializer_list<Bytes> extensions) {
        return extended(token_account(), type, extensions);
    };
    const Row rows[] = {
        {"wanted", with(2, {extension(7, {}), extension(8, {1})}), true},
        {"not wanted", with(2, {extension(8, {0})}), false},
        {"any byte but zero", with(2, {extension(8, {255})}), true},
        {"no byte", with(2, {extension(8, {})}), std::nullopt},
        {"two bytes", with(2, {extension(8, {0, 1})}), std::nullopt},
        {"twice", with(2, {extension(8, {0}), extension(8, {1})}), std::nullopt},
        {"behind the end", with(2, {Bytes{0, 0}, extension(8, {1})}), false},
        {"others", with(2, {extension(2, Bytes(8)), extension(15, {0})}), false},
        {"a mint", with(1, {extension(8, {1})}), std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read_token_account(token_2022_program(), row.data);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (got) {
            EXPECT_EQ(got->requires_memo, *row.want);
        }
        EXPECT_FALSE(read_token_account(token_program(), row.data));
    }
}

TEST(ReadTokenAccount, AMintIsNone) {
    EXPECT_FALSE(read_token_account(token_2022_program(), extended_mint({extension(6, {1})})));
    EXPECT_FALSE(read_mint(token_2022_program(), extended(token_account(), 2, {extension(7, {})})));
}

Bytes table(std::size_t entries) {
    Bytes out(56);
    put(out, 0, std::uint32_t{1});
    put(out, 4, ~std::uint64_t{0});
    out[21] = 1;
    for (std::size_t i = 0; i < entries; ++i) {
        append(out, filled(static_cast<std::uint8_t>(i)).view());
    }
    return out;
}

TEST(ReadLookupTable, Entries) {
    for (const std::size_t count : {0U, 1U, 3U, 256U}) {
        const auto got = read_lookup_table(lookup_table_program(), table(count));
        ASSERT_TRUE(got) << to_string(got.error());
        EXPECT_TRUE(got->active);
        ASSERT_EQ(got->entries.size(), count);
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(got->entries[i], filled(static_cast<std::uint8_t>(i)));
        }
    }
}

TEST(ReadLookupTable, OneBrokenDemandAtATime) {
    struct Row {
        const char* name;
        std::function<void(Bytes&)> change;
        bool good;
    };
    const Row rows[] = {
        {"nothing", [](Bytes&) {}, true},
        {"no authority", [](Bytes& b) { b[21] = 0; }, true},
        {"authority tag 2", [](Bytes& b) { b[21] = 2; }, false},
        {"not made", [](Bytes& b) { b[0] = 0; }, false},
        {"another kind", [](Bytes& b) { b[0] = 2; }, false},
        {"kind 257", [](Bytes& b) { b[1] = 1; }, false},
        {"no byte", [](Bytes& b) { b.clear(); }, false},
        {"a head cut", [](Bytes& b) { b.resize(55); }, false},
        {"an entry cut", [](Bytes& b) { b.pop_back(); }, false},
        {"half an entry more", [](Bytes& b) { b.resize(b.size() + 16); }, false},
        {"257 entries", [](Bytes& b) { b.resize(56 + 257 * 32); }, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Bytes data = table(2);
        row.change(data);
        const auto got = read_lookup_table(lookup_table_program(), data);
        ASSERT_EQ(got.has_value(), row.good);
        if (!got) {
            EXPECT_EQ(got.error().code, Errc::invalid);
        }
    }
    EXPECT_FALSE(read_lookup_table(token_program(), table(2)));
}

TEST(ReadLookupTable, Deactivated) {
    for (const std::uint64_t slot :
         {std::uint64_t{0}, std::uint64_t{400'000'000}, ~std::uint64_t{1}}) {
        Bytes data = table(1);
        put(data, 4, slot);
        EXPECT_FALSE(read_lookup_table(lookup_table_program(), data)->active) << slot;
    }
}

}  // namespace
}  // namespace x402::svm
