// SPDX-License-Identifier: Apache-2.0
// What one family of networks brings along: its networks, assets and names as data, its schemes for
// each role, wallets, and connections. One folder, one module; nothing else changes for a new one.
// Const after registration.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/tree.hpp"
#include "x402/schemes/identity.hpp"
#include "x402/schemes/scheme.hpp"

namespace x402 {

struct KnownNetwork {
    ChainId id;
    std::string v1_name;  // "base-sepolia", or empty
    std::string title;    // "Base Sepolia"
    bool testnet = false;
    std::string public_rpc;  // for reading when the user named none; may be empty
};

struct NetworkSetup {
    ChainId network;
    const Tree* section = nullptr;  // [networks."..."]; null: defaults
    std::vector<std::string> rpc;   // overrides the section's
    std::vector<AssetInfo> assets;  // configured for this network; proven against it at start
    std::string base_dir;           // for file: secrets
    bool with_signers = true;       // false: for reading and proof only
    bool any_token = false;
};

struct EndpointHealth {
    std::string endpoint;  // scheme, host and port
    std::uint64_t ok = 0;
    std::uint64_t failed = 0;
    bool resting = false;
};

// An opened network. Lives until the process ends; any thread.
class Chain {
public:
    virtual ~Chain() = default;
    virtual const ChainId& id() const noexcept = 0;
    // Proves that the endpoints serve this network and that the configured assets are what they
    // claim.
    virtual Task<Result<void>> prove() = 0;
    virtual Network* network() noexcept = 0;  // null without signers
    virtual std::vector<const FacilitatorScheme*> facilitator_schemes() const = 0;
    // What the network knows of a payment of the family, whoever settled it.
    virtual Task<Result<Trace>> trace(const Payment& payment) = 0;
    virtual Task<Result<U256>> balance(const std::string& address, const AssetInfo& asset) = 0;
    // The asset an offer names, from the tables or read from the network and then remembered.
    virtual Task<Result<AssetInfo>> asset(const std::string& address) = 0;
    virtual std::vector<EndpointHealth> health() const = 0;
    // Whether this transaction, named by somebody who is not believed, paid the payment: done with
    // the confirmations that the network is configured for, though not final yet. Anything else
    // says nothing; what was not paid is for `trace` to say.
    virtual Task<Result<Trace>> confirm(const Payment& payment, const std::string&) {
        return trace(payment);
    }
    // Why money of this asset that is sent to this address would not arrive, with what repairs it.
    virtual Task<Result<std::optional<Refusal>>> cannot_receive(const std::string&,
                                                                const AssetInfo&) {
        co_return std::optional<Refusal>();
    }
    // What a payer's scheme has to know of the network before it signs; opaque to the roles. An
    // Error of Errc::refused or unsupported says why this payer cannot pay, and what to do.
    virtual Task<Result<json::Object>> prepare(const PaymentRequirements&, const std::string&) {
        co_return json::Object{};
    }
};

class ChainModule {
public:
    virtual ~ChainModule() = default;
    virtual std::string_view family() const noexcept = 0;  // "eip155"
    virtual std::span<const KnownNetwork> networks() const noexcept = 0;
    virtual std::span<const AssetInfo> assets() const noexcept = 0;
    // The default asset comes first in `assets()` for its network.
    virtual Result<AssetInfo> read_asset(const ChainId& network, const Tree& section) const = 0;
    // Canonical text of an address, or an error that says what is wrong with it.
    virtual Result<std::string> read_address(std::string_view text) const = 0;
    virtual Result<std::unique_ptr<Chain>> connect(NetworkSetup setup) const = 0;
    virtual std::vector<const ClientScheme*> client_schemes() const = 0;
    virtual std::vector<const ServerScheme*> server_schemes() const = 0;
    virtual const WalletProvider& wallets() const noexcept = 0;
    virtual const IdentityVerifier* identity() const noexcept { return nullptr; }
    // How long a payment lives from its signature, where the network says it and not the payer.
    virtual std::optional<Duration> lifetime() const { return std::nullopt; }
};

}  // namespace x402
