// SPDX-License-Identifier: Apache-2.0
#include "x402/client/chain_shelf.hpp"

#include "x402/net/ssrf_guard.hpp"

namespace x402::client {
namespace {

// Scheme, host and port only: paths of endpoints often hold keys.
std::string origin_of(const std::string& url) {
    const auto parts = net::split_url(url);
    return parts ? parts->origin() : std::string("an endpoint");
}

}  // namespace

Result<void> ChainShelf::add_endpoint(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) {
        return fail_field(Errc::invalid, "rpc", "an endpoint needs its network",
                          "write --rpc NETWORK=URL");
    }
    X402_TRY(const ChainId network, modules_.find_network(text.substr(0, equals)));
    const std::string url(text.substr(equals + 1));
    if (const auto parts = net::split_url(url); !parts) {
        return fail_field(Errc::invalid, "rpc", parts.error().detail, "write --rpc NETWORK=URL");
    }
    endpoints_[network].push_back(url);
    return {};
}

Result<OpenedChain> ChainShelf::open(const ChainId& network) {
    const ChainModule* module = modules_.of(network);
    if (module == nullptr)
        return fail(Errc::unsupported, "no module knows the network " + network.text());
    NetworkSetup setup;
    setup.network = network;
    setup.with_signers = false;
    setup.any_token = true;
    if (const auto named = endpoints_.find(network); named != endpoints_.end()) {
        setup.rpc = named->second;
    } else if (const KnownNetwork* known = modules_.known(network);
               known != nullptr && !known->public_rpc.empty()) {
        setup.rpc = {known->public_rpc};
    } else {
        return fail_field(Errc::unsupported, "rpc",
                          "there is no public endpoint for " + network.text(),
                          "pass --rpc " + network.text() + "=URL");
    }
    OpenedChain opened{nullptr, origin_of(setup.rpc.front())};
    auto& kept = opened_[network];
    if (!kept) {
        auto connected = module->connect(std::move(setup));
        if (!connected) {
            opened_.erase(network);
            return fail(std::move(connected).error());
        }
        kept = std::move(*connected);
    }
    opened.chain = kept.get();
    return opened;
}

}  // namespace x402::client
