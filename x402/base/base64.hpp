// SPDX-License-Identifier: Apache-2.0
// Base64, RFC 4648 section 4 (standard alphabet). Peers write padding; some leave it out, so we
// read both. The URL-safe alphabet is refused, as the peers do. Non-zero trailing bits are refused:
// one text, one meaning. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"

namespace x402 {

std::string base64_encode(ByteView bytes);
std::string base64url_encode(ByteView bytes);  // no padding, URL-safe alphabet: for our own tokens

// `max_bytes` caps the decoded size and is checked before anything is allocated.
Result<Bytes> base64_decode(std::string_view text, std::size_t max_bytes);
Result<Bytes> base64url_decode(std::string_view text, std::size_t max_bytes);

}  // namespace x402
