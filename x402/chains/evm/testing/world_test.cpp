// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/testing/world.hpp"

#include "x402/base/check.hpp"
#include "x402/chains/evm/assets.hpp"
#include "x402/chains/evm/wallet.hpp"

namespace x402::evm::testing {
namespace {

// The coroutine lives until `out` has its answer; both outlive it.
template <class T>
Task<void> into(Task<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
}

template <class T>
T wait_for(Task<T> task) {
    std::optional<T> out;
    auto shared = std::make_shared<Task<T>>(std::move(task));
    run([&out, shared] { return into(std::move(*shared), out); });
    X402_CHECK(out.has_value());
    return std::move(*out);
}

ChainOptions chain_options(const WorldOptions& options) {
    ChainOptions out;
    out.network = *ChainId::parse("eip155:84532");
    out.chain_id = 84532;
    for (const AssetInfo& asset : known_assets()) {
        if (asset.id.network == out.network) out.known.push_back(asset);
    }
    out.configured = options.configured;
    out.settings.max_gas_price = U256(100'000'000'000ULL);
    out.settings.max_tip = options.max_tip;
    out.settings.any_token = options.any_token;
    out.settings.confirmations = options.confirmations;
    for (std::size_t i = 0; i < options.signers; ++i) {
        const auto who = static_cast<std::uint8_t>(0x80 + i);
        out.settings.signers.push_back(Signer{payer_address(who), sample_key(who)});
    }
    return out;
}

}  // namespace

World::World(WorldOptions options) {
    node.token(kToken);
    node.fund(kToken, payer_address(), 1'000'000);
    if (options.multicall) node.add_multicall();
    chain = make_chain(chain_options(options), borrow(node), Env{clock, *random});
    for (const SignerId& each : network().signers()) {
        node.world().wei[*parse_wire_address(each)] = U256(1'000'000'000'000'000'000ULL);
    }
    node.mine(4);
}

Result<void> World::prove() {
    return wait_for(chain->prove());
}

Result<Verdict> World::verdict(const Payment& payment) {
    return wait_for(scheme().verify(payment));
}

std::string World::verify(const Payment& payment) {
    const auto got = verdict(payment);
    if (!got) return "error: " + to_string(got.error());
    return got->valid() ? "" : got->refusal->code;
}

Result<Plan> World::try_plan(const Payment& payment) {
    return wait_for(scheme().plan(payment));
}

Plan World::plan(const Payment& payment) {
    auto got = try_plan(payment);
    X402_CHECK(got.has_value());
    return std::move(*got);
}

Trace World::trace(const Payment& payment) {
    auto got = wait_for(chain->trace(payment));
    X402_CHECK(got.has_value());
    return *got;
}

std::string World::signer(std::size_t index) {
    return network().signers()[index];
}

Result<Simulation> World::try_simulate(const std::vector<Action>& actions) {
    const std::string from = signer();
    return wait_for(network().simulate(actions, from));
}

Simulation World::simulate(const std::vector<Action>& actions) {
    auto got = try_simulate(actions);
    X402_CHECK(got.has_value());
    return std::move(*got);
}

Result<Slot> World::next_slot(const std::vector<Slot>& recorded) {
    const std::string from = signer();
    const Plan plan;
    return wait_for(network().next_slot(from, recorded, plan));
}

Result<Attempt> World::sign(const Slot& slot, const std::vector<Action>& actions,
                            const std::vector<Attempt>& earlier) {
    const Simulation simulation = simulate(actions);
    return wait_for(network().sign(slot, actions, simulation, earlier));
}

SentAnswer World::broadcast(const Attempt& attempt) {
    auto got = wait_for(network().broadcast(attempt));
    X402_CHECK(got.has_value());
    return *got;
}

Seen World::observe(const Slot& slot, const std::vector<Action>& actions,
                    const std::vector<Attempt>& attempts) {
    auto got = wait_for(network().observe(slot, actions, attempts));
    X402_CHECK(got.has_value());
    return std::move(*got);
}

}  // namespace x402::evm::testing
