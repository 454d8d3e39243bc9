// SPDX-License-Identifier: Apache-2.0
// Reads of the chain that arrive together share one request: one eth_call through Multicall3 where
// the chain has it, else a JSON-RPC batch. A group forms while the previous read is under way; a
// read that finds nobody before it leaves at once. Calls of one eth_call see what the calls before
// them did, so only what cannot hurt a neighbour is shared, the plain reads go before every
// simulation, and whoever gets a negative answer out of a group asks again apart: in one request
// with the others who do, each on its own state. Any thread.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/multicall.hpp"
#include "x402/chains/evm/rpc.hpp"

namespace x402::evm {

struct ReadRequest {
    std::vector<ContractCall> reads;  // at most 4; views that change nothing
    std::optional<ContractCall>
        simulation;  // may change state; runs after the reads of the whole group
    std::optional<Address> code_of;
    // Most gas of the simulation where it is asked alone: what the transaction itself may take.
    std::uint64_t simulation_gas = kWalletGasCap;
    bool apart = false;  // on its own state: with others in one request, never in one call
};

struct ReadAnswer {
    std::vector<CallAnswer> reads;
    std::optional<CallAnswer> simulation;
    bool has_code = false;
    bool shared = false;  // a neighbour may have changed what the simulation saw
};

class SharedReader {
public:
    // `rpc` outlives the reader.
    explicit SharedReader(Rpc& rpc) noexcept;
    ~SharedReader();

    void use_multicall(bool there) noexcept;
    bool has_multicall() const noexcept { return multicall_; }
    // With others. Errc::unavailable when too many wait already.
    Task<Result<ReadAnswer>> read(ReadRequest request);
    // Every call on its own state.
    Task<Result<ReadAnswer>> read_alone(ReadRequest request);

private:
    struct Waiter;
    class Group;
    class Ticket;
    using Members = std::vector<std::shared_ptr<Waiter>>;
    Task<Result<std::vector<ReadAnswer>>> ask_each(Members group);
    Task<Result<std::vector<ReadAnswer>>> ask_aggregate(Members group);
    Task<void> lead();
    Members take_group();
    bool may_start() const noexcept;
    bool is_answered(const Waiter& waiter);

    Rpc& rpc_;
    std::mutex mutex_;
    std::deque<std::shared_ptr<Waiter>> waiting_;
    std::size_t under_way_ = 0;
    std::atomic<bool> multicall_{false};
};

}  // namespace x402::evm
