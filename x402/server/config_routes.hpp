// SPDX-License-Identifier: Apache-2.0
// The [[routes]] of gateway.toml; a part of config.cpp. One thread.
#pragma once

#include <map>

#include "x402/server/config.hpp"

namespace x402::server {

// What a route falls back on.
struct RouteDefaults {
    const Modules& modules;
    const AssetShelf& shelf;
    const Tree* pay_to = nullptr;  // the table by family, or one text
    const Config& config;
};

Result<RouteConfig> read_route(const Tree& section, const RouteDefaults& defaults);
// An http(s) URL; plain http to another machine needs `insecure`.
Result<std::string> read_upstream(const Tree& value);
// Refuses keys whose meaning is decided but not built, with a sentence that says so.
Result<void> refuse_reserved(const Tree& table, std::initializer_list<std::string_view> keys);

}  // namespace x402::server
