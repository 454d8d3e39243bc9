// SPDX-License-Identifier: Apache-2.0
// Signatures as payloads carry them. What a signature proves depends on whether its account has
// code, which the chain says; here is only what the bytes say. Any thread.
#pragma once

#include "x402/chains/evm/address.hpp"

namespace x402::evm {

inline constexpr std::size_t kPlainSignatureBytes = 65;

// r s v with v 27 or 28 and s in its lower half: the only form that is one text for one signature.
// Any other form recovers nobody.
Result<Address> recover_signer(const Hash32& digest, ByteView signature);

// r s v, 65 bytes.
Result<Bytes> sign_digest(const Hash32& digest, const crypto::Secret& key);

// A wallet that is not deployed yet wraps its signature and ends it with 32 bytes of 6492
// (ERC-6492).
bool is_counterfactual(ByteView signature) noexcept;

}  // namespace x402::evm
