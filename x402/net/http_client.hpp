// SPDX-License-Identifier: Apache-2.0
// Outbound HTTP for what fits in memory: RPC, facilitators, a person's `x402 pay`. libcurl behind
// it, on a thread of its own: keep-alive, TLS, HTTP/2, proxies, decompression. Callable from any
// coroutine, which goes on on its own executor.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "x402/base/clock.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/result.hpp"
#include "x402/base/task.hpp"
#include "x402/net/http.hpp"

namespace x402::net {

struct ClientRequest {
    std::string method = "GET";
    std::string url;
    Headers headers;
    std::string body;
    Duration timeout = std::chrono::seconds(30);  // the whole exchange
    Duration connect_timeout = std::chrono::seconds(5);
    std::size_t max_answer_bytes = limits::kRpcAnswerBytes;
    bool guard_private_addresses =
        false;  // refuse loopback, private, link-local after resolving (Errc::refused)
};

struct ClientResponse {
    int status = 0;
    Headers headers;
    std::string body;
};

// Redirects are never followed here: whether a payment may follow one is the caller's decision.
// A request that may have had an effect is never sent a second time by itself.
// Errors: unreachable (nothing was sent), interrupted and timeout (something may have been sent),
// too_large, refused, invalid (the URL).
class HttpClient {
public:
    virtual ~HttpClient() = default;
    virtual Task<Result<ClientResponse>> fetch(ClientRequest request) = 0;
};

struct HttpClientOptions {
    std::string ca_file;  // for https; empty: the system's authorities
};

// The executors of its callers outlive the client. Destroying it ends what is under way with
// Errc::cancelled.
std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options = {});

}  // namespace x402::net
