// SPDX-License-Identifier: Apache-2.0
// A look at TOML text before its parser sees it. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace x402::ops {

// The first byte beyond ASCII that stands neither in a string nor in a comment, where TOML has no
// use for it and the parser does not survive all of them; a byte order mark at the start is none.
std::optional<std::size_t> find_stray_byte(std::string_view text) noexcept;

}  // namespace x402::ops
