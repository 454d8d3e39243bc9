// SPDX-License-Identifier: Apache-2.0
// Every code a facilitator can answer for a payment, against a fake chain: each row broken alone,
// what is valid beside it, and what the order says when two rows are broken.
#include <gtest/gtest.h>

#include "x402/base/hex.hpp"
#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/exact/facilitator.hpp"
#include "x402/chains/evm/testing/world.hpp"

namespace x402::evm {
namespace {

using testing::kToken;
using testing::make_payment;
using testing::sample_payment;
using testing::SampleOptions;
using testing::sign_again;
using testing::World;
using testing::WorldOptions;

constexpr std::string_view kOther = "0x1111111111111111111111111111111111111111";

std::string signature_of(const Payment& payment) {
    return std::string(payment.payload.payload.at("signature").as_string());
}
void set_signature(Payment& payment, const std::string& text) {
    payment.payload.payload["signature"] = text;
}
json::Object& authorization_of(Payment& payment) {
    return payment.payload.payload["authorization"].as_object();
}
void use_nonce(World& world, const Payment& payment) {
    const auto read = read_payment(payment);
    const Authorization& what = read->payload.authorization;
    world.node.token(kToken).used.insert({what.from, what.nonce});
}

struct Row {
    const char* name;
    void (*change)(World& world, Payment& payment);
    std::string_view code;
};

const Row kRows[] = {
    {"a good payment", [](World&, Payment&) {}, ""},
    {"1 scheme", [](World&, Payment& p) { p.requirements.scheme = "upto"; },
     "invalid_exact_evm_scheme"},
    {"2 domain", [](World&, Payment& p) { p.requirements.extra.clear(); },
     "invalid_exact_evm_missing_eip712_domain"},
    {"3 network",
     [](World&, Payment& p) { p.payload.accepted.network = *ChainId::parse("eip155:1"); },
     "invalid_exact_evm_network_mismatch"},
    {"3 both name another network",
     [](World&, Payment& p) {
         p.payload.accepted.network = *ChainId::parse("eip155:1");
         p.requirements.network = p.payload.accepted.network;
     },
     "invalid_exact_evm_network_mismatch"},
    {"4 factory (attack 15)",
     [](World&, Payment& p) {
         set_signature(p, "0x" + std::string(130, '1') + std::string("6492649264926492") +
                              "649264926492649264926492649264926492649264926492");
     },
     "eip6492_factory_not_allowed"},
    {"5 another signer", [](World&, Payment& p) { sign_again(p, 9); },
     "invalid_exact_evm_signature"},
    {"5 one byte differs",
     [](World&, Payment& p) {
         std::string text = signature_of(p);
         text[20] = text[20] == 'a' ? 'b' : 'a';
         set_signature(p, text);
     },
     "invalid_exact_evm_signature"},
    {"5 v is 0 or 1 (attack 17)",
     [](World&, Payment& p) {
         std::string text = signature_of(p);
         text.replace(text.size() - 2, 2, text.ends_with("1b") ? "00" : "01");
         set_signature(p, text);
     },
     "invalid_exact_evm_signature"},
    {"5 empty", [](World&, Payment& p) { set_signature(p, "0x"); }, "invalid_exact_evm_signature"},
    {"5 the value was changed after signing",
     [](World&, Payment& p) {
         authorization_of(p)["value"] = "20000";
         p.requirements.amount = U256(20'000);
     },
     "invalid_exact_evm_signature"},
    {"5 signed with another name",
     [](World&, Payment& p) {
         p.requirements.extra["name"] = "USD Coin";
         sign_again(p);
         p.requirements.extra["name"] = "USDC";
     },
     "invalid_exact_evm_signature"},
    {"5 nobody's address signs",
     [](World&, Payment& p) { authorization_of(p)["from"] = "0x" + std::string(40, '0'); },
     "invalid_exact_evm_signature"},
    {"6 recipient", [](World&, Payment& p) { p.requirements.pay_to = testing::kStranger; },
     "invalid_exact_evm_recipient_mismatch"},
    {"7 expired", [](World& w, Payment&) { w.clock.at += std::chrono::seconds(295); },
     "invalid_exact_evm_payload_authorization_valid_before"},
    {"8 not yet", [](World&, Payment& p) { authorization_of(p)["validAfter"] = "1800000005"; },
     "invalid_exact_evm_payload_authorization_valid_after"},
    {"9 value", [](World&, Payment& p) { p.requirements.amount = U256(10'001); },
     "invalid_exact_evm_payload_authorization_value_mismatch"},
    {"unknown token",
     [](World&, Payment& p) {
         p.requirements.asset = kOther;
         sign_again(p);
     },
     "unsupported_asset"},
    {"10 no code", [](World& w, Payment&) { w.node.world().tokens.clear(); },
     "asset_not_deployed_contract"},
    {"11 no EIP-3009", [](World& w, Payment&) { w.node.token(kToken).eip3009 = false; },
     "invalid_exact_evm_eip3009_not_supported"},
    {"11 nonce used", [](World& w, Payment& p) { use_nonce(w, p); },
     "invalid_exact_evm_nonce_already_used"},
    {"11 nonce used, and the token does not revert (attack 13)",
     [](World& w, Payment& p) {
         w.node.token(kToken).silent = true;
         use_nonce(w, p);
     },
     "invalid_exact_evm_nonce_already_used"},
    {"11 name", [](World& w, Payment&) { w.node.token(kToken).name = "USD Coin"; },
     "invalid_exact_evm_token_name_mismatch"},
    {"11 version", [](World& w, Payment&) { w.node.token(kToken).version = "3"; },
     "invalid_exact_evm_token_version_mismatch"},
    {"11 balance", [](World& w, Payment&) { w.node.fund(kToken, testing::payer_address(), 9'999); },
     "invalid_exact_evm_insufficient_balance"},
    {"11 just enough",
     [](World& w, Payment&) { w.node.fund(kToken, testing::payer_address(), 10'000); }, ""},
    {"11 the token's own rule", [](World& w, Payment&) { w.node.token(kToken).blocks = true; },
     "invalid_exact_evm_transaction_simulation_failed"},
    {"nonce before balance",
     [](World& w, Payment& p) {
         use_nonce(w, p);
         w.node.fund(kToken, testing::payer_address(), 0);
     },
     "invalid_exact_evm_nonce_already_used"},
    {"signature before balance",
     [](World& w, Payment& p) {
         sign_again(p, 9);
         w.node.fund(kToken, testing::payer_address(), 0);
     },
     "invalid_exact_evm_signature"},
    {"name before balance",
     [](World& w, Payment&) {
         w.node.token(kToken).name = "USD Coin";
         w.node.fund(kToken, testing::payer_address(), 0);
     },
     "invalid_exact_evm_token_name_mismatch"},
    {"version 1 may sign more",
     [](World&, Payment& p) {
         p.payload.version = 1;
         p.requirements.amount = U256(9'000);
     },
     ""},
    {"version 1 may not sign less",
     [](World&, Payment& p) {
         p.payload.version = 1;
         p.requirements.amount = U256(10'001);
     },
     "invalid_exact_evm_authorization_value"},
};

TEST(ExactVerify, Rows) {
    for (const bool multicall : {true, false}) {
        for (const Row& row : kRows) {
            SCOPED_TRACE(std::string(row.name) + (multicall ? ", Multicall3" : ", batch"));
            WorldOptions options;
            options.multicall = multicall;
            World world(options);
            Payment payment = sample_payment();
            row.change(world, payment);
            ASSERT_TRUE(world.prove());
            EXPECT_EQ(world.verify(payment), row.code);
        }
    }
}

TEST(ExactVerify, NamesThePayerAndTheDifference) {
    World world;
    ASSERT_TRUE(world.prove());
    Payment payment = sample_payment();
    EXPECT_EQ(world.verdict(payment)->payer, testing::payer_address());
    world.node.fund(kToken, testing::payer_address(), 12);
    const auto verdict = world.verdict(payment);
    EXPECT_EQ(verdict->payer, testing::payer_address());
    EXPECT_EQ(verdict->refusal->expected, "10000");
    EXPECT_EQ(verdict->refusal->actual, "12");
}

// Trouble with the node is never the payer's fault.
TEST(ExactVerify, TroubleIsAnError) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    world.node.down = true;
    EXPECT_EQ(world.verdict(payment).error().code, Errc::unreachable);
    world.node.down = false;
    world.node.errors["eth_call"] = net::RpcError{-32000, "header not found", {}};
    EXPECT_EQ(world.verdict(payment).error().code, Errc::unavailable);
    EXPECT_TRUE(world.verdict(payment).error().retryable);
    world.node.errors.clear();
    EXPECT_EQ(world.verify(payment), "");
}

// What is refused for free costs the node nothing.
TEST(ExactVerify, CheapChecksAskNothing) {
    World world;
    ASSERT_TRUE(world.prove());
    Payment payment = sample_payment();
    payment.requirements.pay_to = testing::kStranger;
    const std::size_t before = world.node.batches;
    EXPECT_EQ(world.verify(payment), "invalid_exact_evm_recipient_mismatch");
    EXPECT_EQ(world.node.batches, before);
}

struct WalletRow {
    const char* name;
    std::uint8_t owner;   // whose signature the wallet accepts
    std::uint8_t signer;  // who signed
    std::string_view code;
};

// An address with code speaks by ERC-1271 alone: its key's own ECDSA signature means nothing
// (attack 16).
TEST(ExactVerify, AddressWithCode) {
    const WalletRow rows[] = {
        {"the wallet accepts its owner", 5, 5, ""},
        {"delegated account: its own key, but the code says no", 5, 1,
         "invalid_exact_evm_signature"},
        {"delegated account: its own key, and the code says yes", 1, 1, ""},
        {"a stranger", 5, 6, "invalid_exact_evm_signature"},
    };
    for (const WalletRow& row : rows) {
        SCOPED_TRACE(row.name);
        World world;
        const Address payer = testing::address_at(testing::payer_address());
        world.node.world().wallets[payer] = testing::address_at(testing::payer_address(row.owner));
        ASSERT_TRUE(world.prove());
        Payment payment = sample_payment();
        sign_again(payment, row.signer);
        EXPECT_EQ(world.verify(payment), row.code);
        const auto simulation = world.simulate(world.plan(payment).actions);
        EXPECT_EQ(simulation.ok(), row.code.empty()) << "verify and settle must agree";
    }
}

TEST(ExactVerify, AnyTokenOnlyWhereTheOperatorSaysSo) {
    SampleOptions what;
    what.asset = kOther;
    what.name = "Fun";
    what.version = "7";
    const Payment payment = make_payment(what);
    for (const bool any_token : {false, true}) {
        WorldOptions options;
        options.any_token = any_token;
        World world(options);
        world.node.token(kOther).name = "Fun";
        world.node.token(kOther).version = "7";
        world.node.fund(kOther, testing::payer_address(), 10'000);
        ASSERT_TRUE(world.prove());
        EXPECT_EQ(world.verify(payment), any_token ? "" : "unsupported_asset");
        if (!any_token) continue;
        const auto action = read_action(world.plan(payment).actions[0].body);
        EXPECT_FALSE(action->share) << "an unknown token must not leave in company";
    }
}

TEST(ExactVerify, AnUnknownTokenMustArriveWhole) {
    SampleOptions what;
    what.asset = kOther;
    const Payment payment = make_payment(what);
    for (const bool fee : {false, true}) {
        WorldOptions options;
        options.any_token = true;
        World world(options);
        world.node.token(kOther).takes_fee = fee;
        world.node.fund(kOther, testing::payer_address(), 10'000);
        ASSERT_TRUE(world.prove());
        EXPECT_EQ(world.verify(payment), fee ? "invalid_exact_evm_transfer_event_mismatch" : "");
        world.node.token(kOther).blocks = true;
        EXPECT_EQ(world.verify(payment), "invalid_exact_evm_transaction_simulation_failed");
    }
}

TEST(ExactVerify, SecondTimeReadsTheTokenFromMemory) {
    World world;
    ASSERT_TRUE(world.prove());
    EXPECT_EQ(world.verify(sample_payment(1)), "");
    const std::size_t codes = world.node.count("eth_getCode");
    EXPECT_EQ(world.verify(sample_payment(2)), "");
    EXPECT_EQ(world.node.count("eth_getCode"), codes + 1) << "only the payer's";
}

TEST(ExactPlan, OneActionThatAnySignerMaySend) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const Plan plan = world.plan(payment);
    ASSERT_EQ(plan.actions.size(), 1U);
    EXPECT_TRUE(plan.signers.empty());
    EXPECT_EQ(plan.charged, U256(10'000));
    EXPECT_EQ(plan.actions[0].payment, world.scheme().facts(payment)->key);
    const auto action = read_action(plan.actions[0].body);
    ASSERT_TRUE(action);
    EXPECT_TRUE(action->share);
    EXPECT_EQ(write(*action), plan.actions[0].body);
}

// A token that takes a used nonce in silence would let one payment of a group claim the transfer of
// another (attack 13): it leaves alone until it was seen to revert, by its words.
TEST(ExactPlan, SharesOnlyTokensSeenToRefuseAUsedNonce) {
    const auto shares = [](World& world, std::uint64_t seed) {
        return read_action(world.plan(sample_payment(seed)).actions[0].body)->share;
    };
    World world;
    ASSERT_TRUE(world.prove());
    world.node.token(kToken).silent = true;
    EXPECT_FALSE(shares(world, 1));
    world.node.token(kToken).silent = false;
    world.node.token(kToken).forgets = true;
    world.node.fund(kToken, testing::payer_address(), 10'000);
    EXPECT_FALSE(shares(world, 2)) << "it reverts for the balance, which proves nothing";
    world.node.token(kToken).forgets = false;
    world.node.fund(kToken, testing::payer_address(), 1'000'000);
    EXPECT_TRUE(shares(world, 3));
    const std::size_t calls = world.node.count("eth_call");
    EXPECT_TRUE(shares(world, 4));
    EXPECT_EQ(world.node.count("eth_call"), calls) << "seen once is enough for a while";
    world.clock.at += std::chrono::minutes(16);
    world.node.token(kToken).silent = true;
    EXPECT_FALSE(shares(world, 5)) << "and forgotten with the proof";
}

TEST(ExactPlan, NeverForOtherTerms) {
    World world;
    ASSERT_TRUE(world.prove());
    Payment elsewhere = sample_payment();
    elsewhere.requirements.pay_to = testing::kStranger;
    EXPECT_EQ(world.try_plan(elsewhere).error().code, Errc::invalid);
    Payment more = sample_payment();
    more.requirements.amount = U256(10'001);
    EXPECT_EQ(world.try_plan(more).error().code, Errc::invalid);
    Payment garbled = sample_payment();
    garbled.payload.payload.clear();
    EXPECT_EQ(world.try_plan(garbled).error().code, Errc::invalid);
}

TEST(ExactPlan, WalletsDoNotShare) {
    World world;
    const Address payer = testing::address_at(testing::payer_address());
    world.node.world().wallets[payer] = payer;
    ASSERT_TRUE(world.prove());
    const auto action = read_action(world.plan(sample_payment()).actions[0].body);
    EXPECT_FALSE(action->share);
    EXPECT_GT(action->gas_cap, kPlainGasCap);
}

Part part_with(const TransferProof& proof, bool executed) {
    Part part;
    part.executed = executed;
    part.body = write(proof);
    return part;
}

TEST(ExactJudge, OnlyBothLogsProveAPayment) {
    World world;
    ASSERT_TRUE(world.prove());
    const Payment payment = sample_payment();
    const Action action = world.plan(payment).actions[0];
    const TransferAction what = *read_action(action.body);
    world.node.run(what.token, what.data);
    const auto evidence = world.trace(payment);
    ASSERT_EQ(evidence.state, TraceState::unknown) << "not final yet";
    Log used;
    used.address = what.token;
    used.topics = {authorization_used_topic(), {}, what.nonce};
    std::copy(what.payer.data.begin(), what.payer.data.end(), used.topics[1].data.begin() + 12);
    Log moved;
    moved.address = what.token;
    moved.topics = {transfer_topic(), used.topics[1], {}};
    std::copy(what.pay_to.data.begin(), what.pay_to.data.end(), moved.topics[2].data.begin() + 12);
    moved.data = to_bytes(what.value.to_be().view());
    const FacilitatorScheme& scheme = world.scheme();
    EXPECT_EQ(scheme.judge(action, part_with({used, moved}, true)).outcome, Outcome::settled);

    const auto refused = [&scheme, &action](const TransferProof& proof, bool executed) {
        const Judgement judgement = scheme.judge(action, part_with(proof, executed));
        EXPECT_EQ(judgement.outcome, Outcome::failed);
        return judgement.refusal ? judgement.refusal->code : std::string();
    };
    constexpr std::string_view kEvent = "invalid_exact_evm_transfer_event_mismatch";
    EXPECT_EQ(refused({used, {}}, true), kEvent);
    EXPECT_EQ(refused({{}, moved}, true), kEvent);
    EXPECT_EQ(refused({}, true), kEvent);
    EXPECT_EQ(refused({used, moved}, false), "invalid_exact_evm_transaction_failed");
    Log less = moved;
    less.data = to_bytes(U256(9'999).to_be().view());
    EXPECT_EQ(refused({used, less}, true), kEvent) << "fee on transfer (attack 14)";
    Log elsewhere = moved;
    elsewhere.address = testing::address_at(kOther);
    EXPECT_EQ(refused({used, elsewhere}, true), kEvent);
    Log other_nonce = used;
    other_nonce.topics[2] = Hash32{};
    EXPECT_EQ(refused({other_nonce, moved}, true), kEvent);
    Part garbled;
    garbled.executed = true;
    garbled.body["used"] = 5;
    EXPECT_EQ(scheme.judge(action, garbled).outcome, Outcome::unknown);
}

}  // namespace
}  // namespace x402::evm
