// SPDX-License-Identifier: Apache-2.0
// Which addresses a request on behalf of a stranger may reach: never loopback, private, link-local,
// multicast, unspecified or cloud-metadata ones, in IPv4, IPv6 and the mapped and translated forms
// (RFC 6890). Any thread.
#pragma once

#include <string>
#include <string_view>

#include "x402/base/result.hpp"

namespace x402::net {

struct UrlParts {
    std::string scheme;          // lower case: "http" or "https"
    std::string host;            // lower case, without brackets
    std::string port;            // always filled
    std::string target;          // path and query, at least "/"
    std::string origin() const;  // "https://api.example.com", the default port left out
};

// Errc::invalid for anything but http(s), for user info and for a missing host.
Result<UrlParts> split_url(std::string_view url);
// `address` is the numeric text of an IPv4 or IPv6 address.
bool is_public_address(std::string_view address) noexcept;
// localhost, *.localhost or a numeric loopback address.
bool is_loopback_host(std::string_view host) noexcept;

}  // namespace x402::net
