// SPDX-License-Identifier: Apache-2.0
// Typed questions to several endpoints that do not see the same: one answer where one is enough,
// each its own where all must be heard.
#include <gtest/gtest.h>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/rpc.hpp"
#include "x402/chains/svm/testing/fake_node.hpp"
#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm {
namespace {

using testing::FakeCluster;
using testing::kFeePayer;
using testing::kPayee;
using testing::kPayer;
using testing::sample_address;
using testing::sign_as;
using testing::wait_for;

class SvmRpc : public ::testing::Test {
protected:
    SvmRpc() {
        cluster.put_mint(mint);
        source = cluster.put_holding({sample_address(kPayer), mint, 1'000'000});
        destination = cluster.put_holding({sample_address(kPayee), mint, 0});
        cluster.fund(sample_address(kFeePayer), 1'000'000'000);
        options.blockhash = cluster.blockhash(Commitment::confirmed);
    }
    Transaction signed_transaction() {
        return sign_as(testing::sample_transaction(options), kFeePayer);
    }
    std::string send(const Transaction& transaction) {
        EXPECT_EQ(wait_for(rpc.send(to_base64_text(transaction))).sent, Sent::accepted);
        return id_of(transaction);
    }
    // The fee payer's signature names the transaction.
    static std::string id_of(const Transaction& transaction) {
        return to_base58(transaction.signatures.front().view());
    }
    std::optional<SignatureStatus> status(const std::string& signature, std::size_t endpoint = 0) {
        const auto all = wait_for(rpc.statuses_all({signature}));
        EXPECT_TRUE(all[endpoint]);
        return all[endpoint] ? all[endpoint]->value[0] : std::nullopt;
    }

    FakeCluster cluster{2};
    Rpc rpc{testing::borrow(cluster)};
    Address mint = testing::address_at(testing::kUsdc);
    Address source;
    Address destination;
    testing::SampleOptions options;
};

TEST_F(SvmRpc, ATransactionLandsOnceAndIsSeenInItsTime) {
    const Transaction transaction = signed_transaction();
    const std::string id = send(transaction);
    send(transaction);
    EXPECT_EQ(cluster.pool_size(), 1U) << "both endpoints have the same";
    EXPECT_FALSE(status(id));
    cluster.advance();
    EXPECT_EQ(status(id)->confirmed, Commitment::processed);
    EXPECT_FALSE(*wait_for(rpc.transaction(id, Commitment::confirmed)));
    cluster.confirm();
    EXPECT_EQ(status(id)->confirmed, Commitment::confirmed);
    const auto landed = wait_for(rpc.transaction(id, Commitment::confirmed));
    ASSERT_TRUE(landed && *landed);
    EXPECT_FALSE((*landed)->failed);
    EXPECT_EQ((*landed)->fee, 10'001U);
    EXPECT_EQ((*landed)->credited(destination, mint), U256(10'000));
    EXPECT_EQ((*landed)->credited(source, mint), U256(0));
    EXPECT_EQ(message_hash((*landed)->transaction), message_hash(transaction));
    EXPECT_EQ(cluster.tokens(destination), 10'000U);
    EXPECT_EQ(cluster.lamports(sample_address(kFeePayer)), 1'000'000'000U - 10'001U);
    send(transaction);
    cluster.finalize();
    EXPECT_EQ(status(id)->confirmed, Commitment::finalized);
    EXPECT_EQ(cluster.tokens(destination), 10'000U) << "once";
    const auto rows = wait_for(rpc.signatures_for_all(sample_address(kPayer), std::nullopt, 10));
    ASSERT_TRUE(rows[0]);
    ASSERT_EQ(rows[0]->size(), 1U);
    EXPECT_EQ((*rows[0])[0].signature, transaction.signatures.front());
    EXPECT_TRUE(wait_for(rpc.signatures_for_all(sample_address(kPayer), id, 10))[0]->empty());
    EXPECT_TRUE(wait_for(rpc.block_time((*landed)->slot)));
}

TEST_F(SvmRpc, WhatDoesNotFitIsNotTaken) {
    struct Row {
        const char* name;
        std::function<Transaction()> make;
    };
    const Row rows[] = {
        {"unsigned by the fee payer", [this] { return testing::sample_transaction(options); }},
        {"an unknown blockhash",
         [this] {
             options.blockhash = Hash32{};
             return signed_transaction();
         }},
        {"an expired blockhash",
         [this] {
             options.blockhash = cluster.blockhash();
             cluster.advance(151);
             return signed_transaction();
         }},
        {"a fee payer without funds",
         [this] {
             options.blockhash = cluster.blockhash();
             cluster.fund(sample_address(kFeePayer), 10'000);
             return signed_transaction();
         }},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const std::string id = send(row.make());
        cluster.advance(2);
        EXPECT_FALSE(cluster.landed(id));
    }
    EXPECT_EQ(cluster.tokens(destination), 0U);
}

TEST_F(SvmRpc, AFailureLandsCostsItsFeeAndMovesNothing) {
    options.amount = 2'000'000;
    const std::string poor = send(signed_transaction());
    options.amount = 7;
    options.memo = "trapped";
    cluster.traps.insert(source);
    const std::string trapped = send(signed_transaction());
    cluster.advance(3);
    for (const std::string& id : {poor, trapped}) {
        EXPECT_TRUE(status(id)->failed);
        const auto landed = wait_for(rpc.transaction(id, Commitment::confirmed));
        ASSERT_TRUE(landed && *landed);
        EXPECT_TRUE((*landed)->failed);
        EXPECT_EQ((*landed)->credited(destination, mint), U256(0));
    }
    EXPECT_EQ(cluster.lamports(sample_address(kFeePayer)), 1'000'000'000U - 2 * 10'001U);
}

TEST_F(SvmRpc, ABlockhashLivesFor150Blocks) {
    options.blockhash = cluster.blockhash();
    const auto valid = [this](Commitment commitment) {
        return wait_for(rpc.blockhash_valid(options.blockhash, commitment))->value;
    };
    EXPECT_TRUE(valid(Commitment::processed));
    EXPECT_FALSE(valid(Commitment::finalized)) << "not known there yet";
    cluster.advance(150);
    EXPECT_TRUE(valid(Commitment::processed));
    EXPECT_TRUE(valid(Commitment::finalized));
    cluster.advance();
    EXPECT_FALSE(valid(Commitment::processed));
    cluster.advance(31);
    EXPECT_TRUE(valid(Commitment::finalized));
    EXPECT_EQ(wait_for(rpc.height(Commitment::finalized))->height,
              *cluster.last_height(options.blockhash));
    cluster.advance();
    EXPECT_FALSE(valid(Commitment::finalized));
    cluster.skip(400);
    const auto latest = wait_for(rpc.latest_blockhash(Commitment::processed));
    EXPECT_EQ(latest->value.last_valid_height, cluster.at(Commitment::processed).height + 150)
        << "slots without a block do not count";
}

TEST_F(SvmRpc, EndpointsAreHeardEachOnItsOwn) {
    cluster.advance(100);
    cluster.endpoint(1).behind = 60;
    const auto heights = wait_for(rpc.height_all(Commitment::finalized));
    ASSERT_TRUE(heights[0] && heights[1]);
    EXPECT_EQ(heights[0]->slot, heights[1]->slot + 60);
    cluster.endpoint(0).claims[Commitment::finalized] = Height{99'999, 99'998};
    EXPECT_EQ(wait_for(rpc.height(Commitment::finalized))->height, 99'998U);
    EXPECT_EQ(wait_for(rpc.block_time(99'999)).error().code, Errc::not_found);
    const std::string id = send(signed_transaction());
    cluster.advance(2);
    EXPECT_TRUE(status(id, 0));
    EXPECT_FALSE(status(id, 1)) << "it is not there yet";
    cluster.endpoint(1).history = false;
    const auto statuses = wait_for(rpc.statuses_all({id}));
    EXPECT_EQ(statuses[1].error().code, Errc::unavailable) << "no history is no answer";
    EXPECT_FALSE(wait_for(rpc.transaction_all(id, Commitment::confirmed))[1]);
    EXPECT_FALSE(wait_for(rpc.signatures_for_all(mint, std::nullopt, 5))[1]);
    EXPECT_TRUE(wait_for(rpc.signatures_for_all(mint, std::nullopt, 5))[0]);
    cluster.endpoint(0).down = true;
    EXPECT_FALSE(wait_for(rpc.genesis_hash_all())[0]);
    EXPECT_TRUE(wait_for(rpc.genesis_hash_all())[1]);
    EXPECT_TRUE(wait_for(rpc.height(Commitment::finalized))) << "the next one answers";
    cluster.endpoint(1).down = true;
    EXPECT_FALSE(wait_for(rpc.height(Commitment::finalized)));
    EXPECT_EQ(wait_for(rpc.send("AA==")).sent, Sent::unknown);
}

TEST_F(SvmRpc, AFinalHeightIsNoneOfTheTipsWhateverTheNodeTells) {
    cluster.advance(100);
    const Height final = cluster.at(Commitment::finalized);
    cluster.endpoint(0).heeds_commitment = false;
    cluster.skip(3);
    cluster.advance();
    for (const auto& told : wait_for(rpc.height_all(Commitment::finalized))) {
        ASSERT_TRUE(told);
        EXPECT_EQ(told->slot, final.slot + 4);
        EXPECT_LE(told->height, cluster.at(Commitment::finalized).height);
    }
    const auto one = wait_for(rpc.height(Commitment::finalized));
    EXPECT_EQ(one->slot, final.slot + 4);
    EXPECT_EQ(wait_for(rpc.height(Commitment::processed))->slot,
              cluster.at(Commitment::processed).slot);
    cluster.endpoint(1).errors["getSlot"] = {-32005, "behind", nullptr};
    const auto all = wait_for(rpc.height_all(Commitment::finalized));
    EXPECT_TRUE(all[0]);
    EXPECT_FALSE(all[1]) << "who does not tell its final slot proves nothing";
}

TEST(HeightBy, Table) {
    struct Row {
        Height told;
        std::uint64_t slot;
        Height want;
    };
    static constexpr Row rows[] = {
        {{100, 90}, 100, {100, 90}}, {{100, 90}, 120, {100, 90}}, {{100, 90}, 69, {69, 59}},
        {{100, 5}, 95, {95, 0}},     {{100, 5}, 40, {40, 0}},
    };
    for (const Row& row : rows) {
        const Height got = height_by(row.told, row.slot);
        EXPECT_EQ(got.slot, row.want.slot);
        EXPECT_EQ(got.height, row.want.height);
    }
}

TEST_F(SvmRpc, SimulationTellsWhatWouldHappen) {
    const auto simulate = [this](const Transaction& transaction) {
        Rpc::SimulationRequest request;
        request.transaction = to_base64_text(transaction);
        request.watched = {destination, sample_address(90)};
        const auto accounts = resolve_accounts(transaction.message, {});
        EXPECT_TRUE(accounts);
        request.accounts = *accounts;
        return wait_for(rpc.simulate(std::move(request)));
    };
    const auto fine = simulate(testing::sample_transaction(options));
    ASSERT_TRUE(fine) << to_string(fine.error());
    EXPECT_FALSE(fine->value.error) << *fine->value.error;
    EXPECT_GT(fine->value.units, 0U);
    const auto& after = fine->value.accounts_after[0];
    ASSERT_TRUE(after);
    EXPECT_EQ(read_token_account(after->owner, after->data)->amount, 10'000U);
    EXPECT_FALSE(fine->value.accounts_after[1]);
    EXPECT_EQ(cluster.tokens(destination), 0U) << "nothing moved";
    options.amount = 2'000'000;
    EXPECT_EQ(simulate(testing::sample_transaction(options))->value.error,
              R"({"InstructionError":[2,{"Custom":1}]})");
    options.blockhash = Hash32{};
    EXPECT_TRUE(simulate(testing::sample_transaction(options))->value.blockhash_unknown);
}

TEST_F(SvmRpc, ASmartWalletsInnerTransferIsSeen) {
    const Address wallet = wallet_programs().front();
    const TransferChecked transfer = testing::sample_transfer(options);
    cluster.programs[wallet] = {transfer};
    Instruction call;
    call.program = wallet;
    call.accounts = make_transfer_checked(transfer).accounts;
    call.data = {1, 2, 3};
    const Instruction all[] = {make_compute_limit(100'000), make_compute_price(1), call};
    const Message message = compile(sample_address(kFeePayer), all, options.blockhash);
    const Transaction transaction =
        sign_as(sign_as(unsigned_transaction(message), kPayer), kFeePayer);
    Rpc::SimulationRequest request;
    request.transaction = to_base64_text(transaction);
    request.accounts = *resolve_accounts(message, {});
    const auto answer = wait_for(rpc.simulate(std::move(request)));
    ASSERT_TRUE(answer) << to_string(answer.error());
    ASSERT_EQ(answer->value.transfers.size(), 1U);
    EXPECT_EQ(answer->value.transfers[0].destination, destination);
    EXPECT_EQ(answer->value.transfers[0].amount, 10'000U);
    const auto id = cluster.land(to_base64_text(transaction));
    ASSERT_TRUE(id) << to_string(id.error());
    EXPECT_EQ(cluster.tokens(destination), 10'000U);
}

TEST_F(SvmRpc, TooManyAccountsAreOurFault) {
    EXPECT_EQ(wait_for(rpc.accounts(std::vector<Address>(101), Commitment::confirmed)).error().code,
              Errc::too_large);
}

}  // namespace
}  // namespace x402::svm
