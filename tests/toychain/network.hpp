// SPDX-License-Identifier: Apache-2.0
// The toy ledger as a Network: a slot is the message that the payer signed, so there is one attempt
// a slot and nothing to replace; a slot dies when its message expires.
#pragma once

#include "ledger.hpp"
#include "x402/schemes/network.hpp"

namespace x402::toy {

class ToyNetwork : public Network {
public:
    ToyNetwork(ChainId id, Ledger& ledger, std::vector<SignerId> signers)
        : id_(std::move(id)), ledger_(ledger), signers_(std::move(signers)) {}

    const ChainId& id() const noexcept override { return id_; }
    std::vector<SignerId> signers() const override { return signers_; }
    Budget budget() const override;
    Duration patience() const override { return std::chrono::milliseconds(500); }
    Duration poll_interval() const override { return std::chrono::milliseconds(5); }
    Task<Result<Simulation>> simulate(std::span<const Action> actions,
                                      const SignerId& signer) override;
    Task<Result<Slot>> next_slot(const SignerId& signer, std::span<const Slot> recorded,
                                 const Plan& plan) override;
    bool can_share(const Action&, const Action&) const override { return false; }
    bool can_replace() const noexcept override { return false; }
    Task<Result<Attempt>> sign(const Slot& slot, std::span<const Action> actions,
                               const Simulation& simulation,
                               std::span<const Attempt> earlier) override;
    Task<Result<SentAnswer>> broadcast(const Attempt& attempt) override;
    Task<Result<Seen>> observe(const Slot& slot, std::span<const Action> actions,
                               std::span<const Attempt> attempts) override;
    Task<Result<std::vector<Funds>>> funds() override;

private:
    ChainId id_;
    Ledger& ledger_;
    std::vector<SignerId> signers_;
};

}  // namespace x402::toy
