// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 server: keep-alive, pipelining one by one, streamed bodies both ways with
// back-pressure. Requests that two readers could read in two ways (RFC 9112 6.3, 11.2: both
// lengths, bad chunking, bare CR, spaces before the colon, obs-fold) are refused with 400 and the
// connection is closed. Caps: base/limits.hpp.
#pragma once

#include <functional>
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

// One request and its answer. Lives as long as the handler runs; used by that coroutine only.
class Exchange {
public:
    virtual ~Exchange() = default;
    virtual const RequestHead& request() const noexcept = 0;
    virtual std::string_view peer() const noexcept = 0;  // "127.0.0.1:50122"

    // The next piece of the request's body; 0 at its end. Sends "100 Continue" first where it is
    // awaited.
    virtual Task<Result<std::size_t>> read(std::span<char> into) = 0;
    // The whole body; Errc::too_large beyond `max_bytes`, checked against Content-Length before
    // reading.
    Task<Result<std::string>> read_all(std::size_t max_bytes);

    // The whole answer at once. Errc::invalid, with nothing sent, for a header that HTTP cannot
    // carry.
    virtual Task<Result<void>> respond(const Response& response) = 0;
    // The same without a coroutine, which most answers need not pay for. False: the client is slow;
    // `flush` waits until the rest has left, and until then what was given stays.
    virtual Result<bool> put(const ResponseHead& head, std::string_view body) = 0;
    // From text that was prepared, copied once, to where the socket takes it from.
    virtual Result<bool> put(const PreparedResponse& response) = 0;
    virtual Task<Result<void>> flush() = 0;
    // An answer in pieces: with a length it is announced, without one it is chunked.
    virtual Task<Result<void>> start(const ResponseHead& head,
                                     std::optional<std::uint64_t> length) = 0;
    virtual Task<Result<void>> write(std::string_view piece) = 0;  // waits while the client is slow
    virtual Task<Result<void>> finish() = 0;
    // Cuts the connection: how a streamed answer says that it is not whole.
    virtual void abort() noexcept = 0;
    virtual bool answered() const noexcept = 0;  // an answer's head was sent
};

using Handler = std::function<Task<void>(Exchange&)>;

struct ServerOptions {
    std::string listen;  // "127.0.0.1:4021", "[::1]:0"
    std::size_t max_connections = limits::kConnections;
    Duration header_wait = limits::kHeaderWait;
    Duration idle = limits::kIdleConnection;
    Duration body_stall = limits::kBodyStall;
    std::size_t cores = 0;  // on how many of the runtime's cores; 0: all
};

class HttpServer {
public:
    virtual ~HttpServer() = default;
    virtual std::string address() const = 0;  // with the port that was bound
    // Lets nobody in, lets running requests end with "Connection: close". False when `limit` passed
    // first.
    virtual Task<bool> drain(Clock& clock, Duration limit) = 0;
    virtual std::size_t connections() const noexcept = 0;
};

// The handler is called on the core that accepted the connection; the runtime outlives the server.
Result<std::unique_ptr<HttpServer>> serve(Runtime& runtime, ServerOptions options, Handler handler);

}  // namespace x402::net
