// SPDX-License-Identifier: Apache-2.0
// Connects every configured network, proves that it is what it is called, and lays it on the desk
// with its schemes and lanes. On start only.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// An endpoint that does not answer is asked again for a while; one that serves another network
// stops the start.
Task<Result<void>> open_lines(DeskPtr desk);

}  // namespace x402::facilitator
