// SPDX-License-Identifier: Apache-2.0
// The seller's side of exact: what an offer must say, and what can be checked without a chain. Any
// thread.
#pragma once

#include "x402/schemes/scheme.hpp"

namespace x402::svm {

class ExactServer final : public ServerScheme {
public:
    ExactServer();
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    // The fee payer is the facilitator's to name.
    Result<void> enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                        const json::Object& supported_extra) const override;
    // A blockhash that was handed over ages, so an offer's echo may hold another one.
    std::vector<std::string> dynamic_extra() const override;
    // Signed terms only; what lookup tables and the chain hold is the facilitator's to judge.
    ServerCheck check(const Payment& payment,
                      const std::optional<SchemeState>& state) const override;
    PaymentFlow flow(const PaymentRequirements& requirements) const override;
    Result<FacilitatorRequest> settle_request(const Payment& payment, Phase phase,
                                              const U256& charged) const override;

private:
    SchemeId id_;
};

}  // namespace x402::svm
