// SPDX-License-Identifier: Apache-2.0
#include "module.hpp"

#include "network.hpp"
#include "scheme.hpp"

namespace x402::toy {
namespace {

ChainId main_network() {
    return *ChainId::parse("toy:main");
}

AssetInfo coin() {
    AssetInfo asset;
    asset.id = AssetId{main_network(), "token", std::string(kAsset)};
    asset.address = std::string(kAsset);
    asset.symbol = "COIN";
    asset.decimals = 3;
    asset.usd = true;
    return asset;
}

class ToyWallet : public Wallet {
public:
    explicit ToyWallet(std::string secret)
        : secret_(std::move(secret)), address_(toy_address(secret_)) {}
    std::string_view family() const noexcept override { return kFamily; }
    const std::string& address() const noexcept override { return address_; }
    Result<Bytes> sign(ByteView prepared) const override {
        return to_bytes(as_bytes(toy_signature(secret_, std::string(as_text(prepared)))));
    }

private:
    std::string secret_;
    std::string address_;
};

class ToyWallets : public WalletProvider {
public:
    std::string_view family() const noexcept override { return kFamily; }
    std::string_view default_key_variable() const noexcept override { return "X402_TOY_KEY"; }
    bool recognizes(std::string_view text) const noexcept override {
        return text.starts_with("toy-secret-");
    }
    Result<std::unique_ptr<Wallet>> parse(const crypto::Secret& key) const override {
        if (!recognizes(key.reveal_text()))
            return fail(Errc::invalid, "a toy key starts with toy-secret-");
        return std::make_unique<ToyWallet>(std::string(key.reveal_text()));
    }
    Result<std::unique_ptr<Wallet>> from_bytes(const crypto::Secret& key) const override {
        return parse(key);
    }
};

class ToyChain : public Chain {
public:
    ToyChain(Ledger& ledger, bool with_signers)
        : id_(main_network()), ledger_(ledger), scheme_(ledger) {
        if (with_signers) {
            network_ =
                std::make_unique<ToyNetwork>(id_, ledger, std::vector<SignerId>{"toy-signer"});
        }
    }
    const ChainId& id() const noexcept override { return id_; }
    Task<Result<void>> prove() override { co_return Result<void>{}; }
    Network* network() noexcept override { return network_.get(); }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override {
        return {&scheme_};
    }
    Task<Result<Trace>> trace(const Payment& payment) override {
        co_return trace_of(ledger_, payment);
    }
    Task<Result<U256>> balance(const std::string& address, const AssetInfo&) override {
        co_return ledger_.balance(address);
    }
    Task<Result<AssetInfo>> asset(const std::string& address) override {
        if (address != kAsset) co_return fail(Errc::unsupported, "there is one coin here");
        co_return coin();
    }
    std::vector<EndpointHealth> health() const override { return {}; }

private:
    ChainId id_;
    Ledger& ledger_;
    MeteredFacilitator scheme_;
    std::unique_ptr<ToyNetwork> network_;
};

class ToyModule : public ChainModule {
public:
    explicit ToyModule(Ledger& ledger) : ledger_(ledger) {
        networks_.push_back(KnownNetwork{main_network(), "", "Toy", true, ""});
        assets_.push_back(coin());
    }
    std::string_view family() const noexcept override { return kFamily; }
    std::span<const KnownNetwork> networks() const noexcept override { return networks_; }
    std::span<const AssetInfo> assets() const noexcept override { return assets_; }
    Result<AssetInfo> read_asset(const ChainId&, const Tree& section) const override {
        return section.wrong("this network has one asset, which needs no entry",
                             "remove the section");
    }
    Result<std::string> read_address(std::string_view text) const override {
        if (!text.starts_with("toy")) return fail(Errc::invalid, "an address starts with toy");
        return std::string(text);
    }
    Result<std::unique_ptr<Chain>> connect(NetworkSetup setup) const override {
        if (setup.section != nullptr) setup.section->mark_read();
        return std::make_unique<ToyChain>(ledger_, setup.with_signers);
    }
    std::vector<const ClientScheme*> client_schemes() const override { return {&client_}; }
    std::vector<const ServerScheme*> server_schemes() const override { return {&server_}; }
    const WalletProvider& wallets() const noexcept override { return wallets_; }

private:
    Ledger& ledger_;
    std::vector<KnownNetwork> networks_;
    std::vector<AssetInfo> assets_;
    MeteredClient client_;
    MeteredServer server_;
    ToyWallets wallets_;
};

}  // namespace

Result<void> add_toy(Modules& modules, Ledger& ledger, Env) {
    return modules.add(std::make_unique<ToyModule>(ledger));
}

}  // namespace x402::toy
