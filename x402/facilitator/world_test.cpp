// SPDX-License-Identifier: Apache-2.0
// Virtual time and the lives of a facilitator under test. Time moves only when nobody has anything
// left to do: the driver lets every ready coroutine run for many turns and then jumps to the next
// wake-up.
#include "x402/facilitator/test_world.hpp"

#include <gtest/gtest.h>

#include "x402/protocol/codec.hpp"
#include "x402/protocol/version.hpp"

namespace x402::facilitator::test {
namespace {

constexpr int kTurns = 24;

Task<void> nothing() {
    co_return;
}

// One turn of the event loop for everybody.
Task<void> yield_once() {
    const net::Executor executor = co_await net::this_executor();
    co_await net::run_on(executor, [] { return nothing(); });
}

Task<void> yield_many() {
    for (int i = 0; i < kTurns; ++i) co_await yield_once();
}

Task<void> drive(FakeClock& clock, const bool& over) {
    while (!over) {
        co_await yield_many();
        const bool moved = clock.step();
        static_cast<void>(moved);
    }
}

Config config_of(const World& world) {
    Config config;
    NetworkConfig network;
    network.id = *ChainId::parse("fake:one");
    network.settle_wait = world.settle_wait;
    network.accept_observed = world.accept_observed;
    config.networks.push_back(std::move(network));
    if (world.configure) world.configure(config);
    return config;
}

store::RoleStore open_store(World& world) {
    if (world.sqlite.empty()) return store::open_memory_store(world.disk, world.env());
    auto store =
        store::open_role_store({"sqlite:" + world.sqlite, "/", "facilitator"}, world.env());
    EXPECT_TRUE(store) << (store ? "" : to_string(store.error()));
    return std::move(*store);
}

struct Run {
    World& world;
    const Body& body;
    net::Runtime& runtime;
    store::RoleStore store{};
    ops::Metrics metrics{};
    Config config{};
    bool started = false;
    bool over = false;
    std::unique_ptr<Service> service{};
};

Task<void> run(Run& run) {
    Config config = config_of(run.world);
    run.config = config_of(run.world);
    ServiceOptions options{
        std::move(config),      run.world.modules, AssetShelf({}, run.world.modules),
        *run.store.settlements, run.runtime,       run.metrics,
        run.world.env()};
    auto service = co_await Service::start(std::move(options));
    run.started = service.has_value();
    if (service) {
        run.service = std::move(*service);
        Life life{run.world,   *run.service, *run.store.settlements,
                  run.runtime, run.metrics,  run.config};
        co_await run.body(life);
    }
    run.over = true;
    run.runtime.stop();
}

Task<void> keep_answer(Later into, const Result<SettleResponse>& answer) {
    *into = answer;
    co_return;
}

struct Asked {
    Service& service;
    FacilitatorRequest request;
    SettleContext context;
    net::Executor home;  // where the test looks at answers
};

Task<void> settle_into(std::shared_ptr<Asked> asked, Later into) {
    const auto answer = co_await asked->service.settle(asked->request, asked->context);
    co_await net::run_on(asked->home, [&] { return keep_answer(into, answer); });
}

}  // namespace

Task<bool> FakeClock::sleep(Duration pause) {
    const Duration until = at_ + std::max(pause, Duration{1});
    const auto mine = wakes_.insert(until);
    while (at_ < until) {
        const std::uint64_t seen = bell_.count();
        const bool rung = co_await bell_.wait(seen, std::chrono::hours(1));
        static_cast<void>(rung);
    }
    wakes_.erase(mine);
    co_return true;
}

void FakeClock::advance(Duration by) {
    at_ += by;
    bell_.ring();
}

bool FakeClock::step() {
    const auto next = wakes_.upper_bound(at_);
    if (next == wakes_.end()) return false;
    at_ = *next;
    ++steps_;
    bell_.ring();
    return true;
}

World::World() {
    const auto added = add_fake(modules, ledger);
    EXPECT_TRUE(added);
    ledger.balances["ann"] = U256(1'000'000);
}

bool live(World& world, const Body& body) {
    auto runtime = std::make_unique<net::Runtime>(world.cores);
    Run state{world, body, *runtime};
    state.store = store::testing::with_faults(open_store(world), world.faults);
    runtime->spawn(0, [&state] { return run(state); });
    if (!world.real_time)
        runtime->spawn(0, [&state] { return drive(state.world.clock, state.over); });
    runtime->run();
    // The runtime goes first: frames that it still holds may look at service and store when they
    // die.
    runtime.reset();
    return state.started;
}

FacilitatorRequest request_of(const World& world, const Order& order) {
    auto request = read_facilitator_request(body_of(world, order), world.modules.names());
    EXPECT_TRUE(request) << (request ? "" : to_string(request.error()));
    return std::move(*request);
}

std::string body_of(const World& world, const Order& order) {
    PaymentRequirements asked;
    asked.scheme = order.scheme;
    asked.network = *ChainId::parse(order.network);
    asked.amount = U256(order.amount);
    asked.asset = order.asset;
    asked.pay_to = order.pay_to;
    asked.max_timeout_seconds = 300;
    FacilitatorRequest request;
    request.requirements = asked;
    request.payload.accepted = asked;
    json::Object& payload = request.payload.payload;
    payload["payer"] = order.payer;
    payload["nonce"] = order.nonce;
    payload["amount"] = std::to_string(order.amount);
    payload["until"] = to_unix_s(from_unix_s(1'790'003'600)) + order.valid_s;
    payload["sig"] = order.signature;
    static_cast<void>(world);
    return write_facilitator_request(request);
}

PaymentKey key_of(const Order& order) {
    return PaymentKey("fake~" + order.payer + "~" + order.nonce);
}

Task<Result<SettleResponse>> settle(Life& life, Order order, std::string idempotency_key) {
    const FacilitatorRequest request = request_of(life.world, order);
    const SettleContext context{std::move(idempotency_key), "tester"};
    co_return co_await life.service.settle(request, context);
}

Later settle_later(Life& life, Order order, std::string idempotency_key, std::size_t core) {
    Later later = std::make_shared<std::optional<Result<SettleResponse>>>();
    auto asked = std::make_shared<Asked>(Asked{life.service,
                                               request_of(life.world, order),
                                               {std::move(idempotency_key), "tester"},
                                               life.runtime.core(0)});
    net::spawn_on(life.runtime.core(core), [asked, later] { return settle_into(asked, later); });
    return later;
}

Task<bool> until(Life& life, std::function<bool()> condition, Duration limit) {
    Clock& clock = life.world.time();
    const Duration pause = life.world.real_time ? Duration(5) : Duration(100);
    const Duration end = clock.steady() + limit;
    while (!condition()) {
        if (clock.steady() >= end) co_return false;
        const bool slept = co_await clock.sleep(pause);
        static_cast<void>(slept);
    }
    co_return true;
}

Task<void> breathe(Life& life) {
    static_cast<void>(life);
    co_await yield_many();
}

}  // namespace x402::facilitator::test
