// SPDX-License-Identifier: Apache-2.0
// Every code that a facilitator can answer for a payment, against a fake cluster: each row broken
// alone, what is valid beside it, and what is the nodes' trouble and no word about the payer.
#include "x402/chains/svm/exact/facilitator.hpp"

#include <gtest/gtest.h>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/exact/testing/bend.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/testing/fake_node.hpp"

namespace x402::svm {
namespace {

using testing::FakeCluster;
using testing::FakeHolding;
using testing::FakeMint;
using testing::kFeePayer;
using testing::kPayee;
using testing::kStranger;
using testing::Lookup;
using testing::payment_by_table;
using testing::payment_with;
using testing::sample_address;
using testing::SampleOptions;
using testing::wait_for;

const Address kMint = testing::address_at(testing::kUsdc);
const Address kTable = sample_address(70);
const Address kWallet = wallet_programs()[0];
const Address kOther = sample_address(60);  // a token that nobody lists

AssetInfo usdc() {
    AssetInfo asset;
    asset.address = std::string(testing::kUsdc);
    asset.id = AssetId{*ChainId::parse(testing::kDevnet), "token", asset.address};
    asset.symbol = "USDC";
    asset.decimals = 6;
    return asset;
}

struct WorldOptions {
    std::size_t endpoints = 1;
    bool any_token = false;
    bool smart_wallets = false;
    Bounds bounds;
};

struct World {
    explicit World(const WorldOptions& wanted = {})
        : cluster(wanted.endpoints),
          rpc(testing::borrow(cluster)),
          mints({*ChainId::parse(testing::kDevnet), {usdc()}, {}, wanted.any_token}, rpc, clock),
          tracer(*ChainId::parse(testing::kDevnet), rpc, clock),
          facilitator(*ChainId::parse(testing::kDevnet), settings(wanted),
                      ExactServices{rpc, mints, tracer, clock}) {
        cluster.put_mint(kMint);
        cluster.put_holding({sample_address(), kMint, 1'000'000});
        cluster.put_holding({sample_address(kPayee), kMint, 7});
        cluster.fund(sample_address(kFeePayer), 1'000'000'000);
        cluster.advance(40);
        options.blockhash = cluster.blockhash(Commitment::confirmed);
    }
    static ExactSettings settings(const WorldOptions& wanted) {
        ExactSettings out;
        out.fee_payers = {to_text(sample_address(kFeePayer)), to_text(sample_address(0x81))};
        out.bounds = wanted.bounds;
        out.smart_wallets = wanted.smart_wallets;
        return out;
    }
    // The code, "" where it is valid, "error" where there is no verdict.
    std::string verify(const Payment& payment) {
        const auto verdict = wait_for(facilitator.verify(payment));
        if (!verdict) return "error";
        if (!verdict->refusal) return "";
        EXPECT_FALSE(verdict->refusal->field.empty()) << verdict->refusal->code;
        return verdict->refusal->code;
    }

    FakeCluster cluster;
    testing::StillClock clock;
    Rpc rpc;
    Mints mints;
    Tracer tracer;
    ExactFacilitator facilitator;
    SampleOptions options;
};

Instruction wallet_call() {
    return Instruction{
        kWallet,
        {{sample_address(), true, false},
         {token_account_of(sample_address(kPayee), kMint, token_program()), false, true}},
        {7}};
}
Payment wallet_payment(const SampleOptions& options) {
    return payment_with({make_compute_limit(200'000), make_compute_price(1), wallet_call()},
                        options);
}
// What the wallet's program does when it is called.
TransferChecked vault_transfer(const World& world) {
    TransferChecked transfer = testing::sample_transfer(world.options);
    transfer.authority = sample_address(33);
    transfer.source = token_account_of(transfer.authority, kMint, token_program());
    return transfer;
}
void give_wallet(World& world, const std::vector<TransferChecked>& transfers) {
    world.cluster.put_holding({sample_address(33), kMint, 1'000'000});
    world.cluster.programs[kWallet] = transfers;
}

void edit(World& world, const std::string& method, testing::FakeEndpoint::Edit change) {
    for (std::size_t i = 0; i < world.cluster.endpoints(); ++i)
        world.cluster.endpoint(i).edits[method] = change;
}

struct Row {
    const char* name;
    WorldOptions options;
    void (*change)(World& world, Payment& payment);
    std::string_view code;
};

FakeHolding payer_with(std::uint64_t amount) {
    return {sample_address(), kMint, amount};
}

const Row kRows[] = {
    {"a good payment", {}, [](World&, Payment&) {}, ""},
    {"1 scheme",
     {},
     [](World&, Payment& p) { p.requirements.scheme = "upto"; },
     "invalid_exact_svm_unsupported_scheme"},
    {"2 network",
     {},
     [](World&, Payment& p) {
         p.payload.accepted.network = *ChainId::parse("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp");
     },
     "invalid_exact_svm_network_mismatch"},
    {"2 both name another network",
     {},
     [](World&, Payment& p) {
         p.payload.accepted.network = *ChainId::parse("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp");
         p.requirements.network = p.payload.accepted.network;
     },
     "invalid_exact_svm_network_mismatch"},
    {"3 no fee payer",
     {},
     [](World&, Payment& p) { p.requirements.extra.clear(); },
     "invalid_exact_svm_payload_missing_fee_payer"},
    {"3 a fee payer that is not ours",
     {},
     [](World& w, Payment& p) {
         w.options.fee_payer = 99;
         p = testing::sample_payment(w.options);
     },
     "invalid_exact_svm_fee_payer_not_managed_by_facilitator"},
    {"3 before 4: not ours, and no transaction",
     {},
     [](World&, Payment& p) {
         p.requirements.extra["feePayer"] = to_text(sample_address(99));
         p.payload.payload.clear();
     },
     "invalid_exact_svm_fee_payer_not_managed_by_facilitator"},
    {"our second signer pays",
     {},
     [](World& w, Payment& p) {
         w.cluster.fund(sample_address(0x81), 1'000'000'000);
         w.options.fee_payer = 0x81;
         p = testing::sample_payment(w.options);
     },
     ""},
    {"9 our second signer is the owner of the tokens",
     {},
     [](World& w, Payment& p) {
         w.cluster.put_holding({sample_address(0x81), kMint, 1'000'000});
         w.options.who = 0x81;
         p = testing::sample_payment(w.options);
     },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"4 no transaction",
     {},
     [](World&, Payment& p) { p.payload.payload.clear(); },
     "invalid_exact_svm_payload_transaction"},
    {"5 another's signature",
     {},
     [](World&, Payment& p) {
         Transaction transaction = testing::transaction_in(p);
         transaction.signatures[1].data[0] ^= 1;
         testing::put_transaction(p, transaction);
     },
     "invalid_exact_svm_payload_signature_invalid"},
    {"7 the operator's own bound",
     {1, false, false, {19'999, 5'000'000, 100'000}},
     [](World&, Payment&) {},
     "invalid_exact_svm_payload_transaction_instructions_compute_limit_instruction_too_high"},
    {"10 amount",
     {},
     [](World&, Payment& p) { p.requirements.amount = U256(9'999); },
     "invalid_exact_svm_payload_amount_mismatch"},
    {"an unknown token",
     {},
     [](World& w, Payment& p) {
         w.options.mint = kOther;
         p = testing::sample_payment(w.options);
     },
     "unsupported_asset"},
    {"an unknown token where any is taken",
     {1, true, false, {}},
     [](World& w, Payment& p) {
         w.cluster.put_mint(kOther);
         w.cluster.put_holding({sample_address(), kOther, 1'000'000});
         w.cluster.put_holding({sample_address(kPayee), kOther, 0});
         w.options.mint = kOther;
         p = testing::sample_payment(w.options);
     },
     ""},
    {"no mint",
     {1, true, false, {}},
     [](World& w, Payment& p) {
         w.options.mint = kOther;
         p = testing::sample_payment(w.options);
     },
     "invalid_exact_svm_mint_not_found"},
    {"a mint with a fee (attack 14)",
     {1, true, false, {}},
     [](World& w, Payment& p) {
         FakeMint mint;
         mint.program = token_2022_program();
         mint.extensions = {{1, Bytes(108, 1)}};
         w.cluster.put_mint(kOther, mint);
         w.options.mint = kOther;
         w.options.token_program = token_2022_program();
         p = testing::sample_payment(w.options);
     },
     "invalid_exact_svm_mint_extension_not_allowed"},
    {"a mint of the other program",
     {1, true, false, {}},
     [](World& w, Payment& p) {
         FakeMint mint;
         mint.program = token_2022_program();
         w.cluster.put_mint(kOther, mint);
         w.options.mint = kOther;
         p = testing::sample_payment(w.options);
     },
     "invalid_exact_svm_payload_mint_mismatch"},
    {"other decimals",
     {},
     [](World& w, Payment& p) {
         w.options.decimals = 9;
         p = testing::sample_payment(w.options);
     },
     "invalid_exact_svm_payload_mint_mismatch"},
    {"payTo has no token account",
     {},
     [](World& w, Payment&) {
         w.cluster.remove(token_account_of(sample_address(kPayee), kMint, token_program()));
     },
     "invalid_exact_svm_recipient_token_account_missing"},
    {"payTo's account is frozen",
     {},
     [](World& w, Payment&) {
         w.cluster.put_holding({sample_address(kPayee), kMint, 0, TokenAccountState::frozen});
     },
     "invalid_exact_svm_recipient_token_account_unusable"},
    {"payTo's account was given away",
     {},
     [](World& w, Payment&) {
         w.cluster.put_holding_at(token_account_of(sample_address(kPayee), kMint, token_program()),
                                  {sample_address(kStranger), kMint, 0});
     },
     "invalid_exact_svm_recipient_token_account_unusable"},
    {"too little",
     {},
     [](World& w, Payment&) { w.cluster.put_holding(payer_with(9'999)); },
     "invalid_exact_svm_insufficient_balance"},
    {"just enough", {}, [](World& w, Payment&) { w.cluster.put_holding(payer_with(10'000)); }, ""},
    {"the payer has no token account",
     {},
     [](World& w, Payment&) {
         w.cluster.remove(token_account_of(sample_address(), kMint, token_program()));
     },
     "invalid_exact_svm_insufficient_balance"},
    {"the payer is frozen",
     {},
     [](World& w, Payment&) {
         w.cluster.put_holding({sample_address(), kMint, 10'000, TokenAccountState::frozen});
     },
     "invalid_exact_svm_transaction_simulation_failed"},
    {"the limit is too small for what it does",
     {},
     [](World& w, Payment& p) {
         w.options.units = 1'000;
         p = testing::sample_payment(w.options);
     },
     "invalid_exact_svm_transaction_simulation_failed"},
    {"expired",
     {},
     [](World& w, Payment&) { w.cluster.advance(200); },
     "invalid_exact_svm_blockhash_not_found"},
    {"a blockhash that never was",
     {},
     [](World& w, Payment& p) {
         w.options.blockhash = sample_address(80);
         p = testing::sample_payment(w.options);
     },
     "invalid_exact_svm_blockhash_not_found"},
    {"a table",
     {},
     [](World& w, Payment& p) {
         const Address to = testing::sample_transfer(w.options).destination;
         const std::vector<Address> entries{kOther, to};
         w.cluster.put(kTable,
                       Account{1, lookup_table_program(), testing::lookup_table_data(entries)});
         p = payment_by_table(w.options, Lookup{to, kTable, 1});
     },
     ""},
    {"no table (attack 18)",
     {},
     [](World& w, Payment& p) {
         p = payment_by_table(w.options,
                              Lookup{testing::sample_transfer(w.options).destination, kTable, 1});
     },
     "invalid_exact_svm_smart_wallet_alt_resolution_failed"},
    {"a table that is being closed",
     {},
     [](World& w, Payment& p) {
         const Address to = testing::sample_transfer(w.options).destination;
         const std::vector<Address> entries{kOther, to};
         w.cluster.put(kTable, Account{1, lookup_table_program(),
                                       testing::lookup_table_data(entries, false)});
         p = payment_by_table(w.options, Lookup{to, kTable, 1});
     },
     "invalid_exact_svm_smart_wallet_alt_resolution_failed"},
    {"a table that is too short",
     {},
     [](World& w, Payment& p) {
         const Address to = testing::sample_transfer(w.options).destination;
         const std::vector<Address> entries{to};
         w.cluster.put(kTable,
                       Account{1, lookup_table_program(), testing::lookup_table_data(entries)});
         p = payment_by_table(w.options, Lookup{to, kTable, 1});
     },
     "invalid_exact_svm_smart_wallet_alt_resolution_failed"},
    {"a table of another program",
     {},
     [](World& w, Payment& p) {
         const Address to = testing::sample_transfer(w.options).destination;
         const std::vector<Address> entries{kOther, to};
         w.cluster.put(kTable, Account{1, system_program(), testing::lookup_table_data(entries)});
         p = payment_by_table(w.options, Lookup{to, kTable, 1});
     },
     "invalid_exact_svm_smart_wallet_alt_resolution_failed"},
    {"a table that hides the fee payer (attack 18)",
     {},
     [](World& w, Payment& p) {
         const std::vector<Address> entries{kOther, sample_address(kFeePayer)};
         w.cluster.put(kTable,
                       Account{1, lookup_table_program(), testing::lookup_table_data(entries)});
         const TransferChecked transfer = testing::sample_transfer(w.options);
         p = payment_by_table(w.options, Lookup{transfer.source, kTable, 1});
     },
     "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    {"a wallet where none is taken",
     {},
     [](World& w, Payment& p) {
         give_wallet(w, {vault_transfer(w)});
         p = wallet_payment(w.options);
     },
     "invalid_exact_svm_payload_no_transfer_instruction"},
    {"a wallet",
     {1, false, true, {}},
     [](World& w, Payment& p) {
         give_wallet(w, {vault_transfer(w)});
         p = wallet_payment(w.options);
     },
     ""},
    {"a wallet that does nothing",
     {1, false, true, {}},
     [](World& w, Payment& p) {
         give_wallet(w, {});
         p = wallet_payment(w.options);
     },
     "invalid_exact_svm_smart_wallet_no_transfer_in_simulation"},
    {"a wallet that pays twice (attack 21)",
     {1, false, true, {}},
     [](World& w, Payment& p) {
         give_wallet(w, {vault_transfer(w), vault_transfer(w)});
         p = wallet_payment(w.options);
     },
     "invalid_exact_svm_smart_wallet_multiple_matching_transfers"},
    {"a wallet that pays less",
     {1, false, true, {}},
     [](World& w, Payment& p) {
         TransferChecked transfer = vault_transfer(w);
         --transfer.amount;
         give_wallet(w, {transfer});
         p = wallet_payment(w.options);
     },
     "invalid_exact_svm_smart_wallet_transfer_mismatch"},
    {"an empty wallet",
     {1, false, true, {}},
     [](World& w, Payment& p) {
         give_wallet(w, {vault_transfer(w)});
         w.cluster.put_holding({sample_address(33), kMint, 9'999});
         p = wallet_payment(w.options);
     },
     "invalid_exact_svm_smart_wallet_simulation_failed"},
    {"a wallet, and payTo has no token account",
     {1, false, true, {}},
     [](World& w, Payment& p) {
         give_wallet(w, {vault_transfer(w)});
         w.cluster.remove(token_account_of(sample_address(kPayee), kMint, token_program()));
         p = wallet_payment(w.options);
     },
     "invalid_exact_svm_recipient_token_account_missing"},
    {"a plain payment where wallets are taken", {1, false, true, {}}, [](World&, Payment&) {}, ""},
};

TEST(SvmFacilitator, EachRowAlone) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.name);
        World world(row.options);
        Payment payment = testing::sample_payment(world.options);
        row.change(world, payment);
        EXPECT_EQ(world.verify(payment), row.code);
    }
}

TEST(SvmFacilitator, ThePayerIsToldWithEveryVerdict) {
    World world;
    const Payment payment = testing::sample_payment(world.options);
    const auto good = wait_for(world.facilitator.verify(payment));
    ASSERT_TRUE(good && good->valid());
    EXPECT_EQ(good->payer, to_text(sample_address()));
    world.cluster.put_holding(payer_with(0));
    const auto poor = wait_for(world.facilitator.verify(payment));
    ASSERT_TRUE(poor && !poor->valid());
    EXPECT_EQ(poor->payer, good->payer);
}

// What is the nodes' or the operator's trouble is no verdict about the payer.
TEST(SvmFacilitator, TroubleIsNoRefusal) {
    struct TroubleRow {
        const char* name;
        void (*change)(World& world);
    };
    static constexpr TroubleRow rows[] = {
        {"the node is down", [](World& w) { w.cluster.endpoint().down = true; }},
        {"the fee payer has no SOL", [](World& w) { w.cluster.remove(sample_address(kFeePayer)); }},
        {"the fee payer has too little SOL",
         [](World& w) { w.cluster.fund(sample_address(kFeePayer), 10'000); }},
        {"the node answers an error",
         [](World& w) {
             w.cluster.endpoint().errors["simulateTransaction"] = {-32005, "node is behind", {}};
         }},
    };
    for (const TroubleRow& row : rows) {
        SCOPED_TRACE(row.name);
        World world;
        const Payment payment = testing::sample_payment(world.options);
        row.change(world);
        EXPECT_EQ(world.verify(payment), "error");
    }
}

// Nothing is asked of a node for what the bytes alone refuse.
TEST(SvmFacilitator, CheapChecksComeFirst) {
    World world;
    Payment payment = testing::sample_payment(world.options);
    payment.requirements.amount = U256(1);
    EXPECT_EQ(world.verify(payment), "invalid_exact_svm_payload_amount_mismatch");
    for (const auto& [method, count] : world.cluster.endpoint().counts)
        EXPECT_EQ(count, 0u) << method;
}

TEST(SvmFacilitator, AnotherEndpointMayKnowTheBlockhash) {
    World world({2, false, false, {}});
    world.cluster.endpoint(0).behind = 3;
    EXPECT_EQ(world.verify(testing::sample_payment(world.options)), "");
    EXPECT_EQ(world.clock.at, testing::kNow) << "nobody waited";
}

TEST(SvmFacilitator, ANodeThatIsBehindIsWaitedFor) {
    World world;
    world.cluster.endpoint().behind = 3;
    const Payment payment = testing::sample_payment(world.options);
    EXPECT_EQ(world.verify(payment), "invalid_exact_svm_blockhash_not_found");
    // It catches up meanwhile.
    const std::size_t before = world.cluster.count("simulateTransaction");
    world.cluster.endpoint().edits["simulateTransaction"] = [&](const net::RpcCall&,
                                                                Result<net::RpcReply>&) {
        if (world.cluster.count("simulateTransaction") == before + 2)
            world.cluster.endpoint().behind = 0;
    };
    EXPECT_EQ(world.verify(payment), "");
    EXPECT_EQ(world.cluster.count("simulateTransaction"), before + 3);
}

TEST(SvmFacilitator, AnExpiredBlockhashIsToldAfterEverybodyWasAskedTwice) {
    World world({2, false, false, {}});
    const Payment payment = testing::sample_payment(world.options);
    world.cluster.advance(200);
    EXPECT_EQ(world.verify(payment), "invalid_exact_svm_blockhash_not_found");
    EXPECT_EQ(world.cluster.count("simulateTransaction", 0), 3u);
    EXPECT_EQ(world.cluster.count("simulateTransaction", 1), 2u);
    EXPECT_GT(world.clock.at, testing::kNow);
}

TEST(SvmFacilitator, WhatItTellsOfItself) {
    World plain;
    EXPECT_EQ(json::dump(plain.facilitator.supported_extra()),
              R"({"feePayer":")" + to_text(sample_address(kFeePayer)) + R"("})");
    World wallets({1, false, true, {}});
    EXPECT_TRUE(takes_wallets(wallets.facilitator.supported_extra()));
    EXPECT_TRUE(plain.facilitator.id().networks.matches(*ChainId::parse(testing::kDevnet)));
    EXPECT_FALSE(plain.facilitator.id().networks.matches(*ChainId::parse("eip155:1")));
}

TransferAction planned(World& world, const Payment& payment) {
    const auto plan = wait_for(world.facilitator.plan(payment));
    X402_CHECK(plan.has_value());
    X402_CHECK(plan->actions.size() == 1);
    return *read_action(plan->actions.front().body);
}

TEST(SvmFacilitator, APlanIsOneTransactionOfItsFeePayer) {
    World world;
    const Payment payment = testing::sample_payment(world.options);
    const auto plan = wait_for(world.facilitator.plan(payment));
    ASSERT_TRUE(plan);
    const auto facts = world.facilitator.facts(payment);
    ASSERT_TRUE(facts);
    EXPECT_EQ(plan->charged, U256(10'000));
    EXPECT_EQ(plan->signers, std::vector<SignerId>{to_text(sample_address(kFeePayer))});
    ASSERT_EQ(plan->actions.size(), 1u);
    EXPECT_EQ(plan->actions[0].payment, facts->key);
    const TransferAction action = planned(world, payment);
    EXPECT_EQ(action.payer, sample_address());
    EXPECT_EQ(action.fee_payer, sample_address(kFeePayer));
    EXPECT_EQ(action.mint, kMint);
    EXPECT_EQ(action.amount, 10'000u);
    EXPECT_EQ(action.fee, 10'001u);
    EXPECT_EQ(action.path, TransferPath::plain);
    EXPECT_EQ(action.destination, token_account_of(sample_address(kPayee), kMint, token_program()));
    EXPECT_EQ(action.hash, message_hash(testing::transaction_in(payment)));
}

// Attack 4: what came in the fee payer's place goes into no journal and to no node.
TEST(SvmFacilitator, AnActionHoldsNoSignatureOfTheFeePayer) {
    World world;
    Payment payment = testing::sample_payment(world.options);
    const TransferAction clean = planned(world, payment);
    Transaction transaction = testing::transaction_in(payment);
    transaction.signatures[0].data.fill(0xAB);
    testing::put_transaction(payment, transaction);
    EXPECT_EQ(world.verify(payment), "");
    const TransferAction other = planned(world, payment);
    EXPECT_EQ(other.transaction, clean.transaction);
    EXPECT_EQ(other.hash, clean.hash);
    const auto kept = read_transaction_text(other.transaction);
    ASSERT_TRUE(kept);
    EXPECT_TRUE(kept->signatures[0].is_zero());
    EXPECT_FALSE(kept->signatures[1].is_zero());
}

TEST(SvmFacilitator, APlanDoesNotLeanOnAVerify) {
    World world;
    Payment payment = testing::sample_payment(world.options);
    payment.requirements.amount = U256(9'999);
    const auto plan = wait_for(world.facilitator.plan(payment));
    ASSERT_FALSE(plan);
    EXPECT_FALSE(plan.error().retryable);
    EXPECT_EQ(plan.error().field, "invalid_exact_svm_payload_amount_mismatch")
        << "the settlement tells the code that the field names";
    world.cluster.endpoint().down = true;
    const auto trouble = wait_for(world.facilitator.plan(testing::sample_payment(world.options)));
    ASSERT_FALSE(trouble);
    EXPECT_TRUE(trouble.error().retryable);
}

// The last height is proven, or it is not there.
TEST(SvmFacilitator, TheLastHeightCoversTheBlockhash) {
    World world({2, false, false, {}});
    const Payment payment = testing::sample_payment(world.options);
    const auto last = planned(world, payment).last_height;
    ASSERT_TRUE(last);
    EXPECT_EQ(*last, world.cluster.at(Commitment::confirmed).height + kBlockhashBlocks);
    ASSERT_TRUE(world.cluster.last_height(world.options.blockhash));
    EXPECT_GE(*last, *world.cluster.last_height(world.options.blockhash));
    world.cluster.advance(10);
    EXPECT_EQ(*planned(world, payment).last_height, *last + 10) << "what is known later is later";
}

TEST(SvmFacilitator, OfSeveralHeightsTheHighestIsBelieved) {
    World world({2, false, false, {}});
    const Payment payment = testing::sample_payment(world.options);
    const Height truth = world.cluster.at(Commitment::confirmed);
    world.cluster.endpoint(0).claims[Commitment::confirmed] = {truth.slot, truth.height - 20};
    EXPECT_EQ(planned(world, payment).last_height, truth.height + kBlockhashBlocks);
}

TEST(SvmFacilitator, AHeightOfAnEarlierSlotProvesNothing) {
    World world;
    const Payment payment = testing::sample_payment(world.options);
    // Another node behind the same address says the height.
    edit(world, "getEpochInfo", [](const net::RpcCall&, Result<net::RpcReply>& answer) {
        json::Object& value = answer->result->as_object();
        value["absoluteSlot"] = value["absoluteSlot"].to_number<std::uint64_t>() - 1;
        value["blockHeight"] = value["blockHeight"].to_number<std::uint64_t>() - 1;
    });
    EXPECT_FALSE(planned(world, payment).last_height);
}

TEST(SvmFacilitator, WithoutAValidBlockhashThereIsNoLastHeight) {
    World expired;
    const Payment payment = testing::sample_payment(expired.options);
    expired.cluster.advance(200);
    EXPECT_FALSE(planned(expired, payment).last_height);
    World silent;
    silent.cluster.endpoint().errors["isBlockhashValid"] = {-32601, "no such method", {}};
    EXPECT_FALSE(planned(silent, testing::sample_payment(silent.options)).last_height);
}

TEST(SvmFacilitator, AWalletsPlanSaysSo) {
    World world({1, false, true, {}});
    give_wallet(world, {vault_transfer(world)});
    const TransferAction action = planned(world, wallet_payment(world.options));
    EXPECT_EQ(action.path, TransferPath::wallet);
    EXPECT_EQ(action.payer, sample_address());
    EXPECT_EQ(action.destination, token_account_of(sample_address(kPayee), kMint, token_program()));
}

TEST(SvmFacilitator, WhatIsJudgedFromAReceipt) {
    struct JudgeRow {
        const char* name;
        bool executed;
        std::optional<U256> credited;
        Outcome outcome;
        std::string_view code;
    };
    const JudgeRow rows[] = {
        {"all of it", true, U256(10'000), Outcome::settled, ""},
        {"more", true, U256(10'001), Outcome::settled, ""},
        {"less (attack 14)", true, U256(9'999), Outcome::failed,
         "post_settlement_transfer_not_confirmed"},
        {"nothing", true, U256(0), Outcome::failed, "post_settlement_transfer_not_confirmed"},
        {"not told", true, std::nullopt, Outcome::unknown, ""},
        {"failed", false, std::nullopt, Outcome::failed, "invalid_exact_svm_transaction_failed"},
        {"failed, whatever it says", false, U256(10'000), Outcome::failed,
         "invalid_exact_svm_transaction_failed"},
    };
    World world;
    const auto plan = wait_for(world.facilitator.plan(testing::sample_payment(world.options)));
    ASSERT_TRUE(plan);
    for (const JudgeRow& row : rows) {
        SCOPED_TRACE(row.name);
        Part part;
        part.executed = row.executed;
        part.body = write_part(row.credited);
        const Judgement judgement = world.facilitator.judge(plan->actions[0], part);
        EXPECT_EQ(judgement.outcome, row.outcome);
        EXPECT_EQ(judgement.refusal ? judgement.refusal->code : "", row.code);
    }
    EXPECT_EQ(world.facilitator.judge(Action{}, Part{true, write_part(U256(10'000))}).outcome,
              Outcome::unknown)
        << "a journal that cannot be read proves nothing";
}

// Version 1 asks for the very amount too.
TEST(SvmFacilitator, VersionOneIsJudgedTheSame) {
    World world;
    Payment payment = testing::sample_payment(world.options);
    payment.payload.version = kVersion1;
    EXPECT_EQ(world.verify(payment), "");
    payment.requirements.amount = U256(9'999);
    EXPECT_EQ(world.verify(payment), "invalid_exact_svm_payload_amount_mismatch");
}

}  // namespace
}  // namespace x402::svm
