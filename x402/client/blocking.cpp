// SPDX-License-Identifier: Apache-2.0
#include "x402/client/blocking.hpp"

#include "x402/net/runtime.hpp"

namespace x402::client {
namespace {

Task<void> fetch_into(Client& client, Request& request, PayResult& result) {
    result = co_await client.fetch(std::move(request));
}

Task<void> quote_into(Client& client, Request& request, Quote& quote) {
    quote = co_await client.quote(std::move(request));
}

}  // namespace

PayResult fetch_blocking(Client& client, Request request) {
    PayResult result;
    net::run_blocking([&] { return fetch_into(client, request, result); });
    return result;
}

Quote quote_blocking(Client& client, Request request) {
    Quote quote;
    net::run_blocking([&] { return quote_into(client, request, quote); });
    return quote;
}

}  // namespace x402::client
