// SPDX-License-Identifier: Apache-2.0
// One accepted connection: reads requests, calls the handler for each in turn, writes the answers.
// Made and used on one core; the listener's tick ends what has waited too long.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "x402/net/http_server.hpp"

namespace x402::net {

using SteadyTime = std::chrono::steady_clock::time_point;

// What the connections of one core share; outlives them.
struct ServerCore {
    Executor executor;
    Duration header_wait{};
    Duration idle{};
    Duration body_stall{};
    Handler handler;
    std::string date;  // kept fresh by the tick
    // A time between now and two ticks from now, set by the tick: what lasts long is counted from
    // here, without asking the clock.
    SteadyTime soon{};
    bool draining = false;
};

class ServerConnection {
public:
    virtual ~ServerConnection() = default;
    // Until the connection is over. Closes the socket.
    virtual Task<void> run() = 0;
    virtual void tick(SteadyTime now) noexcept = 0;
    // Ends the connection if it only waits for a next request; otherwise its running answer is the
    // last.
    virtual void drain() noexcept = 0;
    virtual void cut() noexcept = 0;
};

// Takes over the socket `fd`, which is connected and non-blocking.
std::shared_ptr<ServerConnection> make_server_connection(ServerCore& core, int fd,
                                                         std::string peer);

}  // namespace x402::net
