// SPDX-License-Identifier: Apache-2.0
// The server over loopback, met by a peer that writes exact bytes: what it serves, what it refuses
// and why, what it survives.
#include "x402/net/http_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "x402/net/test_peer.hpp"

namespace x402::net {
namespace {

using testing::RawPeer;
using namespace std::chrono_literals;

Response text(int status, std::string body) {
    Response response;
    response.head.status = status;
    response.body = std::move(body);
    return response;
}

// What handlers saw, for the test to look at once the answer is there.
struct Seen {
    std::mutex mutex;
    std::vector<std::string> errors;
    std::set<std::thread::id> threads;
    std::atomic<int> served{0};
    std::atomic<bool> write_failed{false};
    std::atomic<bool> flushed{false};
    std::atomic<std::size_t> written{0};

    void add(const Error& error) {
        const std::lock_guard lock(mutex);
        errors.emplace_back(to_string(error.code));
    }
    void forget() {
        const std::lock_guard lock(mutex);
        errors.clear();
    }
    void note_thread() {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
    }
    std::size_t thread_count() {
        const std::lock_guard lock(mutex);
        return threads.size();
    }
    std::vector<std::string> all() {
        const std::lock_guard lock(mutex);
        return errors;
    }
};

Task<void> echo_body(Exchange& exchange, Seen& seen) {
    auto body = co_await exchange.read_all(100'000);
    if (!body) seen.add(body.error());
    const Response response = body ? text(200, std::move(*body)) : text(413, "no");
    auto sent = co_await exchange.respond(response);
    if (!sent) seen.add(sent.error());
}

Task<void> stream_pieces(Exchange& exchange, Seen& seen, std::optional<std::uint64_t> length) {
    ResponseHead head;
    head.headers.add("Content-Type", "text/plain");
    auto ok = co_await exchange.start(head, length);
    for (const char* piece : {"one", "", "two", "three"}) {
        if (ok) ok = co_await exchange.write(piece);
    }
    if (ok) ok = co_await exchange.finish();
    if (!ok) seen.add(ok.error());
}

Task<void> stream_much(Exchange& exchange, Seen& seen) {
    const std::string piece(64 * 1024, 'x');
    auto ok = co_await exchange.start({}, std::nullopt);
    for (int i = 0; i < 512 && ok; ++i) {
        ok = co_await exchange.write(piece);
        if (ok) seen.written += piece.size();
    }
    if (ok) ok = co_await exchange.finish();
    if (!ok) {
        seen.add(ok.error());
        seen.write_failed = true;
    }
}

Task<void> stream_cut(Exchange& exchange) {
    auto ok = co_await exchange.start({}, std::nullopt);
    if (ok) ok = co_await exchange.write("half");
    exchange.abort();
}

// "/prepared/204" chooses the status, "/prepared-bad" breaks a line, "/prepared-big" has a body
// that no socket takes at once.
Task<void> answer_prepared(Exchange& exchange, Seen& seen) {
    const std::string& target = exchange.request().target;
    const std::string_view hole = target == "/prepared-bad" ? "a\r\nX-Evil: 1" : "hole";
    const bool has_status = target.starts_with("/prepared/");
    const Stencil lines{{{"X-One: 1\r\nX-Two: before,", 0}, {",behind\r\nX-Three: 3\r\n"}}};
    const auto head = PreparedHead::make(has_status ? std::stoi(target.substr(10)) : 402, lines);
    const std::string much(target.starts_with("/prepared-big") ? 20'000'000 : 0, 'p');
    const Stencil body{{{"one", 0}, {"two", 1}}};
    const std::array<std::string_view, 1> in_head = {hole};
    const std::array<std::string_view, 2> in_body = {much, ""};
    const PreparedResponse response{*head, in_head, body, in_body};
    const auto put = exchange.put(response);
    if (!put) seen.add(put.error());
    if (!put || *put || target == "/prepared-big-forgotten") co_return;
    seen.flushed = true;
    const auto sent = co_await exchange.flush();
    if (!sent) seen.add(sent.error());
}

Task<void> answer(Exchange& exchange, Seen& seen) {
    const std::string target = exchange.request().target;
    seen.note_thread();
    Response response = text(200, exchange.request().method + " " + target);
    if (target == "/echo") {
        co_await echo_body(exchange, seen);
    } else if (target == "/stream") {
        co_await stream_pieces(exchange, seen, std::nullopt);
    } else if (target == "/stream-length") {
        co_await stream_pieces(exchange, seen, 11);
    } else if (target == "/stream-short") {
        co_await stream_pieces(exchange, seen, 12);
    } else if (target == "/stream-long") {
        co_await stream_pieces(exchange, seen, 10);
    } else if (target == "/much") {
        co_await stream_much(exchange, seen);
    } else if (target == "/cut") {
        co_await stream_cut(exchange);
    } else if (target.starts_with("/prepared")) {
        co_await answer_prepared(exchange, seen);
    } else if (target == "/throw") {
        throw std::runtime_error("a handler's mistake");
    } else if (target != "/silent") {
        if (target == "/204") response = text(204, "");
        if (target == "/304") response = text(304, "");
        if (target == "/big") response = text(200, std::string(200'000, 'b'));
        if (target == "/bad-header") response.head.headers.add("X-Bad", "one\r\nX-Two: three");
        auto sent = co_await exchange.respond(response);
        if (!sent) seen.add(sent.error());
    }
    ++seen.served;
}

class ServerTest : public ::testing::Test {
protected:
    void open(ServerOptions options = {}, std::size_t cores = 1) {
        runtime_ = std::make_unique<Runtime>(cores);
        options.listen = "127.0.0.1:0";
        auto server = serve(*runtime_, options,
                            [this](Exchange& exchange) { return answer(exchange, seen_); });
        ASSERT_TRUE(server) << server.error().detail;
        server_ = std::move(*server);
        runtime_->start();
    }
    void TearDown() override {
        server_.reset();
        runtime_.reset();
    }
    RawPeer connect(int receive_buffer = 0) {
        return RawPeer::connect(server_->address(), receive_buffer);
    }
    std::string ask(std::string_view bytes) {
        RawPeer peer = connect();
        peer.send(bytes);
        peer.half_close();
        return peer.read_to_end();
    }
    // Waits for what another thread is about to do.
    template <class Condition>
    bool soon(Condition condition) {
        for (int i = 0; i < 5000; ++i) {
            if (condition()) return true;
            ::usleep(1000);
        }
        return false;
    }

    Seen seen_;
    std::unique_ptr<Runtime> runtime_;
    std::unique_ptr<HttpServer> server_;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

TEST_F(ServerTest, KeepsTheConnection) {
    open();
    RawPeer peer = connect();
    for (int i = 0; i < 3; ++i) {
        peer.send(kGet);
        const std::string answer = peer.read_answer();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
        EXPECT_TRUE(answer.ends_with("\r\n\r\nGET /a")) << answer;
        EXPECT_TRUE(has(answer, "Date: ")) << answer;
        EXPECT_FALSE(has(answer, "Connection:")) << answer;
    }
    EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(ServerTest, ServesPipelinedRequestsInOrder) {
    open();
    RawPeer peer = connect();
    std::string all;
    for (int i = 0; i < 50; ++i)
        all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    peer.send(all);
    for (int i = 0; i < 50; ++i)
        EXPECT_TRUE(peer.read_answer().ends_with("GET /" + std::to_string(i)));
}

// What the first request's answer left behind must not shape how the second one's fault is told.
TEST_F(ServerTest, ABrokenHeadAfterAGoodRequestIsRefused) {
    open();
    RawPeer peer = connect();
    peer.send("GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost : a\r\n\r\n");
    EXPECT_TRUE(peer.read_answer().ends_with("GET /one"));
    EXPECT_TRUE(peer.read_answer().starts_with("HTTP/1.1 400 "));
}

TEST_F(ServerTest, AnUnreadChunkedBodyIsAnsweredWithClose) {
    open();
    RawPeer peer = connect();
    peer.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_NE(peer.read_answer().find("\r\nConnection: close\r\n"), std::string::npos);
}

TEST_F(ServerTest, OneByteAtATime) {
    open();
    RawPeer peer = connect();
    for (const char c :
         std::string{"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"}) {
        peer.send({&c, 1});
    }
    EXPECT_TRUE(peer.read_answer().ends_with("\r\n\r\nabc"));
}

TEST_F(ServerTest, Bodies) {
    open();
    struct Row {
        const char* name;
        std::string request;
        std::string want;
    };
    const std::string big(100'000, 'z');
    const Row rows[] = {
        {"length", "Content-Length: 5\r\n\r\nhello", "hello"},
        {"empty", "Content-Length: 0\r\n\r\n", ""},
        {"none", "\r\n", ""},
        {"chunked",
         "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
         "abc0123456789"},
        {"at the cap", "Content-Length: 100000\r\n\r\n" + big, big},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        RawPeer peer = connect();
        // Twice on one connection: the body's end was found exactly.
        for (int i = 0; i < 2; ++i) {
            peer.send("POST /echo HTTP/1.1\r\nHost: a\r\n" + row.request);
            const std::string answer = peer.read_answer();
            EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer.substr(0, 200);
            EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4), row.want);
        }
    }
}

TEST_F(ServerTest, BodyAboveTheCap) {
    open();
    const std::string answer =
        ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413")) << answer;
    EXPECT_TRUE(has(answer, "Connection: close")) << answer;
    std::string chunked =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n";
    chunked.append(100'001, 'c').append("\r\n0\r\n\r\n");
    EXPECT_TRUE(ask(chunked).starts_with("HTTP/1.1 413"));
    EXPECT_TRUE(soon([this] { return seen_.served == 2; }));
    EXPECT_EQ(seen_.all(), (std::vector<std::string>{"too_large", "too_large"}));
}

TEST_F(ServerTest, BadChunkIsInvalidAndEndsTheConnection) {
    open();
    const std::string answer = ask(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n");
    EXPECT_TRUE(has(answer, "Connection: close")) << answer;
    EXPECT_EQ(seen_.all(), std::vector<std::string>{"invalid"});
}

TEST_F(ServerTest, BodyThatEndsEarlyIsInterrupted) {
    open();
    ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_TRUE(soon([this] { return seen_.served == 1; }));
    EXPECT_EQ(seen_.all().front(), "interrupted");
}

// However close behind the bytes before it the end comes: it is not waited for until a deadline.
TEST_F(ServerTest, AnEndRightBehindSomeBytesIsSeen) {
    open();
    struct Row {
        const char* name;
        std::string bytes;
        bool reset;
        std::vector<std::string> errors;
    };
    const std::string post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
    const Row rows[] = {
        {"closed within a body", post + "part", false, {"interrupted"}},
        {"reset within a body", post + "part", true, {"interrupted"}},
        {"closed within a head", "GET /a HTT", false, {}},
        {"reset within a head", "GET /a HTT", true, {}},
        {"closed behind a request", std::string{kGet}, false, {}},
        {"reset behind a request", std::string{kGet}, true, {}},
        {"closed behind two requests", std::string{kGet} + std::string{kGet}, false, {}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        for (int i = 0; i < 20; ++i) {
            seen_.forget();
            RawPeer peer = connect();
            peer.send(row.bytes);
            if (row.reset) {
                peer.reset();
            } else {
                peer.half_close();
                peer.read_to_end();
            }
            // Who comes later is let in later: once it has its answer, the first was let in.
            RawPeer later = connect();
            later.send(kGet);
            later.read_answer();
            ASSERT_TRUE(soon([this] { return server_->connections() == 1; }));
            // A reset may come before the request was read.
            if (!row.reset) {
                EXPECT_EQ(seen_.all(), row.errors);
            }
        }
    }
}

// The same connection, read empty and written to again and again, with pauses and without.
TEST_F(ServerTest, ManyRequestsOneAfterTheOther) {
    open();
    RawPeer peer = connect();
    for (int i = 0; i < 300; ++i) {
        const std::string target = "/n" + std::to_string(i);
        const std::string request = "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
        const std::size_t cut = i % 60 == 0 ? 12 : request.size();
        peer.send(request.substr(0, cut));
        if (cut < request.size()) ::usleep(1000);
        peer.send(request.substr(cut));
        ASSERT_TRUE(peer.read_answer().ends_with("GET " + target));
    }
    EXPECT_TRUE(soon([this] { return seen_.served == 300; }));
}

TEST_F(ServerTest, UnreadBodies) {
    open();
    RawPeer small = connect();
    small.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" +
               std::string(60'000, 'x'));
    EXPECT_TRUE(small.read_answer().ends_with("POST /a"));
    small.send(kGet);
    EXPECT_TRUE(small.read_answer().ends_with("GET /a")) << "a small unread body is read away";
    RawPeer large = connect();
    large.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\nGET /a HTTP/1.1\r\n");
    EXPECT_TRUE(has(large.read_answer(), "Connection: close"));
    large.half_close();
    EXPECT_TRUE(large.ended())
        << "a large one ends the connection and is never taken for a request";
}

TEST_F(ServerTest, Continue) {
    open();
    RawPeer peer = connect();
    peer.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("abc");
    EXPECT_TRUE(peer.read_answer().ends_with("abc"));
    peer.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    const std::string refused = peer.read_answer();
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 200"))
        << "a handler that does not read asks for nothing";
    EXPECT_TRUE(has(refused, "Connection: close"));
}

TEST_F(ServerTest, AnswersWithoutBody) {
    open();
    RawPeer peer = connect();
    peer.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(has(peer.read_until("\r\n\r\n"), "Content-Length: 7\r\n"));
    const std::string no_content = peer.read_until("\r\n\r\n");
    EXPECT_TRUE(no_content.starts_with("HTTP/1.1 204")) << no_content;
    EXPECT_FALSE(has(no_content, "Content-Length")) << no_content;
    peer.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /304 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(has(peer.read_until("\r\n\r\n"), "Transfer-Encoding: chunked\r\n"));
    EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 304"));
    peer.send(kGet);
    EXPECT_TRUE(peer.read_answer().ends_with("GET /a"));
}

TEST_F(ServerTest, StreamedAnswers) {
    open();
    RawPeer peer = connect();
    peer.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(has(peer.read_until("\r\n\r\n"), "Transfer-Encoding: chunked\r\n"));
    EXPECT_EQ(peer.read_until("0\r\n\r\n"), "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
    peer.send("GET /stream-length HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(peer.read_answer().ends_with("\r\n\r\nonetwothree"));
    peer.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(peer.read_answer().ends_with(std::string(200'000, 'b')));
    EXPECT_TRUE(seen_.all().empty());
}

std::string without_date(std::string answer) {
    const std::size_t at = answer.find("Date: ");
    if (at != std::string::npos) answer.erase(at, answer.find("\r\n", at) + 2 - at);
    return answer;
}

TEST_F(ServerTest, PreparedAnswers) {
    open();
    RawPeer peer = connect();
    const std::string want =
        "HTTP/1.1 402 Payment Required\r\nX-One: 1\r\nX-Two: before,hole,behind\r\n"
        "X-Three: 3\r\nContent-Length: 6\r\n\r\nonetwo";
    for (int i = 0; i < 2; ++i) {
        peer.send("GET /prepared HTTP/1.1\r\nHost: a\r\n\r\n");
        const std::string answer = peer.read_answer();
        EXPECT_TRUE(has(answer, "Date: ")) << answer;
        EXPECT_EQ(without_date(answer), want);
    }
    peer.send(
        "HEAD /prepared HTTP/1.1\r\nHost: a\r\n\r\nGET /prepared/304 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(has(peer.read_until("\r\n\r\n"), "Content-Length: 6\r\n"))
        << "HEAD has the length and no body";
    const std::string not_modified = peer.read_until("\r\n\r\n");
    EXPECT_TRUE(not_modified.starts_with("HTTP/1.1 304")) << not_modified;
    EXPECT_FALSE(has(not_modified, "Content-Length")) << not_modified;
    peer.send("GET /prepared-big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const std::string big = peer.read_answer();
    EXPECT_TRUE(big.ends_with("one" + std::string(20'000'000, 'p') + "two"));
    EXPECT_TRUE(has(big.substr(0, 300), "Connection: close\r\n"));
    EXPECT_TRUE(peer.ended());
    EXPECT_TRUE(seen_.flushed);
    EXPECT_TRUE(seen_.all().empty());
}

// Nothing may follow an answer whose rest nobody waited for.
TEST_F(ServerTest, APutAnswerThatIsNotFlushedIsCut) {
    open();
    RawPeer peer = connect(4096);
    peer.send(
        "GET /prepared-big-forgotten HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(soon([this] { return server_->connections() == 0; }));
    const std::string all = peer.read_to_end();
    EXPECT_LT(all.size(), 20'000'000U);
    EXPECT_FALSE(has(all, "GET /a"));
}

TEST_F(ServerTest, APreparedAnswerThatBreaksALineIsNotSent) {
    open();
    const std::string answer = ask("GET /prepared-bad HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 500")) << answer;
    EXPECT_FALSE(has(answer, "X-")) << answer;
    EXPECT_EQ(seen_.all(), std::vector<std::string>{"invalid"});
}

TEST_F(ServerTest, AnAnswerThatIsNotWholeIsCut) {
    open();
    struct Row {
        const char* target;
        const char* tail;
    };
    for (const Row& row :
         {Row{"/cut", "4\r\nhalf\r\n"}, Row{"/stream-short", ""}, Row{"/stream-long", ""}}) {
        SCOPED_TRACE(row.target);
        const std::string answer =
            ask(std::string{"GET "} + row.target + " HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_FALSE(answer.ends_with("0\r\n\r\n")) << answer;
    }
    // The client may see the cut before the handler has noted why.
    EXPECT_TRUE(soon([this] { return seen_.served == 3; }));
    EXPECT_EQ(seen_.all(), (std::vector<std::string>{"internal", "internal"}));
}

TEST_F(ServerTest, OldClients) {
    open();
    EXPECT_TRUE(has(ask("GET /a HTTP/1.0\r\n\r\n"), "Connection: close\r\n"));
    const std::string kept = ask("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_TRUE(has(kept, "Connection: keep-alive\r\n")) << kept;
    const std::string stream = ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_TRUE(stream.ends_with("\r\n\r\nonetwothree")) << stream;
    EXPECT_TRUE(has(stream, "Connection: close\r\n"))
        << "the end of the connection is the end of the body";
    EXPECT_FALSE(has(stream, "chunked")) << stream;
}

TEST_F(ServerTest, ConnectionClose) {
    open();
    const std::string answer =
        ask("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + std::string{kGet});
    EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
    EXPECT_EQ(answer.find("HTTP/1.1 ", 1), std::string::npos) << "nothing behind it is served";
}

TEST_F(ServerTest, AHandlersMistakes) {
    open();
    for (const char* target : {"/throw", "/silent", "/bad-header"}) {
        SCOPED_TRACE(target);
        const std::string answer =
            ask(std::string{"GET "} + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 500")) << answer;
        EXPECT_TRUE(has(answer, R"({"error":{"code":"temporarily_unavailable")")) << answer;
        EXPECT_FALSE(has(answer, "X-Two")) << answer;
    }
}

TEST_F(ServerTest, Refusals) {
    open();
    struct Row {
        const char* name;
        std::string request;
        const char* status;
    };
    const Row rows[] = {
        {"both lengths",
         "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
         "400"},
        {"absolute form", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {"long target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"},
        {"long target, no line end", "GET /" + std::string(9000, 'a'), "414"},
        {"large head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70'000, 'a') + "\r\n\r\n",
         "431"},
        {"endless head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70'000, 'a'), "431"},
        {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
        {"TLS", "\x16\x03\x01\x02\n", "400"},
        {"expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n", "417"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const std::string answer = ask(row.request + std::string{kGet});
        EXPECT_TRUE(answer.starts_with(std::string{"HTTP/1.1 "} + row.status)) << answer;
        EXPECT_TRUE(has(answer, R"({"error":{"code":"malformed_request","message":")")) << answer;
        EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
        EXPECT_EQ(answer.find("HTTP/1.1 200"), std::string::npos) << "nothing behind it is served";
    }
    EXPECT_EQ(seen_.served, 0);
}

TEST_F(ServerTest, SlowHeadIsToldAndClosed) {
    ServerOptions options;
    options.header_wait = 40ms;
    open(options);
    RawPeer peer = connect();
    peer.send("GET / HTTP/1.1\r\nHo");
    EXPECT_TRUE(has(peer.read_to_end(), "HTTP/1.1 408 "));
}

TEST_F(ServerTest, IdleConnectionIsClosedInSilence) {
    ServerOptions options;
    options.idle = 40ms;
    open(options);
    RawPeer peer = connect();
    EXPECT_TRUE(peer.ended());
    RawPeer second = connect();
    second.send(kGet);
    EXPECT_TRUE(second.read_answer().ends_with("GET /a"));
    EXPECT_TRUE(second.ended());
    EXPECT_TRUE(soon([this] { return server_->connections() == 0; }));
}

TEST_F(ServerTest, StalledBodyIsATimeout) {
    ServerOptions options;
    options.body_stall = 40ms;
    open(options);
    RawPeer peer = connect();
    peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_TRUE(has(peer.read_to_end(), "Connection: close"));
    EXPECT_EQ(seen_.all(), std::vector<std::string>{"timeout"});
}

TEST_F(ServerTest, ASlowReaderHoldsTheWriterBack) {
    ServerOptions options;
    options.body_stall = 150ms;
    open(options);
    RawPeer peer = connect(4096);
    peer.send("GET /much HTTP/1.1\r\nHost: a\r\n\r\n");
    // 32 MiB are offered and nothing is read: what the sockets hold is all that was taken.
    EXPECT_TRUE(soon([this] { return seen_.write_failed.load(); }));
    EXPECT_LT(seen_.written, 12'000'000U);
    EXPECT_EQ(seen_.all(), std::vector<std::string>{"timeout"});
}

TEST_F(ServerTest, ClientLeavesAndTheHandlerRunsToItsEnd) {
    open();
    RawPeer peer = connect();
    peer.send("GET /much HTTP/1.1\r\nHost: a\r\n\r\n");
    peer.read_exactly(1000);
    peer.reset();
    EXPECT_TRUE(soon([this] { return seen_.served == 1; }));
    EXPECT_EQ(seen_.all(), std::vector<std::string>{"interrupted"});
    EXPECT_TRUE(soon([this] { return server_->connections() == 0; }));
}

TEST_F(ServerTest, TooManyConnections) {
    ServerOptions options;
    options.max_connections = 2;
    open(options);
    RawPeer first = connect();
    RawPeer second = connect();
    first.send(kGet);
    second.send(kGet);
    first.read_answer();
    second.read_answer();
    RawPeer third = connect();
    EXPECT_TRUE(third.ended());
    first.close();
    EXPECT_TRUE(soon([this] { return server_->connections() == 1; }));
    RawPeer fourth = connect();
    fourth.send(kGet);
    EXPECT_TRUE(fourth.read_answer().ends_with("GET /a"));
}

struct Held {
    std::atomic<bool> release{false};
    std::atomic<int> inside{0};
};

Task<void> hold(Exchange& exchange, Clock& clock, Held& held) {
    ++held.inside;
    while (!held.release) {
        const bool slept = co_await clock.sleep(1ms);
        if (!slept) break;
    }
    const Response response = text(200, "held");
    auto sent = co_await exchange.respond(response);
    EXPECT_TRUE(sent);
}

Task<void> drain_into(HttpServer& server, Clock& clock, Duration limit, bool& result) {
    result = co_await server.drain(clock, limit);
}

TEST(ServerDrain, RunningRequestsEndAndNobodyGetsIn) {
    auto clock = make_system_clock();
    Held held;
    Runtime runtime(2);
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    auto server =
        serve(runtime, options, [&](Exchange& exchange) { return hold(exchange, *clock, held); });
    ASSERT_TRUE(server);
    runtime.start();
    RawPeer idle = RawPeer::connect((*server)->address());
    RawPeer busy = RawPeer::connect((*server)->address());
    busy.send(kGet);
    while (held.inside == 0) ::usleep(500);
    bool drained = true;
    run_blocking([&] { return drain_into(**server, *clock, 30ms, drained); });
    EXPECT_FALSE(drained) << "one request still runs";
    EXPECT_TRUE(idle.ended());
    EXPECT_FALSE(RawPeer::connect((*server)->address()).connected());
    held.release = true;
    const std::string answer = busy.read_answer();
    EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
    EXPECT_TRUE(busy.ended());
    run_blocking([&] { return drain_into(**server, *clock, 5s, drained); });
    EXPECT_TRUE(drained);
    EXPECT_EQ((*server)->connections(), 0U);
}

TEST(ServerListen, RefusesWhatItCannotBind) {
    Runtime runtime(1);
    const auto nothing = [](Exchange&) -> Task<void> { co_return; };
    for (const char* listen :
         {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "example.com:80", "127.0.0.1:1x"}) {
        SCOPED_TRACE(listen);
        ServerOptions options;
        options.listen = listen;
        const auto server = serve(runtime, options, nothing);
        ASSERT_FALSE(server);
        EXPECT_EQ(server.error().code, Errc::invalid);
        EXPECT_EQ(server.error().field, "listen");
    }
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    const auto first = serve(runtime, options, nothing);
    ASSERT_TRUE(first);
    options.listen = (*first)->address();
    const auto second = serve(runtime, options, nothing);
    ASSERT_FALSE(second) << "two servers must not share a port in silence";
    EXPECT_EQ(second.error().code, Errc::conflict);
}

TEST_F(ServerTest, ManyCoresShareOnePort) {
    open({}, 3);
    for (int i = 0; i < 40; ++i) {
        RawPeer peer = connect();
        peer.send(kGet);
        EXPECT_TRUE(peer.read_answer().ends_with("GET /a"));
    }
    EXPECT_TRUE(soon([this] { return seen_.served == 40; }));
    EXPECT_GT(seen_.thread_count(), 1U) << "the kernel spreads connections over all listeners";
}

// The first listener lets its own server's others join, and nobody else's first.
TEST(ServerListen, SharesItsPortWithItsOwnCoresOnly) {
    Runtime runtime(3);
    const auto nothing = [](Exchange&) -> Task<void> { co_return; };
    std::set<std::string> addresses;
    std::vector<std::unique_ptr<HttpServer>> servers;
    for (int i = 0; i < 20; ++i) {
        ServerOptions options;
        options.listen = "127.0.0.1:0";
        auto server = serve(runtime, options, nothing);
        ASSERT_TRUE(server) << server.error().detail;
        EXPECT_TRUE(addresses.insert((*server)->address()).second)
            << "a chosen port is nobody's yet";
        options.listen = (*server)->address();
        const auto second = serve(runtime, options, nothing);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, Errc::conflict);
        servers.push_back(std::move(*server));
    }
}

TEST(ServerListen, TakesAPortWhoseOldConnectionsLinger) {
    const auto nothing = [](Exchange&) -> Task<void> { co_return; };
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    {
        Runtime runtime(1);
        auto server = serve(runtime, options, nothing);
        ASSERT_TRUE(server);
        options.listen = (*server)->address();
        runtime.start();
        RawPeer peer = RawPeer::connect(options.listen);
        peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_TRUE(has(peer.read_to_end(), "500"))
            << "the server closes first: TIME_WAIT is its own";
        server->reset();
    }
    Runtime again(2);
    const auto server = serve(again, options, nothing);
    EXPECT_TRUE(server) << server.error().detail;
}

}  // namespace
}  // namespace x402::net
