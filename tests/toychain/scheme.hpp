// SPDX-License-Identifier: Apache-2.0
// The scheme `metered` in its three roles, and what the ledger knows of a payment.
#pragma once

#include "payload.hpp"
#include "x402/schemes/scheme.hpp"

namespace x402::toy {

class MeteredClient : public ClientScheme {
public:
    const SchemeId& id() const noexcept override;
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    std::optional<Refusal> cannot_pay(const PaymentRequirements& requirements) const override;
    Task<Result<json::Object>> sign(const PaymentRequirements& requirements, const Wallet& wallet,
                                    const json::Object& told, Env& env) const override;
};

class MeteredServer : public ServerScheme {
public:
    const SchemeId& id() const noexcept override;
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    Result<void> enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                        const json::Object& supported_extra) const override;
    ServerCheck check(const Payment& payment,
                      const std::optional<SchemeState>& state) const override;
    PaymentFlow flow(const PaymentRequirements& requirements) const override;
    Result<FacilitatorRequest> settle_request(const Payment& payment, Phase phase,
                                              const U256& charged) const override;
};

class MeteredFacilitator : public FacilitatorScheme {
public:
    explicit MeteredFacilitator(const Ledger& ledger) : ledger_(ledger) {}
    const SchemeId& id() const noexcept override;
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    Task<Result<Verdict>> verify(const Payment& payment) const override;
    Task<Result<Plan>> plan(const Payment& payment) const override;
    Judgement judge(const Action& action, const Part& part) const override;
    Task<Result<Trace>> trace(const Payment& payment) const override;

private:
    const Ledger& ledger_;
};

Trace trace_of(const Ledger& ledger, const Payment& payment);

}  // namespace x402::toy
