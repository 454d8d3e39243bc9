// SPDX-License-Identifier: Apache-2.0
#include "x402/server/routes.hpp"

#include <gtest/gtest.h>

namespace x402::server {
namespace {

RoutePattern pattern(std::string_view text) {
    auto read = read_pattern(text);
    EXPECT_TRUE(read.has_value()) << text;
    return read ? *read : RoutePattern{};
}

RouteTable table(std::initializer_list<std::pair<const char*, bool>> routes, bool open) {
    std::vector<RouteEntry> entries;
    for (const auto& [text, free] : routes) entries.push_back({pattern(text), free});
    return {std::move(entries), open};
}

TEST(ReadPattern, Refuses) {
    struct Row {
        const char* name;
        std::string_view text;
    };
    static constexpr Row rows[] = {
        {"no verb", "/weather"},
        {"lower verb", "get /weather"},
        {"no path", "GET weather"},
        {"query", "GET /a?b=1"},
        {"partial star", "GET /a*"},
        {"partial param", "GET /a:b"},
        {"dots", "GET /a/../b"},
        {"encoded slash", "GET /a%2Fb"},
        {"double slash", "GET //a"},
        {"two spaces", "GET  /weather"},
        {"empty", ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto read = read_pattern(row.text);
        ASSERT_FALSE(read.has_value());
        EXPECT_EQ(read.error().code, Errc::invalid);
        EXPECT_FALSE(read.error().next.empty());
    }
}

TEST(FitsPath, Table) {
    struct Row {
        const char* pattern;
        std::string_view path;
        bool fits;
    };
    static constexpr Row rows[] = {
        {"GET /", "/", true},
        {"GET /", "/a", false},
        {"GET /weather", "/weather", true},
        {"GET /weather", "/weather/", false},
        {"GET /weather", "/Weather", false},
        {"GET /weather", "/weather/x", false},
        {"GET /weather/", "/weather/", true},
        {"GET /weather/", "/weather", false},
        {"GET /items/:id", "/items/7", true},
        {"GET /items/:id", "/items/", false},
        {"GET /items/:id", "/items", false},
        {"GET /items/:id", "/items/7/x", false},
        {"GET /items/:id/parts", "/items/7/parts", true},
        {"GET /a/*/c", "/a/b/c", true},
        {"GET /a/*/c", "/a/b/b/c", false},
        {"GET /api/*", "/api/a/b/c", true},
        {"GET /api/*", "/api/", true},
        {"GET /api/*", "/api", true},
        {"GET /api/*", "/apix", false},
        {"GET /*", "/", true},
        {"GET /*", "/x/y", true},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string(row.pattern) + " ~ " + std::string(row.path));
        EXPECT_EQ(fits_path(pattern(row.pattern), row.path), row.fits);
    }
}

TEST(FitsMethod, HeadIsPricedAsGet) {
    EXPECT_TRUE(fits_method(pattern("GET /a"), "HEAD"));
    EXPECT_FALSE(fits_method(pattern("HEAD /a"), "GET"));
    EXPECT_FALSE(fits_method(pattern("GET /a"), "get"));
    EXPECT_FALSE(fits_method(pattern("GET /a"), "OPTIONS"));
    EXPECT_TRUE(fits_method(pattern("* /a"), "PURGE"));
}

TEST(Covers, Table) {
    struct Row {
        const char* earlier;
        const char* later;
        bool covers;
    };
    static constexpr Row rows[] = {
        {"GET /a", "GET /a", true},       {"GET /a", "POST /a", false},
        {"GET /a", "HEAD /a", true},      {"* /a", "POST /a", true},
        {"GET /*", "GET /a/b", true},     {"GET /a/*", "GET /a", true},
        {"GET /a/*", "GET /a/b/*", true}, {"GET /a/b/*", "GET /a/*", false},
        {"GET /:x", "GET /a", true},      {"GET /a", "GET /:x", false},
        {"GET /:x", "GET /a/*", false},   {"GET /a", "GET /a/", false},
        {"GET /a/:x", "GET /a/:y", true},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string(row.earlier) + " > " + row.later);
        EXPECT_EQ(covers(pattern(row.earlier), pattern(row.later)), row.covers);
    }
}

Routing route(const RouteTable& routes, std::string_view method, std::string_view target) {
    const auto path = read_target(target);
    EXPECT_TRUE(path.has_value()) << target;
    return path ? routes.find(method, *path) : Routing{};
}

TEST(RouteTable, FirstMatchWins) {
    const RouteTable routes = table({{"GET /a/special", false},
                                     {"GET /a/:id", false},
                                     {"* /a/*", true},
                                     {"POST /a/special", false}},
                                    false);
    EXPECT_EQ(route(routes, "GET", "/a/special").index, 0U);
    EXPECT_EQ(route(routes, "GET", "/a/other").index, 1U);
    EXPECT_EQ(route(routes, "GET", "/a/b/c").index, 2U);
    EXPECT_EQ(route(routes, "POST", "/a/special").index, 2U);
    EXPECT_EQ(route(routes, "GET", "/b").kind, Routed::unknown);
}

// attacks.md 25: whatever the spelling, never open.
// Upstreams fold case and forgive a last slash; a free wildcard must not carry such a path there.
TEST(RouteTable, NothingNearAPaidRouteSlipsThroughALaterWildcard) {
    const RouteTable routes = table({{"GET /premium", false}, {"GET /*", true}}, false);
    EXPECT_EQ(route(routes, "GET", "/premium").index, 0U);
    for (const char* near : {"/Premium", "/premium/", "/PREMIUM"}) {
        EXPECT_EQ(route(routes, "GET", near).kind, Routed::ambiguous) << near;
    }
    EXPECT_EQ(route(routes, "GET", "/other").kind, Routed::route);
    const RouteTable wide_first = table({{"GET /*", true}, {"GET /premium/x", false}}, false);
    EXPECT_EQ(route(wide_first, "GET", "/Premium/x").kind, Routed::route) << "the owner's order";
}

TEST(RouteTable, NothingNearAPaidRouteIsOpen) {
    const RouteTable routes =
        table({{"GET /api/premium", false}, {"GET /items/:id", false}, {"GET /ok", true}}, true);
    struct Row {
        const char* name;
        const char* method;
        std::string_view target;
        Routed kind;
    };
    static constexpr Row rows[] = {
        {"the paid one", "GET", "/api/premium", Routed::route},
        {"head", "HEAD", "/api/premium", Routed::route},
        {"escaped needlessly", "GET", "/api/pr%65mium", Routed::route},
        {"upper case", "GET", "/API/premium", Routed::ambiguous},
        {"trailing slash", "GET", "/api/premium/", Routed::ambiguous},
        {"trailing space", "GET", "/api/premium%20", Routed::ambiguous},
        {"param upper case", "GET", "/Items/7", Routed::ambiguous},
        {"another method", "POST", "/api/premium", Routed::unknown},
        {"lower method", "get", "/api/premium", Routed::unknown},
        {"options", "OPTIONS", "/api/premium", Routed::unknown},
        {"something else", "GET", "/api/free", Routed::open},
        {"something else posted", "POST", "/other", Routed::open},
        {"free in another case", "GET", "/OK", Routed::open},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(route(routes, row.method, row.target).kind, row.kind);
    }
}

TEST(RouteTable, ClosedByDefault) {
    const RouteTable routes = table({{"GET /api/premium", false}}, false);
    EXPECT_EQ(route(routes, "GET", "/API/premium").kind, Routed::unknown);
    EXPECT_EQ(route(routes, "GET", "/other").kind, Routed::unknown);
}

}  // namespace
}  // namespace x402::server
