// SPDX-License-Identifier: Apache-2.0
// TLS of both outgoing ways, the upstream's and the client's: whose certificate is believed, and
// what a stream that ends without a goodbye means. Keys and certificates are made for each run.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <csignal>
#include <functional>
#include <thread>

#include "x402/net/http_client.hpp"
#include "x402/net/runtime.hpp"
#include "x402/net/test_peer.hpp"
#include "x402/net/upstream.hpp"

namespace x402::net {
namespace {

using testing::RawListener;
using testing::RawPeer;
using namespace std::chrono_literals;

template <class T, void (*kFree)(T*)>
struct Freed {
    void operator()(T* what) const { kFree(what); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freed<SSL, SSL_free>>;

// A self-signed certificate for `name`, such as "IP:127.0.0.1".
struct Identity {
    explicit Identity(const std::string& name) : key(EVP_EC_gen("P-256")), certificate(X509_new()) {
        X509* const x = certificate.get();
        X509_set_version(x, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
        X509_gmtime_adj(X509_getm_notBefore(x), -60);
        X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        X509_set_pubkey(x, key.get());
        X509_NAME* const subject = X509_get_subject_name(x);
        const auto* common = reinterpret_cast<const unsigned char*>("x402 test");
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, common, -1, -1, 0);
        X509_set_issuer_name(x, subject);
        X509_EXTENSION* const names =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name.c_str());
        X509_add_ext(x, names, -1);
        X509_EXTENSION_free(names);
        X509_sign(x, key.get(), EVP_sha256());
    }

    std::string write_file(const std::string& name) const {
        const std::string path = ::testing::TempDir() + name + std::to_string(::getpid()) + ".pem";
        FILE* const file = std::fopen(path.c_str(), "w");
        PEM_write_X509(file, certificate.get());
        std::fclose(file);
        return path;
    }

    Key key;
    Certificate certificate;
};

// One connection: the handshake, one request, `answer`; then a goodbye or none.
void serve_tls(RawListener& listener, const Identity& identity, const std::string& answer,
               bool goodbye) {
    // OpenSSL's own writes raise the signal where the client has left already.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    const Context context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_use_certificate(context.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
    RawPeer peer = listener.accept();
    if (!peer.connected()) return;
    const Session session(SSL_new(context.get()));
    SSL_set_fd(session.get(), peer.fd());
    if (SSL_accept(session.get()) != 1) return;
    char request[4096];
    if (SSL_read(session.get(), request, sizeof request) <= 0) return;
    SSL_write(session.get(), answer.data(), static_cast<int>(answer.size()));
    if (goodbye) SSL_shutdown(session.get());
}

Task<void> ask(UpstreamPool& pool, Result<std::string>& into) {
    RequestHead head;
    head.method = "GET";
    head.target = "/";
    into = std::string{};
    auto exchange = co_await pool.open(head);
    if (!exchange) into = fail(exchange.error());
    if (!exchange) co_return;
    const auto answer = co_await (*exchange)->read_head();
    if (!answer) into = fail(answer.error());
    if (!answer) co_return;
    std::array<char, 100> buffer;
    for (;;) {
        const auto count = co_await (*exchange)->read(buffer);
        if (!count) into = fail(count.error());
        if (!count || *count == 0) co_return;
        into->append(buffer.data(), *count);
    }
}

Task<void> fetch(HttpClient& client, ClientRequest request, Result<std::string>& into) {
    auto answer = co_await client.fetch(std::move(request));
    if (answer) {
        into = std::move(answer->body);
    } else {
        into = fail(answer.error());
    }
}

struct Row {
    const char* name;
    std::string certificate_for;
    bool trusted;
    std::string answer;
    bool goodbye;
    std::optional<Errc> want;
};

std::vector<Row> rows() {
    const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    const std::string open = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello";
    return {
        {"trusted", "IP:127.0.0.1", true, length, true, std::nullopt},
        {"unknown authority", "IP:127.0.0.1", false, length, true, Errc::unreachable},
        {"other address", "IP:127.0.0.2", true, length, true, Errc::unreachable},
        {"a name only", "DNS:localhost", true, length, true, Errc::unreachable},
        {"ends with a goodbye", "IP:127.0.0.1", true, open, true, std::nullopt},
        {"ends without one", "IP:127.0.0.1", true, open, false, Errc::interrupted},
    };
}

// Runs `start` against a TLS server as the row says; `start` gets its URL and the authorities to
// trust.
using Start =
    std::function<void(const std::string& url, const std::string& ca, Result<std::string>& into)>;

void check(const Row& row, const Start& start) {
    SCOPED_TRACE(row.name);
    const Identity identity(row.certificate_for);
    const Identity stranger("IP:127.0.0.1");
    const std::string ca = (row.trusted ? identity : stranger).write_file("x402_ca_");
    RawListener listener;
    std::thread server([&] { serve_tls(listener, identity, row.answer, row.goodbye); });
    Result<std::string> got = fail(Errc::internal);
    start("https" + listener.url().substr(4), ca, got);
    server.join();
    ::unlink(ca.c_str());
    if (row.want) {
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, *row.want) << got.error().detail;
    } else {
        ASSERT_TRUE(got) << got.error().detail;
        EXPECT_EQ(*got, "hello");
    }
}

TEST(Tls, Upstream) {
    for (const Row& row : rows()) {
        check(row, [](const std::string& url, const std::string& ca, Result<std::string>& into) {
            UpstreamOptions options;
            options.url = url;
            options.ca_file = ca;
            auto pool = make_upstream_pool(options);
            ASSERT_TRUE(pool);
            run_blocking([&] { return ask(**pool, into); });
        });
    }
}

TEST(Tls, Client) {
    std::vector<Row> all = rows();
    for (Row& row : all) {
        // libcurl takes a body without length for whole even then; JSON, or a length, tells the
        // truth.
        if (!row.goodbye) row.want = std::nullopt;
        check(row, [](const std::string& url, const std::string& ca, Result<std::string>& into) {
            auto client = make_http_client({.ca_file = ca});
            ClientRequest request;
            request.url = url;
            run_blocking([&] { return fetch(*client, request, into); });
        });
    }
}

TEST(Tls, AHandshakeThatHangsIsUnreachable) {
    RawListener listener;
    UpstreamOptions options;
    options.url = "https" + listener.url().substr(4);
    options.connect_timeout = 60ms;
    auto pool = make_upstream_pool(options);
    ASSERT_TRUE(pool);
    Result<std::string> got = fail(Errc::internal);
    run_blocking([&] { return ask(**pool, got); });
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::unreachable);
}

}  // namespace
}  // namespace x402::net
