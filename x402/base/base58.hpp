// SPDX-License-Identifier: Apache-2.0
// Base58 with Bitcoin's alphabet, as Solana writes keys, hashes and signatures. One text for one
// value: what does not come back as it was is refused. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"

namespace x402 {

// At most this many bytes either way: the work grows with the square of the length.
inline constexpr std::size_t kBase58Bytes = 128;

std::string to_base58(ByteView bytes);
Result<Bytes> from_base58(std::string_view text);

}  // namespace x402
