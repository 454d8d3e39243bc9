// SPDX-License-Identifier: Apache-2.0
// The gateway's way to the API behind it: HTTP/1.1 over kept-alive connections, bodies streamed
// both ways. One pool a core; a pool and its exchanges belong to that core.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "x402/base/clock.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/result.hpp"
#include "x402/net/http.hpp"
#include "x402/net/runtime.hpp"

namespace x402::net {

struct UpstreamOptions {
    // "http://127.0.0.1:3000", "https://api.internal"; a path is put before every target.
    std::string url;
    Duration connect_timeout = std::chrono::seconds(5);
    Duration answer_timeout = std::chrono::seconds(30);  // until the head of the answer is there
    Duration stall = limits::kBodyStall;                 // between two pieces of its body
    std::size_t max_idle = 64;                           // kept-alive connections
    std::string ca_file;  // for https; empty: the system's authorities
};

// One request to the upstream and its answer.
class UpstreamExchange {
public:
    virtual ~UpstreamExchange() =
        default;  // an exchange that was not read to its end closes its connection
    virtual Task<Result<void>> write(std::string_view piece) = 0;
    virtual Task<Result<void>> finish_request() = 0;
    virtual Task<Result<ResponseHead>>
    read_head() = 0;  // skips 1xx; hop-by-hop headers are removed
    virtual std::optional<std::uint64_t> content_length() const noexcept = 0;  // of the answer
    // The whole body of an answer with a length, where all of it is here already; nothing
    // otherwise, and then nothing is taken. The text lives as long as the exchange.
    virtual std::optional<std::string_view> take_whole() = 0;
    virtual Task<Result<std::size_t>> read(std::span<char> into) = 0;  // 0 at the end of the answer
    // From now on every read is over by then, with Errc::timeout, whatever other waits allow.
    virtual void end_within(Duration limit) = 0;
};

class UpstreamPool {
public:
    virtual ~UpstreamPool() = default;
    // Sends the head. With neither a length nor `chunked` there is no body. A stale kept-alive
    // connection is replaced once, before any byte of the body was taken. Errc::unreachable means
    // that nothing was sent.
    virtual Task<Result<std::unique_ptr<UpstreamExchange>>> open(const RequestHead& head) = 0;
};

Result<std::unique_ptr<UpstreamPool>> make_upstream_pool(UpstreamOptions options);

}  // namespace x402::net
