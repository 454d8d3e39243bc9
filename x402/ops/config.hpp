// SPDX-License-Identifier: Apache-2.0
// TOML text to base/tree. The only room that knows TOML; the roles and modules validate the tree.
// Floats and dates have no place in our configurations and are refused. One thread.
#pragma once

#include <string>
#include <string_view>

#include "x402/base/tree.hpp"

namespace x402::ops {

// `name` stands in messages: "gateway.toml". Errors carry line and column.
Result<Tree> parse_toml(std::string_view text, std::string_view name);
// At most 1 MiB.
Result<Tree> load_toml(const std::string& path);
// One error a key that nobody read: "gateway.toml:7: routes[0].prise: unknown key"; with the
// nearest known word where one is near.
Result<void> refuse_unread(const Tree& root);
// The folder that relative paths of a configuration start from.
std::string folder_of(const std::string& path);

}  // namespace x402::ops
