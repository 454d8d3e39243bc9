// SPDX-License-Identifier: Apache-2.0
// When a slot none of whose attempts is to be seen counts as dead: the dangerous answer, because
// its payments are then free to leave in another slot. Pure. Any thread.
#pragma once

#include <span>

#include "x402/schemes/network.hpp"

namespace x402::evm {

// What one endpoint proves.
enum class EndpointWord {
    silent,   // it did not answer, or serves another chain
    behind,   // its own final state does not show the signer past the slot's nonce
    absent,   // its final state does, and it has a receipt of none of the attempts
    receipt,  // it shows something in the place of a receipt
};

// One that shows a receipt vetoes, whatever the others say. Dead takes one that is itself past the
// slot; those that are behind or silent prove nothing in either direction.
SeenState judge_absence(std::span<const EndpointWord> words) noexcept;

}  // namespace x402::evm
