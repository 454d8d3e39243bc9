// SPDX-License-Identifier: Apache-2.0
// The client for programs without coroutines: each call blocks the calling thread until its end.
// Not from a runtime's thread, and one call at a time for one client.
#pragma once

#include "x402/client/client.hpp"

namespace x402::client {

PayResult fetch_blocking(Client& client, Request request);
Quote quote_blocking(Client& client, Request request);

}  // namespace x402::client
