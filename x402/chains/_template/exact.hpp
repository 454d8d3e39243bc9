// SPDX-License-Identifier: Apache-2.0
// `exact` on this chain for those who pay and those who sell: the signed amount is the amount that
// moves. Const after they were made; any thread.
#pragma once

#include "x402/schemes/scheme.hpp"

namespace x402::mychain {

SchemeId exact_id();

class ExactClient final : public ClientScheme {
public:
    ExactClient() : id_(exact_id()) {}
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    std::optional<Refusal> cannot_pay(const PaymentRequirements& requirements) const override;
    Task<Result<json::Object>> sign(const PaymentRequirements& requirements, const Wallet& wallet,
                                    const json::Object& told, Env& env) const override;

private:
    SchemeId id_;
};

class ExactServer final : public ServerScheme {
public:
    ExactServer() : id_(exact_id()) {}
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    Result<void> enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                        const json::Object& supported_extra) const override;
    ServerCheck check(const Payment& payment,
                      const std::optional<SchemeState>& state) const override;
    PaymentFlow flow(const PaymentRequirements& requirements) const override;
    Result<FacilitatorRequest> settle_request(const Payment& payment, Phase phase,
                                              const U256& charged) const override;

private:
    SchemeId id_;
};

// What the signed data says, for every role.
std::expected<PaymentFacts, Refusal> exact_facts(const Payment& payment);

}  // namespace x402::mychain
