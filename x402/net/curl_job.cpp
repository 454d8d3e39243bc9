// SPDX-License-Identifier: Apache-2.0
// libcurl repeats a request by itself when a kept-alive connection turns out dead. A body is
// therefore given through a read callback that cannot be rewound, and an unrepeatable request
// without a body gets a connection of its own: nothing that may have an effect leaves twice.
#include "x402/net/curl_job.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "x402/base/check.hpp"
#include "x402/base/limits.hpp"
#include "x402/net/ssrf_guard.hpp"

namespace x402::net::curl {
namespace {

std::string trim_line(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' ')) {
        line.remove_suffix(1);
    }
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    return std::string{line};
}

std::size_t give_body(char* into, std::size_t size, std::size_t count, void* user) {
    auto& job = *static_cast<Job*>(user);
    const std::size_t n = std::min(size * count, job.request.body.size() - job.body_sent);
    std::memcpy(into, job.request.body.data() + job.body_sent, n);
    job.body_sent += n;
    return n;
}

std::size_t take_body(char* from, std::size_t size, std::size_t count, void* user) {
    auto& job = *static_cast<Job*>(user);
    const std::size_t n = size * count;
    if (n > job.request.max_answer_bytes - job.response.body.size()) {
        job.too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    job.response.body.append(from, n);
    return n;
}

std::size_t take_header(char* from, std::size_t size, std::size_t count, void* user) {
    auto& job = *static_cast<Job*>(user);
    const std::string_view line{from, size * count};
    job.head_bytes += line.size();
    auto& list = job.response.headers.list();
    if (job.head_bytes > limits::kHeaderBytes || list.size() >= limits::kHeaderCount) {
        job.too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    // 1xx answers and a proxy's own answer come before the one that counts.
    if (line.starts_with("HTTP/")) {
        list.clear();
        job.head_ended = false;
        return line.size();
    }
    if (line == "\r\n" || line == "\n") job.head_ended = true;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return line.size();
    job.response.headers.add(std::string{line.substr(0, colon)}, trim_line(line.substr(colon + 1)));
    return line.size();
}

std::string numeric_text(const sockaddr& address) {
    char text[INET6_ADDRSTRLEN] = {};
    const void* raw = nullptr;
    if (address.sa_family == AF_INET) raw = &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    if (address.sa_family == AF_INET6)
        raw = &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (!raw || !inet_ntop(address.sa_family, raw, text, sizeof text)) return {};
    return text;
}

// Looks at the address itself, after resolving: a name that changes its mind between a check and
// the connection changes nothing.
curl_socket_t open_guarded(void* user, curlsocktype, curl_sockaddr* address) {
    auto& job = *static_cast<Job*>(user);
    if (!is_public_address(numeric_text(address->addr))) {
        job.refused = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool is_repeatable(std::string_view method) noexcept {
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
           method == "DELETE";
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
    X402_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

void set_method(Job& job) {
    const ClientRequest& request = job.request;
    const bool repeatable = is_repeatable(request.method);
    if (!request.body.empty() || request.method == "POST") {
        set(job.easy, CURLOPT_POST, 1L);
        set(job.easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        set(job.easy, CURLOPT_READFUNCTION, &give_body);
        set(job.easy, CURLOPT_READDATA, static_cast<void*>(&job));
    } else if (request.method == "HEAD") {
        set(job.easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (request.body.empty() && !repeatable) set(job.easy, CURLOPT_FRESH_CONNECT, 1L);
    set(job.easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void set_headers(Job& job) {
    const auto append = [&job](const std::string& line) {
        job.headers = curl_slist_append(job.headers, line.c_str());
        X402_CHECK(job.headers != nullptr);
    };
    for (const Header& header : job.request.headers.list()) {
        if (equal_ignoring_case(header.name, "Content-Length") ||
            equal_ignoring_case(header.name, "Transfer-Encoding")) {
            continue;
        }
        // libcurl's way to write a header without a value is a semicolon.
        append(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
    }
    // What libcurl would add by itself, switched off.
    append("Expect:");
    if (!job.request.headers.has("Content-Type")) append("Content-Type:");
    set(job.easy, CURLOPT_HTTPHEADER, job.headers);
    job.decodes = !job.request.headers.has("Accept-Encoding");
    if (job.decodes) set(job.easy, CURLOPT_ACCEPT_ENCODING, "");
}

void set_guard(Job& job) {
    if (job.loopback) set(job.easy, CURLOPT_PROXY, "");
    if (!job.request.guard_private_addresses) return;
    set(job.easy, CURLOPT_OPENSOCKETFUNCTION, &open_guarded);
    set(job.easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(&job));
    // A proxy would resolve where we cannot look; a kept connection may have been opened unguarded.
    set(job.easy, CURLOPT_PROXY, "");
    set(job.easy, CURLOPT_FRESH_CONNECT, 1L);
    set(job.easy, CURLOPT_FORBID_REUSE, 1L);
}

// "Nothing was sent" is said only when no byte of any request of this job left: libcurl counts over
// its own repetitions too.
Error read_failure(const Job& job, CURLcode code) {
    long sent = 0;
    curl_easy_getinfo(job.easy, CURLINFO_REQUEST_SIZE, &sent);
    std::string detail =
        job.error[0] != '\0' ? std::string{job.error} : std::string{curl_easy_strerror(code)};
    const auto made = [&detail](Errc errc) {
        return Error{errc, std::move(detail), {}, {}, is_retryable(errc)};
    };
    if (job.too_large) return made(Errc::too_large);
    if (sent == 0 && job.refused) return made(Errc::refused);
    if (sent == 0 && code == CURLE_URL_MALFORMAT) return made(Errc::invalid);
    if (sent == 0) return made(Errc::unreachable);
    return made(code == CURLE_OPERATION_TIMEDOUT ? Errc::timeout : Errc::interrupted);
}

}  // namespace

void set_up(Job& job, Duration left) {
    CURL* const easy = job.easy;
    set(easy, CURLOPT_PRIVATE, static_cast<void*>(&job));
    set(easy, CURLOPT_ERRORBUFFER, job.error);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_URL, job.request.url.c_str());
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    set(easy, CURLOPT_TCP_NODELAY, 1L);
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    if (!job.ca_file.empty()) set(easy, CURLOPT_CAINFO, job.ca_file.c_str());
    set(easy, CURLOPT_USERAGENT, "x402-cpp");
    set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
    set(easy, CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(std::max<Duration>(job.request.connect_timeout, Duration{1}).count()));
    set(easy, CURLOPT_WRITEFUNCTION, &take_body);
    set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&job));
    set(easy, CURLOPT_HEADERFUNCTION, &take_header);
    set(easy, CURLOPT_HEADERDATA, static_cast<void*>(&job));
    set_method(job);
    set_headers(job);
    set_guard(job);
}

Result<ClientResponse> read_outcome(Job& job, CURLcode code) {
    if (code != CURLE_OK) return fail(read_failure(job, code));
    // A connection that ends within the headers is a success to libcurl.
    if (!job.head_ended) return fail(Errc::interrupted, "the answer ended within its headers");
    long status = 0;
    curl_easy_getinfo(job.easy, CURLINFO_RESPONSE_CODE, &status);
    job.response.status = static_cast<int>(status);
    // The body is plain now, so these would lie.
    if (job.decodes && job.response.headers.has("Content-Encoding")) {
        job.response.headers.remove("Content-Encoding");
        job.response.headers.remove("Content-Length");
    }
    return std::move(job.response);
}

}  // namespace x402::net::curl
