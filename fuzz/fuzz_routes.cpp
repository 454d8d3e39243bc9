// SPDX-License-Identifier: Apache-2.0
// Any bytes as a request's target, before a table with paid and free routes. What is accepted has
// one reading, and no spelling of a paid path is let through unpaid.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "x402/server/path.hpp"
#include "x402/server/routes.hpp"

namespace {

using namespace x402::server;

void demand(bool condition) {
    if (!condition) std::abort();
}

RouteEntry entry(std::string_view text, bool free) {
    auto pattern = read_pattern(text);
    demand(pattern.has_value());
    return RouteEntry{std::move(*pattern), free};
}

RouteTable make_table(bool open) {
    std::vector<RouteEntry> entries;
    entries.push_back(entry("GET /api/premium", false));
    entries.push_back(entry("* /paid/*", false));
    entries.push_back(entry("GET /items/:id/full", false));
    entries.push_back(entry("* /free/*", true));
    return RouteTable(std::move(entries), open);
}

bool looks_paid(const std::string& path) {
    const std::string loose = loosened(path);
    return loose == "/api/premium" || loose == "/paid" || loose.starts_with("/paid/");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const RouteTable closed = make_table(false);
    static const RouteTable open = make_table(true);
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    demand(loosened(loosened(bytes)) == loosened(bytes));
    static_cast<void>(canonical_query(bytes));
    if (auto pattern = read_pattern(bytes)) demand(covers(*pattern, *pattern));

    const auto path = read_target(bytes);
    if (!path) return 0;
    const auto again = read_target(path->target());
    demand(again && again->text == path->text && again->query == path->query);

    for (const RouteTable* table : {&closed, &open}) {
        const Routing head = table->find("HEAD", *path);
        const Routing get = table->find("GET", *path);
        demand(head.kind == get.kind && head.index == get.index);
        const bool unpaid =
            get.kind == Routed::open || (get.kind == Routed::route && get.index == 3);
        demand(!(unpaid && looks_paid(path->text)));
        demand(table == &open || get.kind != Routed::open);
    }
    return 0;
}
