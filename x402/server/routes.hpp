// SPDX-License-Identifier: Apache-2.0
// Which route a request belongs to: VERB and path with `:param` for one segment and a last `*` for
// the rest; the first match in the order of the file; HEAD is priced as GET. A path is compared as
// path.hpp reads it. Const after construction: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "x402/base/result.hpp"
#include "x402/server/path.hpp"

namespace x402::server {

struct RoutePattern {
    std::string text;                   // "GET /items/:id", as configured
    std::string verb;                   // "*" is every method
    std::vector<std::string> segments;  // canonical; "" stands for any one segment
    bool rest = false;                  // ends in "/*": whatever follows, and nothing
    bool last_slash = false;            // "/a/" is not "/a"

    bool literal() const noexcept;
    std::string path() const;  // of a literal one
};

// Errors say what is wrong and how it is written.
Result<RoutePattern> read_pattern(std::string_view text);

bool fits_method(const RoutePattern& pattern, std::string_view method) noexcept;
bool fits_path(const RoutePattern& pattern, std::string_view path) noexcept;
// True when every request of `later` is taken by `earlier`.
bool covers(const RoutePattern& earlier, const RoutePattern& later) noexcept;

struct RouteEntry {
    RoutePattern pattern;
    bool free = false;
};

enum class Routed { route, open, unknown, ambiguous };
struct Routing {
    Routed kind = Routed::unknown;
    std::size_t index = 0;  // route: which
};

class RouteTable {
public:
    // `open_by_default`: what is not routed goes to the upstream unpaid, unless it comes near a
    // paid route.
    RouteTable(std::vector<RouteEntry> entries, bool open_by_default);

    Routing find(std::string_view method, const Path& path) const;

private:
    std::optional<std::size_t> first_match(std::string_view method, const std::string& path) const;
    Routing without_route(const Path& path) const;
    bool comes_near_dearer(std::size_t index, std::string_view method,
                           const std::string& path) const;

    std::vector<RouteEntry> entries_;
    struct LoosePaid {
        RoutePattern pattern;  // as loosened() writes paths
        std::size_t index;
    };
    std::vector<LoosePaid> loose_paid_;  // of the paid entries, in their order
    std::unordered_map<std::string, std::vector<std::size_t>> literals_;
    std::vector<std::size_t> wild_;
    bool open_by_default_ = false;
};

}  // namespace x402::server
