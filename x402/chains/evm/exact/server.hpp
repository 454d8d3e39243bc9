// SPDX-License-Identifier: Apache-2.0
// The seller's side of exact with EIP-3009: what an offer must say, and what can be checked without
// a chain. Any thread.
#pragma once

#include "x402/schemes/scheme.hpp"

namespace x402::evm {

class ExactServer final : public ServerScheme {
public:
    ExactServer();
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    Result<void> enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                        const json::Object& supported_extra) const override;
    // Signed terms only; the times need a clock and are the facilitator's to judge.
    ServerCheck check(const Payment& payment,
                      const std::optional<SchemeState>& state) const override;
    PaymentFlow flow(const PaymentRequirements& requirements) const override;
    Result<FacilitatorRequest> settle_request(const Payment& payment, Phase phase,
                                              const U256& charged) const override;

private:
    SchemeId id_;
};

}  // namespace x402::evm
