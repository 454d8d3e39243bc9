// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/module.hpp"

#include "x402/base/base58.hpp"
#include "x402/chains/svm/address.hpp"
#include "x402/chains/svm/chain.hpp"
#include "x402/chains/svm/exact/client.hpp"
#include "x402/chains/svm/exact/server.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/wallet.hpp"

namespace x402::svm {
namespace {

// CAIP-30: the first 32 characters of the hash of the network's first block.
bool is_genesis_prefix(std::string_view reference) {
    constexpr std::size_t kLetters = 32;
    return reference.size() == kLetters && from_base58(reference).has_value();
}

class SvmModule final : public ChainModule {
public:
    explicit SvmModule(const net::Services& services)
        : services_(services), networks_(known_networks()), assets_(known_assets()) {}

    std::string_view family() const noexcept override { return kFamily; }
    std::span<const KnownNetwork> networks() const noexcept override { return networks_; }
    std::span<const AssetInfo> assets() const noexcept override { return assets_; }
    std::optional<Duration> lifetime() const noexcept override { return kLifetime; }
    Result<AssetInfo> read_asset(const ChainId& network, const Tree& section) const override {
        return read_asset_section(network, section);
    }
    Result<std::string> read_address(std::string_view text) const override {
        X402_TRY(const Address address, parse_address(text));
        return to_text(address);
    }
    Result<std::unique_ptr<Chain>> connect(NetworkSetup setup) const override;
    std::vector<const ClientScheme*> client_schemes() const override { return {&client_}; }
    std::vector<const ServerScheme*> server_schemes() const override { return {&server_}; }
    const WalletProvider& wallets() const noexcept override { return wallets_; }

private:
    std::string public_rpc(const ChainId& network) const;

    net::Services services_;
    std::vector<KnownNetwork> networks_;
    std::vector<AssetInfo> assets_;
    ExactClient client_;
    ExactServer server_;
    SvmWallets wallets_;
};

std::string SvmModule::public_rpc(const ChainId& network) const {
    for (const KnownNetwork& each : networks_) {
        if (each.id == network) return each.public_rpc;
    }
    return {};
}

Result<std::unique_ptr<Chain>> SvmModule::connect(NetworkSetup setup) const {
    if (setup.network.family() != kFamily || !is_genesis_prefix(setup.network.reference())) {
        return fail_field(Errc::invalid, "network", setup.network.text() + " is no Solana network",
                          "write solana: and 32 characters of the genesis block's hash");
    }
    ChainOptions options;
    options.network = setup.network;
    for (const AssetInfo& asset : assets_) {
        if (asset.id.network == setup.network) options.known.push_back(asset);
    }
    options.configured = setup.assets;
    options.with_signers = setup.with_signers;
    X402_TRY(options.settings, read_settings(setup, public_rpc(setup.network)));
    net::RpcOptions rpc;
    rpc.urls = options.settings.rpc;
    X402_TRY(auto client, net::make_rpc_client(std::move(rpc), services_.http, services_.env));
    return make_chain(std::move(options), std::move(client), services_.env);
}

}  // namespace

Result<void> add_svm(Modules& modules, const net::Services& services) {
    return modules.add(std::make_unique<SvmModule>(services));
}

}  // namespace x402::svm
