// SPDX-License-Identifier: Apache-2.0
// The byte formats: addresses, ABI, RLP, typed data, transactions. The long vectors were made with
// another implementation (viem); the short ones stand in the specifications.
#include <gtest/gtest.h>

#include "x402/base/hex.hpp"
#include "x402/base/random.hpp"
#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/multicall.hpp"
#include "x402/chains/evm/rlp.hpp"
#include "x402/chains/evm/signature.hpp"
#include "x402/chains/evm/token.hpp"
#include "x402/chains/evm/tx.hpp"
#include "x402/chains/evm/wallet.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::evm {
namespace {

constexpr std::string_view kKey =
    "0x1111111111111111111111111111111111111111111111111111111111111122";
constexpr std::string_view kPayer = "0x7d931fd3f5a12c18Cd77f9Cb90ff58E677dF9479";
constexpr std::string_view kPayee = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
constexpr std::string_view kUsdc = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";

crypto::Secret key() {
    return *parse_key(crypto::Secret::from_text(kKey));
}
Address at(std::string_view text) {
    return *parse_address(text);
}
Bytes hex(std::string_view text) {
    return *from_hex(text);
}
std::string keccak_hex(ByteView bytes) {
    return to_hex0x(crypto::keccak256(bytes).view());
}

Authorization authorization() {
    Authorization out;
    out.from = at(kPayer);
    out.to = at(kPayee);
    out.value = U256(10000);
    out.valid_after = U256(1740672089);
    out.valid_before = U256(1740672154);
    out.nonce =
        *fixed_from_hex0x<32>("0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480");
    return out;
}

TEST(Address, ChecksumTable) {
    struct Row {
        const char* name;
        std::string_view text;
        bool good;
    };
    static constexpr Row rows[] = {
        {"EIP-55 one", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", true},
        {"EIP-55 two", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", true},
        {"EIP-55 three", "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", true},
        {"EIP-55 four", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", true},
        {"lower case", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", true},
        {"upper case", "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", true},
        {"one letter wrong", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed", false},
        {"no prefix", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", false},
        {"prefix in upper case", "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", false},
        {"too short", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeA", false},
        {"too long", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00", false},
        {"no hex", "0xgaAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", false},
        {"empty", "", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = parse_address(row.text);
        ASSERT_EQ(got.has_value(), row.good);
        if (!got) continue;
        const std::string text = to_checksum(*got);
        EXPECT_EQ(*parse_address(text), *got);
        EXPECT_EQ(*parse_wire_address(to_lower(*got)), *got);
    }
}

TEST(Address, WrongChecksumNamesTheRightOne) {
    const auto got = parse_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed");
    ASSERT_FALSE(got);
    EXPECT_NE(got.error().next.find("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
              std::string::npos);
    EXPECT_TRUE(parse_wire_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"));
}

TEST(Address, OfKey) {
    EXPECT_EQ(to_checksum(*address_of_key(key())), kPayer);
}

TEST(Abi, SelectorsAndTopicsAreWhatTheirSignaturesHashTo) {
    const Address who = at(kPayer);
    const auto head = [](const Bytes& call) { return to_hex0x(ByteView(call).first(4)); };
    const auto want = [](std::string_view signature) {
        return to_hex0x(ByteView(crypto::keccak256(as_bytes(signature)).view()).first(4));
    };
    EXPECT_EQ(head(call_balance_of(who)), want("balanceOf(address)"));
    EXPECT_EQ(head(call_authorization_state(who, {})), want("authorizationState(address,bytes32)"));
    EXPECT_EQ(head(call_is_valid_signature({}, {})), want("isValidSignature(bytes32,bytes)"));
    constexpr std::string_view kFields = "address,address,uint256,uint256,uint256,bytes32,";
    const std::string name = "transferWithAuthorization(" + std::string(kFields);
    EXPECT_EQ(head(call_transfer(authorization(), Bytes(65))),
              want(name + "uint8,bytes32,bytes32)"));
    EXPECT_EQ(head(call_transfer(authorization(), Bytes(66))), want(name + "bytes)"));
    EXPECT_EQ(head(encode_aggregate({})), want("aggregate3((address,bool,bytes)[])"));
    const auto proofs = proof_calls(who);
    constexpr std::string_view kProofs[] = {"eip712Domain()",
                                            "DOMAIN_SEPARATOR()",
                                            "name()",
                                            "version()",
                                            "symbol()",
                                            "decimals()",
                                            "authorizationState(address,bytes32)"};
    ASSERT_EQ(proofs.size(), std::size(kProofs));
    for (std::size_t i = 0; i < proofs.size(); ++i)
        EXPECT_EQ(head(proofs[i].data), want(kProofs[i]));
    const auto topic = [](std::string_view signature) {
        return crypto::keccak256(as_bytes(signature));
    };
    EXPECT_EQ(transfer_topic(), topic("Transfer(address,address,uint256)"));
    EXPECT_EQ(authorization_used_topic(), topic("AuthorizationUsed(address,bytes32)"));
    EXPECT_EQ(authorization_canceled_topic(), topic("AuthorizationCanceled(address,bytes32)"));
    EXPECT_EQ(selector_of("Error(string)"), 0x08c379a0U);
    EXPECT_EQ(selector_of("Panic(uint256)"), 0x4e487b71U);
}

TEST(Abi, TransferCallsAreTheOtherImplementations) {
    const Bytes signature = *sign_digest(
        transfer_digest(domain_separator({"USDC", "2", 84532, at(kUsdc)}), authorization()), key());
    EXPECT_EQ(keccak_hex(call_transfer(authorization(), signature)),
              "0xdaacf9c897dac6e9d3ac7d87bfc4ca12911b5df6a2ee6549a0b959f789212c50");
    EXPECT_EQ(keccak_hex(call_transfer(authorization(), hex("deadbeef"))),
              "0x85b5dea0c2f0a6884e38ab1ad546ac365bb45da31dfe61216fcbbce90648a478");
}

TEST(Abi, AggregateIsTheOtherImplementations) {
    const ContractCall calls[] = {
        {at(kPayer), hex("010203")}, {at(kPayee), {}}, {at(kPayee), Bytes(33, 0xab)}};
    EXPECT_EQ(keccak_hex(encode_aggregate(calls)),
              "0x3f63c905008560f6c96f1ba54120a16d114ddb426acf1aecf515216f7ed92e84");
}

std::string aggregate_answer() {
    const std::string zeros(62, '0');
    const auto word = [&zeros](std::string_view two) { return zeros + std::string(two); };
    const std::string tail(62, '0');
    return word("20") + word("02") + word("40") + word("c0") + word("01") + word("40") +
           word("01") + "01" + tail + word("00") + word("40") + word("28") + std::string(80, 'c') +
           std::string(48, '0');
}

TEST(Abi, AggregateAnswer) {
    const auto got = decode_aggregate(hex(aggregate_answer()), 2);
    ASSERT_TRUE(got) << to_string(got.error());
    EXPECT_TRUE((*got)[0].ok);
    EXPECT_EQ((*got)[0].data, hex("01"));
    EXPECT_FALSE((*got)[1].ok);
    EXPECT_EQ((*got)[1].data, Bytes(40, 0xcc));
    EXPECT_FALSE(decode_aggregate(hex(aggregate_answer()), 3));
    EXPECT_FALSE(decode_aggregate(hex(aggregate_answer()), 1));
    EXPECT_FALSE(decode_aggregate({}, 0));
}

TEST(Abi, AnyCutOrFlippedAnswerIsRefusedOrReadWithoutHarm) {
    const Bytes whole = hex(aggregate_answer());
    for (std::size_t size = 0; size + 24 < whole.size(); ++size) {
        EXPECT_FALSE(decode_aggregate(ByteView(whole).first(size), 2)) << size;
    }
    auto random = make_test_random(7);
    for (int i = 0; i < 2'000; ++i) {
        Bytes broken = whole;
        const auto dice = random->bytes<3>();
        const std::size_t place =
            (static_cast<std::size_t>(dice.data[0]) << 8 | dice.data[1]) % broken.size();
        broken[place] ^= static_cast<std::uint8_t>(dice.data[2] | 1);
        const auto got = decode_aggregate(broken, 2);
        if (got) {
            EXPECT_EQ(got->size(), 2U);
        }
    }
}

TEST(Abi, StrictWords) {
    const Bytes two = AbiWriter().uint(2).finish();
    EXPECT_FALSE(AbiReader(two).boolean(0));
    EXPECT_TRUE(AbiReader(AbiWriter().boolean(true).finish()).boolean(0));
    EXPECT_FALSE(AbiReader(AbiWriter().uint(U256::max()).finish()).address(0));
    EXPECT_FALSE(AbiReader(AbiWriter().uint(U256::max()).finish()).bytes(0));
    EXPECT_FALSE(AbiReader(two).word(1));
    Bytes padded = AbiWriter().text("abc").finish();
    EXPECT_EQ(*AbiReader(padded).text(0), "abc");
    padded.back() = 1;
    EXPECT_FALSE(AbiReader(padded).text(0));
}

TEST(Abi, BytesComeBack) {
    auto random = make_test_random(11);
    for (std::size_t size = 0; size < 130; ++size) {
        Bytes content(size);
        random->fill(content);
        const Bytes encoded = AbiWriter().uint(5).bytes(content).boolean(false).text("x").finish();
        const AbiReader reader(encoded);
        EXPECT_EQ(*reader.bytes(1), content);
        EXPECT_EQ(*reader.text(3), "x");
        EXPECT_EQ(encoded.size() % 32, 0U);
    }
}

TEST(Abi, RevertText) {
    EXPECT_EQ(revert_text(AbiWriter(0x08c379a0).text("no money").finish()), "no money");
    EXPECT_EQ(revert_text(AbiWriter(0x08c379a0).text("a\nb\x80").finish()), "a?b?");
    EXPECT_EQ(revert_text(AbiWriter(0x4e487b71).uint(0x11).finish()), "panic 0x11");
    EXPECT_EQ(revert_text(hex("e450d38c00")), "0xe450d38c");
    EXPECT_EQ(revert_text(hex("08c379a0ff")), "0x08c379a0");
    EXPECT_EQ(revert_text({}), "");
}

TEST(Rlp, SpecificationVectors) {
    EXPECT_EQ(to_hex(rlp_string(as_bytes("dog"))), "83646f67");
    EXPECT_EQ(to_hex(rlp_string({})), "80");
    EXPECT_EQ(to_hex(rlp_uint(0)), "80");
    EXPECT_EQ(to_hex(rlp_uint(15)), "0f");
    EXPECT_EQ(to_hex(rlp_uint(1024)), "820400");
    EXPECT_EQ(to_hex(rlp_list({})), "c0");
    const Bytes pets[] = {rlp_string(as_bytes("cat")), rlp_string(as_bytes("dog"))};
    EXPECT_EQ(to_hex(rlp_list(pets)), "c88363617483646f67");
    const std::string lorem = "Lorem ipsum dolor sit amet, consectetur adipisicing elit";
    EXPECT_EQ(to_hex(rlp_string(as_bytes(lorem))), "b838" + to_hex(as_bytes(lorem)));
}

TEST(Rlp, RefusesWhatIsNotTheShortestForm) {
    struct Row {
        const char* name;
        std::string_view text;
    };
    static constexpr Row rows[] = {
        {"empty input", ""},
        {"a byte as a string", "8101"},
        {"long form of a short string", "b80161"},
        {"length with a leading zero",
         "b90038"
         "61"},
        {"string cut", "83646f"},
        {"list cut", "c883636174"},
        {"bytes after", "8000"},
        {"item longer than its list", "c28361"},
        {"huge length", "bfffffffffffffffff"},
        {"length cut", "b9"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_FALSE(rlp_decode(hex(row.text)));
    }
    Bytes deep = hex("c0");
    for (int i = 0; i < 40; ++i) deep = rlp_list({&deep, 1});
    EXPECT_FALSE(rlp_decode(deep));
}

TEST(Rlp, WhatWasWrittenComesBack) {
    auto random = make_test_random(3);
    for (const std::size_t size : {0U, 1U, 2U, 54U, 55U, 56U, 57U, 255U, 256U, 70'000U}) {
        Bytes content(size);
        random->fill(content);
        const Bytes text = rlp_string(content);
        const Bytes list = rlp_list({&text, 1});
        const auto got = rlp_decode(list);
        ASSERT_TRUE(got) << size;
        ASSERT_EQ(got->items.size(), 1U);
        EXPECT_EQ(got->items[0].bytes, content);
    }
    for (int i = 0; i < 200; ++i) {
        const auto word = random->bytes<32>();
        const U256 number = *U256::from_be(word.view().subspan(static_cast<std::size_t>(i) % 32));
        EXPECT_EQ(*rlp_to_uint(*rlp_decode(rlp_uint(number))), number);
    }
}

TEST(Eip712, IsTheOtherImplementations) {
    const Hash32 separator = domain_separator({"USDC", "2", 84532, at(kUsdc)});
    EXPECT_EQ(to_hex0x(separator.view()),
              "0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818");
    const Hash32 digest = transfer_digest(separator, authorization());
    EXPECT_EQ(to_hex0x(digest.view()),
              "0x4e4598bae6d7dbb1e1d623058a1f37c73b508feba46339f03127814d80621938");
    const Bytes signature = *sign_digest(digest, key());
    EXPECT_EQ(to_hex0x(signature),
              "0xf1d1ee5fb94bc47b4f68127a8567963352c196f4492357e5129c57ba92299809"
              "51bc18fee940df7bc826e293758fc43f9ace9934c38bf72684f9844a2ce574ed1b");
    EXPECT_EQ(*recover_signer(digest, signature), at(kPayer));
    const Domain flare{
        "USD\xE2\x82\xAE"
        "0",
        "1", 14, at("0xe7cd86e13AC4309349F30B3435a9d337750fC82D")};
    EXPECT_EQ(to_hex0x(domain_separator(flare).view()),
              "0x4c53d754dcb2f406ecf83695856d8c10b13296a318d9a481043412bf253d43ae");
}

TEST(Signature, OnlyOneTextForOneSignature) {
    const Hash32 digest = crypto::keccak256(as_bytes("x"));
    const Bytes good = *sign_digest(digest, key());
    ASSERT_TRUE(recover_signer(digest, good));
    for (const int v : {0, 1, 2, 26, 29, 35, 255}) {
        Bytes other = good;
        other[64] = static_cast<std::uint8_t>(v);
        EXPECT_FALSE(recover_signer(digest, other)) << v;
    }
    // s' = n - s with the other parity recovers the same key: a second text, so it is refused.
    const U256 order =
        *U256::from_hex("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    const U256 s = *U256::from_be(ByteView(good).subspan(32, 32));
    Bytes high = good;
    const auto mirrored = order.checked_sub(s)->to_be();
    std::copy(mirrored.data.begin(), mirrored.data.end(), high.begin() + 32);
    high[64] = static_cast<std::uint8_t>(27 + 28 - good[64]);
    EXPECT_FALSE(recover_signer(digest, high));
    EXPECT_FALSE(recover_signer(digest, ByteView(good).first(64)));
    EXPECT_FALSE(recover_signer(digest, Bytes(65)));
}

TEST(Signature, Counterfactual) {
    Bytes wrapped = hex("1234");
    append(wrapped, hex("6492649264926492649264926492649264926492649264926492649264926492"));
    EXPECT_TRUE(is_counterfactual(wrapped));
    wrapped.push_back(0);
    EXPECT_FALSE(is_counterfactual(wrapped));
    EXPECT_FALSE(is_counterfactual({}));
}

TEST(Tx, IsTheOtherImplementations) {
    Transaction tx;
    tx.chain_id = 84532;
    tx.nonce = 7;
    tx.tip = U256(1'000'000);
    tx.max_fee = U256(2'000'000'000);
    tx.gas = 100'000;
    tx.to = at(kUsdc);
    tx.data = hex("deadbeef");
    const auto made = sign_transaction(tx, key());
    ASSERT_TRUE(made);
    EXPECT_EQ(to_hex0x(made->raw),
              "0x02f87183014a3407830f42408477359400830186a094036cbd53842c5426634e7929541ec2318f3dcf"
              "7e8084deadbeefc0"
              "01a0edd7268c3847ead98b6db094af1375716d49d3c3b1de9a4a446b1fd4aa79adcfa02254e7968847db"
              "3fa5ad072b684b1b"
              "513a4ba18e81f66ee40fcf8ff29e4282cf");
    EXPECT_EQ(to_hex0x(made->hash.view()),
              "0x20031037a379461ae621b02aa0b2cf1c3c84a1ec4adabbc41c15d47fcfb75d66");
    Transaction small;
    small.chain_id = 1;
    small.max_fee = U256(1);
    small.gas = 21'000;
    small.to = at(kPayer);
    small.value = U256(1);
    EXPECT_EQ(to_hex0x(sign_transaction(small, key())->hash.view()),
              "0xafd15c00044f7f6e5053141ad77b282c63805063880cbc97e29e8b9a23eee880");
}

TEST(Tx, ReadsBackWhatWasSigned) {
    Transaction tx;
    tx.chain_id = 8453;
    tx.nonce = 300;
    tx.tip = U256(5);
    tx.max_fee = U256::max();
    tx.gas = 21'000;
    tx.to = at(kPayee);
    tx.value = U256(77);
    tx.data = Bytes(500, 3);
    const auto made = sign_transaction(tx, key());
    const auto got = read_transaction(made->raw);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->sender, at(kPayer));
    EXPECT_EQ(got->hash, made->hash);
    EXPECT_EQ(got->tx.nonce, 300U);
    EXPECT_EQ(got->tx.max_fee, U256::max());
    EXPECT_EQ(got->tx.data, tx.data);
    Bytes legacy = made->raw;
    legacy[0] = 1;
    EXPECT_FALSE(read_transaction(legacy));
    EXPECT_FALSE(read_transaction(ByteView(made->raw).first(50)));
}

TEST(Wallet, KeyTexts) {
    const EvmWallets wallets;
    EXPECT_EQ(wallets.default_key_variable(), "X402_EVM_KEY");
    EXPECT_TRUE(wallets.recognizes(kKey));
    EXPECT_TRUE(wallets.recognizes(kKey.substr(2)));
    EXPECT_FALSE(wallets.recognizes(kKey.substr(0, 65)));
    EXPECT_FALSE(wallets.recognizes("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"));
    EXPECT_FALSE(wallets.parse(crypto::Secret::from_text("0x12")));
    const std::string zero = "0x" + std::string(64, '0');
    EXPECT_FALSE(wallets.parse(crypto::Secret::from_text(zero)));
    const auto wallet = wallets.parse(crypto::Secret::from_text(kKey));
    ASSERT_TRUE(wallet);
    EXPECT_EQ((*wallet)->address(), kPayer);
    EXPECT_EQ((*wallet)->family(), "eip155");
    EXPECT_FALSE((*wallet)->sign(Bytes(31)));
    const Hash32 digest = crypto::keccak256(as_bytes("digest"));
    EXPECT_EQ(*recover_signer(digest, *(*wallet)->sign(digest.view())), at(kPayer));
}

}  // namespace
}  // namespace x402::evm
