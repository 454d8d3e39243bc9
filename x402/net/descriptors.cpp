// SPDX-License-Identifier: Apache-2.0
// RLIMIT_NOFILE. See descriptors.hpp.
#include "x402/net/descriptors.hpp"

#include <sys/resource.h>

namespace x402::net {

std::size_t raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    // Refused where a container's kernel allows less than it says: then the old limit stays.
    if (limit.rlim_cur < limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace x402::net
