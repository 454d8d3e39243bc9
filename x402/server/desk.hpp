// SPDX-License-Identifier: Apache-2.0
// What every courier of a gateway works with. Made by the gateway, which outlives all of them; the
// members have thread rules of their own and are safe from any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "x402/base/env.hpp"
#include "x402/base/gate.hpp"
#include "x402/base/sync.hpp"
#include "x402/ops/metrics.hpp"
#include "x402/schemes/registry.hpp"
#include "x402/server/facilitator_set.hpp"
#include "x402/server/held_bytes.hpp"
#include "x402/server/live.hpp"
#include "x402/server/losses.hpp"
#include "x402/server/quote.hpp"
#include "x402/store/grant_store.hpp"

namespace x402::server {

// A sixteenth of all: one payer's calls side by side, and far from everybody's room.
inline constexpr std::size_t kMostPerPayer = 256;

// How long the couriers pause between two tries.
struct Pauses {
    Duration settle_first = std::chrono::milliseconds(500);  // doubles up to settle_most
    Duration settle_most = std::chrono::seconds(30);
    Duration store_retry = std::chrono::milliseconds(200);
    Duration supported_retry = std::chrono::seconds(2);
    Duration supported_again = std::chrono::minutes(10);
    Duration housekeeping = std::chrono::minutes(1);
};

struct Desk {
    const Modules& modules;
    store::GrantStore& store;
    ops::Metrics& metrics;
    Env env;
    std::vector<Chain*> chains;  // for proof
    FacilitatorSet facilitators;
    Quotes quotes;
    Pauses pauses;
    LiveGrants live;
    Losses losses;
    std::size_t most_settlements;                // at once; beyond it no payment is taken
    Gate requests;                               // requests inside
    Gate jobs;                                   // settlements and loops
    Bell stopping;                               // rung once, when the gates close
    HeldBytes held{};                            // answers in memory
    std::size_t most_per_payer = kMostPerPayer;  // at once

    // The facilitator inside this process (protocol/facilitator_api.hpp) tells what is pending
    // itself, on the same page under the same names.
    bool tells_pending() const noexcept { return facilitators.named("inside") == nullptr; }

    Chain* chain(const ChainId& network) const noexcept {
        for (Chain* each : chains) {
            if (each->id() == network) return each;
        }
        return nullptr;
    }
};

}  // namespace x402::server
