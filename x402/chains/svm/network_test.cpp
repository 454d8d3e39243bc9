// SPDX-License-Identifier: Apache-2.0
// Simulations, slots and signatures: what leaves the process and what never does.
#include <gtest/gtest.h>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/testing/settling.hpp"

namespace x402::svm {
namespace {

using testing::kFeePayer;
using testing::sample_address;
using testing::SampleOptions;
using testing::Settling;
using testing::Slotted;
using testing::wait_for;

constexpr std::string_view kSimulate = "simulateTransaction";
using Reply = Result<net::RpcReply>;

std::string code_of(const Result<Simulation>& simulation) {
    if (!simulation || simulation->refusals.size() != 1) return "?";
    return simulation->refusals[0] ? simulation->refusals[0]->code : "";
}

SignerId ours() {
    return to_text(sample_address(kFeePayer));
}

TEST(Network, SimulatesAndTellsTheMost) {
    Settling at;
    const Action action = Settling::wrap(at.action_for(at.fresh()));
    const auto good = at.simulate(action);
    ASSERT_TRUE(good && good->ok());
    EXPECT_EQ(good->most.unit, "lamports");
    EXPECT_EQ(good->most.amount, U256(testing::kSampleFee));
    SampleOptions large = at.fresh();
    large.amount = 20'000'000;
    const Action broke = Settling::wrap(at.action_for(large));
    EXPECT_EQ(code_of(at.simulate(broke)), to_string(Reason::svm_simulation));
    TransferAction wallet = at.action_for(large);
    wallet.path = TransferPath::wallet;
    EXPECT_EQ(code_of(at.simulate(Settling::wrap(wallet))),
              to_string(Reason::svm_wallet_simulation));
    EXPECT_EQ(at.cluster.pool_size(), 0U) << "nothing was sent";
}

TEST(Network, SimulatesOnePaymentOfItsOwnFeePayer) {
    Settling at;
    const Action action = Settling::wrap(at.action_for(at.fresh()));
    const std::vector<Action> two{action, action};
    EXPECT_EQ(wait_for(at.network().simulate(two, ours())).error().code, Errc::unsupported);
    EXPECT_EQ(wait_for(at.network().simulate({}, ours())).error().code, Errc::unsupported)
        << "there are no fillers";
    const SignerId other = to_text(sample_address(kFeePayer + 1));
    EXPECT_EQ(wait_for(at.network().simulate({&action, 1}, other)).error().code, Errc::invalid);
    EXPECT_FALSE(at.network().can_share(action, action));
    EXPECT_FALSE(at.network().can_replace());
}

// The newest blockhash on a node that is behind, and an old one everywhere.
TEST(Network, AnUnknownBlockhashIsAskedOfEverybody) {
    Settling at(2);
    at.cluster.endpoint(0).behind = 10;
    const Action action = Settling::wrap(at.action_for(at.fresh()));
    EXPECT_EQ(code_of(at.simulate(action)), "");
    at.cluster.endpoint(1).behind = 10;
    EXPECT_EQ(code_of(at.simulate(action)), to_string(Reason::svm_blockhash));
    at.cluster.endpoint(1).down = true;
    const auto silent = at.simulate(action);
    ASSERT_FALSE(silent);
    EXPECT_TRUE(silent.error().retryable) << "who is silent may know it";
    at.cluster.endpoint(0).behind = 0;
    at.cluster.endpoint(1).down = false;
    at.expire();
    EXPECT_EQ(code_of(at.simulate(action)), to_string(Reason::svm_blockhash));
}

TEST(Network, TheNewestStateIsAskedBeforeABlockhashIsRefused) {
    Settling at;
    SampleOptions options = at.fresh();
    options.blockhash = at.cluster.blockhash(Commitment::processed);
    const Action action = Settling::wrap(at.action_for(options));
    EXPECT_EQ(code_of(at.simulate(action)), "");
}

// A transaction that takes from the fee payer, whatever way it found.
TEST(Network, TheFeePayerLosesTheFeeAtMost) {
    struct Row {
        const char* name;
        std::uint64_t taken;
        std::string_view want;
    };
    const Row rows[] = {
        {"the fee", 0, ""},
        {"a lamport more", 1, "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
        {"nearly everything", testing::kFunds - testing::kSampleFee,
         "invalid_exact_svm_payload_transaction_fee_payer_transferring_funds"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Settling at;
        const Action action = Settling::wrap(at.action_for(at.fresh()));
        at.cluster.endpoint().edits[std::string(kSimulate)] = [&row](const auto&, Reply& answer) {
            json::Object& value = answer->result->as_object()["value"].as_object();
            value["accounts"].as_array()[0].as_object()["lamports"] =
                testing::kFunds - testing::kSampleFee - row.taken;
        };
        EXPECT_EQ(code_of(at.simulate(action)), row.want);
    }
}

// Others' fees between the two readings are not this payment's doing.
TEST(Network, OtherPaymentsMayLandMeanwhile) {
    Settling at;
    Slotted other(at, "other");
    const Action action = Settling::wrap(at.action_for(at.fresh()));
    bool once = false;
    at.cluster.endpoint().edits["getMultipleAccounts"] = [&](const auto&, Reply&) {
        if (once) return;
        once = true;
        other.land();
        at.pass(2);
    };
    EXPECT_EQ(code_of(at.simulate(action)), "");
    EXPECT_EQ(at.cluster.count("getMultipleAccounts"), 2U);
}

TEST(Network, TroubleIsNoRefusal) {
    struct Row {
        const char* name;
        std::function<void(Settling&)> make;
    };
    const Row rows[] = {
        {"down", [](Settling& at) { at.cluster.endpoint().down = true; }},
        {"busy",
         [](Settling& at) {
             at.cluster.endpoint().errors[std::string(kSimulate)] = net::RpcError{-32'005, "", {}};
         }},
        {"nonsense",
         [](Settling& at) {
             at.cluster.endpoint().edits[std::string(kSimulate)] = [](const auto&, Reply& answer) {
                 answer->result = json::Value("fine");
             };
         }},
        {"the fee payer has nothing",
         [](Settling& at) { at.cluster.remove(sample_address(kFeePayer)); }},
        {"the fee payer has too little",
         [](Settling& at) { at.cluster.fund(sample_address(kFeePayer), 10'000); }},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Settling at;
        const Action action = Settling::wrap(at.action_for(at.fresh()));
        row.make(at);
        const auto simulation = at.simulate(action);
        ASSERT_FALSE(simulation);
        EXPECT_TRUE(simulation.error().retryable);
    }
}

TEST(Network, ASlotIsTheMessage) {
    Settling at;
    const TransferAction transfer = at.action_for(at.fresh());
    const Action action = Settling::wrap(transfer);
    const auto slot = at.next_slot(action);
    ASSERT_TRUE(slot);
    EXPECT_EQ(slot->key, slot_key_of(transfer.hash));
    EXPECT_EQ(slot->key.size(), 64U);
    EXPECT_EQ(slot->signer, ours());
    EXPECT_EQ(slot->network.text(), testing::kDevnet);
    EXPECT_EQ(slot->body.at("takenAt").as_int64(), to_unix_ms(testing::kNow));
    EXPECT_EQ(at.next_slot(action, {*slot}).error().code, Errc::conflict);
    const Action other = Settling::wrap(at.action_for(at.fresh("m2")));
    EXPECT_TRUE(at.next_slot(other, {*slot}));
    // What a stranger writes into the fee payer's place names no other slot.
    Transaction flipped = *read_transaction_text(transfer.transaction);
    flipped.signatures[0].data[3] = 1;
    EXPECT_EQ(slot_key_of(message_hash(flipped)), slot->key);
}

TEST(Network, ASlotOfAnotherFeePayerIsRefused) {
    Settling at;
    SampleOptions options = at.fresh();
    options.fee_payer = kFeePayer + 1;
    Plan plan;
    plan.actions = {Settling::wrap(at.action_for(options))};
    const SignerId theirs = to_text(sample_address(kFeePayer + 1));
    EXPECT_EQ(wait_for(at.network().next_slot(theirs, {}, plan)).error().code, Errc::not_found);
    EXPECT_EQ(wait_for(at.network().next_slot(ours(), {}, plan)).error().code, Errc::invalid);
    EXPECT_EQ(wait_for(at.network().next_slot(ours(), {}, Plan{})).error().code, Errc::unsupported);
}

TEST(Network, SignsTheMessageAndNothingElse) {
    Settling at;
    Slotted it(at);
    const auto signed_one = read_transaction_text(it.attempt.raw);
    ASSERT_TRUE(signed_one);
    const auto before = read_transaction_text(it.transfer.transaction);
    EXPECT_EQ(signed_one->message_bytes, before->message_bytes);
    EXPECT_EQ(signed_one->signatures[1], before->signatures[1]);
    EXPECT_EQ(to_base58(signed_one->signatures[0].view()), it.attempt.id);
    EXPECT_TRUE(crypto::ed25519_verify(signed_one->message_bytes, signed_one->signatures[0],
                                       sample_address(kFeePayer)));
    EXPECT_EQ(it.attempt.level, 0U);
    EXPECT_EQ(it.attempt.most.amount, U256(testing::kSampleFee));
    at.restart();
    EXPECT_EQ(at.sign(it.slot, it.action)->raw, it.attempt.raw) << "the same each time";
    EXPECT_EQ(at.cluster.count("sendTransaction"), 0U);
}

TEST(Network, SignsNothingThatDoesNotFit) {
    Settling at;
    Slotted it(at);
    Slotted other(at, "m2");
    const auto sign = [&](const Slot& slot, const Action& action,
                          std::span<const Attempt> earlier = {}) {
        const Simulation simulation;
        const auto attempt = wait_for(at.network().sign(slot, {&action, 1}, simulation, earlier));
        return attempt ? std::optional<Errc>{} : attempt.error().code;
    };
    EXPECT_EQ(sign(it.slot, it.action), std::nullopt);
    EXPECT_EQ(sign(it.slot, it.action, {&it.attempt, 1}), Errc::unsupported);
    EXPECT_EQ(sign(other.slot, it.action), Errc::invalid);
    Slot slot = it.slot;
    slot.signer = to_text(sample_address(kFeePayer + 1));
    EXPECT_EQ(sign(slot, it.action), Errc::not_found);
    slot = it.slot;
    slot.network = *ChainId::parse("solana:other");
    EXPECT_EQ(sign(slot, it.action), Errc::invalid);
    TransferAction dear = it.transfer;
    dear.fee = 100'001;
    EXPECT_EQ(sign(it.slot, Settling::wrap(dear)), Errc::refused);
    TransferAction unsigned_one = it.transfer;
    Transaction bare = *read_transaction_text(it.transfer.transaction);
    bare.signatures[1] = Signature{};
    unsigned_one.transaction = to_base64_text(bare);
    EXPECT_EQ(sign(it.slot, Settling::wrap(unsigned_one)), Errc::invalid);
    const auto filler = wait_for(at.network().sign(it.slot, {}, Simulation{}, {}));
    EXPECT_EQ(filler.error().code, Errc::unsupported);
    EXPECT_FALSE(filler.error().retryable) << "the slot is freed, not tried again";
}

TEST(Network, SendsToEveryEndpoint) {
    Settling at(2);
    Slotted it(at);
    at.cluster.endpoint(0).down = true;
    EXPECT_EQ(it.send().sent, Sent::accepted);
    EXPECT_EQ(at.cluster.count("sendTransaction", 1), 1U);
    EXPECT_EQ(at.cluster.pool_size(), 1U);
    at.cluster.endpoint(1).down = true;
    EXPECT_EQ(it.send().sent, Sent::unknown);
}

TEST(Network, BudgetFundsAndTimes) {
    Settling at;
    SvmNetwork& network = at.network();
    EXPECT_EQ(network.budget().per_day.amount, U256(1)) << "nothing before the funds are known";
    ASSERT_TRUE(wait_for(network.start()));
    EXPECT_EQ(network.budget().per_day.amount, U256(testing::kFunds / 20));
    EXPECT_EQ(network.budget().per_payment.amount, U256(100'000));
    EXPECT_EQ(network.budget().per_payer_per_day.amount, U256(testing::kFunds / 200));
    EXPECT_EQ(network.budget().per_day.unit, "lamports");
    const auto funds = wait_for(network.funds());
    ASSERT_TRUE(funds && funds->size() == 1);
    EXPECT_EQ((*funds)[0].signer, ours());
    EXPECT_EQ((*funds)[0].balance.amount, U256(testing::kFunds));
    EXPECT_EQ(network.signers(), std::vector<SignerId>{ours()});
    EXPECT_EQ(network.patience(), std::chrono::seconds(2));
    EXPECT_EQ(network.poll_interval(), Duration(500));
    at.cluster.endpoint().down = true;
    EXPECT_FALSE(wait_for(network.start()));
    EXPECT_FALSE(wait_for(network.funds()));
    Settings told = testing::sample_settings();
    told.daily_fee_budget = U256(7'000'000);
    told.max_fee = 20'000;
    told.payer_fee_budget = U256(700'000);
    told.rebroadcast = Duration(700);
    told.poll = Duration(50);
    testing::Process process(at.cluster, at.clock, std::move(told));
    ASSERT_TRUE(wait_for(process.network.start())) << "nothing has to be asked";
    EXPECT_EQ(process.network.budget().per_day.amount, U256(7'000'000));
    EXPECT_EQ(process.network.budget().per_payment.amount, U256(20'000));
    EXPECT_EQ(process.network.budget().per_payer_per_day.amount, U256(700'000));
    EXPECT_EQ(process.network.patience(), Duration(700));
    EXPECT_EQ(process.network.poll_interval(), Duration(50));
}

TEST(Network, AnUnfundedSignerLeavesALeastBudget) {
    Settling at;
    at.cluster.remove(sample_address(kFeePayer));
    ASSERT_TRUE(wait_for(at.network().start()));
    EXPECT_EQ(at.network().budget().per_day.amount, U256(1)) << "zero would be no limit";
    EXPECT_EQ((*wait_for(at.network().funds()))[0].balance.amount, U256(0));
}

}  // namespace
}  // namespace x402::svm
