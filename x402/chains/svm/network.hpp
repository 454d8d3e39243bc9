// SPDX-License-Identifier: Apache-2.0
// Solana as the facilitator settles on it: a slot is the hash of the message that the payer signed,
// its one attempt is that message with the fee payer's signature, and it can land until its
// blockhash has expired. Any thread.
#pragma once

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "x402/chains/svm/exact/action.hpp"
#include "x402/chains/svm/rpc.hpp"
#include "x402/chains/svm/settings.hpp"
#include "x402/chains/svm/status_reader.hpp"
#include "x402/chains/svm/trace.hpp"
#include "x402/schemes/network.hpp"

namespace x402::svm {

class SvmNetwork final : public Network {
public:
    // The references outlive the network.
    SvmNetwork(ChainId id, Settings settings, Rpc& rpc, Tracer& tracer, Clock& clock);

    // Learns the signers' funds for the budget. Call once before use.
    Task<Result<void>> start();

    const ChainId& id() const noexcept override { return id_; }
    std::vector<SignerId> signers() const override;
    Budget budget() const override;
    // There is no dearer attempt: how often the same one is sent again.
    Duration patience() const override { return settings_.rebroadcast; }
    Duration poll_interval() const override;
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
    std::uint64_t payer_budget() const noexcept;  // lamports
    const Signer* find_signer(const SignerId& signer) const noexcept;
    // What a simulation of the action says, by an endpoint that knows its blockhash where one does.
    Task<Result<At<SimulationAnswer>>> try_out(TransferAction action);
    Task<Result<std::optional<Refusal>>> check_success(TransferAction action,
                                                       At<SimulationAnswer> answer,
                                                       std::uint64_t before);
    Task<Result<std::uint64_t>> lamports_of(Address address);

    Task<Seen> observe_landed(TransferAction action, std::string id, Landing landing);
    Task<Seen> observe_missing(TransferAction action, std::string id, ExpirySpan span);
    // Whether it is worth asking for a proof that it expired, by what is known without one.
    Task<bool> may_be_over(TransferAction action, ExpirySpan span);
    Task<std::uint64_t> final_height();  // of a moment ago; for no proof
    bool may_ask(const Hash32& message);

    ChainId id_;
    Settings settings_;
    Rpc& rpc_;
    Tracer& tracer_;
    Clock& clock_;
    StatusReader statuses_;
    std::atomic<std::uint64_t> daily_budget_{0};  // lamports
    std::mutex mutex_;
    std::uint64_t height_ = 0;
    std::optional<Duration> height_at_;
    std::unordered_map<Hash32, Duration> asked_;  // when a proof was last tried
};

}  // namespace x402::svm
