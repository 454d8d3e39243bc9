// SPDX-License-Identifier: Apache-2.0
// The way to the API behind the gateway and back: a request's body hashed as it streams, an answer
// streamed with back-pressure (hold.hpp: or held until it is paid for). No payment rule is known
// here. One core.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "x402/base/bytes.hpp"
#include "x402/crypto/hash.hpp"
#include "x402/net/http_server.hpp"
#include "x402/net/upstream.hpp"

namespace x402::server {

// Buffers for bodies on their way through, used again and again. One core; outlives its leases.
class PieceShelf {
public:
    class Lease {
    public:
        explicit Lease(PieceShelf& shelf);
        ~Lease();
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        std::span<char> span() const noexcept;

    private:
        PieceShelf& shelf_;
        std::unique_ptr<char[]> bytes_;
    };
    std::size_t spare() const noexcept { return spare_.size(); }

private:
    std::vector<std::unique_ptr<char[]>> spare_;
};

// Where answers come from. An upstream of a site has a number, so that a request finds its pool
// without comparing URLs.
struct UpstreamTarget {
    std::string url;
    Duration answer_timeout{};
    friend bool operator==(const UpstreamTarget&, const UpstreamTarget&) = default;
};

// The upstreams' connection pools, one set a core.
class Upstreams {
public:
    explicit Upstreams(net::Runtime& runtime);
    // Equal targets get the same number, for as long as the process runs. Any thread.
    std::size_t number(const UpstreamTarget& target);

    class Core {
    public:
        explicit Core(Upstreams& all) : all_(all) {}
        // Made when it is first needed.
        Result<net::UpstreamPool*> pool(std::size_t number);
        PieceShelf& pieces() noexcept { return pieces_; }

    private:
        Upstreams& all_;
        std::vector<std::unique_ptr<net::UpstreamPool>> pools_;
        PieceShelf pieces_;
    };
    // What belongs to this core, and is touched there only.
    Core& on(const net::Executor& core);

private:
    std::vector<net::Executor> cores_;
    std::vector<std::unique_ptr<Core>> each_;
    std::mutex mutex_;  // guards targets_
    std::vector<UpstreamTarget> targets_;
};

// A request's body: taken from the client once, in pieces or whole.
class RequestBody {
public:
    // Nobody asks for the hash of a body that nothing is paid for.
    enum class Hash { wanted, unwanted };
    RequestBody(net::Exchange& exchange, Hash hash);

    // Reads it to its end. too_large beyond `most`; what was read by then is still sent first.
    Task<Result<void>> read_whole(std::size_t most);
    bool whole() const noexcept { return whole_; }
    const std::string& text() const noexcept { return text_; }
    // Once it was read to its end, whichever way; never where it is not wanted.
    std::optional<Hash32> hash() const noexcept { return hash_; }
    // Sends it on; an Errc of the client's side is told apart by client_left().
    Task<Result<void>> send(net::UpstreamExchange& to, PieceShelf& pieces);
    bool client_left() const noexcept { return client_left_; }

private:
    net::Exchange& exchange_;
    const bool hashed_;
    std::string text_;  // whole, or the beginning of one that was too long
    std::optional<Hash32> hash_;
    bool whole_ = false;
    bool begun_ = false;  // it was sent in pieces: there is no second run in this request
    bool client_left_ = false;
};

// no_room: of this process, for an answer that must be held (hold.hpp).
enum class RunFault { unreachable, timed_out, broken, too_large, client_left, no_room };

struct Run {
    net::UpstreamPool& pool;
    const net::RequestHead& head;
    RequestBody& body;
    PieceShelf& pieces;
};

// The answer's head, the connection still open behind it.
struct Opened {
    std::unique_ptr<net::UpstreamExchange> exchange;
    net::ResponseHead head;
};
Task<std::expected<Opened, RunFault>> open_run(Run run);

struct Streamed {
    bool left = false;  // to the last byte
    bool upstream_broke = false;
    std::optional<std::string> copy;  // where it was asked for and fits
};
// Passes an opened answer on. `head` is what the client gets; a copy of up to `copy_most` bytes is
// kept.
struct Stream {
    net::Exchange& client;
    net::UpstreamExchange& upstream;
    const net::ResponseHead& head;
    PieceShelf& pieces;
    std::size_t copy_most = 0;
};
Task<Streamed> stream_answer(Stream stream);

}  // namespace x402::server
