// SPDX-License-Identifier: Apache-2.0
// The payer's side of exact: a transaction with one transfer, signed by the owner of the tokens;
// the facilitator signs last and pays the fee. Any thread.
#pragma once

#include "x402/schemes/scheme.hpp"

namespace x402::svm {

class ExactClient final : public ClientScheme {
public:
    ExactClient();
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    std::optional<Refusal> cannot_pay(const PaymentRequirements& requirements) const override;
    bool asks_network(const PaymentRequirements&) const noexcept override { return true; }
    // `told` by the chain: recentBlockhash, tokenProgram, decimals. A blockhash in the offer's
    // extra goes before the chain's.
    Task<Result<json::Object>> sign(const PaymentRequirements& requirements, const Wallet& wallet,
                                    const json::Object& told, Env& env) const override;

private:
    SchemeId id_;
};

}  // namespace x402::svm
