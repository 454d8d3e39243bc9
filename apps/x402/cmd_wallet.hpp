// SPDX-License-Identifier: Apache-2.0
// `x402 wallet new|import|list|balance|history`. Registers the subcommands; `run` is set when one
// was chosen. One thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace x402::apps {

void add_wallet(CLI::App& app, std::function<int()>& run);

}  // namespace x402::apps
