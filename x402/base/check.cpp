// SPDX-License-Identifier: Apache-2.0
// Says where a promise between two pieces of our own code broke, and stops. Writes with plain
// stdio: nothing that could itself be broken (allocator, logger) is used on the way out. Any
// thread.
#include "x402/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace x402 {

void check_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "x402: check failed: %s (%s:%d)\n", condition, file, line);
    std::fflush(stderr);
    std::abort();
}

}  // namespace x402
