// SPDX-License-Identifier: Apache-2.0
// The facilitator's side of exact: judges a payment against its chain, says what would settle it,
// and reads what came of it. It never signs or sends. Any thread.
#pragma once

#include "x402/chains/svm/exact/action.hpp"
#include "x402/chains/svm/exact/diagnose.hpp"
#include "x402/chains/svm/exact/rules.hpp"
#include "x402/chains/svm/mints.hpp"
#include "x402/chains/svm/trace.hpp"
#include "x402/schemes/scheme.hpp"

namespace x402::svm {

// What the scheme needs of its chain. The references outlive the scheme.
struct ExactServices {
    Rpc& rpc;
    Mints& mints;
    Tracer& tracer;
    Clock& clock;
};

struct ExactSettings {
    std::vector<std::string> fee_payers;  // our signers; the first is advertised
    Bounds bounds;
    Commitment commitment = Commitment::confirmed;
    bool smart_wallets = false;
};

class ExactFacilitator final : public FacilitatorScheme {
public:
    // Each of `fee_payers` is an address, and there is at least one.
    ExactFacilitator(ChainId network, ExactSettings settings, ExactServices services);
    const SchemeId& id() const noexcept override { return id_; }
    json::Object supported_extra() const override;
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override;
    Task<Result<Verdict>> verify(const Payment& payment) const override;
    Task<Result<Plan>> plan(const Payment& payment) const override;
    Judgement judge(const Action& action, const Part& part) const override;
    Task<Result<Trace>> trace(const Payment& payment) const override;

private:
    using Examined = std::expected<Sound, Refusal>;
    using MaybeRefusal = std::optional<Refusal>;

    // Rows 1 to 5, with the fee payer one of ours and the network this one.
    std::expected<ReadPayment, Refusal> read(const Payment& payment) const;
    // Everything that is not the present state of the accounts: tables, rows 6 to 12, the mint.
    Task<Result<Examined>> examine(ReadPayment read) const;
    using Resolved = std::expected<std::vector<AccountUse>, Refusal>;
    Task<Result<Resolved>> resolve(const Message& message) const;
    std::optional<Refusal> check_instructions(Sound& sound) const;
    // Row 13.
    Task<Result<MaybeRefusal>> try_out(const Sound& sound) const;
    Task<Result<SimulationAnswer>> simulate(const Sound& sound) const;
    // The last block height that may take the message; nothing where that cannot be proven now.
    Task<std::optional<std::uint64_t>> last_height(Hash32 blockhash) const;

    SchemeId id_;
    ChainId network_;
    ExactSettings settings_;
    ExactServices services_;
    std::vector<Address> ours_;
};

// The id that every side of this scheme registers: exact on solana:*.
SchemeId exact_scheme_id();

}  // namespace x402::svm
