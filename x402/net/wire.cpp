// SPDX-License-Identifier: Apache-2.0
// Asio sockets and OpenSSL behind the wire. A deadline that passes cancels the socket's operations;
// the coroutine that waits then learns of it as a timeout.
#include "x402/net/wire.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "x402/net/deadline.hpp"
#include "x402/net/quick_socket.hpp"

namespace x402::net {
namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using TlsStream = ssl::stream<tcp::socket&>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Members in this order: the TLS stream refers to the socket, the deadline's callback to both.
class SocketWire final : public Wire {
public:
    explicit SocketWire(const Executor& executor)
        : socket_(executor), resolver_(executor), deadline_(executor, [this] { cancel(); }) {}

    QuickSocket& socket() noexcept { return socket_; }
    tcp::resolver& resolver() noexcept { return resolver_; }
    Deadline& deadline() noexcept { return deadline_; }

    Task<bool> secure(ssl::context& context, const std::string& host, bool numeric) {
        tls_.emplace(socket_, context);
        tls_->set_verify_callback(ssl::host_name_verification(host));
        // RFC 6066 3: no literal addresses in the server name.
        if (!numeric && SSL_set_tlsext_host_name(tls_->native_handle(), host.c_str()) != 1)
            co_return false;
        const auto [error] = co_await tls_->async_handshake(ssl::stream_base::client, kAwait);
        co_return !error;
    }

    Task<Result<std::size_t>> read_some(std::span<char> into, Duration wait) override {
        deadline_.set(wait);
        ReadOutcome got;
        if (tls_) {
            const auto room = asio::buffer(into.data(), into.size());
            std::tie(got.error, got.count) = co_await tls_->async_read_some(room, kAwait);
        } else {
            got = co_await socket_.read(into);
        }
        deadline_.clear();
        if (got.error == asio::error::eof) co_return 0;
        if (got.error) co_return broken(got.error);
        co_return got.count;
    }

    Task<Result<void>> write(std::string_view first, std::string_view second,
                             Duration wait) override {
        std::array<std::string_view, 2> parts = {first, second};
        while (!parts[0].empty() || !parts[1].empty()) {
            const std::array<asio::const_buffer, 2> buffers = {asio::buffer(parts[0]),
                                                               asio::buffer(parts[1])};
            error_code error;
            std::size_t count = 0;
            // One piece goes by send(2), which is cheaper than the call that gathers several.
            const bool alone = parts[1].empty();
            if (!tls_)
                count = alone ? socket_.write_some(asio::buffer(parts[0]), error)
                              : socket_.write_some(buffers, error);
            if (tls_ || error == asio::error::would_block) {
                deadline_.set(wait);
                if (tls_) {
                    std::tie(error, count) = co_await tls_->async_write_some(buffers, kAwait);
                } else {
                    std::tie(error) = co_await socket_.async_wait(tcp::socket::wait_write, kAwait);
                }
                deadline_.clear();
            }
            if (error) co_return broken(error);
            if (count > 0 && !tls_) socket_.wrote();
            written_ += count;
            for (std::string_view& part : parts) {
                const std::size_t taken = std::min(count, part.size());
                part.remove_prefix(taken);
                count -= taken;
            }
        }
        co_return Result<void>{};
    }

    std::uint64_t written() const noexcept override { return written_; }

    bool is_quiet() noexcept override {
        char byte = 0;
        const auto seen = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }

    // From here on a deadline ends the operation that waits, and no longer the socket.
    void connected() noexcept { connected_ = true; }

private:
    // While one address after the other is tried, an operation that is cancelled only leads to the
    // next; a closed socket ends them all.
    void cancel() {
        error_code ignored;
        resolver_.cancel();
        if (connected_) {
            socket_.cancel(ignored);
        } else {
            socket_.close(ignored);
        }
    }
    std::unexpected<Error> broken(const error_code& error) const {
        if (deadline_.passed()) return fail(Errc::timeout, "the peer was silent for too long");
        return fail(Errc::interrupted, error.message());
    }

    QuickSocket socket_;
    tcp::resolver resolver_;
    std::optional<TlsStream> tls_;
    std::uint64_t written_ = 0;
    bool connected_ = false;
    Deadline deadline_;
};

class SocketConnector final : public Connector {
public:
    explicit SocketConnector(ConnectorOptions options) : options_(std::move(options)) {
        error_code error;
        address_ = asio::ip::make_address(options_.host, error);
        numeric_ = !error;
    }

    Result<void> set_up_tls() {
        if (!options_.tls) return {};
        error_code error;
        context_.emplace(ssl::context::tls_client);
        context_->set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, error);
        context_->set_verify_mode(ssl::verify_peer, error);
        if (options_.ca_file.empty()) {
            context_->set_default_verify_paths(error);
        } else {
            context_->load_verify_file(options_.ca_file, error);
        }
        if (!error) return {};
        return fail_field(Errc::invalid, "ca_file",
                          "the certificate authorities cannot be read: " + error.message());
    }

    Task<Result<std::unique_ptr<Wire>>> connect(Duration wait) override {
        const Executor executor = co_await asio::this_coro::executor;
        auto wire = std::make_unique<SocketWire>(executor);
        wire->deadline().set(wait);
        const error_code error = co_await open(*wire);
        if (error || wire->deadline().passed()) co_return unreachable(*wire, error.message());
        wire->connected();
        error_code ignored;
        wire->socket().non_blocking(true, ignored);
        wire->socket().set_option(tcp::no_delay(true), ignored);
        if (!options_.tls) wire->socket().count_unread();
        if (options_.tls) {
            const bool secured = co_await wire->secure(*context_, options_.host, numeric_);
            if (!secured) co_return unreachable(*wire, "TLS could not be agreed on");
        }
        wire->deadline().clear();
        co_return std::unique_ptr<Wire>{std::move(wire)};
    }

private:
    Task<error_code> open(SocketWire& wire) {
        if (numeric_) {
            const tcp::endpoint endpoint{address_,
                                         static_cast<std::uint16_t>(std::stoi(options_.port))};
            const auto [error] = co_await wire.socket().async_connect(endpoint, kAwait);
            co_return error;
        }
        const auto [failed, found] =
            co_await wire.resolver().async_resolve(options_.host, options_.port, kAwait);
        if (failed) co_return failed;
        const auto [error, chosen] = co_await asio::async_connect(wire.socket(), found, kAwait);
        co_return error;
    }

    static std::unexpected<Error> unreachable(SocketWire& wire, const std::string& why) {
        return fail(Errc::unreachable,
                    wire.deadline().passed() ? "no connection within the time allowed" : why);
    }

    ConnectorOptions options_;
    std::optional<ssl::context> context_;
    asio::ip::address address_;
    bool numeric_ = false;
};

}  // namespace

Result<std::unique_ptr<Connector>> make_connector(ConnectorOptions options) {
    auto connector = std::make_unique<SocketConnector>(std::move(options));
    X402_TRY_VOID(connector->set_up_tls());
    return connector;
}

}  // namespace x402::net
