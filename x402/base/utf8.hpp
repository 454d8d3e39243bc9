// SPDX-License-Identifier: Apache-2.0
// Telling well-formed UTF-8 (RFC 3629) from bytes that only look like it. Any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace x402 {

// The length of the well-formed sequence that `text` begins with, 1 to 4; 0 when it begins with
// none: empty, cut short, overlong, a surrogate, or beyond U+10FFFF.
std::size_t utf8_sequence(std::string_view text) noexcept;
bool is_utf8(std::string_view text) noexcept;

}  // namespace x402
