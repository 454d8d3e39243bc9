// SPDX-License-Identifier: Apache-2.0
// A new configuration for a facilitator that runs. What its listener, its networks and its signers
// are bound to stays as it was; the rest changes between two requests. Any core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// An Error changes nothing.
Task<Result<void>> reload(DeskPtr desk, Config next);

}  // namespace x402::facilitator
