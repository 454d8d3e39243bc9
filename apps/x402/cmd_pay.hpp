// SPDX-License-Identifier: Apache-2.0
// `x402 pay URL`: like curl, and pays. Registers the subcommand; `run` is set when it was chosen.
// One thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace x402::apps {

void add_pay(CLI::App& app, std::function<int()>& run);

}  // namespace x402::apps
