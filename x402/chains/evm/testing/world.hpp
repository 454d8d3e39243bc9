// SPDX-License-Identifier: Apache-2.0
// For tests: a fake node with one funded payer and an opened chain on it. One thread.
#pragma once

#include <string>
#include <vector>

#include "x402/chains/evm/chain.hpp"
#include "x402/chains/evm/testing/fake_node.hpp"
#include "x402/chains/evm/testing/samples.hpp"

namespace x402::evm::testing {

struct WorldOptions {
    bool multicall = true;
    bool any_token = false;
    std::uint64_t confirmations = 1;
    std::vector<AssetInfo> configured;
    std::size_t signers = 1;
    U256 max_tip{5'000'000'000ULL};
};

class World {
public:
    explicit World(WorldOptions options = {});

    FakeNode node;
    StillClock clock;
    std::unique_ptr<Random> random = make_test_random(99);
    std::unique_ptr<Chain> chain;

    Result<void> prove();
    const FacilitatorScheme& scheme() const { return *chain->facilitator_schemes().front(); }
    Network& network() { return *chain->network(); }
    // The refusal's code, "" where the payment is valid, "error: ..." where the chain could not be
    // asked.
    std::string verify(const Payment& payment);
    Result<Verdict> verdict(const Payment& payment);
    Result<Plan> try_plan(const Payment& payment);
    Plan plan(const Payment& payment);
    Trace trace(const Payment& payment);

    // One settlement, step by step.
    Simulation simulate(const std::vector<Action>& actions);
    Result<Simulation> try_simulate(const std::vector<Action>& actions);
    Result<Slot> next_slot(const std::vector<Slot>& recorded);
    Result<Attempt> sign(const Slot& slot, const std::vector<Action>& actions,
                         const std::vector<Attempt>& earlier = {});
    SentAnswer broadcast(const Attempt& attempt);
    Seen observe(const Slot& slot, const std::vector<Action>& actions,
                 const std::vector<Attempt>& attempts);
    std::string signer(std::size_t index = 0);
};

}  // namespace x402::evm::testing
