// SPDX-License-Identifier: Apache-2.0
// The door of this folder: Solana networks, for whoever wires a process together. Any thread.
#pragma once

#include "x402/net/services.hpp"
#include "x402/schemes/registry.hpp"

namespace x402::svm {

Result<void> add_svm(Modules& modules, const net::Services& services);

}  // namespace x402::svm
