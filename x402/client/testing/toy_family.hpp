// SPDX-License-Identifier: Apache-2.0
// A toy family of networks for the client's tests: its signatures are counted, its chain says what
// a test told it. Tests only; one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "x402/schemes/registry.hpp"

namespace x402::client::testing {

inline ChainId chain(std::string_view text) {
    return *ChainId::parse(text);
}

class ToyWallet final : public Wallet {
public:
    explicit ToyWallet(std::string family = "toy") : family_(std::move(family)) {}
    std::string_view family() const noexcept override { return family_; }
    const std::string& address() const noexcept override { return address_; }
    Result<Bytes> sign(ByteView prepared) const override { return to_bytes(prepared); }

private:
    std::string family_;
    std::string address_ = "t-payer";
};

class ToyScheme final : public ClientScheme {
public:
    explicit ToyScheme(const std::string& family)
        : id_{"exact", *ChainPattern::parse(family + ":*")} {}
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override {
        const json::Object& signed_part = payment.payload.payload;
        PaymentFacts facts;
        facts.key = PaymentKey{"toy~" + json::text_or_empty(signed_part, "nonce")};
        facts.payer = json::text_or_empty(signed_part, "from");
        facts.amount = *U256::from_decimal(json::text_or_empty(signed_part, "amount"));
        facts.usable_for = lives_for;
        if (!lives_for) facts.usable_until = from_unix_ms(*json::get_int(signed_part, "until"));
        return facts;
    }
    std::optional<Refusal> cannot_pay(const PaymentRequirements& requirements) const override {
        if (json::text_or_empty(requirements.extra, "method") != "odd") return std::nullopt;
        return refuse(Reason::unsupported_scheme);
    }
    Task<Result<json::Object>> sign(const PaymentRequirements& requirements, const Wallet& wallet,
                                    const json::Object& told, Env& env) const override {
        ++signatures;
        U256 amount = requirements.amount;
        if (oversign) amount = *amount.checked_add(1);
        json::Object part{
            {"nonce",
             std::to_string(signatures) + "-" + std::to_string(env.random.bytes<1>().data[0])},
            {"from", wallet.address()},
            {"amount", amount.to_decimal()},
            {"to", requirements.pay_to},
            {"until", to_unix_ms(env.clock.now()) + requirements.max_timeout_seconds * 1000}};
        if (!told.empty()) part["told"] = told;
        co_return part;
    }
    bool asks_network(const PaymentRequirements&) const noexcept override { return asks; }
    mutable int signatures = 0;
    bool oversign = false;
    bool asks = false;                  // what the network knows, before it signs
    std::optional<Duration> lives_for;  // set: no time is signed

private:
    SchemeId id_;
};

class ToyChain final : public Chain {
public:
    const ChainId& id() const noexcept override { return id_; }
    Task<Result<void>> prove() override { co_return Result<void>{}; }
    Network* network() noexcept override { return nullptr; }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override { return {}; }
    Task<Result<Trace>> trace(const Payment& payment) override {
        ++traces;
        seen = payment.seen;
        co_return told;
    }
    Task<Result<U256>> balance(const std::string&, const AssetInfo&) override { co_return U256(7); }
    Task<Result<AssetInfo>> asset(const std::string& address) override {
        if (address != token.address) co_return fail(Errc::not_found, "no such token");
        co_return token;
    }
    std::vector<EndpointHealth> health() const override { return {}; }
    Task<Result<json::Object>> prepare(const PaymentRequirements& requirements,
                                       const std::string& payer) override {
        ++prepares;
        if (unprepared) co_return fail(*unprepared);
        json::Object known{{"height", 7}, {"payer", payer}, {"to", requirements.pay_to}};
        co_return known;
    }

    std::optional<Error> unprepared;  // what `prepare` says; none: it tells something
    int prepares = 0;
    Trace told{TraceState::none, {}, {}, {}, 0};
    AssetInfo token;
    int traces = 0;
    std::optional<Instant> seen;  // of the payment traced last

private:
    ChainId id_ = chain("toy:main");
};

class ToyWallets final : public WalletProvider {
public:
    explicit ToyWallets(std::string family) : family_(std::move(family)) {}
    std::string_view family() const noexcept override { return family_; }
    std::string_view default_key_variable() const noexcept override { return "X402_TOY_KEY"; }
    bool recognizes(std::string_view) const noexcept override { return true; }
    Result<std::unique_ptr<Wallet>> parse(const crypto::Secret&) const override {
        return std::make_unique<ToyWallet>(family_);
    }
    Result<std::unique_ptr<Wallet>> from_bytes(const crypto::Secret&) const override {
        return std::make_unique<ToyWallet>(family_);
    }

private:
    std::string family_;
};

inline AssetInfo toy_asset(std::string_view network, std::string address, std::string symbol,
                           int decimals, bool usd) {
    AssetInfo asset;
    asset.id = AssetId{chain(network), "token", address};
    asset.address = std::move(address);
    asset.symbol = std::move(symbol);
    asset.decimals = static_cast<std::uint8_t>(decimals);
    asset.usd = usd;
    return asset;
}

// Addresses are "t-" and small letters; capitals are another spelling of the same.
class ToyModule final : public ChainModule {
public:
    explicit ToyModule(const std::string& family = "toy")
        : scheme(family),
          family_(family),
          networks_{{chain(family + ":main"), family, family, false, ""},
                    {chain(family + ":test"), family + "-test", family + " Test", true, ""}},
          assets_{toy_asset(family + ":main", "t-usdc", "USDC", 6, true),
                  toy_asset(family + ":main", "t-dai", "DAI", 18, true),
                  toy_asset(family + ":main", "t-eurc", "EURC", 6, false),
                  toy_asset(family + ":test", "t-usdc", "USDC", 6, true)},
          wallets_(family) {}
    std::string_view family() const noexcept override { return family_; }
    std::span<const KnownNetwork> networks() const noexcept override { return networks_; }
    std::span<const AssetInfo> assets() const noexcept override { return assets_; }
    Result<AssetInfo> read_asset(const ChainId&, const Tree&) const override {
        return fail(Errc::unsupported);
    }
    Result<std::string> read_address(std::string_view text) const override {
        std::string out(text);
        for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        if (!out.starts_with("t-")) return fail(Errc::invalid, "no address");
        return out;
    }
    Result<std::unique_ptr<Chain>> connect(NetworkSetup) const override {
        return std::make_unique<ToyChain>();
    }
    std::vector<const ClientScheme*> client_schemes() const override { return {&scheme}; }
    std::vector<const ServerScheme*> server_schemes() const override { return {}; }
    const WalletProvider& wallets() const noexcept override { return wallets_; }

    ToyScheme scheme;

private:
    std::string family_;
    std::vector<KnownNetwork> networks_;
    std::vector<AssetInfo> assets_;
    ToyWallets wallets_;
};

}  // namespace x402::client::testing
