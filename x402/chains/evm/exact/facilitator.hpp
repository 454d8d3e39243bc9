// SPDX-License-Identifier: Apache-2.0
// The facilitator's side of exact with EIP-3009: judges a payment against its chain, says what
// would settle it, and reads what came of it. It never signs or sends. Any thread.
#pragma once

#include "x402/chains/evm/exact/rules.hpp"
#include "x402/chains/evm/exact/trace.hpp"
#include "x402/chains/evm/tokens.hpp"
#include "x402/schemes/scheme.hpp"

namespace x402::evm {

// What the scheme needs of its chain. The references outlive the scheme.
struct ExactServices {
    SharedReader& reader;
    Tokens& tokens;
    Tracer& tracer;
    Clock& clock;
};

class ExactFacilitator final : public FacilitatorScheme {
public:
    ExactFacilitator(ChainId network, ExactServices services);
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    Task<Result<Verdict>> verify(const Payment& payment) const override;
    Task<Result<Plan>> plan(const Payment& payment) const override;
    Judgement judge(const Action& action, const Part& part) const override;
    Task<Result<Trace>> trace(const Payment& payment) const override;

private:
    // What the chain says of one payment.
    struct Evidence {
        ReadAnswer answer;
        bool signature_valid = false;
        std::optional<U256> received;
    };
    Task<Result<Evidence>> gather(const ReadPayment& read, bool shareable) const;
    Task<Result<Evidence>> gather_shared(const ReadPayment& read, bool apart) const;
    Task<Result<Evidence>> gather_alone(const ReadPayment& read, bool recovers) const;

    SchemeId id_;
    ChainId network_;
    ExactServices services_;
};

// Pure: row 11 and what belongs to it, from what was read. Nothing: the transfer would succeed.
struct TransferReads {
    CallAnswer state;       // authorizationState(payer, nonce)
    CallAnswer balance;     // balanceOf(payer)
    CallAnswer simulation;  // the transfer itself
    DomainFit domain = DomainFit::fits;
    std::optional<U256> received;  // by payTo in the simulation, where it was watched
};
std::optional<Refusal> diagnose(const ReadPayment& read, const TransferReads& reads,
                                const TokenProof& proof);

}  // namespace x402::evm
