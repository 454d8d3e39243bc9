// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 as a codec without sockets (RFC 9112): heads and bodies from bytes, bytes from heads. A
// strict scan of our own decides; Beast's parser then reads the same bytes as a second opinion, and
// what the two see differently is refused. Pure values; one thread each.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "x402/net/http.hpp"

namespace x402::net::http1 {

// Why a message is refused. X(name, status for a server's answer, sentence for the sender)
#define X402_HTTP1_FAULTS(X)                                                                   \
    X(bad_request_line, 400, "the request line is not METHOD SP TARGET SP VERSION")            \
    X(absolute_target, 400, "the target must be a path: the absolute form is not served here") \
    X(bad_target, 400, "the target must begin with a slash and hold visible ASCII only")       \
    X(target_too_long, 414, "the target is too long")                                          \
    X(bad_version, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here")                          \
    X(bare_newline, 400, "a line must end with CR LF, and neither may stand alone")            \
    X(folded_header, 400, "a header line must not begin with a space")                         \
    X(space_before_colon, 400, "there is a space between a header's name and its colon")       \
    X(bad_header_name, 400, "a header's name is empty or has a character that no token has")   \
    X(bad_header_value, 400, "a header's value has a control character")                       \
    X(too_many_headers, 431, "there are too many headers")                                     \
    X(head_too_large, 431, "the headers are too large")                                        \
    X(missing_host, 400, "the Host header is missing")                                         \
    X(duplicate_host, 400, "there is more than one Host header")                               \
    X(bad_host, 400, "the Host header is no host name")                                        \
    X(both_lengths, 400, "Content-Length and Transfer-Encoding exclude each other")            \
    X(duplicate_length, 400, "there is more than one Content-Length header")                   \
    X(bad_length, 400, "Content-Length is not a plain decimal number")                         \
    X(bad_transfer_encoding, 400, "Transfer-Encoding must be exactly chunked, once")           \
    X(old_chunked, 400, "HTTP/1.0 has no Transfer-Encoding")                                   \
    X(bad_expectation, 417, "the only expectation known here is 100-continue")                 \
    X(bad_chunk, 400, "the chunked body is malformed")                                         \
    X(chunk_too_long, 400, "a chunk's size line or the trailers are too long")                 \
    X(bad_status_line, 502, "the status line is not VERSION SP CODE SP TEXT")                  \
    X(two_readings, 400, "the head can be read in two ways")

enum class Fault : std::uint8_t {
#define X402_HTTP1_FAULT_NAME(name, status, sentence) name,
    X402_HTTP1_FAULTS(X402_HTTP1_FAULT_NAME)
#undef X402_HTTP1_FAULT_NAME
};
int status_of(Fault fault) noexcept;
std::string_view to_string(Fault fault) noexcept;  // "bad_chunk"
std::string_view sentence_of(Fault fault) noexcept;

template <class T>
using Read = std::expected<T, Fault>;

// Finds where a head ends in bytes that grow; looks at each byte once.
class HeadFinder {
public:
    explicit HeadFinder(bool of_request) noexcept : of_request_(of_request) {}
    // Bytes up to and including the empty line; 0 while more are needed. `bytes` always begins with
    // the head.
    Read<std::size_t> find(std::string_view bytes) noexcept;
    void reset() noexcept { line_ = seen_ = 0; }

private:
    bool of_request_;
    std::size_t line_ = 0;  // where the last line begins
    std::size_t seen_ = 0;
};

// What a request's head says beyond RequestHead.
struct RequestTraits {
    bool http10 = false;
    bool expects_continue = false;
};
// `head` is what HeadFinder delimited. Storage of `into` is used again.
Read<RequestTraits> read_request_head(std::string_view head, RequestHead& into);

enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct ResponseTraits {
    Framing framing = Framing::none;
    std::optional<std::uint64_t> content_length;  // as announced, also for HEAD
    bool keep_alive = true;
};
// Headers come as they were sent, the ones of this hop too.
Read<ResponseTraits> read_response_head(std::string_view head, bool answers_head,
                                        ResponseHead& into);

// Takes a body out of its framing.
class BodyDecoder {
public:
    BodyDecoder() noexcept : BodyDecoder(Framing::none, 0) {}
    BodyDecoder(Framing framing, std::uint64_t length) noexcept;
    // For answers: what is dropped anyway, extensions and trailers, may be any text. In a request
    // another reader could take it for the next one.
    void tolerate() noexcept { tolerant_ = true; }

    struct Step {
        std::size_t consumed = 0;  // of the input
        std::size_t produced = 0;  // written to the output
    };
    Read<Step> decode(std::string_view in, std::span<char> out);
    bool done() const noexcept { return state_ == State::done; }
    // The sender closed: an error unless that is how this body ends.
    bool end_of_input() noexcept;
    // How many raw body bytes may be taken past the decoder; 0 where the framing must be read.
    std::uint64_t direct() const noexcept;
    void took_direct(std::uint64_t bytes) noexcept;
    // Nothing when unknown.
    std::optional<std::uint64_t> remaining() const noexcept;

private:
    enum class State : std::uint8_t {
        size,
        extension_start,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailer_name,
        trailer,
        trailer_lf,
        last_lf,
        raw,
        done
    };
    Read<void> framing_char(char c);
    Read<void> trailer_char(char c);
    void end_size_line() noexcept;

    Framing framing_;
    State state_ = State::done;
    bool tolerant_ = false;
    std::uint64_t left_ = 0;  // of the chunk or of the body
    int digits_ = 0;
    std::size_t line_ = 0;  // bytes of the running size line, or of all trailers
};

// Text that may stand in a message that we write: no header can end early.
bool is_token(std::string_view text) noexcept;
bool is_field_value(std::string_view text) noexcept;
bool is_target(std::string_view text) noexcept;

struct WriteOptions {
    Framing framing = Framing::none;
    std::uint64_t length = 0;     // Framing::length
    bool announce_length = true;  // false: 204, 304 and 1xx have no length at all
    bool close = false;
    bool say_keep_alive = false;  // an HTTP/1.0 client has to be told
    std::string_view date;        // added unless the head brings its own
};
// False, and nothing appended, when a header could not be written safely.
bool append_response_head(std::string& out, const ResponseHead& head, const WriteOptions& options);
// The same with lines that were prepared. False, and nothing appended, for a value that would end
// its line.
bool append_prepared_head(std::string& out, const PreparedResponse& response,
                          const WriteOptions& options);
// `host` is used unless the head brings one; the framing is the head's. Headers of one hop are left
// out.
bool append_request_head(std::string& out, const RequestHead& head, std::string_view target,
                         std::string_view host);
// "1f\r\n"; the piece is followed by "\r\n", the body by kLastChunk.
void append_chunk_size(std::string& out, std::size_t size);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace x402::net::http1
