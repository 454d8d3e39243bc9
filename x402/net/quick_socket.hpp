// SPDX-License-Identifier: Apache-2.0
// A TCP socket whose reads take one system call. Asio reads before it waits, and right after an
// answer it nearly always finds the socket empty. Here the kernel tells with each read what is left
// behind it (TCP_INQ, tcp(7); an orderly end that has come counts as something). What it does not
// tell is a reset; but a write that succeeds afterwards proves that there was none yet. So a socket
// that was read empty and then written to is waited for at once: whatever comes later is an event
// of its own. Every other read is tried first. Asio's reactor is told so as it is in Boost 1.81;
// with another one the socket's own read is used. For sources of this room; one core, one read at a
// time.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/version.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "x402/base/check.hpp"
#include "x402/net/runtime.hpp"

namespace x402::net {

struct ReadOutcome {
    boost::system::error_code error{};
    std::size_t count = 0;  // 0 without an error: the end
};

#if BOOST_ASIO_VERSION / 100 == 1026 && defined(TCP_INQ) && defined(BOOST_ASIO_HAS_EPOLL)

class QuickSocket : public boost::asio::ip::tcp::socket {
public:
    explicit QuickSocket(const Executor& executor)
        : boost::asio::ip::tcp::socket(executor),
          reactor_(boost::asio::use_service<Reactor>(
              boost::asio::query(executor, boost::asio::execution::context))) {}
    // The coroutine that waits owns the socket: it goes first.
    ~QuickSocket() { X402_CHECK(!operation_.handler); }
    QuickSocket(const QuickSocket&) = delete;
    QuickSocket& operator=(const QuickSocket&) = delete;

    // Once it is connected. Without it, or where the kernel knows no such option, reads are tried
    // first.
    void count_unread() noexcept {
        const int on = 1;
        ::setsockopt(native_handle(), IPPROTO_TCP, TCP_INQ, &on, sizeof on);
    }

    // After each write that took at least a byte.
    void wrote() noexcept { known_empty_ = operation_.drained; }

    auto read(std::span<char> into) {
        return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(ReadOutcome)>(
            [this, into](auto handler) { start(std::move(handler), into); },
            boost::asio::use_awaitable);
    }

private:
    using Reactor = boost::asio::detail::reactor;
    using Handler =
        boost::asio::async_result<boost::asio::use_awaitable_t<>, void(ReadOutcome)>::handler_type;

    struct Operation : boost::asio::detail::reactor_op {
        Operation() : reactor_op({}, &perform, &complete) {}

        static status perform(reactor_op* base) {
            auto* self = static_cast<Operation*>(base);
            return self->is_tried ? not_done : self->receive();
        }

        status receive() noexcept {
            iovec room{into.data(), into.size()};
            alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
            msghdr message{};
            message.msg_iov = &room;
            message.msg_iovlen = 1;
            ssize_t count = -1;
            do {
                message.msg_control = control;
                message.msg_controllen = sizeof control;
                count = ::recvmsg(descriptor, &message, 0);
            } while (count < 0 && errno == EINTR);
            drained = false;
            if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return not_done;
            if (count < 0) {
                ec_ = {errno, boost::system::system_category()};
                return done;
            }
            bytes_transferred_ = static_cast<std::size_t>(count);
            drained = count > 0 && unread_behind(message) == 0;
            return drained ? done_and_exhausted : done;
        }

        // More than nothing where nobody says.
        static int unread_behind(msghdr& message) noexcept {
            int unread = 1;
            const cmsghdr* told = CMSG_FIRSTHDR(&message);
            if (told && told->cmsg_level == SOL_TCP && told->cmsg_type == TCP_CM_INQ)
                std::memcpy(&unread, CMSG_DATA(told), sizeof unread);
            return unread;
        }

        // Without an owner everything is torn down: the coroutine goes with its handler, and the
        // socket with this operation in it goes with the coroutine.
        static void complete(void* owner, boost::asio::detail::operation* base,
                             const boost::system::error_code&, std::size_t) {
            auto* self = static_cast<Operation*>(base);
            Handler handler = std::move(*self->handler);
            self->handler.reset();
            const ReadOutcome outcome{self->ec_, self->bytes_transferred_};
            if (owner) handler(outcome);
        }

        std::optional<Handler> handler;
        std::span<char> into;
        int descriptor = -1;
        bool is_tried = false;  // just now, and it was empty
        bool drained = false;   // by the last read
    };

    void start(Handler handler, std::span<char> into) {
        X402_CHECK(!operation_.handler);
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        operation_.ec_ = {};
        operation_.bytes_transferred_ = 0;
        operation_.into = into;
        operation_.descriptor = native_handle();
        operation_.handler.emplace(std::move(handler));
        if (slot.is_connected()) slot.assign([this](boost::asio::cancellation_type) { stop(); });
        const bool tries = !std::exchange(known_empty_, false);
        // What needs no wait comes on a later turn all the same: others are served in between.
        if (tries && operation_.receive() != Operation::not_done)
            return reactor_.post_immediate_completion(&operation_, false);
        auto& own = impl_.get_implementation();
        operation_.is_tried = tries;
        reactor_.start_op(Reactor::read_op, own.socket_, own.reactor_data_, &operation_, false,
                          true);
        operation_.is_tried = false;
    }

    void stop() noexcept {
        boost::system::error_code ignored;
        cancel(ignored);
    }

    Reactor& reactor_;
    Operation operation_;
    bool known_empty_ = false;
};

#else

class QuickSocket : public boost::asio::ip::tcp::socket {
public:
    using boost::asio::ip::tcp::socket::socket;
    void count_unread() noexcept {}
    void wrote() noexcept {}
    boost::asio::awaitable<ReadOutcome> read(std::span<char> into) {
        const auto [error, count] =
            co_await async_read_some(boost::asio::buffer(into.data(), into.size()),
                                     boost::asio::as_tuple(boost::asio::use_awaitable));
        if (error == boost::asio::error::eof) co_return ReadOutcome{};
        co_return ReadOutcome{error, count};
    }
};

#endif

}  // namespace x402::net
