// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/chain.hpp"

#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/exact/facilitator.hpp"
#include "x402/chains/evm/network.hpp"
#include "x402/chains/evm/networks.hpp"

namespace x402::evm {
namespace {

class EvmChain final : public Chain {
public:
    EvmChain(ChainOptions options, std::unique_ptr<net::RpcClient> client, Env env)
        : network_(options.network),
          chain_id_(options.chain_id),
          rpc_(std::move(client)),
          reader_(rpc_),
          tokens_(token_options(options), reader_, env.clock),
          tracer_(rpc_, tokens_),
          confirmations_(options.settings.confirmations),
          exact_(network_, ExactServices{reader_, tokens_, tracer_, env.clock}) {
        if (!options.with_signers || options.settings.signers.empty()) return;
        EvmNetwork::Options settle;
        settle.network = network_;
        settle.chain_id = chain_id_;
        settle.shares = gas_facts(chain_id_).shares;
        settle.settings = std::move(options.settings);
        settles_ = std::make_unique<EvmNetwork>(std::move(settle), rpc_, env.clock);
    }

    const ChainId& id() const noexcept override { return network_; }
    Task<Result<void>> prove() override;
    Network* network() noexcept override { return settles_.get(); }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override {
        if (!settles_) return {};
        return {&exact_};
    }
    Task<Result<Trace>> trace(const Payment& payment) override { return tracer_.trace(payment); }
    Task<Result<Trace>> confirm(const Payment& payment, const std::string& transaction) override {
        return tracer_.confirm(payment, Tracer::Named{transaction, confirmations_});
    }
    Task<Result<U256>> balance(const std::string& address, const AssetInfo& asset) override;
    Task<Result<AssetInfo>> asset(const std::string& address) override;
    std::vector<EndpointHealth> health() const override;

private:
    static TokenOptions token_options(const ChainOptions& options) {
        TokenOptions out;
        out.chain_id = options.chain_id;
        out.network = options.network;
        out.known = options.known;
        out.configured = options.configured;
        out.any_token = options.settings.any_token;
        return out;
    }
    Task<Result<void>> prove_network();

    ChainId network_;
    std::uint64_t chain_id_;
    Rpc rpc_;
    SharedReader reader_;
    Tokens tokens_;
    Tracer tracer_;
    std::uint64_t confirmations_;
    ExactFacilitator exact_;
    std::unique_ptr<EvmNetwork> settles_;
};

Task<Result<void>> EvmChain::prove_network() {
    X402_CO_TRY(const auto ids, co_await rpc_.chain_ids());
    for (const U256& each : ids) {
        if (each == U256(chain_id_)) continue;
        co_return fail_field(
            Errc::invalid, "rpc",
            "an endpoint for " + network_.text() + " serves chain " + each.to_decimal(),
            "correct rpc, or the network's id");
    }
    co_return Result<void>{};
}

Task<Result<void>> EvmChain::prove() {
    X402_CO_TRY_VOID(co_await prove_network());
    const bool by_depth = co_await rpc_.learn_final_tag();
    static_cast<void>(by_depth);
    X402_CO_TRY(const bool has_multicall, co_await rpc_.has_code(multicall_address()));
    reader_.use_multicall(has_multicall);
    X402_CO_TRY_VOID(co_await tokens_.prove_listed());
    if (settles_) {
        X402_CO_TRY_VOID(co_await settles_->start(has_multicall));
    }
    co_return Result<void>{};
}

Task<Result<U256>> EvmChain::balance(const std::string& address, const AssetInfo& asset) {
    X402_CO_TRY(const Address owner, parse_wire_address(address));
    CallRequest request;
    X402_CO_TRY(request.to, parse_wire_address(asset.address));
    request.data = call_balance_of(owner);
    X402_CO_TRY(const CallAnswer answer, co_await rpc_.call(std::move(request), "latest"));
    if (!answer.ok) co_return fail(Errc::unsupported, asset.address + " does not answer balanceOf");
    co_return AbiReader(answer.data).uint(0);
}

Task<Result<AssetInfo>> EvmChain::asset(const std::string& address) {
    X402_CO_TRY(const Address token, parse_address(address));
    co_return co_await tokens_.info(token);
}

std::vector<EndpointHealth> EvmChain::health() const {
    std::vector<EndpointHealth> out;
    for (const net::RpcStats& each : rpc_.client().stats()) {
        out.push_back(EndpointHealth{each.endpoint, each.ok, each.failed, each.resting});
    }
    return out;
}

}  // namespace

std::unique_ptr<Chain> make_chain(ChainOptions options, std::unique_ptr<net::RpcClient> client,
                                  Env env) {
    return std::make_unique<EvmChain>(std::move(options), std::move(client), env);
}

}  // namespace x402::evm
