// SPDX-License-Identifier: Apache-2.0
// A facilitator in a test: the ledger, a journal that outlives crashes, virtual time that jumps to
// the next thing anybody waits for, and one thread for all of it. A `Life` is one start of the
// facilitator; several lives over one world are restarts. Tests only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "x402/base/sync.hpp"
#include "x402/facilitator/config.hpp"
#include "x402/facilitator/service.hpp"
#include "x402/facilitator/test_ledger.hpp"
#include "x402/store/testing.hpp"

namespace x402::facilitator::test {

// Stands still until `step` moves it to the next sleeper.
class FakeClock final : public Clock {
public:
    Instant now() const override { return from_unix_s(1'790'000'000) + at_; }
    Duration steady() const override { return at_; }
    Task<bool> sleep(Duration pause) override;
    void advance(Duration by);
    // To the earliest wake-up; false when nobody sleeps.
    bool step();
    std::size_t steps() const noexcept { return steps_; }

private:
    Duration at_{std::chrono::hours(1)};
    std::multiset<Duration> wakes_;
    Bell bell_;
    std::size_t steps_ = 0;
};

struct World {
    World();
    FakeClock clock{};
    std::unique_ptr<Random> random = make_test_random(11);
    Ledger ledger{clock};
    Modules modules;
    std::shared_ptr<store::MemoryDisk> disk = store::make_memory_disk();
    std::shared_ptr<store::testing::FaultPlan> faults =
        std::make_shared<store::testing::FaultPlan>();
    bool accept_observed = false;
    Duration settle_wait = std::chrono::seconds(30);
    std::string sqlite;  // a file instead of the memory disk
    std::size_t cores = 1;
    bool real_time = false;
    std::unique_ptr<Clock> system = make_system_clock();
    std::function<void(Config&)> configure;  // last changes before a start
    // What the outside saw over all lives, by nonce.
    std::map<std::string, int> told;
    std::map<std::string, int> settled;
    Clock& time() { return real_time ? *system : clock; }
    Env env() { return Env{time(), *random}; }
};

// What a test's coroutine is handed.
struct Life {
    World& world;
    Service& service;
    store::SettlementStore& store;
    net::Runtime& runtime;
    ops::Metrics& metrics;
    const Config& config;
};

// Starts a facilitator, runs the body to its end, and kills everything without a drain. The body's
// coroutine must be a function, not a capturing lambda. False: it could not be started.
using Body = std::function<Task<void>(Life&)>;
bool live(World& world, const Body& body);

// A payment and a request for it.
struct Order {
    std::string payer = "ann";
    std::string nonce = "n1";
    std::uint64_t amount = 100;
    std::string pay_to = "shop";
    std::string signature = "good";
    std::int64_t valid_s = 600;
    std::string network = "fake:one";
    std::string asset = "coin";
    std::string scheme = "exact";
};
FacilitatorRequest request_of(const World& world, const Order& order);
std::string body_of(const World& world, const Order& order);
PaymentKey key_of(const Order& order);

Task<Result<SettleResponse>> settle(Life& life, Order order, std::string idempotency_key = "");
// Starts a settle whose answer arrives later in `into`.
using Later = std::shared_ptr<std::optional<Result<SettleResponse>>>;
Later settle_later(Life& life, Order order, std::string idempotency_key = "", std::size_t core = 0);
// Lets everything run until the condition holds, at most that much virtual time. False: it never
// did.
Task<bool> until(Life& life, std::function<bool()> condition,
                 Duration limit = std::chrono::minutes(5));
Task<void> breathe(Life& life);  // lets what is ready run, without moving the clock

}  // namespace x402::facilitator::test
