// SPDX-License-Identifier: Apache-2.0
// `exact` on this chain for those who settle: checks against terms, signature, clock and ledger;
// one action a payment. It never broadcasts. Any thread.
#pragma once

#include "x402/chains/_template/node.hpp"
#include "x402/schemes/scheme.hpp"

namespace x402::mychain {

class ExactFacilitator final : public FacilitatorScheme {
public:
    // Both outlive the scheme.
    ExactFacilitator(ChainId network, Node& node, Clock& clock);
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    Task<Result<Verdict>> verify(const Payment& payment) const override;
    Task<Result<Plan>> plan(const Payment& payment) const override;
    Judgement judge(const Action& action, const Part& part) const override;
    Task<Result<Trace>> trace(const Payment& payment) const override;

private:
    SchemeId id_;
    ChainId network_;
    Node& node_;
    Clock& clock_;
};

// What the ledger knows of a payment, for every role that looks.
Task<Result<Trace>> trace_payment(Node& node, const Payment& payment);

}  // namespace x402::mychain
