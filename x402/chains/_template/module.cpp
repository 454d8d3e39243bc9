// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/_template/module.hpp"

#include "x402/chains/_template/chain.hpp"
#include "x402/chains/_template/exact.hpp"
#include "x402/chains/_template/keys.hpp"
#include "x402/chains/_template/networks.hpp"

namespace x402::mychain {
namespace {

Result<Signer> read_signer(const std::string& reference, const std::string& base_dir) {
    X402_TRY(const crypto::Secret text, crypto::load_secret(reference, base_dir));
    X402_TRY(crypto::Secret key, parse_key(text));
    X402_TRY(std::string address, address_of_key(key));
    return Signer{std::move(address), std::move(key)};
}

// Every key of the section is asked for, whoever needs it: one that nobody reads is an error.
Result<std::vector<Signer>> read_signers(const NetworkSetup& setup) {
    std::vector<Signer> signers;
    if (setup.section == nullptr) return signers;
    X402_TRY(const auto references, setup.section->opt_texts("signers"));
    if (!setup.with_signers) return signers;
    for (const std::string& reference : references) {
        auto signer = read_signer(reference, setup.base_dir);
        if (!signer) {
            const Error& error = signer.error();
            return setup.section->find("signers")->wrong(error.detail, error.next);
        }
        signers.push_back(std::move(*signer));
    }
    return signers;
}

Result<std::vector<std::string>> read_endpoints(const NetworkSetup& setup) {
    std::vector<std::string> urls = setup.rpc;
    if (setup.section != nullptr) {
        X402_TRY(const auto listed, setup.section->opt_texts("rpc"));
        if (urls.empty()) urls = listed;
    }
    if (!urls.empty()) return urls;
    return fail_field(Errc::invalid, "rpc", "no endpoint is known for " + setup.network.text(),
                      "set rpc = [\"https://...\"]");
}

class LedgerModule final : public ChainModule {
public:
    explicit LedgerModule(const net::Services& services)
        : services_(services), networks_(known_networks()), assets_(known_assets()) {}

    std::string_view family() const noexcept override { return kFamily; }
    std::span<const KnownNetwork> networks() const noexcept override { return networks_; }
    std::span<const AssetInfo> assets() const noexcept override { return assets_; }
    Result<AssetInfo> read_asset(const ChainId& network, const Tree& section) const override;
    Result<std::string> read_address(std::string_view text) const override {
        return mychain::read_address(text);
    }
    Result<std::unique_ptr<Chain>> connect(NetworkSetup setup) const override;
    std::vector<const ClientScheme*> client_schemes() const override { return {&client_}; }
    std::vector<const ServerScheme*> server_schemes() const override { return {&server_}; }
    const WalletProvider& wallets() const noexcept override { return wallets_; }

private:
    net::Services services_;
    std::vector<KnownNetwork> networks_;
    std::vector<AssetInfo> assets_;
    ExactClient client_;
    ExactServer server_;
    Wallets wallets_;
};

Result<AssetInfo> LedgerModule::read_asset(const ChainId& network, const Tree& section) const {
    AssetInfo asset;
    X402_TRY(asset.address, section.get_text("address"));
    X402_TRY(const auto symbol, section.opt_text("symbol"));
    asset.symbol = symbol.value_or(asset.address);
    X402_TRY(const auto decimals, section.opt_integer("decimals"));
    if (!decimals || *decimals < 0 || *decimals > 36) {
        return section.wrong("an asset needs its decimals, from 0 to 36", "add decimals = 6");
    }
    asset.decimals = static_cast<std::uint8_t>(*decimals);
    X402_TRY(const auto usd, section.opt_boolean("usd"));
    asset.usd = usd.value_or(false);
    asset.id = AssetId{network, "token", asset.address};
    return asset;
}

Result<std::unique_ptr<Chain>> LedgerModule::connect(NetworkSetup setup) const {
    net::RpcOptions rpc;
    X402_TRY(rpc.urls, read_endpoints(setup));
    ChainOptions options;
    options.network = setup.network;
    X402_TRY(options.signers, read_signers(setup));
    options.assets = std::move(setup.assets);
    for (const AssetInfo& each : assets_) {
        if (each.id.network == setup.network) options.assets.push_back(each);
    }
    X402_TRY(auto client, net::make_rpc_client(std::move(rpc), services_.http, services_.env));
    return make_chain(std::move(options), std::move(client), services_.env);
}

}  // namespace

Result<void> add_mychain(Modules& modules, const net::Services& services) {
    return modules.add(std::make_unique<LedgerModule>(services));
}

}  // namespace x402::mychain
