// SPDX-License-Identifier: Apache-2.0
// Nodes word the same thing differently; what each wording means, and that nonsense is never a
// judgement.
#include <gtest/gtest.h>

#include "x402/base/hex.hpp"
#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/revert.hpp"
#include "x402/chains/evm/rpc.hpp"

namespace x402::evm {
namespace {

net::RpcReply said(std::string_view text) {
    net::RpcReply reply;
    reply.result = *json::parse(text);
    return reply;
}
net::RpcReply failed(std::int64_t code, std::string message, json::Value data = nullptr) {
    net::RpcReply reply;
    reply.error = net::RpcError{code, std::move(message), std::move(data)};
    return reply;
}

TEST(ReadSent, Table) {
    struct Row {
        const char* message;
        Sent want;
    };
    static constexpr Row rows[] = {
        {"already known", Sent::accepted},
        {"AlreadyKnown", Sent::accepted},
        {"ALREADY_EXISTS: already exists", Sent::accepted},
        {"transaction already imported", Sent::accepted},
        {"nonce too low", Sent::refused},
        {"Nonce too low. Expected nonce to be 5", Sent::refused},
        {"replacement transaction underpriced", Sent::refused},
        {"transaction underpriced: gas tip cap 1", Sent::refused},
        {"insufficient funds for gas * price + value", Sent::refused},
        {"exceeds block gas limit", Sent::refused},
        {"max fee per gas less than block base fee", Sent::refused},
        {"unknown transaction type", Sent::unknown},
        {"txpool is full", Sent::unknown},
        {"internal error", Sent::unknown},
        {"request timed out", Sent::unknown},
        {"", Sent::unknown},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.message);
        EXPECT_EQ(read_sent(failed(-32000, row.message)).sent, row.want);
    }
    EXPECT_EQ(read_sent(said("\"0x12\"")).sent, Sent::accepted);
    EXPECT_EQ(read_sent(net::RpcReply{}).sent, Sent::unknown);
    for (const Errc code : {Errc::timeout, Errc::unreachable, Errc::interrupted, Errc::bad_peer}) {
        EXPECT_EQ(read_sent(fail(code)).sent, Sent::unknown);
    }
}

TEST(FoldSent, OneThatAcceptsIsEnoughAndOneThatIsSilentIsDoubt) {
    using Replies = std::vector<Result<net::RpcReply>>;
    const net::RpcReply yes = said("\"0x12\"");
    const net::RpcReply no = failed(-32000, "nonce too low");
    const Result<net::RpcReply> silent = fail(Errc::timeout);
    EXPECT_EQ(fold_sent(Replies{no, silent, yes}).sent, Sent::accepted);
    EXPECT_EQ(fold_sent(Replies{no, silent}).sent, Sent::unknown);
    EXPECT_EQ(fold_sent(Replies{silent, no}).sent, Sent::unknown);
    EXPECT_EQ(fold_sent(Replies{no, no}).sent, Sent::refused);
    EXPECT_EQ(fold_sent(Replies{}).sent, Sent::unknown);
}

TEST(ReadCall, RevertsAreAnswersAndTroubleIsNot) {
    const json::Value data = "0x08c379a0";
    struct Row {
        const char* name;
        net::RpcReply reply;
        bool revert;
        std::string_view hex;
    };
    const Row rows[] = {
        {"geth", failed(3, "execution reverted: x", data), true, "08c379a0"},
        {"besu", failed(-32000, "Execution reverted", data), true, "08c379a0"},
        {"nethermind", failed(-32015, "VM execution error.", "Reverted 0x08c379a0"), true,
         "08c379a0"},
        {"one object deeper", failed(3, "revert", json::Object{{"data", data}}), true, "08c379a0"},
        {"no data", failed(3, "execution reverted"), true, ""},
        {"data is no hex", failed(3, "execution reverted", "0xzz"), true, ""},
        {"out of gas", failed(-32000, "out of gas"), true, ""},
        {"anvil", failed(-32603, "EVM error OutOfGas"), true, ""},
        {"anvil, an opcode", failed(-32603, "EVM error InvalidFEOpcode"), true, ""},
        {"anvil, itself", failed(-32603, "EVM error FatalExternalError"), false, ""},
        {"nethermind, out of gas", failed(-32015, "OutOfGas"), true, ""},
        {"no such block", failed(-32000, "header not found"), false, ""},
        {"rate limit", failed(-32005, "limit exceeded"), false, ""},
        {"no method", failed(-32601, "the method does not exist"), false, ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read_call(row.reply);
        ASSERT_EQ(got.has_value(), row.revert);
        if (!got) {
            EXPECT_EQ(got.error().code, Errc::unavailable);
            continue;
        }
        EXPECT_FALSE(got->ok);
        EXPECT_EQ(to_hex(got->data), row.hex);
        EXPECT_FALSE(read_estimate(row.reply)->ok);
    }
    EXPECT_EQ(read_call(said("\"0x01\""))->data, Bytes{1});
    EXPECT_EQ(read_estimate(said("\"0x5208\""))->gas, 21'000U);
}

TEST(ReadEstimate, WhatDoesNotFitIsToldFromARevert) {
    struct Row {
        const char* name;
        net::RpcReply reply;
        std::optional<U256> over;
    };
    const Row rows[] = {
        {"geth", failed(-32000, "gas required exceeds allowance (600000)"), U256(600'000)},
        {"anvil", failed(-32003, "Out of gas: gas required exceeds allowance: 400000"),
         U256(400'000)},
        {"no number", failed(-32000, "gas required exceeds allowance"), std::nullopt},
        {"a stranger's words", failed(3, "execution reverted: gas required exceeds allowance (5)"),
         std::nullopt},
        {"out of gas", failed(-32000, "out of gas"), std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read_estimate(row.reply);
        ASSERT_TRUE(got) << to_string(got.error());
        EXPECT_FALSE(got->ok);
        EXPECT_EQ(got->over, row.over);
    }
}

TEST(ReadAnswers, NonsenseIsBadPeer) {
    constexpr std::string_view kNonsense[] = {"5",  "\"12\"", "\"0x\"",   "{}",
                                              "[]", "true",   "\"0xzz\"", "null"};
    for (const std::string_view text : kNonsense) {
        SCOPED_TRACE(text);
        EXPECT_EQ(read_quantity(said(text)).error().code, Errc::bad_peer);
        if (text != "null") {
            EXPECT_EQ(read_block(said(text)).error().code, Errc::bad_peer);
        }
        if (text != "null") {
            EXPECT_EQ(read_receipt(said(text)).error().code, Errc::bad_peer);
        }
        if (text != "[]") {
            EXPECT_EQ(read_logs(said(text)).error().code, Errc::bad_peer);
        }
    }
    EXPECT_EQ(read_quantity(net::RpcReply{}).error().code, Errc::bad_peer);
    EXPECT_FALSE(*read_block(said("null")));
    EXPECT_FALSE(*read_receipt(said("null")));
    EXPECT_EQ(read_number(said("\"0x10000000000000000\"")).error().code, Errc::bad_peer);
}

std::string receipt_text(std::string_view status, std::string_view more = "") {
    const std::string word = "\"0x" + std::string(64, '1') + "\"";
    const std::string who = "\"0x" + std::string(40, '2') + "\"";
    return "{\"transactionHash\":" + word + ",\"status\":\"" + std::string(status) +
           "\",\"blockNumber\":\"0x5\",\"blockHash\":" + word + ",\"from\":" + who +
           ",\"gasUsed\":\"0xa\",\"effectiveGasPrice\":\"0x3\"" + std::string(more) +
           ",\"logs\":[{\"address\":" + who + ",\"topics\":[" + word +
           "],\"data\":\"0x\",\"logIndex\":\"0x1\"," + "\"transactionHash\":" + word +
           ",\"blockNumber\":\"0x5\"}]}";
}

TEST(ReadReceipt, FieldsAndCost) {
    const auto good = read_receipt(said(receipt_text("0x1")));
    ASSERT_TRUE(good && *good);
    EXPECT_TRUE((*good)->ok);
    EXPECT_EQ((*good)->cost, U256(30));
    EXPECT_EQ((*good)->logs.size(), 1U);
    EXPECT_FALSE((*read_receipt(said(receipt_text("0x0"))))->ok);
    EXPECT_FALSE(read_receipt(said(receipt_text("0x2"))));
    const auto rollup = read_receipt(said(receipt_text("0x1", ",\"l1Fee\":\"0x64\"")));
    EXPECT_EQ((*rollup)->cost, U256(130)) << "with the data fee of a rollup";
}

TEST(UnknownTag, OnlyWhereTheNodeSaysSo) {
    EXPECT_TRUE(is_unknown_tag(failed(-32602, "invalid argument 0: hex string without 0x prefix")));
    EXPECT_TRUE(is_unknown_tag(failed(-32000, "invalid block tag")));
    // A node that has just started says these of a tag that it knows well.
    for (const char* momentary : {"unknown block", "finalized block not found", "invalid block",
                                  "method not supported at this moment"}) {
        EXPECT_FALSE(is_unknown_tag(failed(-39001, momentary))) << momentary;
    }
    EXPECT_FALSE(is_unknown_tag(failed(-32601, "the method is not available")));
    EXPECT_FALSE(is_unknown_tag(failed(-32005, "rate limit")));
    EXPECT_FALSE(is_unknown_tag(said("null")));
}

TEST(Revert, WordsOfTheCommonTokens) {
    const auto reason = [](std::string_view text) {
        return reason_of_revert(AbiWriter(0x08c379a0).text(text).finish());
    };
    EXPECT_EQ(reason("FiatTokenV2: authorization is used or canceled"), Reason::evm_nonce_used);
    EXPECT_EQ(reason("FiatTokenV2: authorization is not yet valid"), Reason::evm_valid_after);
    EXPECT_EQ(reason("FiatTokenV2: authorization is expired"), Reason::evm_valid_before);
    EXPECT_EQ(reason("FiatTokenV2: invalid signature"), Reason::evm_signature);
    EXPECT_EQ(reason("ERC20: transfer amount exceeds balance"), Reason::evm_balance);
    EXPECT_EQ(reason("Blacklistable: account is blacklisted"), Reason::evm_simulation);
    EXPECT_EQ(reason_of_revert(*from_hex("e450d38c")), Reason::evm_balance);
    EXPECT_EQ(reason_of_revert({}), Reason::evm_simulation);
}

}  // namespace
}  // namespace x402::evm
