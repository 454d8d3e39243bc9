// SPDX-License-Identifier: Apache-2.0
// The listener: one socket a core with SO_REUSEPORT, so that the kernel spreads connections and no
// core hands one to another. One coarse tick a core serves the deadlines of all its connections.
#include "x402/net/http_server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <unordered_map>

#include "x402/base/gate.hpp"
#include "x402/base/log.hpp"
#include "x402/net/server_connection.hpp"

namespace x402::net {
namespace asio = boost::asio;
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 4096;
constexpr int kAcceptsInARow = 64;
constexpr Duration kAcceptPause{50};  // after the process ran out of descriptors
constexpr Duration kShortestTick{2};
constexpr Duration kLongestTick{250};

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7), whatever the locale.
std::string http_date(Instant now) {
    constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = to_unix_s(now);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    const auto two = [](int n) {
        return std::string{static_cast<char>('0' + n / 10), static_cast<char>('0' + n % 10)};
    };
    std::string out = kDays[utc.tm_wday];
    out.append(", ").append(two(utc.tm_mday)).append(" ").append(kMonths[utc.tm_mon]).append(" ");
    out.append(std::to_string(utc.tm_year + 1900)).append(" ").append(two(utc.tm_hour)).append(":");
    out.append(two(utc.tm_min)).append(":").append(two(utc.tm_sec)).append(" GMT");
    return out;
}

std::unexpected<Error> bad_listen(std::string detail, std::string next) {
    return fail_field(Errc::invalid, "listen", std::move(detail), std::move(next));
}

Result<tcp::endpoint> read_endpoint(std::string_view text) {
    const std::string_view form = "write it as 127.0.0.1:4021 or [::1]:4021";
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return bad_listen("the port is missing", std::string{form});
    unsigned port = 0;
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || bad != std::errc{} || end != digits.data() + digits.size() ||
        port > 65535) {
        return bad_listen("the port is not between 0 and 65535", std::string{form});
    }
    std::string host{text.substr(0, colon)};
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    if (host == "localhost") host = "127.0.0.1";
    error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (error) return bad_listen("the host is no numeric address", std::string{form});
    return tcp::endpoint{address, static_cast<std::uint16_t>(port)};
}

std::string to_text(const tcp::endpoint& endpoint) {
    const std::string host = endpoint.address().to_string();
    const std::string port = std::to_string(endpoint.port());
    return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + port;
}

// Shared by the listeners of all cores; lives as long as any of their coroutines.
struct Shared {
    ServerOptions options;
    Handler handler;
    Gate gate;
    std::unique_ptr<Clock> clock = make_system_clock();
    Duration tick{};
};

// One core's listener and its connections. Used on that core only.
struct Listener : std::enable_shared_from_this<Listener> {
    Listener(std::shared_ptr<Shared> owner, const Executor& executor)
        : shared(std::move(owner)), acceptor(executor), timer(executor) {
        core.executor = executor;
        core.header_wait = shared->options.header_wait;
        core.idle = shared->options.idle;
        core.body_stall = shared->options.body_stall;
        core.handler = shared->handler;
    }

    std::shared_ptr<Shared> shared;
    ServerCore core;
    tcp::acceptor acceptor;
    asio::steady_timer timer;
    std::unordered_map<ServerConnection*, std::shared_ptr<ServerConnection>> connections;
    bool closed = false;

    void close() {
        error_code ignored;
        core.draining = true;
        acceptor.close(ignored);
        for (auto& [key, connection] : connections) connection->drain();
    }
    void cut() {
        closed = true;
        close();
        timer.cancel();
        for (auto& [key, connection] : connections) connection->cut();
    }
};

// What holds a connection's place; the pass goes before what it counts in.
struct Admission {
    std::shared_ptr<Listener> listener;
    Gate::Pass pass;
};

Task<void> serve_connection(std::shared_ptr<Admission> admission,
                            std::shared_ptr<ServerConnection> connection) {
    co_await connection->run();
    admission->listener->connections.erase(connection.get());
}

void admit(const std::shared_ptr<Listener>& listener, int fd, const sockaddr_storage& address) {
    auto pass = listener->shared->gate.enter();
    if (!pass || listener->shared->gate.inside() > listener->shared->options.max_connections) {
        ::close(fd);
        return;
    }
    tcp::endpoint peer;
    const bool six = address.ss_family == AF_INET6;
    peer = six ? tcp::endpoint{tcp::v6(), 0} : tcp::endpoint{tcp::v4(), 0};
    std::memcpy(peer.data(), &address, peer.size());
    auto connection = make_server_connection(listener->core, fd, to_text(peer));
    listener->connections.emplace(connection.get(), connection);
    auto admission = std::make_shared<Admission>(Admission{listener, std::move(pass)});
    spawn_on(listener->core.executor,
             [admission, connection] { return serve_connection(admission, connection); });
}

enum class Accepted { nobody_left, pause, more };

Accepted accept_some(const std::shared_ptr<Listener>& listener) {
    for (int i = 0; i < kAcceptsInARow; ++i) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int fd =
            ::accept4(listener->acceptor.native_handle(), reinterpret_cast<sockaddr*>(&address),
                      &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(listener, fd, address);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return Accepted::nobody_left;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log::warn("accept_failed", {{"why", "out of descriptors or memory"}});
            return Accepted::pause;
        }
    }
    return Accepted::more;
}

Task<void> accept_loop(std::shared_ptr<Listener> listener) {
    while (listener->acceptor.is_open()) {
        const auto [error] =
            co_await listener->acceptor.async_wait(tcp::acceptor::wait_read, kAwait);
        if (error || !listener->acceptor.is_open()) break;
        if (accept_some(listener) == Accepted::pause) {
            const bool slept = co_await listener->shared->clock->sleep(kAcceptPause);
            if (!slept) break;
        }
    }
}

Task<void> tick_loop(std::shared_ptr<Listener> listener) {
    while (!listener->closed) {
        listener->timer.expires_after(listener->shared->tick);
        const auto [error] = co_await listener->timer.async_wait(kAwait);
        if (error) break;
        listener->core.date = http_date(listener->shared->clock->now());
        const SteadyTime now = std::chrono::steady_clock::now();
        listener->core.soon = now + 2 * listener->shared->tick;
        for (auto& [key, connection] : listener->connections) connection->tick(now);
    }
}

void share_port(tcp::acceptor& acceptor) noexcept {
    const int on = 1;
    ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
}

Result<void> open_acceptor(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool joins) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && joins) share_port(acceptor);
    if (!error && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
    if (!error) acceptor.non_blocking(true, error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(kBacklog, error);
    if (!error) return {};
    const std::string where = to_text(endpoint);
    if (error == asio::error::address_in_use) {
        return fail_field(Errc::conflict, "listen", where + " is taken",
                          "stop the other program or choose a port");
    }
    return fail_field(Errc::io, "listen", where + ": " + error.message());
}

// SO_REUSEPORT would let a second program of the same user share a port in silence. So the first
// listener binds and listens without it, which fails wherever anybody listens already, and only
// then lets the others of this server join. The port is held from the first bind on, also one that
// the system chose.
Result<tcp::endpoint> open_first(tcp::acceptor& acceptor, const tcp::endpoint& wanted) {
    X402_TRY_VOID(open_acceptor(acceptor, wanted, false));
    share_port(acceptor);
    error_code error;
    const tcp::endpoint bound = acceptor.local_endpoint(error);
    if (error) return fail(Errc::io, error.message());
    return bound;
}

class Server final : public HttpServer {
public:
    Server(std::shared_ptr<Shared> shared, std::vector<std::shared_ptr<Listener>> listeners,
           std::string address)
        : shared_(std::move(shared)),
          listeners_(std::move(listeners)),
          address_(std::move(address)) {}

    // NOLINTNEXTLINE(bugprone-exception-escape): post throws only where memory ran out
    ~Server() override {
        shared_->gate.close();
        for (const auto& listener : listeners_) {
            asio::post(listener->core.executor, [listener] { listener->cut(); });
        }
    }

    std::string address() const override { return address_; }
    std::size_t connections() const noexcept override { return shared_->gate.inside(); }

    Task<bool> drain(Clock& clock, Duration limit) override {
        for (const auto& listener : listeners_) {
            asio::post(listener->core.executor, [listener] { listener->close(); });
        }
        co_return co_await shared_->gate.drain(clock, limit);
    }

private:
    std::shared_ptr<Shared> shared_;
    std::vector<std::shared_ptr<Listener>> listeners_;
    std::string address_;
};

}  // namespace

Task<Result<std::string>> Exchange::read_all(std::size_t max_bytes) {
    const std::uint64_t announced = request().content_length.value_or(0);
    if (announced > max_bytes) co_return fail(Errc::too_large, "the body is larger than allowed");
    // Grows with what arrives: an announcement alone takes no memory.
    constexpr std::uint64_t kFirst = 64 * 1024;
    std::string body(static_cast<std::size_t>(std::min(announced, kFirst)) + 1, '\0');
    std::size_t size = 0;
    for (;;) {
        if (size == body.size())
            body.resize(std::min(max_bytes + 1, std::max<std::size_t>(2 * size, size + 4096)));
        const std::span<char> room{body.data() + size, body.size() - size};
        X402_CO_TRY(const std::size_t count, co_await read(room));
        if (count == 0) break;
        size += count;
        if (size > max_bytes) co_return fail(Errc::too_large, "the body is larger than allowed");
    }
    body.resize(size);
    co_return body;
}

Result<std::unique_ptr<HttpServer>> serve(Runtime& runtime, ServerOptions options,
                                          Handler handler) {
    X402_TRY(tcp::endpoint endpoint, read_endpoint(options.listen));
    auto shared = std::make_shared<Shared>();
    const Duration shortest = std::min({options.header_wait, options.idle, options.body_stall});
    shared->tick = std::clamp(shortest / 8, kShortestTick, kLongestTick);
    shared->options = std::move(options);
    shared->handler = std::move(handler);
    const std::size_t asked = shared->options.cores;
    const std::size_t cores = asked == 0 ? runtime.cores() : std::min(asked, runtime.cores());
    std::vector<std::shared_ptr<Listener>> listeners;
    for (std::size_t i = 0; i < cores; ++i) {
        auto listener = std::make_shared<Listener>(shared, runtime.core(i));
        listener->core.date = http_date(shared->clock->now());
        listener->core.soon = std::chrono::steady_clock::now() + 2 * shared->tick;
        if (i == 0) {
            X402_TRY(endpoint, open_first(listener->acceptor, endpoint));
        } else {
            X402_TRY_VOID(open_acceptor(listener->acceptor, endpoint, true));
        }
        listeners.push_back(std::move(listener));
    }
    for (const auto& listener : listeners) {
        spawn_on(listener->core.executor, [listener] { return accept_loop(listener); });
        spawn_on(listener->core.executor, [listener] { return tick_loop(listener); });
    }
    return std::make_unique<Server>(std::move(shared), std::move(listeners), to_text(endpoint));
}

}  // namespace x402::net
