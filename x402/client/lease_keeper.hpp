// SPDX-License-Identifier: Apache-2.0
// Keeps a journal record ours while its payment is worked on: leases are short, so that a crash
// holds nobody up, and are renewed in the background. Every started keeper must be stopped before
// it dies. One executor.
#pragma once

#include <memory>

#include "x402/base/env.hpp"
#include "x402/store/payment_journal.hpp"

namespace x402::client {

class LeaseKeeper {
public:
    LeaseKeeper(store::PaymentJournal& journal, Env env, std::int64_t id, store::Lease lease);
    Task<void> start();
    // Returns when the background work has ended.
    Task<void> stop();

private:
    struct State;
    static Task<void> keep(std::shared_ptr<State> state);
    // Shared with the background coroutine, which may end after a stop was asked for.
    std::shared_ptr<State> state_;
};

}  // namespace x402::client
