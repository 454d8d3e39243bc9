// SPDX-License-Identifier: Apache-2.0
// What the revert of a token says about a payment, in public words. A contract's own text is used
// to choose the code and never leaves the process. Any thread.
#pragma once

#include "x402/base/bytes.hpp"
#include "x402/protocol/reasons.hpp"

namespace x402::evm {

Reason reason_of_revert(ByteView revert_data);

}  // namespace x402::evm
