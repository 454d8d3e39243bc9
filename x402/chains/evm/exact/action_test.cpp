// SPDX-License-Identifier: Apache-2.0
// Cutting a shared receipt apart: no log serves two payments.
#include <gtest/gtest.h>

#include <set>

#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/network.hpp"
#include "x402/chains/evm/testing/samples.hpp"
#include "x402/chains/evm/token.hpp"

namespace x402::evm {
namespace {

TransferAction action_of(std::uint8_t payer, std::uint8_t nonce, std::uint64_t value = 10) {
    TransferAction action;
    action.token = testing::address_at(testing::kToken);
    action.payer.data[19] = payer;
    action.pay_to = testing::address_at(testing::kPayee);
    action.value = U256(value);
    action.nonce.data[31] = nonce;
    return action;
}

Log used(const TransferAction& action) {
    Log log;
    log.address = action.token;
    log.topics = {authorization_used_topic(), word_of(action.payer), action.nonce};
    return log;
}

Log moved(const TransferAction& action) {
    Log log;
    log.address = action.token;
    log.topics = {transfer_topic(), word_of(action.payer), word_of(action.pay_to)};
    log.data = to_bytes(word_of(action.value).view());
    return log;
}

struct Row {
    const char* name;
    std::vector<TransferAction> actions;
    std::vector<Log> logs;
    std::vector<std::string> want;  // "ut": use and transfer, "u-": use only, "--": none
};

std::vector<Row> rows() {
    const TransferAction one = action_of(1, 1);
    const TransferAction two = action_of(1, 2);  // the same payer and value as `one`
    const TransferAction three = action_of(3, 3, 30);
    TransferAction foreign = one;
    foreign.token.data[0] ^= 1;
    return {
        {"one", {one}, {used(one), moved(one)}, {"ut"}},
        {"logged the other way round", {one}, {moved(one), used(one)}, {"ut"}},
        {"two equal transfers",
         {one, two},
         {used(one), moved(one), used(two), moved(two)},
         {"ut", "ut"}},
        {"two equal, in the other order",
         {two, one},
         {used(one), moved(one), used(two), moved(two)},
         {"ut", "ut"}},
        {"two equal uses, one transfer",
         {one, two},
         {used(one), moved(one), used(two)},
         {"ut", "u-"}},
        {"two equal uses, the second moved",
         {one, two},
         {used(one), used(two), moved(two)},
         {"u-", "ut"}},
        {"both ways round",
         {one, two},
         {moved(one), used(one), moved(two), used(two)},
         {"ut", "ut"}},
        {"one failed", {one, three}, {used(three), moved(three)}, {"--", "ut"}},
        {"a transfer without a use", {one}, {moved(one)}, {"--"}},
        {"a use without a transfer", {one}, {used(one)}, {"u-"}},
        {"another token", {one}, {used(foreign), moved(foreign)}, {"--"}},
        {"another value", {three}, {used(three), moved(action_of(3, 3, 29))}, {"u-"}},
        {"three of three",
         {one, two, three},
         {used(one), moved(one), used(three), moved(three), used(two), moved(two)},
         {"ut", "ut", "ut"}},
        {"nothing", {one, two}, {}, {"--", "--"}},
        {"no action", {}, {used(one), moved(one)}, {}},
    };
}

TEST(CutLogs, Rows) {
    for (const Row& row : rows()) {
        SCOPED_TRACE(row.name);
        std::vector<Log> logs = row.logs;
        for (std::size_t i = 0; i < logs.size(); ++i) logs[i].index = i;
        const auto proofs = cut_logs(row.actions, logs);
        std::vector<std::string> got;
        std::set<std::uint64_t> served;
        for (const TransferProof& proof : proofs) {
            got.push_back(std::string(proof.used ? "u" : "-") + (proof.transfer ? "t" : "-"));
            for (const auto& log : {proof.used, proof.transfer}) {
                if (log) {
                    EXPECT_TRUE(served.insert(log->index).second) << "a log served twice";
                }
            }
        }
        EXPECT_EQ(got, row.want);
    }
}

TEST(IsPaidBy, WhereBothLayoutsFitTheTokensOwnDecides) {
    struct Case {
        const char* name;
        const char* logs;  // u, t: the action's; U: another use of the payer; T: another transfer
        std::optional<bool> proven;
        std::optional<bool> unproven;
    };
    const Case cases[] = {
        {"alone", "ut", true, true},
        {"nothing moved", "uUT", false, false},
        {"a transfer in front, ours behind", "TutUT", true, std::nullopt},
        {"ours in front, another behind", "tuTUT", false, std::nullopt},
        {"ours in front of another's use", "TUtuT", false, std::nullopt},
        {"only the other layout fits", "tuTU", true, true},
        {"none fits", "utU", std::nullopt, std::nullopt},
    };
    const TransferAction ours = action_of(1, 1);
    const TransferAction theirs = action_of(1, 2, 11);
    for (const Case& row : cases) {
        SCOPED_TRACE(row.name);
        std::vector<Log> logs;
        for (const char letter : std::string_view(row.logs)) {
            const bool other = letter == 'U' || letter == 'T';
            const bool use = letter == 'u' || letter == 'U';
            const TransferAction& whose = other ? theirs : ours;
            logs.push_back(use ? used(whose) : moved(whose));
        }
        EXPECT_EQ(is_paid_by(ours, logs, UseFirst::proven), row.proven);
        EXPECT_EQ(is_paid_by(ours, logs, UseFirst::unproven), row.unproven);
    }
}

TEST(CutLogs, ProofComesBack) {
    const TransferAction one = action_of(1, 1);
    TransferProof proof;
    proof.used = used(one);
    proof.transfer = moved(one);
    const auto got = read_proof(write(proof));
    ASSERT_TRUE(got);
    EXPECT_TRUE(is_use_of(*got->used, one));
    EXPECT_TRUE(is_transfer_of(*got->transfer, one));
    EXPECT_FALSE(is_use_of(*got->used, action_of(1, 2)));
    EXPECT_FALSE(is_transfer_of(*got->transfer, action_of(2, 1)));
    EXPECT_FALSE(read_proof(json::Object{{"used", "x"}}));
}

TEST(Action, ComesBackAndIsStrict) {
    TransferAction action = action_of(1, 1);
    action.data = Bytes(100, 7);
    action.share = true;
    const json::Object body = write(action);
    const auto got = read_action(body);
    ASSERT_TRUE(got);
    EXPECT_EQ(write(*got), body);
    for (const char* key :
         {"token", "payer", "payTo", "data", "value", "nonce", "gasCap", "share"}) {
        json::Object broken = body;
        broken.erase(key);
        EXPECT_FALSE(read_action(broken)) << key;
    }
}

TEST(Parts, ARevertedTransactionExecutedNothing) {
    const TransferAction one = action_of(1, 1);
    const TransferAction two = action_of(2, 2);
    Receipt receipt;
    receipt.ok = true;
    receipt.logs = {used(one), moved(one)};
    const std::vector<TransferAction> both{one, two};
    auto parts = parts_of(both, receipt);
    EXPECT_TRUE(parts[0].executed);
    EXPECT_FALSE(parts[1].executed) << "no log of its own: its call failed inside the group";
    receipt.ok = false;
    receipt.logs.clear();
    parts = parts_of({&one, 1}, receipt);
    EXPECT_FALSE(parts[0].executed);
}

}  // namespace
}  // namespace x402::evm
