// SPDX-License-Identifier: Apache-2.0
// An outgoing byte stream, plain or TLS, with a deadline for every wait. The peer's certificate and
// name are always verified. One core.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "x402/base/clock.hpp"
#include "x402/base/result.hpp"
#include "x402/net/runtime.hpp"

namespace x402::net {

// Errors: timeout when the wait set for it passed, interrupted otherwise.
class Wire {
public:
    virtual ~Wire() = default;  // closes
    // At least one byte; 0 when the peer has ended the stream in order.
    virtual Task<Result<std::size_t>> read_some(std::span<char> into, Duration wait) = 0;
    // Both pieces, one behind the other. `wait` is for each progress, not for all.
    virtual Task<Result<void>> write(std::string_view first, std::string_view second,
                                     Duration wait) = 0;
    // Bytes that the system has taken since the wire was made.
    virtual std::uint64_t written() const noexcept = 0;
    // False when the peer has closed, or sent what nobody asked for.
    virtual bool is_quiet() noexcept = 0;
};

// Knows one peer.
class Connector {
public:
    virtual ~Connector() = default;
    // Errc::unreachable for every failure: nothing of a request was sent.
    virtual Task<Result<std::unique_ptr<Wire>>> connect(Duration wait) = 0;
};

struct ConnectorOptions {
    std::string host;  // a name or a numeric address, without brackets
    std::string port;
    bool tls = false;
    std::string ca_file;  // trusted besides nothing else; empty: the system's authorities
};

// Errc::invalid when the authorities cannot be read.
Result<std::unique_ptr<Connector>> make_connector(ConnectorOptions options);

}  // namespace x402::net
