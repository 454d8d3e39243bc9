// SPDX-License-Identifier: Apache-2.0
// One network of the family, opened: its node, its scheme, and, with signers, its way to settle.
// Any thread.
#pragma once

#include <memory>

#include "x402/chains/_template/network.hpp"
#include "x402/schemes/module.hpp"

namespace x402::mychain {

struct ChainOptions {
    ChainId network;
    std::vector<AssetInfo> assets;  // known and configured
    std::vector<Signer> signers;    // empty: for reading only
};

std::unique_ptr<Chain> make_chain(ChainOptions options, std::unique_ptr<net::RpcClient> client,
                                  Env env);

}  // namespace x402::mychain
