// SPDX-License-Identifier: Apache-2.0
// The table everything of a running facilitator lies on: networks with their lanes and open slots,
// and the payments being settled. Plain data, touched on the home core only; the couriers (runner,
// lanes, confirmer, reconcile) are functions over it that hold it alive. What is durable is in the
// store; losing this table loses nothing.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>

#include "x402/base/gate.hpp"
#include "x402/facilitator/budget_book.hpp"
#include "x402/facilitator/crowd.hpp"
#include "x402/facilitator/live.hpp"
#include "x402/net/runtime.hpp"
#include "x402/ops/metrics.hpp"

namespace x402::facilitator {

// A slot of a signer that nobody uses while later ones wait behind it.
struct Gap {
    bool suspected = false;  // the watch looks for one
    bool filling = false;    // a courier is on it
    bool refused = false;    // the network does not even sign a filler
    Slot at;                 // refused: the earliest such slot
    Duration next_try{};
    Duration rest{};
};

struct Lane {
    SignerId signer;
    bool retired = false;  // the signer is not configured any more: its open slots are only watched
    std::deque<LivePtr> waiting;
    std::vector<Action> last;   // of the newest departure: whom a newcomer could have shared with
    std::size_t departing = 0;  // on their way to a slot
    std::size_t in_flight = 0;  // open slots
    bool gathering = false;     // somebody will pump it in a moment
    bool taking = false;        // one departure at a time chooses a slot
    Bell taken;
    Gap gap;
    std::optional<std::vector<Slot>> recorded;  // slots that may still matter; read once, then kept
};

// What of an endpoint's calls was counted already.
struct CountedCalls {
    std::uint64_t ok = 0;
    std::uint64_t failed = 0;
};

// When a transaction that the budget turned away may fit.
struct BudgetWait {
    U256 wanted;  // what it may cost
    Duration asked{};
    Duration until{};
};

struct Line {
    NetworkConfig config;
    std::unique_ptr<Chain> chain;
    Network* network = nullptr;
    std::vector<const FacilitatorScheme*> schemes;
    std::vector<std::unique_ptr<Lane>> lanes;
    std::vector<SlotPtr> open;  // oldest first
    BudgetBook budget;
    BudgetWait budget_wait;
    Crowd crowd;
    std::size_t turn = 0;
    std::map<std::string, CountedCalls> counted;
    std::atomic<bool> unfunded{false};  // no signer has anything
    std::atomic<bool> stuck{false};     // a signer's slots wait behind one that cannot be used
};

struct Desk {
    Desk(Config config_in, const Modules& modules_in, AssetShelf assets_in,
         store::SettlementStore& store_in, ops::Metrics& metrics_in, Env env_in)
        : modules(modules_in),
          assets(std::move(assets_in)),
          store(store_in),
          metrics(metrics_in),
          env(env_in) {
        set_config(std::move(config_in));
    }

    Doors doors() const { return {config(), modules, assets, schemes}; }
    const Config& config() const noexcept { return *current; }
    // For requests that come from now on; those that run keep what they began with.
    void set_config(Config next) {
        configs.push_back(std::make_unique<const Config>(std::move(next)));
        current = configs.back().get();
    }

    // Every one there was: somebody may still read an old one, and reloads are rare.
    std::vector<std::unique_ptr<const Config>> configs;
    std::atomic<const Config*> current{nullptr};
    const Modules& modules;
    AssetShelf assets;
    store::SettlementStore& store;
    ops::Metrics& metrics;
    Env env;
    FacilitatorSchemes schemes;
    std::vector<std::unique_ptr<Line>> lines;
    net::Executor home;  // where everything here is touched
    std::map<PaymentKey, LivePtr> lives;
    std::atomic<bool> draining{false};
    std::atomic<bool> store_trouble{false};
    bool orphans = false;  // something was left to the journal: the watch reads it again
    Gate gate;             // every courier is inside; closed: they stop at their next step
};
using DeskPtr = std::shared_ptr<Desk>;

// Moves the payment's state machine; an illegal step is a broken promise of our own.
Todo apply(Live& live, Event event);
LivePtr find_live(const Desk& desk, const PaymentKey& key);
Line* find_line(const Desk& desk, const ChainId& network);
// Onto the desk and off it, counted with its network.
void put_on(Desk& desk, const LivePtr& live);
void take_off(Desk& desk, const LivePtr& live);
// Reads what the network has cost in the last day, when that was not known lately.
Task<Result<void>> refresh_budget(DeskPtr desk, Line& line);
// Reads what these payers have cost in the last day, where that is limited. They are held.
Task<Result<void>> refresh_payers(DeskPtr desk, Line& line, const Payers& payers);
// Ends it for those who wait and takes it off the desk.
void finish(Desk& desk, const LivePtr& live, Ended ended);
// False when the couriers are to stop.
Task<bool> pause(DeskPtr desk, Duration length);
// Writes the end of a payment without a slot, again and again while the disk is in trouble. An
// Error: it is not ours.
Task<Result<void>> write_end(DeskPtr desk, store::PaymentEnd end);
// What the record and those who wait are told of an end, from one place.
store::PaymentEnd settled_end(const Live& live, const std::string& transaction,
                              std::uint64_t block);
store::PaymentEnd failed_end(const Live& live, const Refusal& refusal,
                             const std::string& transaction);
Ended ended_by(const Live& live, const store::PaymentEnd& end);

}  // namespace x402::facilitator
