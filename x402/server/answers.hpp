// SPDX-License-Identifier: Apache-2.0
// What the gateway says, and how it carries the upstream's words: refusals, caching rules, headers
// that are taken out or set on either way, and answers kept for a repeat. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/result.hpp"
#include "x402/net/http.hpp"
#include "x402/protocol/reasons.hpp"
#include "x402/server/path.hpp"

namespace x402::server {

inline constexpr std::string_view kVary =
    "PAYMENT-SIGNATURE, SIGN-IN-WITH-X, Authorization, Cookie";

// {"error": {...}}, never stored by a cache.
net::Response refusal_response(const Refusal& refusal,
                               std::optional<std::int64_t> retry_after_s = std::nullopt);

// Cache rules of answers on paid routes: an unpaid one is no-store, a paid one private, no-store
// unless the upstream said private; both vary by what identifies the payer.
void mark_unpaid(net::Headers& headers);
void mark_paid(net::Headers& headers);

struct ForwardFacts {
    std::string_view peer;  // "127.0.0.1:50122"
    std::string_view origin_host;
    std::string_view origin_scheme;
};
// The request as the upstream gets it: the canonical path, our X-Forwarded-*, nothing of the
// payment layer, nothing that would let it be read as another method or path. The pool adds the
// upstream's own Host.
net::RequestHead upstream_request(const net::RequestHead& request, const Path& path,
                                  const ForwardFacts& facts);
// Takes out of the upstream's answer what only we may say. What is for one hop was taken out when
// the head was read (net/upstream.hpp).
void clean_upstream_answer(net::ResponseHead& head);

// CORS (Fetch standard): what an allowed origin may read.
bool is_preflight(const net::RequestHead& request) noexcept;
bool origin_allowed(const std::vector<std::string>& origins, std::string_view origin) noexcept;
net::Response preflight_response(const net::RequestHead& request,
                                 const std::vector<std::string>& origins);
void add_cors(net::Headers& headers, std::string_view origin,
              const std::vector<std::string>& origins);

// Adds what is not named yet to a list header such as Vary.
void merge_list(net::Headers& headers, std::string_view name, std::string_view more);

// A kept answer's head as JSON, and back.
std::string write_answer_head(const net::ResponseHead& head);
Result<net::ResponseHead> read_answer_head(std::string_view text);

}  // namespace x402::server
