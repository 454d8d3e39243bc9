// SPDX-License-Identifier: Apache-2.0
// The subcommands that serve. Each registers its flags and, when it was chosen, leaves in `run`
// what to do. One thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace x402::apps {

void add_gateway(CLI::App& app, std::function<int()>& run);
void add_facilitator(CLI::App& app, std::function<int()>& run);

}  // namespace x402::apps
