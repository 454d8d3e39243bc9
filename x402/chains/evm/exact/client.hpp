// SPDX-License-Identifier: Apache-2.0
// The payer's side of exact with EIP-3009: one signature, no transaction, no gas. Any thread.
#pragma once

#include "x402/schemes/scheme.hpp"

namespace x402::evm {

class ExactClient final : public ClientScheme {
public:
    ExactClient();
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    std::optional<Refusal> cannot_pay(const PaymentRequirements& requirements) const override;
    Task<Result<json::Object>> sign(const PaymentRequirements& requirements, const Wallet& wallet,
                                    const json::Object& told, Env& env) const override;

private:
    SchemeId id_;
};

// The id that every side of this scheme registers: exact on eip155:*.
SchemeId exact_scheme_id();

}  // namespace x402::evm
