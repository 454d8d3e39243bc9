// SPDX-License-Identifier: Apache-2.0
// Which logical request a payment was made for: method, URL and body. The journal keeps the hash,
// and the URL only without its query, because queries hold secrets. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "x402/base/bytes.hpp"
#include "x402/net/ssrf_guard.hpp"

namespace x402::client {

Hash32 fingerprint(std::string_view method, const net::UrlParts& url, std::string_view body);
// "https://api.example.com/path": what the journal and a person may see.
std::string url_without_query(const net::UrlParts& url);

}  // namespace x402::client
