// SPDX-License-Identifier: Apache-2.0
// Who works on a record. The fencing number grows each time a store is opened, so a write by
// somebody who was replaced meanwhile is refused (Errc::conflict). Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace x402::store {

struct Owner {
    std::string id;  // random, one a process
    std::uint64_t fence = 0;
    friend bool operator==(const Owner&, const Owner&) = default;
};

}  // namespace x402::store
