// SPDX-License-Identifier: Apache-2.0
// The way to the API behind the gateway and back: a request's body hashed as it streams, an answer
// streamed with back-pressure or held until it is paid for. No payment rule is known here. One
// core.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "x402/base/bytes.hpp"
#include "x402/crypto/hash.hpp"
#include "x402/net/http_server.hpp"
#include "x402/net/upstream.hpp"

namespace x402::server {

// The upstreams' connection pools, one set a core.
class Upstreams {
public:
    explicit Upstreams(net::Runtime& runtime);
    // The calling coroutine's core; its pool is made when it is first needed.
    Task<Result<net::UpstreamPool*>> pool(std::string url, Duration answer_timeout);

private:
    using Pools = std::map<std::pair<std::string, Duration>, std::unique_ptr<net::UpstreamPool>>;
    std::vector<net::Executor> cores_;
    std::vector<Pools> pools_;  // each touched on its own core only
};

// A request's body: taken from the client once, in pieces or whole.
class RequestBody {
public:
    explicit RequestBody(net::Exchange& exchange);

    // Reads it to its end. too_large beyond `most`.
    Task<Result<void>> read_whole(std::size_t most);
    bool whole() const noexcept { return whole_; }
    const std::string& text() const noexcept { return text_; }
    // Once it was read to its end, whichever way.
    std::optional<Hash32> hash() const noexcept { return hash_; }
    // Sends it on; an Errc of the client's side is told apart by client_left().
    Task<Result<void>> send(net::UpstreamExchange& to);
    bool client_left() const noexcept { return client_left_; }

private:
    net::Exchange& exchange_;
    crypto::Sha256 sha_;
    std::string text_;
    std::optional<Hash32> hash_;
    bool whole_ = false;
    bool client_left_ = false;
};

enum class RunFault { unreachable, timed_out, broken, too_large, client_left };

struct HeldAnswer {
    net::ResponseHead head;
    std::string body;
    std::optional<std::uint64_t> length;  // announced; for answers to HEAD
};

struct Run {
    net::UpstreamPool& pool;
    const net::RequestHead& head;
    RequestBody& body;
};

// The answer's head, the connection still open behind it.
struct Opened {
    std::unique_ptr<net::UpstreamExchange> exchange;
    net::ResponseHead head;
};
Task<std::expected<Opened, RunFault>> open_run(Run run);

// The whole answer, at most `most` bytes of body; beyond it the upstream is cut off.
Task<std::expected<HeldAnswer, RunFault>> hold_answer(Run run, std::size_t most);

struct Streamed {
    bool left = false;  // to the last byte
    bool upstream_broke = false;
    std::optional<std::string> copy;  // where it was asked for and fits
};
// Passes an opened answer on. `head` is what the client gets; a copy of up to `copy_most` bytes is
// kept.
Task<Streamed> stream_answer(net::Exchange& client, net::UpstreamExchange& upstream,
                             const net::ResponseHead& head, std::size_t copy_most);

}  // namespace x402::server
