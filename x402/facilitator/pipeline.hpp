// SPDX-License-Identifier: Apache-2.0
// What is looked at before a payment costs anything: cheap checks first (kind, shape, policy), the
// network last. The order among the scheme's own checks is the scheme's. Reads only; any thread.
#pragma once

#include "x402/facilitator/answers.hpp"
#include "x402/facilitator/config.hpp"
#include "x402/schemes/asset_config.hpp"

namespace x402::facilitator {

// What the checks may ask. Everything outlives the pipeline's users.
struct Doors {
    const Config& config;
    const Modules& modules;
    const AssetShelf& assets;
    const FacilitatorSchemes& schemes;
};

// A payment of a kind that is served here, and what its signed data says.
struct Admitted {
    Payment payment;
    const FacilitatorScheme* scheme = nullptr;
    const NetworkConfig* network = nullptr;
    PaymentFacts facts;
    Subject subject() const { return {facts.key, facts.payer, payment.requirements.network}; }
};

// Kind and shape: after it the payment has a key, so that a record of it can be looked up before
// anything else is judged.
std::expected<Admitted, Refusal> admit(const Doors& doors, const FacilitatorRequest& request);
// The refusal with the field named as it stands in the request that was sent: a scheme speaks of a
// payment's own members.
Refusal placed(Refusal refusal, const Payment& payment);
// Recipient, asset, amount: the operator's policy.
std::optional<Refusal> check_policy(const Doors& doors, const Admitted& admitted);
// Policy, then the scheme's own checks with the network. An Error is infrastructure.
Task<Result<Verdict>> judge(const Doors& doors, const Admitted& admitted);

}  // namespace x402::facilitator
