// SPDX-License-Identifier: Apache-2.0
// Two that look at the same payment in the same moment, and a journal that is not as somebody
// believed: nothing said in passing outweighs what was begun, and nothing begun is left lying.
#include <gtest/gtest.h>

#include "x402/facilitator/answers.hpp"
#include "x402/facilitator/open_lines.hpp"
#include "x402/facilitator/reconcile.hpp"
#include "x402/facilitator/runner.hpp"
#include "x402/facilitator/slot_records.hpp"
#include "x402/facilitator/test_world.hpp"

namespace x402::facilitator::test {
namespace {

using namespace std::chrono_literals;

Order order(const std::string& nonce) {
    Order made;
    made.nonce = nonce;
    return made;
}

Task<bool> wait_answer(Life& life, Later later, Duration limit = 5min) {
    const std::function<bool()> answered = [later] { return later->has_value(); };
    co_return co_await until(life, answered, limit);
}

// The repeat is verified while the first is under way, and would be refused.
Task<void> late_verdict(Life& life) {
    Ledger& ledger = life.world.ledger;
    ledger.auto_mine = false;
    ledger.hold_verifies = 1;
    const Later repeat = settle_later(life, order("n1"));
    const bool held = co_await until(life, [&] { return ledger.hold_verifies == 0; });
    EXPECT_TRUE(held);
    const Later first = settle_later(life, order("n1"));
    const bool sent = co_await until(life, [&] { return ledger.broadcasts == 1; });
    EXPECT_TRUE(sent);
    EXPECT_FALSE(repeat->has_value());
    ledger.balances["ann"] = U256(0);
    ledger.let_verify = true;
    const bool told = co_await wait_answer(life, repeat, 5s);
    EXPECT_FALSE(told) << "what is under way is not refused";
    ledger.balances["ann"] = U256(100);
    ledger.mine();
    const bool both = co_await until(life, [&] { return *first && *repeat; });
    EXPECT_TRUE(both);
    EXPECT_TRUE((**first)->success != (**repeat)->success);
    const SettleResponse& other = (**first)->success ? ***repeat : ***first;
    EXPECT_EQ(other.error_reason, "duplicate_settlement");
}
TEST(Race, ARepeatThatWouldBeRefusedJoinsWhatIsUnderWay) {
    World world;
    EXPECT_TRUE(live(world, late_verdict));
    EXPECT_EQ(world.ledger.moves["ann/n1"].size(), 1U);
}

// Another process with the same journal takes a slot for a payment that waits here.
Task<void> take_elsewhere(World& world, store::SettlementStore& other) {
    const auto payments = co_await other.open_payments(10);
    EXPECT_TRUE(payments && payments->size() == 1);
    SlotRun slot;
    slot.slot = Slot{*ChainId::parse("fake:one"), "signer-a", "0", {}};
    slot.name = {slot.slot.network, "signer-a", "0"};
    auto live = std::make_shared<Live>();
    live->record = payments->front();
    live->charged = live->record.amount;
    slot.payments.push_back(live);
    slot.keys.push_back(live->record.key);
    Action action{live->record.key, {}};
    action.body["payer"] = "ann";
    action.body["nonce"] = "n1";
    action.body["to"] = "shop";
    action.body["amount"] = "100";
    slot.actions.push_back(action);
    slot.simulation.most = {U256(100), "grain"};
    const store::SlotRecord record = record_of(slot, world.clock.now());
    const auto taken = co_await other.take_slot(record);
    EXPECT_TRUE(taken) << (taken ? "" : to_string(taken.error()));
}

// A desk without couriers, and a claimed payment that lies on it while the journal has it in a
// slot.
struct Bench {
    DeskPtr desk;
    LivePtr live;
};
Task<Bench> make_bench(Life& life) {
    World& world = life.world;
    Config config;
    NetworkConfig network;
    network.id = *ChainId::parse("fake:one");
    config.networks.push_back(network);
    Bench bench;
    bench.desk =
        std::make_shared<Desk>(std::move(config), world.modules, AssetShelf({}, world.modules),
                               life.store, life.metrics, world.env());
    bench.desk->home = life.runtime.core(0);
    const auto opened = co_await open_lines(bench.desk);
    EXPECT_TRUE(opened);
    const FacilitatorRequest request = request_of(world, order("n1"));
    auto admitted = admit(bench.desk->doors(), request);
    EXPECT_TRUE(admitted);
    store::PaymentRecord intent;
    intent.key = key_of(order("n1"));
    intent.network = network.id;
    intent.payer = "ann";
    intent.asset = "coin";
    intent.amount = U256(100);
    intent.request = body_of(world, order("n1"));
    const auto claimed = co_await life.store.claim_payment(intent);
    EXPECT_TRUE(claimed && claimed->fresh);
    co_await take_elsewhere(world, life.store);
    bench.live = make_live(*bench.desk, std::move(*admitted), claimed->record);
    put_on(*bench.desk, bench.live);
    co_return bench;
}

Task<void> gives_up_what_is_slotted(Life& life) {
    const Bench bench = co_await make_bench(life);
    co_await end_unavailable(bench.desk, bench.live, Reason::unavailable);
    EXPECT_EQ(bench.live->ended->how, Ended::How::look_again);
    EXPECT_TRUE(bench.desk->orphans) << "a record that is not as we believed is read again";
    EXPECT_TRUE(bench.desk->lives.empty());
}
TEST(Orphan, AGivingUpThatTheJournalRefusesIsReadAgain) {
    World world;
    EXPECT_TRUE(live(world, gives_up_what_is_slotted));
}

Task<void> refuses_what_is_slotted(Life& life) {
    const Bench bench = co_await make_bench(life);
    bench.live->state = State::doubted;
    co_await resolve_doubt(bench.desk, bench.live);
    EXPECT_EQ(bench.live->ended->how, Ended::How::look_again);
    EXPECT_TRUE(bench.desk->orphans);
}
TEST(Orphan, ARefusalThatTheJournalRefusesIsReadAgain) {
    World world;
    EXPECT_TRUE(live(world, refuses_what_is_slotted));
}

Task<void> slot_of_a_busy_payment(Life& life) {
    const Bench bench = co_await make_bench(life);
    Desk& desk = *bench.desk;
    const auto read = co_await reconcile(bench.desk);
    EXPECT_TRUE(read);
    EXPECT_TRUE(desk.lines[0]->open.empty());
    EXPECT_TRUE(desk.orphans) << "it is read again when the other has left";
    take_off(desk, bench.live);
    desk.orphans = false;
    const auto again = co_await reconcile(bench.desk);
    EXPECT_TRUE(again);
    EXPECT_EQ(desk.lines[0]->open.size(), 1U);
    EXPECT_FALSE(desk.orphans);
    desk.gate.close();
}
TEST(Orphan, ASlotOfAPaymentThatIsBusyIsLookedAtAgain) {
    World world;
    EXPECT_TRUE(live(world, slot_of_a_busy_payment));
}

}  // namespace
}  // namespace x402::facilitator::test
