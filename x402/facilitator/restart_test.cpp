// SPDX-License-Identifier: Apache-2.0
// What a start finds in the journal and does about it; and the same engine over a file, on several
// cores.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "x402/facilitator/replay_guard.hpp"
#include "x402/facilitator/slot_records.hpp"
#include "x402/facilitator/test_world.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/version.hpp"

namespace x402::facilitator::test {
namespace {

using namespace std::chrono_literals;

Order order(const std::string& nonce) {
    Order made;
    made.nonce = nonce;
    return made;
}

Task<std::string> state_of(Life& life, std::string nonce) {
    const PaymentKey key = key_of(order(nonce));
    const auto record = co_await life.store.find_payment(key);
    if (!record || !*record) co_return std::string("none");
    co_return std::string(store::to_string((*record)->state));
}

Task<void> until_state(Life& life, std::string nonce, std::string wanted) {
    for (int i = 0; i < 600; ++i) {
        const std::string state = co_await state_of(life, nonce);
        if (state == wanted) co_return;
        const bool slept = co_await life.world.time().sleep(100ms);
        static_cast<void>(slept);
    }
    ADD_FAILURE() << nonce << " never became " << wanted;
}

Task<void> stops_slotted(Life& life) {
    const Later later = settle_later(life, order("n1"));
    co_await until_state(life, "n1", "slotted");
    EXPECT_FALSE(later->has_value());
}
Task<void> becomes_settled(Life& life) {
    co_await until_state(life, "n1", "settled");
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_TRUE(answer && answer->success) << "the success was not told yet";
}
Task<void> stops_claimed(Life& life) {
    const Later later = settle_later(life, order("n1"));
    co_await until_state(life, "n1", "claimed");
    EXPECT_FALSE(later->has_value());
}
Task<void> settles_with_its_age(Life& life) {
    co_await until_state(life, "n1", "settled");
    const auto record = co_await life.store.find_payment(key_of(order("n1")));
    EXPECT_LE((*record)->created + 5s, life.world.clock.now());
    for (const auto& seen : life.world.ledger.seen) EXPECT_EQ(seen, (*record)->created);
    EXPECT_FALSE(life.world.ledger.seen.empty());
}
TEST(Restart, APaymentIsAsOldAsItsRecord) {
    World world;
    world.ledger.simulate_errors = 1'000'000;
    EXPECT_TRUE(live(world, stops_claimed));
    world.ledger.simulate_errors = 0;
    world.ledger.seen.clear();
    world.clock.advance(5s);
    EXPECT_TRUE(live(world, settles_with_its_age));
}

TEST(Restart, ASlotWithoutAnAttemptIsSignedForAnew) {
    World world;
    world.ledger.sign_errors = 1'000'000;
    EXPECT_TRUE(live(world, stops_slotted));
    world.ledger.sign_errors = 0;
    EXPECT_TRUE(live(world, becomes_settled));
    EXPECT_EQ(world.ledger.signed_numbers["n1"], std::set<std::uint64_t>{0});
    EXPECT_EQ(world.ledger.moves["ann/n1"].size(), 1U);
}

// What a client sends beside what it signed, and what is the scheme's own in the terms.
FacilitatorRequest talkative(const World& world, int version) {
    FacilitatorRequest request = request_of(world, order("n1"));
    const json::Object secret{{"note", "SECRET"}};
    ResourceInfo resource;
    resource.url = "https://ann:SECRET@shop.example/reset?token=SECRET#SECRET";
    resource.description = "SECRET";
    request.payload.resource = resource;
    request.payload.extensions["SECRET"] = secret;
    for (PaymentRequirements* terms : {&request.requirements, &request.payload.accepted}) {
        terms->extra["needed"] = "by the scheme";
        terms->unknown = secret;
    }
    request.payload.unknown = secret;
    request.version = version;
    if (version == kVersion1) {
        const NetworkNames names = world.modules.names();
        request.payload.text = json::dump(*write_payment_payload_v1(request.payload, names));
        request.requirements_text =
            json::dump(*write_requirements_v1(request.requirements, resource, names));
    } else {
        request.payload.text = json::dump(write(request.payload));
        request.requirements_text = json::dump(write(request.requirements));
    }
    return *read_facilitator_request(write_facilitator_request(request), world.modules.names());
}

Task<void> stops_with(Life& life, int version) {
    const FacilitatorRequest request = talkative(life.world, version);
    const SettleContext context{"mine", "tester"};
    const auto pending = co_await life.service.settle(request, context);
    EXPECT_EQ(pending->error_reason, "settlement_pending");
    const auto record = co_await life.store.find_payment(key_of(order("n1")));
    EXPECT_TRUE(record && *record);
    const std::string& kept = (*record)->request;
    EXPECT_EQ(kept.find("SECRET"), std::string::npos) << kept;
    EXPECT_NE(kept.find("by the scheme"), std::string::npos) << kept;
}
Task<void> joins_with(Life& life, int version) {
    life.world.ledger.auto_mine = true;
    life.world.ledger.mine();
    co_await until_state(life, "n1", "settled");
    const FacilitatorRequest request = talkative(life.world, version);
    const SettleContext context{"mine", "tester"};
    for (int i = 0; i < 2; ++i) {
        const auto told = co_await life.service.settle(request, context);
        EXPECT_TRUE(told && told->success) << "the same request, after a restart";
    }
}
Task<void> stops_with_v1(Life& life) {
    return stops_with(life, kVersion1);
}
Task<void> joins_with_v1(Life& life) {
    return joins_with(life, kVersion1);
}
Task<void> stops_with_v2(Life& life) {
    return stops_with(life, kVersion2);
}
Task<void> joins_with_v2(Life& life) {
    return joins_with(life, kVersion2);
}
TEST(Restart, TheJournalKeepsOnlyWhatAStartNeeds) {
    World two;
    two.ledger.auto_mine = false;
    EXPECT_TRUE(live(two, stops_with_v2));
    EXPECT_TRUE(live(two, joins_with_v2));
    EXPECT_EQ(two.ledger.moves["ann/n1"].size(), 1U);
    World one;
    one.ledger.auto_mine = false;
    EXPECT_TRUE(live(one, stops_with_v1));
    EXPECT_TRUE(live(one, joins_with_v1));
    EXPECT_EQ(one.ledger.moves["ann/n1"].size(), 1U);
}

Task<void> settle_and_forget(std::shared_ptr<FacilitatorRequest> request, Service* service) {
    const SettleContext context{"mine", "tester"};
    const auto answer = co_await service->settle(*request, context);
    static_cast<void>(answer);
}
FacilitatorRequest generous(const World& world) {
    FacilitatorRequest request = talkative(world, kVersion1);
    request.payload.payload["amount"] = "150";
    request.payload.text =
        json::dump(*write_payment_payload_v1(request.payload, world.modules.names()));
    return request;
}
Task<void> claims_generous(Life& life) {
    life.world.ledger.simulate_errors = 1'000'000;
    const auto running = std::make_shared<FacilitatorRequest>(generous(life.world));
    Service* service = &life.service;
    net::spawn_on(life.runtime.core(0),
                  [running, service] { return settle_and_forget(running, service); });
    co_await until_state(life, "n1", "claimed");
}
Task<void> settles_generous(Life& life) {
    co_await until_state(life, "n1", "settled");
    const FacilitatorRequest request = generous(life.world);
    const SettleContext context{"mine", "tester"};
    const auto told = co_await life.service.settle(request, context);
    EXPECT_TRUE(told && told->success) << "the same request, after a restart";
}
TEST(Restart, WhatSignedMoreInVersionOneIsStillGoodForIt) {
    World world;
    EXPECT_TRUE(live(world, claims_generous));
    world.ledger.simulate_errors = 0;
    EXPECT_TRUE(live(world, settles_generous));
    EXPECT_EQ(world.ledger.moves["ann/n1"].size(), 1U);
    EXPECT_EQ(world.ledger.balances["shop"], U256(150));
}

// As journals were written before: the request as it came.
Task<void> claims_whole(Life& life) {
    const FacilitatorRequest request = talkative(life.world, kVersion2);
    store::PaymentRecord record;
    record.key = key_of(order("n1"));
    record.network = request.requirements.network;
    record.payer = "ann";
    record.asset = "coin";
    record.amount = U256(100);
    const RequestPrint print = print_of(request, {"mine", "tester"});
    record.terms = print.terms;
    record.idempotency = print.binding;
    record.request = write_facilitator_request(request);
    const auto claimed = co_await life.store.claim_payment(record);
    EXPECT_TRUE(claimed && claimed->fresh);
}
TEST(Restart, AJournalWithTheWholeRequestIsStillRead) {
    World world;
    EXPECT_TRUE(live(world, claims_whole));
    EXPECT_TRUE(live(world, joins_with_v2));
    EXPECT_EQ(world.ledger.moves["ann/n1"].size(), 1U);
}

Task<void> becomes_duplicate(Life& life) {
    co_await until_state(life, "n1", "failed");
    const auto answer = co_await settle(life, order("n1"));
    EXPECT_TRUE(answer);
    EXPECT_EQ(answer->error_reason, "duplicate_settlement");
    EXPECT_EQ(answer->transaction, "stranger-n1");
}
TEST(Restart, ASlotWhosePaymentWasUsedMeanwhileIsFilled) {
    World world;
    world.ledger.sign_errors = 1'000'000;
    EXPECT_TRUE(live(world, stops_slotted));
    world.ledger.sign_errors = 0;
    world.ledger.front_run("ann", "n1", U256(100), "shop");
    EXPECT_TRUE(live(world, becomes_duplicate));
    EXPECT_TRUE(world.ledger.mined.contains("tx-signer-a-0-0f"))
        << "the slot is used up, at the least cost";
    EXPECT_TRUE(world.ledger.signed_numbers["n1"].empty())
        << "nothing was signed for a payment that cannot succeed";
}

Task<void> stops_attempted(Life& life) {
    const Later later = settle_later(life, order("n1"));
    co_await until_state(life, "n1", "attempted");
    const bool sent = co_await until(life, [&] { return life.world.ledger.broadcasts > 0; });
    EXPECT_TRUE(sent);
}
TEST(Restart, AnAttemptThatThePoolForgotIsSentAgain) {
    World world;
    world.ledger.auto_mine = false;
    EXPECT_TRUE(live(world, stops_attempted));
    world.ledger.pool.clear();
    world.ledger.auto_mine = true;
    EXPECT_TRUE(live(world, becomes_settled));
    EXPECT_TRUE(world.ledger.mined.contains("tx-signer-a-0-0"))
        << "the same bytes, not another transaction";
    EXPECT_EQ(world.ledger.mined.size(), 1U);
}
TEST(Restart, WhatWasMinedMeanwhileIsFound) {
    World world;
    world.ledger.auto_mine = false;
    EXPECT_TRUE(live(world, stops_attempted));
    world.ledger.mine();
    const std::size_t broadcasts = world.ledger.broadcasts;
    EXPECT_TRUE(live(world, becomes_settled));
    EXPECT_EQ(world.ledger.broadcasts, broadcasts) << "nothing to send";
}
TEST(Restart, ASignerThatIsGoneIsStillWatched) {
    World world;
    world.ledger.auto_mine = false;
    EXPECT_TRUE(live(world, stops_attempted));
    world.ledger.signers = {"signer-b"};
    world.ledger.mine();
    EXPECT_TRUE(live(world, becomes_settled));
    EXPECT_EQ(world.ledger.moves["ann/n1"].size(), 1U);
}

Task<void> stops_filled(Life& life) {
    life.world.ledger.sign_refuses = true;
    const Later later = settle_later(life, order("n1"));
    const bool filled = co_await until(life, [&] { return !life.world.ledger.pool.empty(); });
    EXPECT_TRUE(filled);
}
TEST(Restart, AFillerIsKnownAsAFiller) {
    World world;
    world.ledger.auto_mine = false;
    EXPECT_TRUE(live(world, stops_filled));
    world.ledger.sign_refuses = false;
    world.ledger.auto_mine = true;
    world.ledger.mine();
    EXPECT_TRUE(live(world, becomes_settled));
    EXPECT_EQ(world.ledger.signed_numbers["n1"], std::set<std::uint64_t>{1});
}

// A file of its own, gone with the test.
struct File {
    File() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "x402-facilitator-XXXXXX").string();
        EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
        folder = pattern;
    }
    ~File() {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    std::filesystem::path folder;
};

Task<void> many_cores(Life& life) {
    std::vector<Later> answers;
    for (std::size_t i = 0; i < 300; ++i) {
        answers.push_back(
            settle_later(life, order("n" + std::to_string(i)), "", i % life.world.cores));
    }
    const auto all = [&answers] {
        return std::all_of(answers.begin(), answers.end(),
                           [](const Later& each) { return each->has_value(); });
    };
    const bool answered = co_await until(life, all, 60s);
    EXPECT_TRUE(answered);
    const bool drained = co_await life.service.drain(60s);
    EXPECT_TRUE(drained);
    for (const Later& each : answers) {
        EXPECT_TRUE(each->has_value() && **each && (**each)->success);
    }
}
TEST(Several, CoresAndSignersOverAFile) {
    const File file;
    World world;
    world.sqlite = (file.folder / "facilitator.db").string();
    world.cores = 3;
    world.configure = [](Config& config) { config.pending_per_payer = 300; };
    world.real_time = true;
    world.ledger.poll = 10ms;
    world.ledger.signers = {"signer-a", "signer-b"};
    EXPECT_TRUE(live(world, many_cores));
    for (const auto& [nonce, moves] : world.ledger.moves) EXPECT_EQ(moves.size(), 1U) << nonce;
    EXPECT_EQ(world.ledger.moves.size(), 300U);
    EXPECT_LT(world.ledger.broadcasts, 150U) << "they share transactions";
}

TEST(SlotRecords, RoundTrip) {
    SlotRun slot;
    slot.slot = Slot{*ChainId::parse("fake:one"), "signer-a", "7", {}};
    slot.slot.body["hint"] = "h";
    slot.name = {slot.slot.network, "signer-a", "7"};
    for (const char* name : {"a", "b"}) {
        auto live = std::make_shared<Live>();
        live->record.key = PaymentKey(name);
        live->charged = U256(name[0] == 'a' ? 5 : 6);
        slot.payments.push_back(live);
        slot.keys.push_back(live->record.key);
        Action action{live->record.key, {}};
        action.body["n"] = name;
        slot.actions.push_back(action);
    }
    slot.simulation.most = {U256(42), "grain"};
    slot.simulation.body["gas"] = 9;
    store::SlotRecord record = record_of(slot, from_unix_s(1));
    Attempt attempt{"hash", "raw", 2, {}};
    attempt.body["fee"] = "3";
    record.attempts.push_back(record_of(attempt, false, from_unix_s(2)));
    const auto read = read_slot(record);
    ASSERT_TRUE(read) << to_string(read.error());
    EXPECT_EQ(read->run->keys, slot.keys);
    EXPECT_EQ(read->charged, (std::vector<U256>{U256(5), U256(6)}));
    EXPECT_EQ(json::dump(read->run->actions[1].body), R"({"n":"b"})");
    EXPECT_EQ(read->run->simulation.most.amount, U256(42));
    EXPECT_EQ(json::dump(read->run->simulation.body), R"({"gas":9})");
    EXPECT_EQ(read->run->phase, SlotPhase::attempted);
    ASSERT_EQ(read->run->attempts.size(), 1U);
    EXPECT_EQ(read->run->attempts[0].level, 2U);
    EXPECT_EQ(json::dump(read->run->attempts[0].body), R"({"fee":"3"})");
    record.attempts[0] = record_of(attempt, true, from_unix_s(2));
    EXPECT_EQ(read_slot(record)->run->phase, SlotPhase::filled);
    record.attempts.clear();
    EXPECT_EQ(read_slot(record)->run->phase, SlotPhase::taken);
    for (std::string store::SlotRecord::* member :
         {&store::SlotRecord::actions, &store::SlotRecord::simulation, &store::SlotRecord::body}) {
        store::SlotRecord broken = record;
        broken.*member = "{";
        EXPECT_FALSE(read_slot(broken));
    }
    record.payments.pop_back();
    EXPECT_FALSE(read_slot(record)) << "an action of nobody";
}

}  // namespace
}  // namespace x402::facilitator::test
