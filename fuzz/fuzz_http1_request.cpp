// SPDX-License-Identifier: Apache-2.0
// Any bytes as a request. What is accepted must be read the same way again when it is written out,
// and its body must come out the same however the bytes are cut.
#include <array>
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

std::string body_of(http1::BodyDecoder decoder, std::string_view in, std::size_t step,
                    std::string& end) {
    std::string body;
    std::array<char, 7> out{};
    std::size_t at = 0;
    while (at < in.size() && !decoder.done()) {
        const auto result = decoder.decode(in.substr(at, step), out);
        if (!result) {
            // What the same piece held before the fault is not handed out: it depends on the cut.
            end = http1::to_string(result.error());
            return {};
        }
        demand(result->consumed > 0);
        body.append(out.data(), result->produced);
        at += result->consumed;
    }
    end = decoder.done() ? "done " + std::to_string(at) : "more";
    return body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    http1::HeadFinder finder(true);
    const auto head_size = finder.find(bytes);
    if (!head_size || *head_size == 0) return 0;
    RequestHead head;
    if (!http1::read_request_head(bytes.substr(0, *head_size), head)) return 0;
    demand(!(head.chunked && head.content_length));

    const auto framing = head.chunked ? http1::Framing::chunked : http1::Framing::length;
    const http1::BodyDecoder decoder(framing, head.content_length.value_or(0));
    std::string whole_end;
    std::string cut_end;
    const std::string whole = body_of(decoder, bytes.substr(*head_size), size, whole_end);
    const std::string cut = body_of(decoder, bytes.substr(*head_size), 1, cut_end);
    demand(whole == cut && whole_end == cut_end);

    std::string written;
    demand(http1::append_request_head(written, head, head.target, "host.example"));
    http1::HeadFinder again(true);
    const auto written_size = again.find(written);
    // The Host that an HTTP/1.0 request lacked may be what goes beyond a cap.
    if (!written_size) return demand(written_size.error() == http1::Fault::head_too_large), 0;
    demand(*written_size == written.size());
    RequestHead read;
    const auto reread = http1::read_request_head(written, read);
    if (!reread) return demand(reread.error() == http1::Fault::too_many_headers), 0;
    demand(read.method == head.method && read.target == head.target &&
           read.chunked == head.chunked && read.content_length == head.content_length);
    return 0;
}
