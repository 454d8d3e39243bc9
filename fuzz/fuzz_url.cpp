// SPDX-License-Identifier: Apache-2.0
// Any bytes as a URL and as an address. An accepted URL, put together again from its parts, has the
// same parts; a loopback host is never a public address.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "x402/net/ssrf_guard.hpp"

namespace {

void demand(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace x402::net;
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    demand(!(is_loopback_host(bytes) && is_public_address(bytes)));
    const auto parts = split_url(bytes);
    if (!parts) return 0;
    demand(!parts->host.empty() && !parts->port.empty() && parts->target.starts_with('/'));
    demand(parts->scheme == "http" || parts->scheme == "https");
    for (const char c : parts->origin() + parts->target) demand(c > 0x20 && c < 0x7f);
    const auto again = split_url(parts->origin() + parts->target);
    demand(again.has_value());
    demand(again->host == parts->host && again->port == parts->port &&
           again->target == parts->target);
    return 0;
}
