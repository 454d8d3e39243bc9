// SPDX-License-Identifier: Apache-2.0
// Any bytes as a response, to GET and to HEAD. An accepted head has one framing, and can be written
// out and read again with the same headers.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "x402/net/http1.hpp"

namespace {

using namespace x402::net;

void demand(bool condition) {
    if (!condition) std::abort();
}

void check(std::string_view head_bytes, bool to_head) {
    ResponseHead head;
    const auto traits = http1::read_response_head(head_bytes, to_head, head);
    if (!traits) return;
    demand(head.status >= 100 && head.status < 600);
    demand(!to_head || traits->framing == http1::Framing::none);
    demand(traits->framing != http1::Framing::until_close || !traits->keep_alive);
    remove_hop_by_hop(head.headers);
    head.headers.remove("Content-Length");
    http1::WriteOptions options;
    options.framing = http1::Framing::chunked;
    std::string written;
    demand(http1::append_response_head(written, head, options));
    ResponseHead read;
    const auto again = http1::read_response_head(written, false, read);
    // One header more than came in may be one too many.
    if (!again) return demand(again.error() == http1::Fault::too_many_headers);
    demand(read.status == head.status &&
           read.headers.list().size() == head.headers.list().size() + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    http1::HeadFinder finder(false);
    const auto head_size = finder.find(bytes);
    if (!head_size || *head_size == 0) return 0;
    check(bytes.substr(0, *head_size), false);
    check(bytes.substr(0, *head_size), true);
    return 0;
}
