// SPDX-License-Identifier: Apache-2.0
// The toy chain as a module like any other: same doors, same interfaces, nothing the core knows of.
#pragma once

#include "ledger.hpp"
#include "x402/schemes/registry.hpp"

namespace x402::toy {

// Network "toy:main", asset "coin" (3 decimals, a dollar), scheme "metered". The ledger outlives
// the modules.
Result<void> add_toy(Modules& modules, Ledger& ledger, Env env);

}  // namespace x402::toy
