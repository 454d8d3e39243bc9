// SPDX-License-Identifier: Apache-2.0
// Which nonce is next. Pure. Any thread.
#pragma once

#include <span>

#include "x402/schemes/network.hpp"

namespace x402::evm {

// The smallest nonce from `chain_nonce` (the account's at the latest block) on that is not
// recorded: a gap comes before everything else, because nothing behind it can be mined.
// Errc::unavailable when the signer has as much in flight as it may.
Result<std::uint64_t> choose_nonce(std::uint64_t chain_nonce, std::span<const Slot> recorded);

Result<std::uint64_t> nonce_of(const Slot& slot);

}  // namespace x402::evm
