// SPDX-License-Identifier: Apache-2.0
#include "x402/client/lease_keeper.hpp"

#include "x402/base/log.hpp"
#include "x402/base/sync.hpp"
#include "x402/net/runtime.hpp"

namespace x402::client {

struct LeaseKeeper::State {
    store::PaymentJournal& journal;
    Env env;
    std::int64_t id;
    store::Lease lease;
    Bell bell;
    bool stopping = false;
    bool running = false;
};

LeaseKeeper::LeaseKeeper(store::PaymentJournal& journal, Env env, std::int64_t id,
                         store::Lease lease)
    : state_(std::make_shared<State>(journal, env, id, std::move(lease))) {}

Task<void> LeaseKeeper::start() {
    const auto executor = co_await net::this_executor();
    state_->running = true;
    net::spawn_on(executor, [state = state_] { return keep(state); });
}

Task<void> LeaseKeeper::keep(std::shared_ptr<State> state) {
    const Duration every = state->lease.length / 3;
    while (!state->stopping) {
        const std::uint64_t seen = state->bell.count();
        co_await state->bell.wait(seen, every);
        if (state->stopping) break;
        const Instant now = state->env.clock.now();
        const auto renewed = co_await state->journal.renew(state->id, state->lease, now);
        // A lost lease is no danger: whoever has it sends the same payment.
        if (!renewed) log::warn("lease_not_renewed", {{"why", renewed.error().detail}});
    }
    state->running = false;
    state->bell.ring();
}

Task<void> LeaseKeeper::stop() {
    state_->stopping = true;
    state_->bell.ring();
    while (state_->running) {
        const std::uint64_t seen = state_->bell.count();
        if (!state_->running) break;
        co_await state_->bell.wait(seen, std::chrono::seconds(1));
    }
}

}  // namespace x402::client
