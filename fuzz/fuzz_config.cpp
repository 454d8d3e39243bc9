// SPDX-License-Identifier: Apache-2.0
// Any text as a configuration of either role, with the real modules. It is read or refused with a
// sentence; a config that is read twice is read the same way.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "x402/base/clock.hpp"
#include "x402/base/env.hpp"
#include "x402/base/random.hpp"
#include "x402/facilitator/config.hpp"
#include "x402/net/http_client.hpp"
#include "x402/ops/config.hpp"
#include "x402/plugin/builtin.hpp"
#include "x402/server/config.hpp"

namespace {

using namespace x402;

void demand(bool condition) {
    if (!condition) std::abort();
}

struct House {
    House() { demand(add_builtin(modules, services).has_value()); }
    std::unique_ptr<Clock> clock = make_system_clock();
    std::unique_ptr<Random> random = make_system_random();
    std::unique_ptr<net::HttpClient> http = net::make_http_client();
    net::Services services{*http, Env{*clock, *random}};
    Modules modules;
};

// What is told of a refusal is for people: where it is and what is wrong.
template <class T>
void demand_sentence(const Result<T>& read) {
    if (!read) demand(!to_string(read.error()).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const House house;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto tree = ops::parse_toml(text, "fuzz.toml");
    demand_sentence(tree);
    if (!tree) return 0;
    const auto gateway = server::read_config(*tree, house.modules, "/nowhere");
    demand_sentence(gateway);
    demand(gateway.has_value() == server::read_config(*tree, house.modules, "/nowhere").has_value());
    if (gateway) {
        for (const server::RouteConfig& route : gateway->routes) {
            demand(route.free == route.offers.empty());
        }
    }
    demand_sentence(facilitator::read_config(*tree, house.modules, "/nowhere"));
    demand_sentence(facilitator::read_inside_config(*tree, house.modules, "/nowhere"));
    demand_sentence(ops::refuse_unread(*tree));
    return 0;
}
