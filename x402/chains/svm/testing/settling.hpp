// SPDX-License-Identifier: Apache-2.0
// For tests of this folder: a fee payer that settles on a fake cluster, with a payment that can be
// made, and both clocks moving together. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "x402/base/check.hpp"
#include "x402/chains/svm/network.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/testing/fake_node.hpp"
#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm::testing {

inline constexpr std::uint64_t kFunds = 1'000'000'000;
inline constexpr std::uint64_t kSampleFee = 10'001;

inline Settings sample_settings() {
    Settings settings;
    settings.signers.push_back(Signer{to_text(sample_address(kFeePayer)), sample_seed(kFeePayer)});
    return settings;
}

// What is forgotten by a restart.
struct Process {
    Process(FakeCluster& cluster, Clock& clock, Settings settings)
        : rpc(borrow(cluster)),
          tracer(*ChainId::parse(kDevnet), rpc, clock),
          network(*ChainId::parse(kDevnet), std::move(settings), rpc, tracer, clock) {}
    Rpc rpc;
    Tracer tracer;
    SvmNetwork network;
};

struct Settling {
    explicit Settling(std::size_t endpoints = 1, Commitment commitment = Commitment::confirmed)
        : cluster(endpoints), commitment_(commitment) {
        cluster.fund(sample_address(kFeePayer), kFunds);
        const Address mint = address_at(kUsdc);
        cluster.put_mint(mint);
        cluster.put_holding({sample_address(kPayer), mint, 10'000'000});
        destination = cluster.put_holding({sample_address(kPayee), mint, 5});
        restart();
    }

    void restart() {
        Settings settings = sample_settings();
        settings.commitment = commitment_;
        process = std::make_unique<Process>(cluster, clock, std::move(settings));
    }
    SvmNetwork& network() { return process->network; }
    Tracer& tracer() { return process->tracer; }

    // Blocks pass, here and there.
    void pass(std::size_t blocks) {
        cluster.advance(blocks);
        clock.at += Duration(400) * blocks;
    }
    // Until every blockhash of now has expired, and the last block that takes it is final.
    void expire() { pass(kBlockhashBlocks + cluster.final_lag + 3); }

    SampleOptions fresh(std::string memo = "m1") {
        SampleOptions options;
        options.blockhash = cluster.blockhash(Commitment::confirmed);
        options.memo = std::move(memo);
        return options;
    }
    Payment payment_for(const SampleOptions& options) {
        Payment payment = sample_payment(options);
        payment.seen = clock.now();
        return payment;
    }
    TransferAction action_for(const SampleOptions& options) {
        const Transaction transaction = sample_transaction(options);
        TransferAction action;
        action.transaction = to_base64_text(transaction);
        action.hash = message_hash(transaction);
        action.payer = sample_address(options.who);
        action.fee_payer = sample_address(options.fee_payer);
        action.mint = options.mint;
        action.destination = sample_transfer(options).destination;
        action.amount = options.amount;
        action.fee = kSampleFee;
        action.last_height = cluster.at(Commitment::confirmed).height + kBlockhashBlocks;
        return action;
    }
    static Action wrap(const TransferAction& action) {
        return Action{key_of(*ChainId::parse(kDevnet), action.hash), write(action)};
    }

    Result<Simulation> simulate(const Action& action) {
        return wait_for(network().simulate({&action, 1}, to_text(sample_address(kFeePayer))));
    }
    Result<Slot> next_slot(const Action& action, std::vector<Slot> recorded = {}) {
        Plan plan;
        plan.actions = {action};
        return wait_for(network().next_slot(to_text(sample_address(kFeePayer)), recorded, plan));
    }
    Result<Attempt> sign(const Slot& slot, const Action& action) {
        const Simulation simulation;
        return wait_for(network().sign(slot, {&action, 1}, simulation, {}));
    }
    SentAnswer broadcast(const Attempt& attempt) {
        const auto answer = wait_for(network().broadcast(attempt));
        return answer ? *answer : SentAnswer{Sent::unknown, to_string(answer.error())};
    }

    FakeCluster cluster;
    StillClock clock;
    Address destination;
    std::unique_ptr<Process> process;

private:
    Commitment commitment_;
};

// A payment in its slot, signed, not sent.
struct Slotted {
    explicit Slotted(Settling& settling, std::string memo = "m1") : at(settling) {
        options = at.fresh(std::move(memo));
        payment = at.payment_for(options);
        transfer = at.action_for(options);
        action = Settling::wrap(transfer);
        slot = *at.next_slot(action);
        attempt = *at.sign(slot, action);
    }
    // With another body of the action: what was noted of it.
    void note(std::optional<std::uint64_t> last_height) {
        transfer.last_height = last_height;
        action = Settling::wrap(transfer);
    }
    SentAnswer send() { return at.broadcast(attempt); }
    // In the next block, whatever the endpoints forward.
    void land() { X402_CHECK(at.cluster.land(attempt.raw)); }
    Seen look() {
        auto seen = wait_for(at.network().observe(slot, {&action, 1}, {&attempt, 1}));
        return seen ? std::move(*seen) : Seen{};
    }
    Trace trace() {
        auto trace = wait_for(at.tracer().trace(payment));
        return trace ? std::move(*trace) : Trace{};
    }
    bool paid(const Seen& seen) const {
        if (seen.parts.size() != 1 || !seen.parts[0].executed) return false;
        const auto credited = read_part(seen.parts[0].body);
        return credited && *credited >= U256(transfer.amount);
    }

    Settling& at;
    SampleOptions options;
    Payment payment;
    TransferAction transfer;
    Action action;
    Slot slot;
    Attempt attempt;
};

}  // namespace x402::svm::testing
