// SPDX-License-Identifier: Apache-2.0
// The modules this build was made with: one for each folder under chains/ and rails/. Called once
// at start.
#pragma once

#include "x402/net/services.hpp"
#include "x402/schemes/registry.hpp"

namespace x402 {

// The services outlive the modules. Errc::conflict names what two modules both claim.
Result<void> add_builtin(Modules& modules, const net::Services& services);

}  // namespace x402
