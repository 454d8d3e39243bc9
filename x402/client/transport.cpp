// SPDX-License-Identifier: Apache-2.0
#include "x402/client/transport.hpp"

namespace x402::client {
namespace {

class HttpTransport final : public Transport {
public:
    explicit HttpTransport(net::HttpClient& http) : http_(http) {}
    Task<Result<net::ClientResponse>> send(net::ClientRequest request) override {
        co_return co_await http_.fetch(std::move(request));
    }

private:
    net::HttpClient& http_;
};

}  // namespace

std::unique_ptr<Transport> make_http_transport(net::HttpClient& http) {
    return std::make_unique<HttpTransport>(http);
}

}  // namespace x402::client
