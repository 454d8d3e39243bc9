// SPDX-License-Identifier: Apache-2.0
// The pool against raw upstreams that keep, close, stall, lie or reset at every stage.
#include "x402/net/upstream.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "x402/net/http_server.hpp"
#include "x402/net/test_peer.hpp"

namespace x402::net {
namespace {

using testing::RawListener;
using testing::RawPeer;
using namespace std::chrono_literals;

struct Call {
    RequestHead head;
    std::vector<std::string> pieces;
    const std::atomic<bool>* after = nullptr;  // what the other side must have done before
};

// What came back, or where it broke.
struct Reply {
    std::string stage;  // "open", "write", "head", "body", "done"
    Error error;
    ResponseHead head;
    std::optional<std::uint64_t> length;
    std::string body;
};

Call get(const char* target = "/x") {
    Call call;
    call.head.method = "GET";
    call.head.target = target;
    return call;
}

Call post(std::vector<std::string> pieces, std::optional<std::uint64_t> length = std::nullopt) {
    Call call;
    call.head.method = "POST";
    call.head.target = "/x";
    call.head.content_length = length;
    call.head.chunked = !length;
    call.pieces = std::move(pieces);
    return call;
}

Task<std::string> run_call(UpstreamPool& pool, const Call& call, Reply& reply) {
    const auto note = [&reply](const auto& result, const char* stage) {
        if (!result) reply.error = result.error();
        return std::string{stage};
    };
    auto exchange = co_await pool.open(call.head);
    if (!exchange) co_return note(exchange, "open");
    for (const std::string& piece : call.pieces) {
        const auto written = co_await (*exchange)->write(piece);
        if (!written) co_return note(written, "write");
    }
    const auto finished = co_await (*exchange)->finish_request();
    if (!finished) co_return note(finished, "write");
    auto head = co_await (*exchange)->read_head();
    if (!head) co_return note(head, "head");
    reply.head = std::move(*head);
    reply.length = (*exchange)->content_length();
    std::array<char, 1000> buffer;
    for (;;) {
        const auto count = co_await (*exchange)->read(buffer);
        if (!count) co_return note(count, "body");
        if (*count == 0) break;
        reply.body.append(buffer.data(), *count);
    }
    co_return "done";
}

Task<void> run_calls(UpstreamPool& pool, const std::vector<Call>& calls,
                     std::vector<Reply>& replies) {
    for (const Call& call : calls) {
        while (call.after && !*call.after) std::this_thread::yield();
        Reply reply;
        reply.stage = co_await run_call(pool, call, reply);
        replies.push_back(std::move(reply));
    }
}

// All calls one after another on one pool, while `upstream` plays the other side on a thread.
std::vector<Reply> play(UpstreamOptions options, const std::vector<Call>& calls,
                        std::function<void()> upstream) {
    std::vector<Reply> replies;
    auto pool = make_upstream_pool(std::move(options));
    EXPECT_TRUE(pool);
    std::thread other(std::move(upstream));
    if (pool) run_blocking([&] { return run_calls(**pool, calls, replies); });
    other.join();
    return replies;
}

UpstreamOptions to(const RawListener& listener, Duration wait = 3s) {
    UpstreamOptions options;
    options.url = listener.url();
    options.answer_timeout = options.stall = options.connect_timeout = wait;
    return options;
}

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

TEST(Upstream, KeepsConnectionsAndSendsTheHeadAsAsked) {
    RawListener listener;
    UpstreamOptions options = to(listener);
    options.url += "/base/";
    Call first = get("/a?b=c");
    first.head.headers.add("Accept", "text/plain");
    first.head.headers.add("Connection", "close");
    first.head.headers.add("Expect", "100-continue");
    std::string heard;
    const auto replies = play(options, {first, get("*"), get()}, [&] {
        RawPeer peer = listener.accept();
        for (int i = 0; i < 3; ++i) {
            heard += peer.read_until("\r\n\r\n");
            peer.send(kHello);
        }
    });
    ASSERT_EQ(replies.size(), 3U);
    for (const Reply& reply : replies) {
        EXPECT_EQ(reply.stage, "done") << to_string(reply.error);
        EXPECT_EQ(reply.body, "hello");
        EXPECT_EQ(reply.length, 5U);
        EXPECT_TRUE(reply.head.headers.list().empty());
    }
    EXPECT_TRUE(heard.starts_with("GET /base/a?b=c HTTP/1.1\r\nHost: " + listener.address() +
                                  "\r\nAccept: text/plain\r\n\r\nGET * HTTP/1.1\r\n"))
        << heard;
}

TEST(Upstream, Answers) {
    struct Row {
        const char* name;
        std::string wire;
        std::string body;
        int status;
    };
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const std::string hop = ok + "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n";
    const std::string large(300'000, 'L');
    const Row rows[] = {
        {"chunked",
         ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n", "abcde",
         200},
        {"until close", "HTTP/1.1 200 OK\r\n\r\nall of it", "all of it", 200},
        {"old", "HTTP/1.0 500 No\r\n\r\nold", "old", 500},
        {"1xx first",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + ok +
             "Content-Length: 1\r\n\r\nz",
         "z", 200},
        {"none", "HTTP/1.1 204 No Content\r\n\r\n", "", 204},
        {"hop by hop", hop + "Content-Length: 1\r\n\r\nz", "z", 200},
        {"large", ok + "Content-Length: 300000\r\n\r\n" + large, large, 200},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        RawListener listener;
        const auto replies = play(to(listener), {get()}, [&] {
            RawPeer peer = listener.accept();
            peer.read_until("\r\n\r\n");
            peer.send(row.wire);
        });
        EXPECT_EQ(replies[0].stage, "done") << to_string(replies[0].error);
        EXPECT_EQ(replies[0].body, row.body);
        EXPECT_EQ(replies[0].head.status, row.status);
        EXPECT_TRUE(replies[0].head.headers.list().empty());
    }
}

// What take_whole gives, and what a read finds behind it.
struct Whole {
    std::optional<std::string> taken;
    std::string read;
};

Task<void> take_then_read(UpstreamPool& pool, const Call& call, std::atomic<bool>& looked,
                          Whole& out) {
    auto exchange = co_await pool.open(call.head);
    if (!exchange) co_return;
    const auto finished = co_await (*exchange)->finish_request();
    if (!finished) co_return;
    const auto head = co_await (*exchange)->read_head();
    if (!head) co_return;
    const auto taken = (*exchange)->take_whole();
    if (taken) out.taken = *taken;
    looked = true;
    looked.notify_all();
    std::array<char, 100> buffer;
    for (;;) {
        const auto count = co_await (*exchange)->read(buffer);
        if (!count || *count == 0) break;
        out.read.append(buffer.data(), *count);
    }
}

TEST(Upstream, TakesABodyThatIsHereWhole) {
    struct Row {
        const char* name;
        const char* method;
        std::string first;
        std::string later;  // sent once the client has looked
        std::optional<std::string> taken;
        std::string read;
    };
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const std::string five = ok + "Content-Length: 5\r\n\r\n";
    const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
    const Row rows[] = {
        {"all of it", "GET", five + "hello", "", "hello", ""},
        {"more than it", "GET", five + "hello?", "", "hello", ""},
        {"all but a byte", "GET", five + "hell", "o", std::nullopt, "hello"},
        {"nothing of it", "GET", five, "hello", std::nullopt, "hello"},
        {"no body", "GET", ok + "Content-Length: 0\r\n\r\n", "", std::nullopt, ""},
        {"to HEAD", "HEAD", five, "", std::nullopt, ""},
        {"chunked", "GET", chunked + "5\r\nhello\r\n0\r\n\r\n", "", std::nullopt, "hello"},
        {"until the end", "GET", ok + "\r\nhello", "", std::nullopt, "hello"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        RawListener listener;
        std::atomic<bool> looked{false};
        Whole out;
        Call call = get();
        call.head.method = row.method;
        auto pool = make_upstream_pool(to(listener));
        ASSERT_TRUE(pool);
        std::thread other([&] {
            RawPeer peer = listener.accept();
            peer.read_until("\r\n\r\n");
            peer.send(row.first);
            looked.wait(false);
            peer.send(row.later);
        });
        run_blocking([&] { return take_then_read(**pool, call, looked, out); });
        other.join();
        EXPECT_EQ(out.taken, row.taken);
        EXPECT_EQ(out.read, row.read);
    }
}

TEST(Upstream, RequestBodies) {
    RawListener listener;
    std::string heard;
    const auto replies = play(
        to(listener), {post({"hello", "", " world"}), post({"abc", "de"}, 5), post({}, 0)}, [&] {
            RawPeer peer = listener.accept();
            heard += peer.read_until("0\r\n\r\n");
            peer.send(kHello);
            heard += peer.read_until("\r\n\r\n");
            heard += peer.read_exactly(5);
            peer.send(kHello);
            heard += peer.read_until("\r\n\r\n");
            peer.send(kHello);
        });
    for (const Reply& reply : replies) EXPECT_EQ(reply.stage, "done") << to_string(reply.error);
    EXPECT_NE(heard.find("\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), std::string::npos)
        << heard;
    EXPECT_NE(heard.find("Content-Length: 5\r\n\r\nabcde"), std::string::npos) << heard;
    EXPECT_NE(heard.find("Content-Length: 0\r\n\r\n"), std::string::npos) << heard;
}

TEST(Upstream, TheAnnouncedLengthIsKept) {
    RawListener listener;
    const auto replies = play(to(listener), {post({"abc"}, 2), post({"a"}, 2)}, [&] {
        listener.accept().read_to_end();
        listener.accept().read_to_end();
    });
    for (const Reply& reply : replies) {
        EXPECT_EQ(reply.stage, "write");
        EXPECT_EQ(reply.error.code, Errc::internal);
    }
}

TEST(Upstream, Breakages) {
    struct Row {
        const char* name;
        std::string wire;  // what the upstream says before it closes
        bool stalls;       // or before it falls silent
        const char* stage;
        Errc want;
    };
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const std::string chunked = ok + "Transfer-Encoding: chunked\r\n";
    const Row rows[] = {
        {"closes at once", "", false, "head", Errc::interrupted},
        {"closes in the head", "HTTP/1.1 200 O", false, "head", Errc::interrupted},
        {"closes in the body", ok + "Content-Length: 9\r\n\r\nabc", false, "body",
         Errc::interrupted},
        {"closes in a chunk", chunked + "\r\n9\r\nabc", false, "body", Errc::interrupted},
        {"closes before the last chunk", chunked + "\r\n1\r\na\r\n", false, "body",
         Errc::interrupted},
        {"no HTTP", "220 smtp.example ready\r\n\r\n", false, "head", Errc::bad_peer},
        {"both lengths", chunked + "Content-Length: 1\r\n\r\n", false, "head", Errc::bad_peer},
        {"bad chunk", chunked + "\r\nxyz\r\n", false, "body", Errc::bad_peer},
        {"switches protocols", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", false, "head",
         Errc::bad_peer},
        {"silent", "", true, "head", Errc::timeout},
        {"stalls in the head", ok + "A: ", true, "head", Errc::timeout},
        {"stalls in the body", ok + "Content-Length: 9\r\n\r\nabc", true, "body", Errc::timeout},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        RawListener listener;
        const auto replies = play(to(listener, row.stalls ? 80ms : 3s), {get()}, [&] {
            RawPeer peer = listener.accept();
            peer.read_until("\r\n\r\n");
            peer.send(row.wire);
            if (row.stalls) peer.read_to_end();
        });
        EXPECT_EQ(replies[0].stage, row.stage);
        EXPECT_EQ(replies[0].error.code, row.want) << to_string(replies[0].error);
    }
}

TEST(Upstream, EndlessInterimAnswers) {
    RawListener listener;
    const auto replies = play(to(listener), {get()}, [&] {
        RawPeer peer = listener.accept();
        peer.read_until("\r\n\r\n");
        while (peer.send("HTTP/1.1 100 Continue\r\n\r\n")) {
        }
    });
    EXPECT_EQ(replies[0].error.code, Errc::bad_peer);
}

TEST(Upstream, NobodyThereIsUnreachable) {
    UpstreamOptions options;
    {
        RawListener gone;
        options.url = gone.url();
    }
    const auto refused = play(options, {get(), post({"a"}, 1)}, [] {});
    for (const Reply& reply : refused) {
        EXPECT_EQ(reply.stage, "open");
        EXPECT_EQ(reply.error.code, Errc::unreachable);
    }
    options.url = "http://no-such-host.invalid";
    EXPECT_EQ(play(options, {get()}, [] {})[0].error.code, Errc::unreachable);
}

// --- kept-alive connections that turn out dead ---

TEST(UpstreamStale, AClosedOneIsNotUsed) {
    for (const bool with_body : {false, true}) {
        RawListener listener;
        std::atomic<int> served{0};
        std::atomic<bool> closed{false};
        Call second = with_body ? post({"abc"}, 3) : get();
        second.after = &closed;
        const auto replies = play(to(listener), {get(), second}, [&] {
            {
                RawPeer peer = listener.accept();
                peer.read_until("\r\n\r\n");
                peer.send(kHello);
                ++served;
            }
            closed = true;
            RawPeer peer = listener.accept();
            peer.read_until("\r\n\r\n");
            if (with_body) peer.read_exactly(3);
            peer.send(kHello);
            ++served;
        });
        EXPECT_EQ(replies[1].stage, "done") << to_string(replies[1].error);
        EXPECT_EQ(served, 2);
    }
}

// The upstream reads the request on the kept connection and resets it without a word.
TEST(UpstreamStale, OnlyWhatCannotHaveActedIsRepeated) {
    struct Row {
        const char* name;
        Call call;
        bool repeated;
    };
    Call bodyless_post = get();
    bodyless_post.head.method = "POST";
    const Row rows[] = {{"GET", get(), true},
                        {"POST without body", bodyless_post, false},
                        {"POST", post({"abc"}, 3), false}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        RawListener listener;
        std::atomic<int> requests{0};
        const auto replies = play(to(listener), {get(), row.call}, [&] {
            RawPeer peer = listener.accept();
            peer.read_until("\r\n\r\n");
            peer.send(kHello);
            peer.read_until("\r\n\r\n");
            if (row.call.head.has_body()) peer.read_exactly(3);
            ++requests;
            peer.reset();
            if (!row.repeated) return;
            RawPeer again = listener.accept();
            again.read_until("\r\n\r\n");
            ++requests;
            again.send(kHello);
        });
        EXPECT_EQ(replies[1].stage, row.repeated ? "done" : "head") << to_string(replies[1].error);
        if (!row.repeated) {
            EXPECT_EQ(replies[1].error.code, Errc::interrupted);
        }
        EXPECT_EQ(requests, row.repeated ? 2 : 1);
    }
}

TEST(UpstreamStale, AFreshConnectionIsNeverRepeated) {
    RawListener listener;
    const auto replies = play(to(listener), {get()}, [&] {
        RawPeer peer = listener.accept();
        peer.read_until("\r\n\r\n");
        peer.reset();
    });
    EXPECT_EQ(replies[0].stage, "head");
    EXPECT_EQ(replies[0].error.code, Errc::interrupted);
}

TEST(UpstreamPoolTest, AnUnreadAnswerClosesItsConnection) {
    RawListener listener;
    bool closed = false;
    const auto replies = play(to(listener, 80ms), {get(), get()}, [&] {
        RawPeer first = listener.accept();
        first.read_until("\r\n\r\n");
        first.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        closed = first.ended();
        RawPeer second = listener.accept();
        second.read_until("\r\n\r\n");
        second.send(kHello);
    });
    EXPECT_EQ(replies[0].stage, "body");
    EXPECT_EQ(replies[1].stage, "done");
    EXPECT_TRUE(closed);
}

TEST(UpstreamPoolTest, BytesNobodyAskedForEndTheConnection) {
    RawListener listener;
    const auto replies = play(to(listener), {get(), get()}, [&] {
        RawPeer first = listener.accept();
        first.read_until("\r\n\r\n");
        first.send(std::string{kHello} + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
        RawPeer second = listener.accept();
        second.read_until("\r\n\r\n");
        second.send(kHello);
    });
    EXPECT_EQ(replies[1].body, "hello")
        << "an answer sent ahead must not be given to the next request";
}

TEST(UpstreamPoolTest, EarlyAnswerWhileTheBodyIsWritten) {
    RawListener listener;
    Call call = post({"abc", "def"}, 6);
    const auto replies = play(to(listener), {call}, [&] {
        RawPeer peer = listener.accept();
        peer.read_until("\r\n\r\n");
        peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
        peer.read_exactly(6);
    });
    EXPECT_EQ(replies[0].stage, "done");
    EXPECT_EQ(replies[0].head.status, 413);
}

TEST(UpstreamOptionsTest, Refused) {
    for (const char* url : {"", "ftp://a", "http://u@a/", "http://a/?q=1"}) {
        UpstreamOptions options;
        options.url = url;
        const auto pool = make_upstream_pool(options);
        ASSERT_FALSE(pool) << url;
        EXPECT_EQ(pool.error().code, Errc::invalid);
    }
    UpstreamOptions options;
    options.url = "https://a";
    options.ca_file = "/nonexistent/ca.pem";
    EXPECT_EQ(make_upstream_pool(options).error().field, "ca_file");
}

TEST(UpstreamOptionsTest, ARequestThatHttpCannotCarry) {
    RawListener listener;
    Call call = get("/a b");
    EXPECT_EQ(play(to(listener), {call}, [] {})[0].error.code, Errc::invalid);
    call = get();
    call.head.headers.add("X", "a\r\nY: b");
    EXPECT_EQ(play(to(listener), {call}, [] {})[0].error.code, Errc::invalid);
}

// --- through our own server, as the gateway does it ---

Task<void> forward(Exchange& exchange, UpstreamPool& pool, bool& cut) {
    RequestHead head = exchange.request();
    remove_hop_by_hop(head.headers);
    head.headers.remove("Host");
    auto up = co_await pool.open(head);
    std::array<char, 4096> buffer;
    while (up && head.has_body()) {
        const auto count = co_await exchange.read(buffer);
        if (!count || *count == 0) break;
        const std::string_view piece{buffer.data(), *count};
        auto written = co_await (*up)->write(piece);
        if (!written) break;
    }
    if (!up) co_return;
    auto finished = co_await (*up)->finish_request();
    auto answer = co_await (*up)->read_head();
    if (!finished || !answer) co_return;
    auto sent = co_await exchange.start(*answer, (*up)->content_length());
    while (sent) {
        const auto count = co_await (*up)->read(buffer);
        if (!count) {
            cut = true;
            exchange.abort();
            co_return;
        }
        if (*count == 0) break;
        const std::string_view piece{buffer.data(), *count};
        sent = co_await exchange.write(piece);
    }
    if (sent) sent = co_await exchange.finish();
    EXPECT_TRUE(sent);
}

TEST(Proxying, BothWaysInPieces) {
    RawListener listener;
    auto pool = make_upstream_pool(to(listener));
    ASSERT_TRUE(pool);
    bool cut = false;
    Runtime runtime(1);
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    auto server =
        serve(runtime, options, [&](Exchange& exchange) { return forward(exchange, **pool, cut); });
    ASSERT_TRUE(server);
    runtime.start();
    RawPeer client = RawPeer::connect((*server)->address());
    client.send(
        "POST /p HTTP/1.1\r\nHost: public\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    RawPeer upstream = listener.accept();
    EXPECT_TRUE(upstream.read_until("3\r\nabc\r\n").starts_with("POST /p HTTP/1.1\r\n"))
        << "before the body's end";
    client.send("2\r\nde\r\n0\r\n\r\n");
    EXPECT_EQ(upstream.read_until("0\r\n\r\n"), "2\r\nde\r\n0\r\n\r\n");
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Up: 1\r\n\r\n");
    EXPECT_NE(client.read_until("\r\n\r\n").find("X-Up: 1\r\n"), std::string::npos)
        << "the head leaves at once";
    upstream.send("4\r\nping\r\n");
    EXPECT_EQ(client.read_until("ping\r\n"), "4\r\nping\r\n") << "each piece leaves at once";
    upstream.send("0\r\n\r\n");
    EXPECT_EQ(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
    client.send("GET /cut HTTP/1.1\r\nHost: public\r\n\r\n");
    upstream.read_until("\r\n\r\n");
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    upstream.close();
    const std::string rest = client.read_to_end();
    EXPECT_TRUE(rest.size() < rest.find("\r\n\r\n") + 4 + 9) << "a cut answer is not made whole";
    runtime.stop();
}

}  // namespace
}  // namespace x402::net
