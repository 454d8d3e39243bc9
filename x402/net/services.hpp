// SPDX-License-Identifier: Apache-2.0
// What a chain's module needs from the outside: HTTP, time and chance. The references outlive every
// module.
#pragma once

#include "x402/base/env.hpp"
#include "x402/net/http_client.hpp"

namespace x402::net {

struct Services {
    HttpClient& http;
    Env env;
};

}  // namespace x402::net
