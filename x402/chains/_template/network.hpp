// SPDX-License-Identifier: Apache-2.0
// How a transfer gets onto the ledger. A slot is the hash of the payer's message, so there is one
// attempt a slot and nothing to replace; a slot is dead once the ledger's clock has passed the
// message's expiry. Any thread.
#pragma once

#include "x402/chains/_template/node.hpp"
#include "x402/crypto/secret.hpp"
#include "x402/schemes/network.hpp"

namespace x402::mychain {

struct Signer {
    SignerId address;
    crypto::Secret key;
};

class LedgerNetwork final : public Network {
public:
    // The node outlives the network.
    LedgerNetwork(ChainId id, Node& node, std::vector<Signer> signers)
        : id_(std::move(id)), node_(node), signers_(std::move(signers)) {}

    const ChainId& id() const noexcept override { return id_; }
    std::vector<SignerId> signers() const override;
    Budget budget() const override;
    Duration patience() const override { return std::chrono::seconds(5); }
    Duration poll_interval() const override { return std::chrono::milliseconds(100); }
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
    Node& node_;
    std::vector<Signer> signers_;
};

}  // namespace x402::mychain
