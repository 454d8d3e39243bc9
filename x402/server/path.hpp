// SPDX-License-Identifier: Apache-2.0
// The one reading of a request's path. The matcher decides by it and the forwarder sends it, so no
// spelling can reach a paid resource past the paywall: what two readers could read in two ways is
// refused, and the upstream sees only the canonical text. Pure; any thread. (RFC 3986 sections 2
// and 3.3)
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "x402/protocol/reasons.hpp"

namespace x402::server {

struct Path {
    std::string text;   // canonical: "/a/b%20c"; compared byte by byte, case matters
    std::string query;  // as it came, without the '?'
    bool has_query = false;

    // What goes to the upstream: the canonical path and the query as it came.
    std::string target() const;
};

// `target` in origin form. ambiguous_path for an encoded slash, a backslash, double encoding, a
// broken '%', control bytes, dot segments, empty segments, matrix parameters, bytes that are no
// UTF-8.
std::expected<Path, Refusal> read_target(std::string_view target);

// What the most forgiving upstream might make of a path: decoded until nothing changes, backslashes
// turned, slashes merged, dot segments resolved, matrix parameters and a last slash removed, lower
// case. Only for telling that a path comes near a paid one.
std::string loosened(std::string_view path);

// Equal queries in equal text, whatever was percent-encoded without need: for fingerprints only.
std::string canonical_query(std::string_view query);

}  // namespace x402::server
