// SPDX-License-Identifier: Apache-2.0
// The real world of one command: time, chance, HTTP, and the modules this build was made with. Main
// thread.
#pragma once

#include <memory>

#include "x402/base/env.hpp"
#include "x402/net/http_client.hpp"
#include "x402/schemes/registry.hpp"

namespace x402::apps {

struct World {
    std::unique_ptr<Clock> clock;
    std::unique_ptr<Random> random;
    std::unique_ptr<net::HttpClient> http;
    Modules modules;
    Env env() const { return {*clock, *random}; }
};
Result<std::unique_ptr<World>> make_world();

}  // namespace x402::apps
