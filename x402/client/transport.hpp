// SPDX-License-Identifier: Apache-2.0
// How the client reaches a server. Replaceable: bring your own HTTP stack, or a script in a test.
// Errors mean what they mean in net/http_client.hpp: unreachable, invalid and refused prove that
// nothing was sent. Redirects are not followed, and nothing is sent twice.
#pragma once

#include <memory>

#include "x402/net/http_client.hpp"

namespace x402::client {

class Transport {
public:
    virtual ~Transport() = default;
    virtual Task<Result<net::ClientResponse>> send(net::ClientRequest request) = 0;
};

// `http` outlives the transport.
std::unique_ptr<Transport> make_http_transport(net::HttpClient& http);

}  // namespace x402::client
