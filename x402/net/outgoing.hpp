// SPDX-License-Identifier: Apache-2.0
// Bytes on their way into a socket: what it takes at once leaves at once, the rest stays here until
// the socket is writable again. For sources of this room; one core.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <string_view>

#include "x402/net/quick_socket.hpp"

namespace x402::net {

// Up to three pieces on their way out, one behind the other.
struct Outgoing {
    std::array<std::string_view, 3> parts;
    std::size_t at = 0;
    boost::system::error_code error{};

    // Writes what the socket takes now. True: nothing is left; otherwise `error` says whether it is
    // full or broken.
    bool push(QuickSocket& socket) noexcept {
        for (;;) {
            while (at < parts.size() && parts[at].empty()) ++at;
            if (at == parts.size()) return true;
            std::size_t sent = write_some(socket);
            if (error) return false;
            socket.wrote();
            for (; at < parts.size() && sent >= parts[at].size(); ++at) sent -= parts[at].size();
            if (at < parts.size()) parts[at].remove_prefix(sent);
        }
    }

    // One piece goes by send(2), which is cheaper than the call that gathers several.
    std::size_t write_some(QuickSocket& socket) noexcept {
        const bool alone = std::all_of(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                       parts.end(), [](auto part) { return part.empty(); });
        if (alone) return socket.write_some(boost::asio::buffer(parts[at]), error);
        std::array<boost::asio::const_buffer, 3> buffers;
        for (std::size_t i = at; i < parts.size(); ++i)
            buffers[i - at] = boost::asio::buffer(parts[i]);
        return socket.write_some(buffers, error);
    }
};

}  // namespace x402::net
