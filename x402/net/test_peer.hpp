// SPDX-License-Identifier: Apache-2.0
// For tests: plain blocking sockets that say and hear exact bytes, so that both sides of the codec
// can be met by a peer that breaks every rule. A read waits for what it asks for, at most five
// seconds. One thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace x402::net::testing {

class RawPeer {
public:
    explicit RawPeer(int fd) : fd_(fd) { set_timeout(5); }
    RawPeer(RawPeer&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), heard_(std::move(other.heard_)) {}
    RawPeer(const RawPeer&) = delete;
    RawPeer& operator=(const RawPeer&) = delete;
    ~RawPeer() { close(); }

    // "127.0.0.1:4021"
    static RawPeer connect(std::string_view address, int receive_buffer = 0) {
        const std::size_t colon = address.rfind(':');
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (receive_buffer > 0) {
            ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        }
        sockaddr_in to{};
        to.sin_family = AF_INET;
        std::uint16_t port = 0;
        std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
            ::close(fd);
            return RawPeer{-1};
        }
        return RawPeer{fd};
    }

    bool connected() const { return fd_ >= 0; }
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }
    // All bytes up to and including `mark`; what came until then when the peer ends or five seconds
    // pass.
    std::string read_until(std::string_view mark) {
        for (;;) {
            const std::size_t at = heard_.find(mark);
            if (at != std::string::npos) return take(at + mark.size());
            if (!hear()) return take(heard_.size());
        }
    }
    std::string read_exactly(std::size_t count) {
        while (heard_.size() < count && hear()) {
        }
        return take(std::min(count, heard_.size()));
    }
    std::string read_to_end() {
        while (hear()) {
        }
        return take(heard_.size());
    }
    // A whole answer that has a Content-Length.
    std::string read_answer() {
        std::string head = read_until("\r\n\r\n");
        constexpr std::string_view kLength = "Content-Length: ";
        const std::size_t at = head.find(kLength);
        std::size_t length = 0;
        if (at != std::string::npos) {
            std::from_chars(head.data() + at + kLength.size(), head.data() + head.size(), length);
        }
        return head + read_exactly(length);
    }
    // True when the peer closed in order or by a reset, and sent nothing more.
    bool ended() { return heard_.empty() && !hear() && over_; }
    void half_close() { ::shutdown(fd_, SHUT_WR); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }
    void set_timeout(int seconds) {
        const timeval wait{seconds, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    }
    int fd() const { return fd_; }

private:
    bool hear() {
        char bytes[16 * 1024];
        const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
        if (n > 0) heard_.append(bytes, static_cast<std::size_t>(n));
        over_ = n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
        return n > 0;
    }
    std::string take(std::size_t count) {
        std::string out = heard_.substr(0, count);
        heard_.erase(0, count);
        return out;
    }

    int fd_;
    bool over_ = false;
    std::string heard_;
};

// A listening socket on a port that the system chose.
class RawListener {
public:
    RawListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        ::bind(fd_, reinterpret_cast<sockaddr*>(&at), size);
        ::listen(fd_, 16);
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
        port_ = ntohs(at.sin_port);
        const timeval wait{5, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    }
    RawListener(const RawListener&) = delete;
    RawListener& operator=(const RawListener&) = delete;
    ~RawListener() { close(); }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    RawPeer accept() { return RawPeer{::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)}; }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

private:
    int fd_;
    std::uint16_t port_ = 0;
};

}  // namespace x402::net::testing
