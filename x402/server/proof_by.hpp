// SPDX-License-Identifier: Apache-2.0
// Whose word makes a payment settled: the facilitator's, or that of the network itself, asked
// through an endpoint of the operator's own. Said for each facilitator (`proof`).
#pragma once

#include <cstdint>

namespace x402::server {

enum class ProofBy : std::uint8_t { facilitator, chain };

}  // namespace x402::server
