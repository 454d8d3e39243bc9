// SPDX-License-Identifier: Apache-2.0
// What a sender is told by the connection itself, before or without any handler, and that a stop
// does not wait for somebody who asks for nothing.
#include "x402/net/server_connection.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "x402/base/json.hpp"
#include "x402/net/test_peer.hpp"

namespace x402::net {
namespace {

using namespace std::chrono_literals;
using testing::RawPeer;

constexpr const char* kGet = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

Task<void> serve_or_throw(Exchange& exchange) {
    if (exchange.request().target == "/throw") throw std::runtime_error("a mistake");
    Response response;
    response.head.status = 200;
    response.body = "served";
    const auto sent = co_await exchange.respond(response);
    EXPECT_TRUE(sent);
}

struct Site {
    explicit Site(Duration header_wait = limits::kHeaderWait) : runtime(2) {
        ServerOptions options;
        options.listen = "127.0.0.1:0";
        options.header_wait = header_wait;
        auto made = serve(runtime, options, serve_or_throw);
        EXPECT_TRUE(made);
        server = std::move(*made);
        runtime.start();
    }
    RawPeer connect() const { return RawPeer::connect(server->address()); }
    std::string ask(const std::string& request) const {
        RawPeer peer = connect();
        peer.send(request);
        peer.half_close();
        return peer.read_to_end();
    }
    Runtime runtime;
    std::unique_ptr<HttpServer> server;
};

// Whether the code stands in the table of public words, which this room may not include.
bool is_public(const std::string& code) {
    std::ifstream file(X402_SOURCE_DIR "/x402/protocol/reasons.def");
    const std::regex form("^X402_REASON\\(\\w+, \"" + code + "\", .*$");
    for (std::string line; std::getline(file, line);) {
        if (std::regex_match(line, form)) return true;
    }
    return false;
}

struct Told {
    std::string head;
    json::Object error;
    std::string text(std::string_view key) const { return json::text_or_empty(error, key); }
};

Told read_answer(const std::string& answer) {
    Told told;
    const std::size_t end = answer.find("\r\n\r\n");
    if (end == std::string::npos) return told;
    told.head = answer.substr(0, end);
    const auto body = json::parse_object(answer.substr(end + 4));
    EXPECT_TRUE(body) << answer;
    if (!body) return told;
    const auto error = json::get_object(*body, "error");
    EXPECT_TRUE(error) << answer;
    if (error) told.error = *error;
    return told;
}

void expect_whole(const Told& told, const std::string& code, const std::string& field) {
    EXPECT_TRUE(is_public(code)) << code;
    EXPECT_EQ(told.text("code"), code);
    EXPECT_EQ(told.text("field"), field);
    EXPECT_GT(told.text("message").size(), 10U);
    EXPECT_GT(told.text("next").size(), 10U);
    EXPECT_TRUE(json::get_bool(told.error, "retryable"));
    EXPECT_NE(told.head.find("\r\nCache-Control: no-store"), std::string::npos) << told.head;
    EXPECT_NE(told.head.find("\r\nContent-Type: application/json"), std::string::npos);
}

TEST(ServerConnection, ABrokenHeadIsRefusedWithFieldAndNextStep) {
    struct Case {
        const char* name;
        std::string request;
        const char* field;
    };
    const Case cases[] = {
        {"no request line", "hello\r\n\r\n", "request line"},
        {"absolute form", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "path"},
        {"long target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "path"},
        {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version"},
        {"no host", "GET / HTTP/1.1\r\n\r\n", "Host"},
        {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "Host"},
        {"both lengths",
         "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
         "Content-Length"},
        {"a length that is none", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
         "Content-Length"},
        {"gzip, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
         "Transfer-Encoding"},
        {"large head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70'000, 'a') + "\r\n\r\n",
         "headers"},
        {"a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "headers"},
        {"wonders", "GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n", "Expect"},
    };
    const Site site;
    for (const Case& each : cases) {
        SCOPED_TRACE(each.name);
        const Told told = read_answer(site.ask(each.request));
        expect_whole(told, "malformed_request", each.field);
        EXPECT_FALSE(json::get_bool(told.error, "retryable").value_or(true));
    }
}

TEST(ServerConnection, ASlowHeadAndAMistakeOfOursMayBeTriedAgain) {
    struct Case {
        const char* name;
        const char* request;
        const char* status;
        const char* code;
    };
    static constexpr Case kCases[] = {
        {"slow", "GET / HTTP/1.1\r\nHo", "408", "malformed_request"},
        {"a mistake", "GET /throw HTTP/1.1\r\nHost: a\r\n\r\n", "500", "temporarily_unavailable"},
    };
    const Site site(40ms);
    for (const Case& each : kCases) {
        SCOPED_TRACE(each.name);
        RawPeer peer = site.connect();
        peer.send(each.request);
        const Told told = read_answer(peer.read_to_end());
        expect_whole(told, each.code, "");
        EXPECT_TRUE(told.head.starts_with("HTTP/1.1 " + std::string(each.status) + " "));
        EXPECT_EQ(json::get_bool(told.error, "retryable").value_or(false), true);
    }
}

Task<void> drain_into(HttpServer& server, Clock& clock, bool& result) {
    result = co_await server.drain(clock, 20s);
}

TEST(ServerConnection, NobodyWhoAsksForNothingHoldsAStopUp) {
    const Site site;
    RawPeer silent = site.connect();
    RawPeer served = site.connect();
    served.send(kGet);
    EXPECT_TRUE(served.read_answer().ends_with("served"));
    RawPeer second = site.connect();
    second.send(std::string(kGet) + kGet);
    EXPECT_TRUE(second.read_answer().ends_with("served"));
    EXPECT_TRUE(second.read_answer().ends_with("served"));
    const auto clock = make_system_clock();
    const auto begun = std::chrono::steady_clock::now();
    bool drained = false;
    run_blocking([&] { return drain_into(*site.server, *clock, drained); });
    EXPECT_TRUE(drained);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
    EXPECT_TRUE(silent.ended());
    EXPECT_TRUE(served.ended());
    EXPECT_TRUE(second.ended());
}

}  // namespace
}  // namespace x402::net
