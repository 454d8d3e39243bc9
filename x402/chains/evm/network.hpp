// SPDX-License-Identifier: Apache-2.0
// An EVM network as the facilitator settles on it: a slot is a nonce of a signer, an attempt is a
// signed transaction with that nonce, and whichever attempt of a slot is mined decides. Any thread.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/gas.hpp"
#include "x402/chains/evm/rpc.hpp"
#include "x402/chains/evm/settings.hpp"
#include "x402/schemes/network.hpp"

namespace x402::evm {

// Live chains cap a transaction at this (EIP-7825); a group stays well below.
inline constexpr std::uint64_t kMostTransactionGas = 16'777'216;
// Attempts of one slot. Every one is watched for ever, so their number ends; the fees have grown
// more than fortyfold by then.
inline constexpr std::size_t kMostAttempts = 32;
std::uint64_t group_gas(std::size_t actions) noexcept;

class EvmNetwork final : public Network {
public:
    struct Options {
        ChainId network;
        std::uint64_t chain_id = 0;
        bool shares = true;  // gas is only what a transaction does
        Settings settings;
    };
    // The references outlive the network.
    EvmNetwork(Options options, Rpc& rpc, Clock& clock);

    // Learns what the budget needs, the signers' funds now, and whether payments may share a
    // transaction here. Call once before use.
    Task<Result<void>> start(bool has_multicall);

    const ChainId& id() const noexcept override { return options_.network; }
    std::vector<SignerId> signers() const override;
    Budget budget() const override;
    Duration patience() const override;
    Duration poll_interval() const override;
    Task<Result<Simulation>> simulate(std::span<const Action> actions,
                                      const SignerId& signer) override;
    Task<Result<Slot>> next_slot(const SignerId& signer, std::span<const Slot> recorded,
                                 const Plan& plan) override;
    bool can_share(const Action& one, const Action& other) const override;
    bool can_replace() const noexcept override { return true; }
    Task<Result<Attempt>> sign(const Slot& slot, std::span<const Action> actions,
                               const Simulation& simulation,
                               std::span<const Attempt> earlier) override;
    Task<Result<SentAnswer>> broadcast(const Attempt& attempt) override;
    Task<Result<Seen>> observe(const Slot& slot, std::span<const Action> actions,
                               std::span<const Attempt> attempts) override;
    Task<Result<std::vector<Funds>>> funds() override;

private:
    struct Quote {
        FeeMarket market;
        Duration at{};
        bool valid = false;
    };
    using Actions = std::vector<TransferAction>;
    const Signer* find_signer(const SignerId& signer) const noexcept;
    Task<Result<FeeMarket>> fee_market();
    Task<Result<void>> refuse_used(const Slot& slot);
    Task<Result<Fees>> next_fees(std::span<const Attempt> earlier);
    Task<Result<Simulation>> simulate_one(TransferAction action, Address from);
    Task<Result<std::optional<Refusal>>> rehearse(CallRequest request);
    Task<Result<Simulation>> simulate_group(Actions actions, Address from);
    Task<bool> has_plain_gas();
    Task<Result<void>> add_cost(Simulation& simulation, std::uint64_t gas);
    Task<Result<bool>> is_confirmed(Receipt receipt, std::uint64_t latest);
    Task<Result<bool>> is_below_final(Receipt receipt);
    Task<bool> is_disputed(Receipt receipt, Actions actions, std::vector<std::string> attempts);
    Task<Result<Seen>> observe_mined(Receipt receipt, Actions actions,
                                     std::vector<std::string> attempts);
    Task<Result<Seen>> observe_missing(Address signer, std::uint64_t nonce,
                                       std::vector<std::string> attempts);

    Options options_;
    Rpc& rpc_;
    Clock& clock_;
    std::atomic<bool> has_multicall_{false};
    mutable std::mutex mutex_;
    U256 daily_budget_;
    Quote quote_;
};

// The parts of a receipt, one for each action, in their order.
std::vector<Part> parts_of(std::span<const TransferAction> actions, const Receipt& receipt);

}  // namespace x402::evm
