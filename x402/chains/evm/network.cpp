// SPDX-License-Identifier: Apache-2.0
// Everything before a transaction is on its way; observe.cpp has what comes after.
#include "x402/chains/evm/network.hpp"

#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/log.hpp"
#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/multicall.hpp"
#include "x402/chains/evm/revert.hpp"
#include "x402/chains/evm/slots.hpp"
#include "x402/chains/evm/tx.hpp"

namespace x402::evm {
namespace {

constexpr std::string_view kUnit = "wei";
constexpr std::uint64_t kGroupBase = 60'000;
// A filler moves nothing; some rollups count their data fee as gas, what is not used is not paid.
constexpr std::uint64_t kFillerGas = 200'000;
constexpr std::uint64_t kBareTransferGas = 21'000;
constexpr std::uint64_t kBudgetShare = 20;  // one twentieth of the funds a day
constexpr auto kQuoteAge = std::chrono::seconds(1);
constexpr auto kDefaultPatience = std::chrono::seconds(12);
constexpr auto kDefaultPoll = Duration(500);
constexpr std::uint64_t kFallbackTip = 100'000'000;  // 0.1 gwei, where a node suggests none

static_assert(kGroupBase + limits::kSharedActions * kSharedGas <= kMostTransactionGas / 10 * 8,
              "a full group must stay below four fifths of what a chain takes");

Result<std::vector<TransferAction>> read_actions(std::span<const Action> actions) {
    std::vector<TransferAction> out;
    for (const Action& action : actions) {
        X402_TRY(TransferAction read, read_action(action.body));
        out.push_back(std::move(read));
    }
    return out;
}

std::vector<ContractCall> calls_of(std::span<const TransferAction> actions) {
    std::vector<ContractCall> calls;
    for (const TransferAction& action : actions) calls.push_back({action.token, action.data});
    return calls;
}

Refusal refusal_of(ByteView revert) {
    log::debug("would_revert", {{"revert", revert_text(revert)}});
    return refuse(reason_of_revert(revert));
}

// A quarter more than estimated: between the estimate and the block a payee's balance may become
// zero, or a storage slot cold.
std::uint64_t with_margin(std::uint64_t estimate) noexcept {
    return estimate + estimate / 4 + 10'000;
}

Result<Fees> fees_of(const Attempt& attempt) {
    Fees fees;
    X402_TRY(const std::string tip, json::get_string(attempt.body, "tip", "attempt"));
    X402_TRY(fees.tip, U256::from_decimal(tip));
    X402_TRY(const std::string max_fee, json::get_string(attempt.body, "maxFee", "attempt"));
    X402_TRY(fees.max_fee, U256::from_decimal(max_fee));
    return fees;
}

// The highest of what was offered for this slot so far.
Result<std::optional<Fees>> highest_of(std::span<const Attempt> earlier) {
    std::optional<Fees> highest;
    for (const Attempt& attempt : earlier) {
        X402_TRY(const Fees fees, fees_of(attempt));
        if (!highest) highest = fees;
        highest->tip = std::max(highest->tip, fees.tip);
        highest->max_fee = std::max(highest->max_fee, fees.max_fee);
    }
    return highest;
}

std::uint32_t next_level(std::span<const Attempt> earlier) {
    std::uint32_t level = 0;
    for (const Attempt& attempt : earlier) level = std::max(level, attempt.level + 1);
    return level;
}

Result<std::uint64_t> gas_of(const Simulation& simulation) {
    X402_TRY(const std::int64_t gas, json::get_int(simulation.body, "gas", "simulation"));
    if (gas <= 0) return fail(Errc::invalid, "the simulation's gas is not positive");
    return static_cast<std::uint64_t>(gas);
}

// What the transaction does; its fees are chosen elsewhere. A filler pays nothing to its own
// sender.
Result<Transaction> compose(std::span<const TransferAction> actions, const Simulation& simulation,
                            const Slot& slot) {
    Transaction tx;
    X402_TRY(tx.nonce, nonce_of(slot));
    if (actions.empty()) {
        tx.gas = kFillerGas;
        X402_TRY(tx.to, parse_wire_address(slot.signer));
        return tx;
    }
    X402_TRY(tx.gas, gas_of(simulation));
    if (actions.size() == 1) {
        tx.to = actions[0].token;
        tx.data = actions[0].data;
    } else {
        tx.to = multicall_address();
        tx.data = encode_aggregate(calls_of(actions));
    }
    return tx;
}

}  // namespace

std::uint64_t group_gas(std::size_t actions) noexcept {
    return kGroupBase + actions * kSharedGas;
}

EvmNetwork::EvmNetwork(Options options, Rpc& rpc, Clock& clock)
    : options_(std::move(options)),
      rpc_(rpc),
      clock_(clock),
      // Zero would mean "no limit": before the funds are known nothing may be spent.
      daily_budget_(options_.settings.daily_gas_budget.value_or(U256(1))) {}

Task<Result<void>> EvmNetwork::start(bool has_multicall) {
    bool shares = has_multicall && options_.shares;
    if (shares) shares = co_await has_plain_gas();
    has_multicall_ = shares;
    if (options_.settings.daily_gas_budget) co_return Result<void>{};
    X402_CO_TRY(const auto owned, co_await funds());
    U256 sum;
    for (const Funds& each : owned) sum = sum.saturating_add(each.balance.amount);
    const U256 share = std::max(sum.divide(U256(kBudgetShare)).quotient, U256(1));
    const std::lock_guard lock(mutex_);
    daily_budget_ = share;
    co_return Result<void>{};
}

// A transfer of nothing to oneself takes 21,000 gas on every chain whose gas is only what a
// transaction does; the known ones that differ stand in the table, others are found out here.
Task<bool> EvmNetwork::has_plain_gas() {
    if (options_.settings.signers.empty()) co_return false;
    const auto own = parse_wire_address(options_.settings.signers.front().address);
    if (!own) co_return false;
    CallRequest request;
    request.from = *own;
    request.to = *own;
    const auto estimate = co_await rpc_.estimate(std::move(request));
    const bool plain = estimate && estimate->ok && estimate->gas >= kBareTransferGas &&
                       estimate->gas <= 2 * kBareTransferGas;
    if (!plain) log::warn("payments_leave_alone", {{"network", options_.network.text()}});
    co_return plain;
}

std::vector<SignerId> EvmNetwork::signers() const {
    std::vector<SignerId> out;
    for (const Signer& signer : options_.settings.signers) out.push_back(signer.address);
    return out;
}

Budget EvmNetwork::budget() const {
    const std::lock_guard lock(mutex_);
    return Budget{Cost{daily_budget_, std::string(kUnit)}, Cost{U256{}, std::string(kUnit)}};
}

Duration EvmNetwork::patience() const {
    return options_.settings.stuck_after.value_or(kDefaultPatience);
}

Duration EvmNetwork::poll_interval() const {
    return options_.settings.poll.value_or(kDefaultPoll);
}

const Signer* EvmNetwork::find_signer(const SignerId& signer) const noexcept {
    for (const Signer& each : options_.settings.signers) {
        if (each.address == signer) return &each;
    }
    return nullptr;
}

Task<Result<FeeMarket>> EvmNetwork::fee_market() {
    {
        const std::lock_guard lock(mutex_);
        if (quote_.valid && clock_.steady() - quote_.at < kQuoteAge) co_return quote_.market;
    }
    std::vector<net::RpcCall> calls;
    calls.push_back(ask_block("latest"));
    calls.push_back(ask("eth_maxPriorityFeePerGas"));
    X402_CO_TRY(const auto replies, co_await rpc_.batch(std::move(calls)));
    X402_CO_TRY(const auto block, read_block(replies[0]));
    if (!block) co_return fail(Errc::bad_peer, "the node has no latest block");
    if (!block->base_fee) {
        co_return fail(Errc::unsupported,
                       options_.network.text() + " has no fee market (EIP-1559)");
    }
    FeeMarket market;
    market.base_fee = *block->base_fee;
    const auto tip = read_quantity(replies[1]);
    market.tip = std::min(tip ? *tip : U256(kFallbackTip), options_.settings.max_tip);
    const std::lock_guard lock(mutex_);
    quote_ = Quote{market, clock_.steady(), true};
    co_return market;
}

Task<Result<void>> EvmNetwork::add_cost(Simulation& simulation, std::uint64_t gas) {
    X402_CO_TRY(const FeeMarket market, co_await fee_market());
    X402_CO_TRY(const Fees fees, fees_for(market, options_.settings.max_gas_price));
    simulation.body["gas"] = static_cast<std::int64_t>(gas);
    simulation.most = Cost{fees.max_fee.saturating_mul(U256(gas)), std::string(kUnit)};
    co_return Result<void>{};
}

Task<Result<Simulation>> EvmNetwork::simulate(std::span<const Action> actions,
                                              const SignerId& signer) {
    X402_CO_TRY(const Address from, parse_wire_address(signer));
    X402_CO_TRY(Actions read, read_actions(actions));
    if (read.empty()) {
        Simulation filler;
        X402_CO_TRY_VOID(co_await add_cost(filler, kFillerGas));
        co_return filler;
    }
    if (read.size() == 1) co_return co_await simulate_one(std::move(read[0]), from);
    co_return co_await simulate_group(std::move(read), from);
}

// What a payer's contract does may depend on the gas it is given; so it is asked once more with
// exactly what the transaction will carry.
Task<Result<std::optional<Refusal>>> EvmNetwork::rehearse(CallRequest request) {
    X402_CO_TRY(const CallAnswer answer, co_await rpc_.call(std::move(request), "latest"));
    if (answer.ok) co_return std::optional<Refusal>{};
    co_return std::optional<Refusal>(refusal_of(answer.data));
}

// As it will be sent: a payer's contract that could tell this from the transaction, by its sender
// or its fees, would pass here and waste the gas there.
Task<Result<Simulation>> EvmNetwork::simulate_one(TransferAction action, Address from) {
    CallRequest request;
    request.from = from;
    request.to = action.token;
    request.data = action.data;
    request.gas = action.gas_cap;
    X402_CO_TRY(const FeeMarket market, co_await fee_market());
    X402_CO_TRY(request.fees, fees_for(market, options_.settings.max_gas_price));
    X402_CO_TRY(const Estimate estimate, co_await rpc_.estimate(request));
    Simulation simulation;
    if (estimate.over && *estimate.over < U256(action.gas_cap)) {
        co_return fail(Errc::unavailable, "the signer's funds do not cover the gas");
    }
    if (estimate.over || estimate.gas > action.gas_cap) {
        simulation.refusals.emplace_back(refuse(
            Reason::evm_simulation, {"gas", "at most " + std::to_string(action.gas_cap), {}}));
        co_return simulation;
    }
    if (!estimate.ok) {
        simulation.refusals.emplace_back(refusal_of(estimate.revert));
        co_return simulation;
    }
    const std::uint64_t gas = std::min(with_margin(estimate.gas), action.gas_cap);
    std::optional<Refusal> refusal;
    if (action.gas_cap > kPlainGasCap) {
        request.gas = gas;
        X402_CO_TRY(refusal, co_await rehearse(std::move(request)));
    }
    const bool refused = refusal.has_value();
    simulation.refusals.push_back(std::move(refusal));
    if (refused) co_return simulation;
    X402_CO_TRY_VOID(co_await add_cost(simulation, gas));
    co_return simulation;
}

// aggregate3 swallows what runs out of gas inside, so an estimate of the whole would be too low.
// The group is called with the limit it will have: what succeeds here succeeds there.
Task<Result<Simulation>> EvmNetwork::simulate_group(Actions actions, Address from) {
    if (!has_multicall_ || actions.size() > limits::kSharedActions) {
        co_return fail(Errc::unsupported, "these payments cannot share a transaction here");
    }
    const std::uint64_t gas = group_gas(actions.size());
    CallRequest request;
    request.from = from;
    request.to = multicall_address();
    request.data = encode_aggregate(calls_of(actions));
    request.gas = gas;
    X402_CO_TRY(const CallAnswer whole, co_await rpc_.call(std::move(request), "latest"));
    Simulation simulation;
    if (!whole.ok) {
        simulation.refusals.assign(actions.size(), refusal_of(whole.data));
        co_return simulation;
    }
    X402_CO_TRY(const auto answers, decode_aggregate(whole.data, actions.size()));
    for (const CallAnswer& answer : answers) {
        if (answer.ok) {
            simulation.refusals.emplace_back(std::nullopt);
        } else {
            simulation.refusals.emplace_back(refusal_of(answer.data));
        }
    }
    X402_CO_TRY_VOID(co_await add_cost(simulation, gas));
    co_return simulation;
}

Task<Result<Slot>> EvmNetwork::next_slot(const SignerId& signer, std::span<const Slot> recorded,
                                         const Plan& plan) {
    static_cast<void>(plan);  // a nonce depends on the signer alone
    if (find_signer(signer) == nullptr) {
        co_return fail(Errc::not_found, "no signer " + signer + " on " + options_.network.text());
    }
    X402_CO_TRY(const Address address, parse_wire_address(signer));
    X402_CO_TRY(const std::uint64_t chain_nonce, co_await rpc_.nonce(address, "latest"));
    X402_CO_TRY(const std::uint64_t nonce, choose_nonce(chain_nonce, recorded));
    Slot slot;
    slot.network = options_.network;
    slot.signer = signer;
    slot.key = std::to_string(nonce);
    co_return slot;
}

bool EvmNetwork::can_share(const Action& one, const Action& other) const {
    if (!has_multicall_) return false;
    const auto left = read_action(one.body);
    const auto right = read_action(other.body);
    return left && right && left->share && right->share;
}

Task<Result<Fees>> EvmNetwork::next_fees(std::span<const Attempt> earlier) {
    if (earlier.size() >= kMostAttempts) {
        co_return fail(Errc::refused, "the slot has all the attempts it may have");
    }
    X402_CO_TRY(const auto before, highest_of(earlier));
    X402_CO_TRY(const FeeMarket market, co_await fee_market());
    const U256& cap = options_.settings.max_gas_price;
    co_return before ? bumped(*before, market, cap) : fees_for(market, cap);
}

// A slot that only waits for its confirmations needs no dearer attempt.
Task<Result<void>> EvmNetwork::refuse_used(const Slot& slot) {
    X402_CO_TRY(const Address own, parse_wire_address(slot.signer));
    X402_CO_TRY(const std::uint64_t wanted, nonce_of(slot));
    X402_CO_TRY(const std::uint64_t used, co_await rpc_.nonce(own, "latest"));
    if (used > wanted) co_return fail(Errc::refused, "the slot's nonce is mined already");
    co_return Result<void>{};
}

Task<Result<Attempt>> EvmNetwork::sign(const Slot& slot, std::span<const Action> actions,
                                       const Simulation& simulation,
                                       std::span<const Attempt> earlier) {
    const Signer* signer = find_signer(slot.signer);
    if (signer == nullptr) co_return fail(Errc::not_found, "no signer " + slot.signer);
    if (slot.network != options_.network) {
        co_return fail(Errc::invalid, "the slot is another network's");
    }
    X402_CO_TRY(const Actions read, read_actions(actions));
    if (!earlier.empty()) X402_CO_TRY_VOID(co_await refuse_used(slot));
    X402_CO_TRY(const Fees fees, co_await next_fees(earlier));
    X402_CO_TRY(Transaction tx, compose(read, simulation, slot));
    tx.chain_id = options_.chain_id;
    tx.tip = fees.tip;
    tx.max_fee = fees.max_fee;
    X402_CO_TRY(const SignedTransaction made, sign_transaction(tx, signer->key));
    Attempt attempt;
    attempt.id = to_hex0x(made.hash.view());
    attempt.raw = to_hex0x(made.raw);
    attempt.level = next_level(earlier);
    attempt.most = Cost{fees.max_fee.saturating_mul(U256(tx.gas)), std::string(kUnit)};
    attempt.body["tip"] = fees.tip.to_decimal();
    attempt.body["maxFee"] = fees.max_fee.to_decimal();
    attempt.body["gas"] = static_cast<std::int64_t>(tx.gas);
    co_return attempt;
}

Task<Result<SentAnswer>> EvmNetwork::broadcast(const Attempt& attempt) {
    co_return co_await rpc_.send(attempt.raw);
}

Task<Result<std::vector<Funds>>> EvmNetwork::funds() {
    std::vector<net::RpcCall> calls;
    for (const Signer& signer : options_.settings.signers) {
        X402_CO_TRY(const Address address, parse_wire_address(signer.address));
        calls.push_back(ask_balance(address));
    }
    std::vector<Funds> out;
    if (calls.empty()) co_return out;
    X402_CO_TRY(const auto replies, co_await rpc_.batch(std::move(calls)));
    for (std::size_t i = 0; i < replies.size(); ++i) {
        X402_CO_TRY(const U256 balance, read_quantity(replies[i]));
        out.push_back(
            Funds{options_.settings.signers[i].address, Cost{balance, std::string(kUnit)}});
    }
    co_return out;
}

}  // namespace x402::evm
