// SPDX-License-Identifier: Apache-2.0
// One request and its answer, with redirects followed as far as they are harmless. A payment never
// follows a redirect to another origin, and credentials never leave the origin they were given for.
// One executor.
#pragma once

#include <optional>

#include "x402/client/core.hpp"

namespace x402::client {

inline constexpr int kRedirects = 5;

struct Exchange {
    Result<net::ClientResponse> answer = fail(Errc::unreachable);
    net::UrlParts url;     // that answered
    bool foreign = false;  // another origin than the one asked for
};

// `payment`: the header to send along; null: none.
Task<Exchange> exchange(const Client::Core& core, const Request& request, const net::UrlParts& url,
                        const net::Header* payment);

// Where a Location leads (RFC 3986 5.2), in absolute form.
Result<net::UrlParts> resolve_location(const net::UrlParts& base, std::string_view location);

}  // namespace x402::client
