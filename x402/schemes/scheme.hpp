// SPDX-License-Identifier: Apache-2.0
// What a scheme on a family of networks does, one interface a role. Implementations are const after
// they were registered and may be called from any thread.
#pragma once

#include <optional>
#include <string>

#include "x402/base/env.hpp"
#include "x402/base/result.hpp"
#include "x402/base/task.hpp"
#include "x402/protocol/money.hpp"
#include "x402/schemes/network.hpp"
#include "x402/schemes/payment.hpp"
#include "x402/schemes/wallet.hpp"

namespace x402 {

// What every role knows of a scheme.
class Scheme {
public:
    virtual ~Scheme() = default;
    virtual const SchemeId& id() const noexcept = 0;
    // A payload that is not this scheme's is a refusal with the scheme's own code.
    virtual std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const = 0;
};

class ClientScheme : public virtual Scheme {
public:
    // Nothing where this scheme can pay the offer with a wallet of this family; else why not.
    virtual std::optional<Refusal> cannot_pay(const PaymentRequirements& requirements) const = 0;
    // Whether a signature needs what only the network knows (Chain::prepare).
    virtual bool asks_network(const PaymentRequirements&) const noexcept { return false; }
    // The `payload` member of a payment: signed, valid from about now for maxTimeoutSeconds where
    // a time is signed. `told`: what Chain::prepare said; empty where the network is not asked.
    virtual Task<Result<json::Object>> sign(const PaymentRequirements& requirements,
                                            const Wallet& wallet, const json::Object& told,
                                            Env& env) const = 0;
};

// State of a scheme that has some (channels): opaque to the server, stored by compare-and-set.
struct SchemeState {
    std::string value;
    std::uint64_t version = 0;
};

struct ServerCheck {
    Verdict verdict;
    std::string state_key;  // empty: the scheme keeps no state
    std::string new_state;
    std::uint64_t expected_version = 0;
};

class ServerScheme : public virtual Scheme {
public:
    // Fills what the chain's clients need into an offer: extra.name and extra.version, feePayer,
    // ... from the asset and from what the facilitator told in /supported.
    virtual Result<void> enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                                const json::Object& supported_extra) const = 0;
    // Members of `extra` that may differ between the offer and its echo (a blockhash).
    virtual std::vector<std::string> dynamic_extra() const { return {}; }
    // Pure: what can be said of the payment here, and the state to store before the answer.
    virtual ServerCheck check(const Payment& payment,
                              const std::optional<SchemeState>& state) const = 0;
    virtual PaymentFlow flow(const PaymentRequirements& requirements) const = 0;
    // The settle request of a phase. `charged` is what the seller takes, at most what was signed.
    enum class Phase { only, deposit, claim };
    virtual Result<FacilitatorRequest> settle_request(const Payment& payment, Phase phase,
                                                      const U256& charged) const = 0;
};

// The facilitator's part. It never broadcasts: it says what would settle a payment, and reads what
// happened.
class FacilitatorScheme : public virtual Scheme {
public:
    // For `GET /supported`: kind.extra (feePayer, facilitatorAddress).
    virtual json::Object supported_extra() const { return {}; }
    // Reads the network, changes nothing; safe to repeat. An Error is infrastructure, never the
    // payer's fault.
    virtual Task<Result<Verdict>> verify(const Payment& payment) const = 0;
    // The actions that would settle this payment and who may send them; nothing is signed. No
    // action at all means that nothing is to be moved (a charge of zero): success with transaction
    // "".
    virtual Task<Result<Plan>> plan(const Payment& payment) const = 0;
    // Reads the part of a receipt that is this action's alone.
    virtual Judgement judge(const Action& action, const Part& part) const = 0;
    // What the network knows of the payment, at finalized state where it says impossible or done.
    virtual Task<Result<Trace>> trace(const Payment& payment) const = 0;
};

}  // namespace x402
