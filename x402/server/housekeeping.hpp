// SPDX-License-Identifier: Apache-2.0
// What a gateway's store need not keep: answers that are too old to be sent again, and grants that
// came to nothing and whose payments cannot be used any more. Without it, valid payments for paths
// that the upstream does not serve would fill the store for nothing. One coroutine at a time.
#pragma once

#include "x402/base/task.hpp"
#include "x402/server/config.hpp"
#include "x402/server/desk.hpp"

namespace x402::server {

Task<void> keep_store_small(Desk& desk, const Config& config);

}  // namespace x402::server
