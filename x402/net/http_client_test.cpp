// SPDX-License-Identifier: Apache-2.0
// The client against our own server and against peers that break off at every stage: above all,
// "nothing was sent" is only said when it is true.
#include "x402/net/http_client.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "x402/base/sync.hpp"
#include "x402/net/http_server.hpp"
#include "x402/net/runtime.hpp"
#include "x402/net/test_peer.hpp"

namespace x402::net {
namespace {

using testing::RawListener;
using testing::RawPeer;
using namespace std::chrono_literals;

Task<void> fetch_into(HttpClient& client, ClientRequest request, Result<ClientResponse>& into) {
    into = co_await client.fetch(std::move(request));
}

Result<ClientResponse> fetch(HttpClient& client, ClientRequest request) {
    Result<ClientResponse> out = fail(Errc::internal, "never answered");
    run_blocking([&] { return fetch_into(client, request, out); });
    return out;
}

ClientRequest get(std::string url) {
    ClientRequest request;
    request.url = std::move(url);
    request.timeout = 3s;
    return request;
}

// Echoes what it saw, so that one answer tells all.
Task<void> mirror(Exchange& exchange) {
    auto body = co_await exchange.read_all(10'000'000);
    Response response;
    const RequestHead& head = exchange.request();
    if (head.target == "/402") response.head.status = 402;
    if (head.target == "/redirect") {
        response.head.status = 302;
        response.head.headers.add("Location", "/elsewhere");
    }
    response.head.headers.add("X-Method", head.method);
    response.head.headers.add("X-Target", head.target);
    response.head.headers.add("X-Peer", std::string{exchange.peer()});
    response.head.headers.add("PAYMENT-RESPONSE", "one");
    response.head.headers.add("PAYMENT-RESPONSE", "two");
    for (const Header& header : head.headers.list())
        response.head.headers.add("Echo-" + header.name, header.value);
    response.body = body ? *body : "no body";
    if (head.target == "/large") response.body = std::string(100'000, 'l');
    auto sent = co_await exchange.respond(response);
    EXPECT_TRUE(sent);
}

class ClientTest : public ::testing::Test {
protected:
    void SetUp() override {
        runtime_ = std::make_unique<Runtime>(1);
        ServerOptions options;
        options.listen = "127.0.0.1:0";
        auto server =
            serve(*runtime_, options, [](Exchange& exchange) { return mirror(exchange); });
        ASSERT_TRUE(server);
        server_ = std::move(*server);
        runtime_->start();
        client_ = make_http_client();
    }
    void TearDown() override {
        client_.reset();
        server_.reset();
        runtime_.reset();
    }
    std::string url(const std::string& path) const { return "http://" + server_->address() + path; }

    std::unique_ptr<Runtime> runtime_;
    std::unique_ptr<HttpServer> server_;
    std::unique_ptr<HttpClient> client_;
};

TEST_F(ClientTest, SendsExactlyWhatItWasGiven) {
    ClientRequest request = get(url("/a/../b%2Fc?q=%20#fragment"));
    request.headers.add("X-Own", "value");
    request.headers.add("X-Empty", "");
    const auto answer = fetch(*client_, request);
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->headers.get("X-Method"), "GET");
    EXPECT_EQ(answer->headers.get("X-Target"), "/a/../b%2Fc?q=%20") << "the path is not rewritten";
    EXPECT_EQ(answer->headers.get("Echo-X-Own"), "value");
    EXPECT_TRUE(answer->headers.has("Echo-X-Empty"));
    EXPECT_EQ(answer->headers.count("payment-response"), 2U);
    EXPECT_EQ(answer->body, "");
}

TEST_F(ClientTest, MethodsAndBodies) {
    struct Row {
        const char* method;
        std::string body;
    };
    for (const Row& row : {Row{"POST", "{}"}, Row{"POST", ""}, Row{"PUT", "x"}, Row{"PATCH", "x"},
                           Row{"DELETE", ""}, Row{"DELETE", "x"}, Row{"OPTIONS", ""},
                           Row{"GET", "body"}, Row{"POST", std::string(3'000'000, 'b')}}) {
        SCOPED_TRACE(row.method);
        ClientRequest request = get(url("/x"));
        request.method = row.method;
        request.body = row.body;
        const auto answer = fetch(*client_, request);
        ASSERT_TRUE(answer) << answer.error().detail;
        EXPECT_EQ(answer->headers.get("X-Method"), row.method);
        EXPECT_EQ(answer->body, row.body);
        EXPECT_FALSE(answer->headers.has("Echo-Content-Type"));
        EXPECT_FALSE(answer->headers.has("Echo-Expect"));
    }
    ClientRequest head = get(url("/large"));
    head.method = "HEAD";
    const auto answer = fetch(*client_, head);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->headers.get("Content-Length"), "100000");
    EXPECT_EQ(answer->body, "");
}

TEST_F(ClientTest, StatusesAreAnswersAndRedirectsAreNotFollowed) {
    EXPECT_EQ(fetch(*client_, get(url("/402")))->status, 402);
    const auto answer = fetch(*client_, get(url("/redirect")));
    EXPECT_EQ(answer->status, 302);
    EXPECT_EQ(answer->headers.get("Location"), "/elsewhere");
}

TEST_F(ClientTest, ConnectionsAreKept) {
    const auto first = fetch(*client_, get(url("/1")));
    const auto second = fetch(*client_, get(url("/2")));
    EXPECT_EQ(first->headers.get("X-Peer"), second->headers.get("X-Peer"));
}

TEST_F(ClientTest, AnswerAboveTheCap) {
    ClientRequest request = get(url("/large"));
    request.max_answer_bytes = 99'999;
    const auto answer = fetch(*client_, request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::too_large);
    request.max_answer_bytes = 100'000;
    EXPECT_TRUE(fetch(*client_, request));
}

TEST_F(ClientTest, Attack34GuardRefusesAfterResolving) {
    const std::string port = server_->address().substr(server_->address().rfind(':'));
    for (const std::string& host :
         {std::string{"127.0.0.1"}, std::string{"localhost"}, std::string{"0.0.0.0"},
          std::string{"2130706433"}, std::string{"0x7f000001"}}) {
        SCOPED_TRACE(host);
        // A kept connection to the same place does not open the way either.
        EXPECT_TRUE(fetch(*client_, get(url("/warm"))));
        ClientRequest request = get("http://" + host + port + "/");
        request.guard_private_addresses = true;
        const auto answer = fetch(*client_, request);
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, Errc::refused) << answer.error().detail;
    }
}

TEST_F(ClientTest, InvalidRequests) {
    struct Row {
        const char* name;
        ClientRequest request;
    };
    std::vector<Row> rows;
    for (const char* bad : {"", "ftp://a/", "file:///etc/passwd", "http://u:p@a/", "a.example"}) {
        rows.push_back({bad, get(bad)});
    }
    rows.push_back({"method", get(url("/"))});
    rows.back().request.method = "GET /x HTTP/1.1\r\nX:";
    rows.push_back({"header value", get(url("/"))});
    rows.back().request.headers.add("X", "a\r\nY: b");
    rows.push_back({"header name", get(url("/"))});
    rows.back().request.headers.add("X\n", "a");
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto answer = fetch(*client_, row.request);
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, Errc::invalid);
    }
}

struct Counter {
    explicit Counter(int count) : left(count) {}
    std::atomic<int> left;
    std::atomic<int> good{0};
    Bell bell;
};

Task<void> one_of_many(HttpClient& client, std::string address, Counter& counter) {
    ClientRequest request = get(std::move(address));
    request.timeout = 20s;
    const auto answer = co_await client.fetch(std::move(request));
    if (answer && answer->status == 200) ++counter.good;
    --counter.left;
    counter.bell.ring();
}

Task<void> many(HttpClient& client, std::string address, Counter& counter) {
    const Executor executor = co_await this_executor();
    const int count = counter.left;
    for (int i = 0; i < count; ++i) {
        spawn_on(executor,
                 [&client, address, &counter] { return one_of_many(client, address, counter); });
    }
    while (counter.left > 0) {
        const std::uint64_t seen = counter.bell.count();
        if (counter.left > 0) co_await counter.bell.wait(seen, 20s);
    }
}

TEST_F(ClientTest, MoreThanFitAtOnceWaitTheirTurn) {
    Counter counter(1500);
    run_blocking([&] { return many(*client_, url("/many"), counter); });
    EXPECT_EQ(counter.good, 1500);
}

// --- what a failure is called ---

TEST(ClientErrors, NobodyListens) {
    std::string url;
    {
        RawListener gone;
        url = gone.url();
    }
    auto client = make_http_client();
    EXPECT_EQ(fetch(*client, get(url)).error().code, Errc::unreachable);
    EXPECT_EQ(fetch(*client, get("https" + url.substr(4))).error().code, Errc::unreachable);
    EXPECT_EQ(fetch(*client, get("http://no-such-host.invalid/")).error().code, Errc::unreachable);
}

// What a raw peer does with a request, and what the caller must be told.
struct Breakage {
    const char* name;
    const char* method;
    const char* says;  // nullptr: hears nothing, closes at once
    bool silent;       // keeps the connection open and says nothing
    Errc want;
};

TEST(ClientErrors, BytesWereSent) {
    const Breakage rows[] = {
        {"closes after the request", "POST", "", false, Errc::interrupted},
        {"closes in the head", "POST", "HTTP/1.1 200 OK\r\nContent-", false, Errc::interrupted},
        {"closes in the body", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", false,
         Errc::interrupted},
        {"closes in a chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
         false, Errc::interrupted},
        {"closes between chunks", "GET",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", false,
         Errc::interrupted},
        {"nonsense", "GET", "what?\r\n\r\n", false, Errc::interrupted},
        {"never answers", "GET", "", true, Errc::timeout},
        {"stops in the body", "POST", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", true,
         Errc::timeout},
        {"endless head", "GET", nullptr, false, Errc::too_large},
    };
    for (const Breakage& row : rows) {
        SCOPED_TRACE(row.name);
        RawListener listener;
        auto client = make_http_client();
        std::atomic<bool> over{false};
        std::thread peer_thread([&] {
            RawPeer peer = listener.accept();
            peer.read_until("\r\n\r\n");
            if (row.says) peer.send(row.says);
            if (!row.says) {
                peer.send("HTTP/1.1 200 OK\r\n");
                const std::string line = "X: " + std::string(8000, 'x') + "\r\n";
                for (int i = 0; i < 12 && peer.send(line); ++i) {
                }
            }
            while (row.silent && !over) ::usleep(1000);
        });
        ClientRequest request = get(listener.url());
        request.method = row.method;
        request.body = request.method == "POST" ? "{}" : "";
        request.timeout = row.silent ? Duration{150} : Duration{3000};
        const auto answer = fetch(*client, request);
        over = true;
        peer_thread.join();
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, row.want) << answer.error().detail;
    }
}

TEST(ClientErrors, TlsThatFailsIsUnreachable) {
    RawListener listener;
    auto client = make_http_client();
    std::thread peer_thread([&] {
        RawPeer peer = listener.accept();
        peer.read_exactly(5);
        peer.send("HTTP/1.1 400 this is no TLS\r\n\r\n");
    });
    const auto answer = fetch(*client, get("https" + listener.url().substr(4)));
    peer_thread.join();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::unreachable) << answer.error().detail;
}

TEST(ClientErrors, TlsThatHangsIsUnreachable) {
    RawListener listener;
    auto client = make_http_client();
    ClientRequest request = get("https" + listener.url().substr(4));
    request.timeout = 150ms;
    EXPECT_EQ(fetch(*client, request).error().code, Errc::unreachable)
        << "no byte of the request had left";
}

// A kept-alive connection dies under a POST: it must not be sent a second time behind the caller's
// back.
TEST(ClientErrors, APostIsNeverRepeatedByItself) {
    for (const char* body : {"{}", ""}) {
        SCOPED_TRACE(body);
        RawListener listener;
        auto client = make_http_client();
        std::atomic<int> posts{0};
        std::thread peer_thread([&] {
            RawPeer first = listener.accept();
            first.read_until("\r\n\r\n");
            first.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            // The next request comes on this connection or, without a body, on one of its own.
            RawPeer second = *body ? std::move(first) : listener.accept();
            if (second.read_until("\r\n\r\n").starts_with("POST")) ++posts;
            if (*body) second.read_exactly(2);
            second.reset();
            listener.close();
        });
        ASSERT_TRUE(fetch(*client, get(listener.url())));
        ClientRequest request = get(listener.url());
        request.method = "POST";
        request.body = body;
        const auto answer = fetch(*client, request);
        peer_thread.join();
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, Errc::interrupted) << answer.error().detail;
        EXPECT_EQ(posts, 1);
    }
}

TEST(ClientErrors, InterimAnswersAndGzip) {
    RawListener listener;
    auto client = make_http_client();
    std::thread peer_thread([&] {
        RawPeer peer = listener.accept();
        peer.read_until("\r\n\r\n");
        peer.send(
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Encoding: "
            "gzip\r\n"
            "Content-Length: 25\r\n\r\n");
        // gzip of "hello"
        peer.send(std::string_view(
            "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10"
            "\x36\x05\x00\x00\x00",
            25));
    });
    const auto answer = fetch(*client, get(listener.url()));
    peer_thread.join();
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->body, "hello");
    EXPECT_FALSE(answer->headers.has("Link"));
    EXPECT_FALSE(answer->headers.has("Content-Encoding"));
    EXPECT_FALSE(answer->headers.has("Content-Length"));
}

TEST(ClientEnd, DestroyingTheClientAnswersWhatWaits) {
    RawListener listener;
    auto client = make_http_client();
    Result<ClientResponse> out = fail(Errc::internal);
    Runtime runtime(1);
    runtime.start();
    std::atomic<bool> done{false};
    HttpClient& borrowed = *client;
    runtime.spawn(0, [&]() -> Task<void> {
        co_await fetch_into(borrowed, get(listener.url()), out);
        done = true;
    });
    RawPeer peer = listener.accept();
    peer.read_until("\r\n\r\n");
    client.reset();
    while (!done) std::this_thread::yield();
    EXPECT_EQ(out.error().code, Errc::cancelled);
}

TEST(ClientEnd, CancellingACoroutineCancelsItsRequest) {
    namespace asio = boost::asio;
    RawListener listener;
    auto client = make_http_client();
    asio::io_context context;
    const asio::steady_timer starts_the_reactor(context);
    asio::cancellation_signal signal;
    Result<ClientResponse> out = fail(Errc::internal);
    asio::co_spawn(context, fetch_into(*client, get(listener.url()), out),
                   asio::bind_cancellation_slot(signal.slot(), [](const std::exception_ptr&) {}));
    std::thread peer_thread([&] {
        RawPeer peer = listener.accept();
        peer.read_until("\r\n\r\n");
        asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
        EXPECT_TRUE(peer.ended()) << "the connection is given up at once";
    });
    context.run();
    peer_thread.join();
    EXPECT_EQ(out.error().code, Errc::cancelled);
}

}  // namespace
}  // namespace x402::net
