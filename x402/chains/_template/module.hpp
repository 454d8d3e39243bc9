// SPDX-License-Identifier: Apache-2.0
// The door of this folder, for whoever wires a process together. Any thread.
#pragma once

#include "x402/net/services.hpp"
#include "x402/schemes/registry.hpp"

namespace x402::mychain {

Result<void> add_mychain(Modules& modules, const net::Services& services);

}  // namespace x402::mychain
