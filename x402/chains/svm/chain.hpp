// SPDX-License-Identifier: Apache-2.0
// One opened Solana network with everything that hangs on it. Any thread.
#pragma once

#include <memory>

#include "x402/base/env.hpp"
#include "x402/chains/svm/settings.hpp"
#include "x402/net/jsonrpc.hpp"

namespace x402::svm {

struct ChainOptions {
    ChainId network;
    std::vector<AssetInfo> known;
    std::vector<AssetInfo> configured;
    bool with_signers = true;
    Settings settings;
};

// `env` outlives the chain.
std::unique_ptr<Chain> make_chain(ChainOptions options, std::unique_ptr<net::RpcClient> client,
                                  Env env);

}  // namespace x402::svm
