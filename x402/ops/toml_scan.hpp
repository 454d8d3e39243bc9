// SPDX-License-Identifier: Apache-2.0
// A look at TOML text before its parser sees it. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace x402::ops {

// The first place that the parser would not survive, and what to do there:
// - a byte beyond ASCII that stands neither in a string nor in a comment, where TOML has no use for
//   it (a byte order mark at the start is none);
// - a table's header that begins with anything but a key.
struct Stray {
    std::size_t at = 0;
    std::string_view what;
    std::string_view next;
};
std::optional<Stray> find_stray(std::string_view text) noexcept;

}  // namespace x402::ops
