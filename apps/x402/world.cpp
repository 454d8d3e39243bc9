// SPDX-License-Identifier: Apache-2.0
#include "apps/x402/world.hpp"

#include "x402/plugin/builtin.hpp"

namespace x402::apps {

Result<std::unique_ptr<World>> make_world() {
    auto world = std::make_unique<World>();
    world->clock = make_system_clock();
    world->random = make_system_random();
    world->http = net::make_http_client();
    const net::Services services{*world->http, world->env()};
    X402_TRY_VOID(add_builtin(world->modules, services));
    return world;
}

}  // namespace x402::apps
