// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/_template/chain.hpp"

#include "x402/chains/_template/exact_facilitator.hpp"

namespace x402::mychain {
namespace {

class LedgerChain final : public Chain {
public:
    LedgerChain(ChainOptions options, std::unique_ptr<net::RpcClient> client, Env env)
        : id_(std::move(options.network)),
          assets_(std::move(options.assets)),
          node_(std::move(client)),
          exact_(id_, node_, env.clock) {
        if (options.signers.empty()) return;
        network_ = std::make_unique<LedgerNetwork>(id_, node_, std::move(options.signers));
    }

    const ChainId& id() const noexcept override { return id_; }
    Task<Result<void>> prove() override;
    Network* network() noexcept override { return network_.get(); }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override {
        if (!network_) return {};
        return {&exact_};
    }
    Task<Result<Trace>> trace(const Payment& payment) override {
        return trace_payment(node_, payment);
    }
    Task<Result<U256>> balance(const std::string& address, const AssetInfo& asset) override {
        return node_.balance(address, asset.address);
    }
    Task<Result<AssetInfo>> asset(const std::string& address) override;
    std::vector<EndpointHealth> health() const override;

private:
    ChainId id_;
    std::vector<AssetInfo> assets_;
    Node node_;
    ExactFacilitator exact_;
    std::unique_ptr<LedgerNetwork> network_;
};

Task<Result<void>> LedgerChain::prove() {
    X402_CO_TRY(const std::string there, co_await node_.network());
    if (there == id_.text()) co_return Result<void>{};
    co_return fail_field(Errc::invalid, "rpc",
                         "the endpoint for " + id_.text() + " serves " + there,
                         "correct rpc, or the network's id");
}

Task<Result<AssetInfo>> LedgerChain::asset(const std::string& address) {
    for (const AssetInfo& each : assets_) {
        if (each.address == address) co_return each;
    }
    co_return fail(Errc::unsupported, "the ledger tells nothing about assets that are not listed");
}

std::vector<EndpointHealth> LedgerChain::health() const {
    std::vector<EndpointHealth> out;
    for (const net::RpcStats& each : node_.stats()) {
        out.push_back({each.endpoint, each.ok, each.failed, each.resting});
    }
    return out;
}

}  // namespace

std::unique_ptr<Chain> make_chain(ChainOptions options, std::unique_ptr<net::RpcClient> client,
                                  Env env) {
    return std::make_unique<LedgerChain>(std::move(options), std::move(client), env);
}

}  // namespace x402::mychain
