// SPDX-License-Identifier: Apache-2.0
// The codec: every refusal with its reason, what is accepted, and bodies cut at every byte.
#include "x402/net/http1.hpp"

#include <gtest/gtest.h>

#include "x402/base/limits.hpp"

namespace x402::net::http1 {
namespace {

// The whole way of a head: find its end, read it. Nothing found counts as "more".
std::string verdict(const std::string& bytes, RequestHead* into = nullptr) {
    HeadFinder finder(true);
    const auto size = finder.find(bytes);
    if (!size) return std::string{to_string(size.error())};
    if (*size == 0) return "more";
    RequestHead head;
    const auto traits =
        read_request_head(std::string_view{bytes}.substr(0, *size), into ? *into : head);
    return traits ? "ok" : std::string{to_string(traits.error())};
}

std::string request(const std::string& headers, const std::string& line = "GET /a HTTP/1.1") {
    return line + "\r\n" + headers + "\r\n";
}

TEST(RequestHead, Verdicts) {
    struct Row {
        const char* name;
        std::string bytes;
        const char* want;
    };
    const std::string host = "Host: a\r\n";
    std::string many = host;
    for (int i = 0; i < 128; ++i) many += "X: y\r\n";
    const std::string nul = host + "X: a" + std::string(1, '\0') + "b\r\n";
    const Row rows[] = {
        {"plain", request(host), "ok"},
        {"no headers, 1.0", request("", "GET / HTTP/1.0"), "ok"},
        {"asterisk", request(host, "OPTIONS * HTTP/1.1"), "ok"},
        {"own method", request(host, "PAY-NOW /x HTTP/1.1"), "ok"},
        {"obs-text", request(host + "X: caf\xe9\r\n"), "ok"},
        {"empty value", request(host + "X:\r\n"), "ok"},
        {"tab inside", request(host + "X: a\tb\r\n"), "ok"},
        {"chunked", request(host + "Transfer-Encoding: Chunked\r\n"), "ok"},
        {"length", request(host + "Content-Length: 0\r\n"), "ok"},
        {"IPv6 host", request("Host: [::1]:80\r\n"), "ok"},
        {"unfinished", "GET / HTTP/1.1\r\nHost: a\r\n", "more"},
        {"nothing", "", "more"},

        {"empty line first", "\r\n" + request(host), "bad_request_line"},
        {"no spaces", request(host, "GET/HTTP/1.1"), "bad_request_line"},
        {"one space", request(host, "GET /"), "bad_request_line"},
        {"two spaces", request(host, "GET  / HTTP/1.1"), "bad_target"},
        {"space in target", request(host, "GET /a b HTTP/1.1"), "bad_target"},
        {"tab for space", request(host, "GET\t/ HTTP/1.1"), "bad_request_line"},
        {"method with colon", request(host, "G:T / HTTP/1.1"), "bad_request_line"},
        {"long method", request(host, std::string(33, 'M') + " / HTTP/1.1"), "bad_request_line"},
        {"space at the end", request(host, "GET / HTTP/1.1 "), "bad_request_line"},
        {"lower-case version", request(host, "GET / http/1.1"), "bad_request_line"},
        {"2.0", request(host, "GET / HTTP/2.0"), "bad_version"},
        {"1.2", request(host, "GET / HTTP/1.2"), "bad_version"},
        {"long version", request(host, "GET / HTTP/1.10"), "bad_version"},

        {"absolute form", request(host, "GET http://a/ HTTP/1.1"), "absolute_target"},
        {"authority form", request(host, "CONNECT a:443 HTTP/1.1"), "bad_target"},
        {"asterisk for GET", request(host, "GET * HTTP/1.1"), "bad_target"},
        {"control in target", request(host, "GET /a\x01 HTTP/1.1"), "bad_target"},
        {"DEL in target", request(host, "GET /a\x7f HTTP/1.1"), "bad_target"},
        {"byte above ASCII", request(host, "GET /caf\xe9 HTTP/1.1"), "bad_target"},
        {"fragment", request(host, "GET /a#b HTTP/1.1"), "bad_target"},
        {"backslash", request(host, "GET /a\\b HTTP/1.1"), "bad_target"},
        {"long target", request(host, "GET /" + std::string(8192, 'a') + " HTTP/1.1"),
         "target_too_long"},
        {"endless target", "GET /" + std::string(8300, 'a'), "target_too_long"},

        {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", "bare_newline"},
        {"bare LF in headers", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "bare_newline"},
        {"bare CR in a value", request(host + "X: a\rb\r\n"), "bare_newline"},
        {"bare CR in the line", request(host, "GET /a\r HTTP/1.1"), "bare_newline"},
        {"LF first", "\nGET / HTTP/1.1\r\n\r\n", "bare_newline"},
        {"CR CR LF", request("Host: a\r\r\n"), "bare_newline"},

        {"obs-fold", request(host + "X: a\r\n b\r\n"), "folded_header"},
        {"obs-fold by tab", request(host + "X: a\r\n\tb\r\n"), "folded_header"},
        {"first header folded", request(" Host: a\r\n"), "folded_header"},
        {"space before colon", request("Host : a\r\n"), "space_before_colon"},
        {"tab before colon", request(host + "Content-Length\t: 3\r\n"), "space_before_colon"},
        {"no colon", request(host + "Nothing\r\n"), "bad_header_name"},
        {"no name", request(host + ": a\r\n"), "bad_header_name"},
        {"name with quotes", request(host + "\"X\": a\r\n"), "bad_header_name"},
        {"name above ASCII", request(host + "X\xe9: a\r\n"), "bad_header_name"},
        {"NUL in a value", request(nul), "bad_header_value"},
        {"ESC in a value", request(host + "X: \x1b[0m\r\n"), "bad_header_value"},
        {"DEL in a value", request(host + "X: \x7f\r\n"), "bad_header_value"},
        {"too many", request(many), "too_many_headers"},
        {"too large", request(host + "X: " + std::string(65'536, 'a') + "\r\n"), "head_too_large"},
        {"endless header", "GET / HTTP/1.1\r\nX: " + std::string(65'536, 'a'), "head_too_large"},

        {"no host", request("X: a\r\n"), "missing_host"},
        {"two hosts", request(host + host), "duplicate_host"},
        {"two hosts, 1.0", request(host + host, "GET / HTTP/1.0"), "duplicate_host"},
        {"empty host", request("Host:\r\n"), "bad_host"},
        {"user in host", request("Host: u@a\r\n"), "bad_host"},
        {"path in host", request("Host: a/b\r\n"), "bad_host"},
        {"list of hosts", request("Host: a, b\r\n"), "bad_host"},

        {"both lengths", request(host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
         "both_lengths"},
        {"both, other order", request(host + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
         "both_lengths"},
        {"equal lengths", request(host + "Content-Length: 3\r\nContent-Length: 3\r\n"),
         "duplicate_length"},
        {"different lengths", request(host + "Content-Length: 3\r\ncontent-length: 4\r\n"),
         "duplicate_length"},
        {"list of lengths", request(host + "Content-Length: 3, 3\r\n"), "bad_length"},
        {"plus", request(host + "Content-Length: +3\r\n"), "bad_length"},
        {"minus", request(host + "Content-Length: -3\r\n"), "bad_length"},
        {"hexadecimal", request(host + "Content-Length: 0x3\r\n"), "bad_length"},
        {"fraction", request(host + "Content-Length: 3.0\r\n"), "bad_length"},
        {"empty length", request(host + "Content-Length:\r\n"), "bad_length"},
        {"huge length", request(host + "Content-Length: 18446744073709551616\r\n"), "bad_length"},
        {"gzip, chunked", request(host + "Transfer-Encoding: gzip, chunked\r\n"),
         "bad_transfer_encoding"},
        {"identity", request(host + "Transfer-Encoding: identity\r\n"), "bad_transfer_encoding"},
        {"chunked twice", request(host + "Transfer-Encoding: chunked, chunked\r\n"),
         "bad_transfer_encoding"},
        {"two lines",
         request(host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
         "bad_transfer_encoding"},
        {"quoted", request(host + "Transfer-Encoding: \"chunked\"\r\n"), "bad_transfer_encoding"},
        {"vertical tab",
         request(host + "Transfer-Encoding: \x0b"
                        "chunked\r\n"),
         "bad_header_value"},
        {"parameter", request(host + "Transfer-Encoding: chunked;q=1\r\n"),
         "bad_transfer_encoding"},
        {"chunked in 1.0", request("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"),
         "old_chunked"},
        {"expectation", request(host + "Expect: 200-ok\r\n"), "bad_expectation"},
        {"Connection nobody can read", request(host + "Connection: a b;;\r\n"), "two_readings"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(verdict(row.bytes), row.want);
    }
}

TEST(RequestHead, ReadsWhatWasSent) {
    RequestHead head;
    head.headers.add("Old", "of the request before");
    head.headers.add("Older", "x");
    head.headers.add("Oldest", "x");
    head.content_length = 9;
    ASSERT_EQ(verdict(request("Host: a\r\nX-Two:  b c \t\r\n", "POST /p?q=%20 HTTP/1.1"), &head),
              "ok");
    EXPECT_EQ(head.method, "POST");
    EXPECT_EQ(head.target, "/p?q=%20");
    ASSERT_EQ(head.headers.list().size(), 2U);
    EXPECT_EQ(head.headers.list()[1].name, "X-Two");
    EXPECT_EQ(head.headers.list()[1].value, "b c");
    EXPECT_FALSE(head.content_length);
    EXPECT_FALSE(head.has_body());
}

TEST(RequestHead, KeepAlive) {
    struct Row {
        const char* name;
        const char* version;
        const char* header;
        bool want;
    };
    for (const Row& row :
         {Row{"1.1", "1.1", "", true}, Row{"1.1 close", "1.1", "Connection: x, Close\r\n", false},
          Row{"1.0", "1.0", "", false}, Row{"1.0 asks", "1.0", "Connection: Keep-Alive\r\n", true},
          Row{"1.0 both", "1.0", "Connection: keep-alive\r\nConnection: close\r\n", false}}) {
        SCOPED_TRACE(row.name);
        RequestHead head;
        const std::string line = std::string{"GET / HTTP/"} + row.version;
        ASSERT_EQ(verdict(request(std::string{"Host: a\r\n"} + row.header, line), &head), "ok");
        EXPECT_EQ(head.keep_alive, row.want);
    }
}

TEST(HeadFinder, FindsTheEndHoweverTheBytesCome) {
    const std::string bytes = request("Host: a\r\nX: b\r\n") + "GET /next";
    const std::size_t want = bytes.size() - 9;
    for (std::size_t first = 0; first < bytes.size(); ++first) {
        HeadFinder finder(true);
        const auto early = finder.find(std::string_view{bytes}.substr(0, first));
        ASSERT_TRUE(early);
        EXPECT_EQ(*early, first >= want ? want : 0U);
        if (*early == 0) {
            EXPECT_EQ(*finder.find(bytes), want);
        }
    }
}

std::string response_verdict(const std::string& bytes, bool to_head,
                             ResponseTraits* out = nullptr) {
    HeadFinder finder(false);
    const auto size = finder.find(bytes);
    if (!size) return std::string{to_string(size.error())};
    if (*size == 0) return "more";
    ResponseHead head;
    const auto traits = read_response_head(std::string_view{bytes}.substr(0, *size), to_head, head);
    if (traits && out) *out = *traits;
    return traits ? "ok" : std::string{to_string(traits.error())};
}

TEST(ResponseHead, Verdicts) {
    struct Row {
        const char* name;
        std::string bytes;
        const char* want;
    };
    const Row rows[] = {
        {"plain", "HTTP/1.1 200 OK\r\n\r\n", "ok"},
        {"no reason", "HTTP/1.1 200 \r\n\r\n", "ok"},
        {"1.0", "HTTP/1.0 404 Not Found\r\nX: y\r\n\r\n", "ok"},
        {"unfinished", "HTTP/1.1 200 OK\r\n", "more"},
        {"empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", "bad_status_line"},
        {"no code", "HTTP/1.1 OK\r\n\r\n", "bad_status_line"},
        {"two digits", "HTTP/1.1 20 OK\r\n\r\n", "bad_status_line"},
        {"four digits", "HTTP/1.1 2000 OK\r\n\r\n", "bad_status_line"},
        {"code 600", "HTTP/1.1 600 X\r\n\r\n", "bad_status_line"},
        {"code 000", "HTTP/1.1 000 X\r\n\r\n", "bad_status_line"},
        {"control in reason", "HTTP/1.1 200 O\x01K\r\n\r\n", "bad_status_line"},
        {"HTTP/2", "HTTP/2 200 OK\r\n\r\n", "bad_version"},
        {"other protocol", "ICY 200 OK\r\n\r\n", "bad_status_line"},
        {"bare LF", "HTTP/1.1 200 OK\n\n", "bare_newline"},
        {"both lengths",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "both_lengths"},
        {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
         "duplicate_length"},
        {"fold", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "folded_header"},
        {"too large", "HTTP/1.1 200 OK\r\nA: " + std::string(65'536, 'x') + "\r\n\r\n",
         "head_too_large"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(response_verdict(row.bytes, false), row.want);
    }
}

TEST(ResponseHead, Framing) {
    struct Row {
        const char* name;
        std::string bytes;
        bool to_head;
        Framing want;
        bool keep;
    };
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const Row rows[] = {
        {"length", ok + "Content-Length: 5\r\n\r\n", false, Framing::length, true},
        {"length zero", ok + "Content-Length: 0\r\n\r\n", false, Framing::none, true},
        {"chunked", ok + "Transfer-Encoding: chunked\r\n\r\n", false, Framing::chunked, true},
        {"neither", ok + "\r\n", false, Framing::until_close, false},
        {"to HEAD", ok + "Content-Length: 5\r\n\r\n", true, Framing::none, true},
        {"to HEAD, neither", ok + "\r\n", true, Framing::none, true},
        {"204", "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n", false, Framing::none, true},
        {"304", "HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n", false, Framing::none, true},
        {"close", ok + "Content-Length: 5\r\nConnection: close\r\n\r\n", false, Framing::length,
         false},
        {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, Framing::length, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        ResponseTraits traits;
        ASSERT_EQ(response_verdict(row.bytes, row.to_head, &traits), "ok");
        EXPECT_EQ(traits.framing, row.want);
        EXPECT_EQ(traits.keep_alive, row.keep);
    }
}

// Feeds pieces of `step` bytes into a decoder with an output of `room` bytes.
struct Decoded {
    std::string body;
    std::string fault;
    std::size_t consumed = 0;
    bool done = false;
};

Decoded decode(BodyDecoder decoder, std::string_view in, std::size_t step, std::size_t room) {
    Decoded out;
    std::string buffer(room, '\0');
    while (out.consumed < in.size() && !decoder.done()) {
        const auto result = decoder.decode(in.substr(out.consumed, step), buffer);
        if (!result) {
            out.fault = to_string(result.error());
            return out;
        }
        out.body.append(buffer.data(), result->produced);
        out.consumed += result->consumed;
        if (result->consumed == 0) break;
    }
    out.done = decoder.done();
    return out;
}

TEST(BodyDecoder, ChunkedCutAtEveryByte) {
    const std::string wire =
        "4\r\nWiki\r\n5;a=\"b c\"\r\npedia\r\n0000\r\nTrailer: x\r\nT2: y\r\n\r\n";
    const std::string next = "GET /next HTTP/1.1\r\n";
    for (std::size_t step = 1; step <= wire.size() + next.size(); ++step) {
        for (const std::size_t room : {1U, 3U, 64U}) {
            const Decoded got = decode({Framing::chunked, 0}, wire + next, step, room);
            EXPECT_EQ(got.body, "Wikipedia");
            EXPECT_EQ(got.consumed, wire.size()) << "not a byte of the next request";
            EXPECT_TRUE(got.done);
        }
    }
}

TEST(BodyDecoder, ChunkedRefusals) {
    struct Row {
        const char* name;
        std::string wire;
        const char* want;
    };
    const Row rows[] = {
        {"no digits", "\r\nabc", "bad_chunk"},
        {"not hexadecimal", "g\r\n", "bad_chunk"},
        {"0x", "0x3\r\nabc\r\n", "bad_chunk"},
        {"sign", "-3\r\nabc\r\n", "bad_chunk"},
        {"leading space", " 3\r\nabc\r\n", "bad_chunk"},
        {"space behind", "3 \r\nabc\r\n", "bad_chunk"},
        {"bare LF", "3\nabc\r\n", "bad_chunk"},
        {"bare CR", "3\rabc\r\n", "bad_chunk"},
        {"LF in the extension", "3;a\nabc\r\n0\r\n\r\n", "bad_chunk"},
        {"CR in the extension", "3;a\rb\r\nabc\r\n", "bad_chunk"},
        {"data too long", "3\r\nabcd\r\n", "bad_chunk"},
        {"data ends with LF", "3\r\nabc\n0\r\n\r\n", "bad_chunk"},
        {"size overflows", "10000000000000003\r\nabc\r\n", "chunk_too_long"},
        {"many zeros", std::string(16, '0') + "\r\n\r\n", "chunk_too_long"},
        {"long extension", "3;" + std::string(300, 'x') + "\r\nabc\r\n", "chunk_too_long"},
        {"extension without a name", "3;\r\nabc\r\n0\r\n\r\n", "bad_chunk"},
        {"extension of spaces", "3; \t\r\nabc\r\n0\r\n\r\n", "bad_chunk"},
        {"trailer that is a request", "0\r\nGET /b HTTP/1.1\r\n\r\n", "bad_chunk"},
        {"trailer without a colon", "0\r\nA\r\n\r\n", "bad_chunk"},
        {"trailer without a name", "0\r\n: b\r\n\r\n", "bad_chunk"},
        {"space in a trailer's name", "0\r\nA : b\r\n\r\n", "bad_chunk"},
        {"trailers too long", "0\r\n" + std::string(9000, 'x') + "\r\n\r\n", "chunk_too_long"},
        {"trailer with LF", "0\r\nA: b\n\r\n", "bad_chunk"},
        {"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", "bad_chunk"},
        {"last line broken", "0\r\n\rX", "bad_chunk"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(decode({Framing::chunked, 0}, row.wire, 7, 64).fault, row.want);
    }
}

// What is dropped anyway may be any text in an answer: breaking it off would take the buyer's money
// for a cut body.
TEST(BodyDecoder, AnswersMayBeSloppyWhereItIsDropped) {
    for (const char* end :
         {"3;\r\nabc\r\n0\r\n\r\n", "3; a=b\r\nabc\r\n0\r\n\r\n",
          "3\r\nabc\r\n0\r\nno colon\r\n\r\n", "3\r\nabc\r\n0\r\nA : b\r\n\r\n"}) {
        SCOPED_TRACE(end);
        BodyDecoder decoder(Framing::chunked, 0);
        decoder.tolerate();
        const Decoded got = decode(decoder, end, 1, 64);
        EXPECT_EQ(got.body, "abc");
        EXPECT_TRUE(got.done);
    }
    BodyDecoder decoder(Framing::chunked, 0);
    decoder.tolerate();
    EXPECT_EQ(decode(decoder, "3\r\nabc\r\n0\r\n folded\r\n\r\n", 1, 64).fault, "bad_chunk");
    EXPECT_TRUE(decode({Framing::chunked, 0}, "3; a=b\r\nabc\r\n0\r\n\r\n", 1, 64).done);
}

TEST(BodyDecoder, LengthAndClose) {
    const Decoded five = decode({Framing::length, 5}, "helloGET", 3, 2);
    EXPECT_EQ(five.body, "hello");
    EXPECT_EQ(five.consumed, 5U);
    EXPECT_TRUE(five.done);
    EXPECT_TRUE(BodyDecoder(Framing::length, 0).done());
    EXPECT_TRUE(BodyDecoder(Framing::none, 7).done());
    BodyDecoder cut(Framing::length, 5);
    EXPECT_FALSE(cut.end_of_input()) << "an announced body that ends early is not whole";
    BodyDecoder open(Framing::until_close, 0);
    EXPECT_GT(open.direct(), 1000U);
    open.took_direct(1000);
    EXPECT_FALSE(open.done());
    EXPECT_TRUE(open.end_of_input());
    BodyDecoder chunked(Framing::chunked, 0);
    EXPECT_FALSE(chunked.end_of_input());
}

TEST(Writer, RoundTripsThroughTheReader) {
    ResponseHead head;
    head.status = 402;
    head.headers.add("PAYMENT-REQUIRED", "abc=");
    head.headers.add("Content-Length", "999");
    head.headers.add("transfer-encoding", "gzip");
    head.headers.add("Connection", "X-Gone");
    std::string out;
    WriteOptions options;
    options.framing = Framing::length;
    options.length = 5;
    options.date = "Sun, 06 Nov 1994 08:49:37 GMT";
    ASSERT_TRUE(append_response_head(out, head, options));
    EXPECT_EQ(out,
              "HTTP/1.1 402 Payment Required\r\nPAYMENT-REQUIRED: abc=\r\n"
              "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 5\r\n\r\n");
    ResponseTraits traits;
    EXPECT_EQ(response_verdict(out, false, &traits), "ok");
    EXPECT_EQ(traits.content_length, 5U);
}

TEST(Writer, NeverWritesALineThatEndsEarly) {
    struct Row {
        const char* name;
        std::string header;
        std::string value;
    };
    const Row rows[] = {
        {"LF", "X", "a\nb"},
        {"CR", "X", "a\rb"},
        {"NUL", "X", std::string("a\0b", 3)},
        {"name with colon", "X:", "a"},
        {"empty name", "", "a"},
        {"name with CR", "X\r\nY", "a"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        std::string out = "before";
        ResponseHead response;
        response.headers.add(row.header, row.value);
        EXPECT_FALSE(append_response_head(out, response, {}));
        RequestHead asked;
        asked.method = "GET";
        asked.headers.add(row.header, row.value);
        EXPECT_FALSE(append_request_head(out, asked, "/", "a"));
        EXPECT_EQ(out, "before");
    }
    std::string out;
    RequestHead asked;
    asked.method = "GET";
    for (const char* target : {"", "x", "/a b", "/a\r\nX: y", "/caf\xe9", "http://a/"}) {
        EXPECT_FALSE(append_request_head(out, asked, target, "a")) << target;
    }
}

using Text = Stencil::Piece;

// What is written for these lines with these values in their holes.
std::string prepared(std::vector<Text> lines, std::vector<std::string_view> values = {},
                     const WriteOptions& options = {}) {
    const auto head = PreparedHead::make(402, Stencil{std::move(lines)});
    if (!head) return "not made";
    std::string out = "before";
    const Stencil body;
    const bool good = append_prepared_head(out, {*head, values, body, {}}, options);
    if (!good) {
        EXPECT_EQ(out, "before");
    }
    return good ? out.substr(6) : "refused";
}

TEST(Writer, PreparedLines) {
    const std::string start = "HTTP/1.1 402 Payment Required\r\n";
    EXPECT_EQ(prepared({}), start + "\r\n");
    EXPECT_EQ(prepared({{"A: ", 0}, {"", 1}, {"\r\nB:\r\n"}}, {"1", "2"}),
              start + "A: 12\r\nB:\r\n\r\n");
    EXPECT_EQ(prepared({{"A:", 1}, {"-", 1}, {"\r\n"}}, {"1", "2"}), start + "A:2-2\r\n\r\n");
    WriteOptions options;
    options.framing = Framing::length;
    options.length = 7;
    options.date = "now";
    options.close = true;
    EXPECT_EQ(prepared({{"A: 1\r\n"}}, {}, options),
              start + "A: 1\r\nDate: now\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(prepared({{"date: then\r\n"}}, {}, options),
              start + "date: then\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
    const std::string long_value(5000, 'v');
    EXPECT_EQ(prepared({{"A: ", 0}, {"\r\n"}}, {long_value}),
              start + "A: " + long_value + "\r\n\r\n");
    EXPECT_FALSE(PreparedHead::make(99, {}));
    EXPECT_FALSE(PreparedHead::make(1000, {}));
}

TEST(Writer, LinesThatCannotBePrepared) {
    struct Row {
        const char* name;
        std::vector<Text> lines;
    };
    const Row rows[] = {
        {"last line unfinished", {{"A: 1\r\nB: 2"}}},
        {"only a line end", {{"\r\n"}}},
        {"an empty line between", {{"A: 1\r\n"}, {"\r\n"}, {"B: 2\r\n"}}},
        {"an empty line at the end", {{"A: 1\r\n\r\n"}}},
        {"bare LF", {{"A: 1\nB: 2\r\n"}}},
        {"bare LF first", {{"A: 1"}, {"\nB: 2\r\n"}}},
        {"LF at the very start", {{"\n"}}},
        {"bare CR", {{"A: 1\rB: 2\r\n"}}},
        {"two CR", {{"A: 1\r\r\n"}}},
        {"NUL", {{std::string("A: \0\r\n", 6)}}},
        {"no colon", {{"A\r\n"}}},
        {"no name", {{": 1\r\n"}}},
        {"space before the colon", {{"A : 1\r\n"}}},
        {"folded", {{"A: 1\r\n"}, {" more\r\n"}}},
        {"a line end split over two pieces", {{"A: 1\r"}, {"\n"}}},
        {"a line end split by a hole", {{"A: 1\r", 0}, {"\n"}}},
        {"a hole at the start", {{"", 0}, {": 1\r\n"}}},
        {"a hole in a name", {{"A: 1\r\nB", 0}, {": 1\r\n"}}},
        {"a hole at a later start", {{"A: 1\r\n", 0}, {"B: 1\r\n"}}},
        {"a hole at the end", {{"A: 1\r\n", 0}}},
        {"Content-Length", {{"content-length: 1\r\n"}}},
        {"Transfer-Encoding", {{"A: 1\r\nTransfer-Encoding: chunked\r\n"}}},
        {"Connection", {{"Connection: close\r\n"}}},
        {"Keep-Alive", {{"Keep-Alive: timeout=5\r\n"}}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(prepared(row.lines, {"x"}), "not made");
    }
}

TEST(Writer, ValuesThatWouldEndTheirLine) {
    struct Row {
        const char* name;
        std::string value;
    };
    const Row rows[] = {
        {"NUL", std::string("\0", 1)},
        {"bare LF", "x\nB: 1"},
        {"bare CR", "x\r"},
        {"a line inside", "x\r\nB: 1"},
        {"a long one with a line inside", std::string(100, 'v') + "\nB: 1"},
        {"a long one with a NUL", std::string(100, 'v') + '\0'},
        {"a long one that ends in CR", std::string(100, 'v') + '\r'},
        {"one that ends its line", "x\r\n"},
        {"one that ends its line and begins another", "x\r\nB: 1\r\n"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(prepared({{"A: ", 0}, {"\r\n"}}, {row.value}), "refused");
        EXPECT_EQ(prepared({{"A: ", 0}, {"==\r\n"}}, {row.value}), "refused");
    }
}

TEST(Text, EveryByteAtEveryPlaceOfAValue) {
    for (std::size_t size = 1; size <= 20; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (unsigned c = 0; c < 256; ++c) {
                std::string value(size, at % 2 == 0 ? 'v' : '\xff');
                value[at] = static_cast<char>(c);
                const bool good = c == '\t' || (c >= 0x20 && c != 0x7f);
                ASSERT_EQ(is_field_value(value), good) << size << " " << at << " " << c;
            }
        }
    }
    // What was found first decides what the sender is told.
    const std::string head = "Host: a\r\nX: " + std::string(20, 'v');
    EXPECT_EQ(verdict(request(head + "\r\x01" + "vvvvvvv\r\n")), "bare_newline");
    EXPECT_EQ(verdict(request(head + "\x01\r" + "vvvvvvv\r\n")), "bad_header_value");
    EXPECT_EQ(verdict(request(head + "\t\x01" + "vvvvvvv\r\n")), "bad_header_value");
}

TEST(Text, TargetsByteByByte) {
    for (unsigned c = 0; c < 256; ++c) {
        const std::string target = std::string("/") + static_cast<char>(c);
        EXPECT_EQ(is_target(target), c > 0x20 && c < 0x7f && c != '#' && c != '\\') << c;
    }
}

TEST(Writer, RequestKeepsOneHopsHeadersBack) {
    RequestHead asked;
    asked.method = "POST";
    asked.chunked = true;
    for (const char* name :
         {"Connection", "TE", "Upgrade", "Expect", "Content-Length", "Transfer-Encoding"}) {
        asked.headers.add(name, "7");
    }
    asked.headers.add("Accept", "*/*");
    std::string out;
    ASSERT_TRUE(append_request_head(out, asked, "/p", "api.internal:81"));
    EXPECT_EQ(out,
              "POST /p HTTP/1.1\r\nHost: api.internal:81\r\nAccept: */*\r\nTransfer-Encoding: "
              "chunked\r\n\r\n");
    EXPECT_EQ(verdict(out), "ok");
}

TEST(Faults, EachHasItsWords) {
    EXPECT_EQ(status_of(Fault::target_too_long), 414);
    EXPECT_EQ(status_of(Fault::too_many_headers), 431);
    EXPECT_EQ(status_of(Fault::bad_chunk), 400);
    EXPECT_EQ(to_string(Fault::two_readings), "two_readings");
    EXPECT_NE(sentence_of(Fault::bad_host), "");
}

}  // namespace
}  // namespace x402::net::http1
