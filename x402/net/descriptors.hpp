// SPDX-License-Identifier: Apache-2.0
// How many files and sockets this process may have open. A server that keeps connections needs more
// than the 1,024 that a shell gives by default for the sake of select(2), which nothing here uses.
// Called at the start of a program, before there are threads that could count on the old limit.
#pragma once

#include <cstddef>

namespace x402::net {

// Raises the soft limit to the hard one. What holds now; 0 where the system does not say.
std::size_t raise_descriptor_limit() noexcept;

}  // namespace x402::net
