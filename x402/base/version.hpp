// SPDX-License-Identifier: Apache-2.0
// The version of this library, as `x402 --version`, the health answer and the user agent say it.
// Kept equal to the project version of the top CMakeLists.txt, which a test compares. Any thread.
#pragma once

#include <string_view>

namespace x402 {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace x402
