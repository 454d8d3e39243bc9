// SPDX-License-Identifier: Apache-2.0
#include "x402/client/exchange.hpp"

#include <array>

#include "x402/client/host_rules.hpp"

namespace x402::client {
namespace {

constexpr std::array<std::string_view, 4> kCredentials = {"Authorization", "Cookie",
                                                          "Proxy-Authorization", "SIGN-IN-WITH-X"};

bool is_redirect(int status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_safe(std::string_view method) noexcept {
    return method == "GET" || method == "HEAD";
}

// RFC 9110 15.4: 303 and, by old custom, 301 and 302 turn a POST into a GET.
void adopt_redirect(net::ClientRequest& message, int status) {
    if (is_safe(message.method) || status == 307 || status == 308) return;
    if (status != 303 && message.method != "POST") return;
    message.method = "GET";
    message.body.clear();
    message.headers.remove("Content-Type");
}

// "a/./b/../c" (RFC 3986 5.2.4)
std::string without_dots(std::string_view path) {
    std::vector<std::string_view> kept;
    bool folder = false;
    std::size_t at = 1;
    while (at <= path.size()) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const std::string_view segment = path.substr(at, end - at);
        folder = segment == "." || segment == "..";
        if (segment == ".." && !kept.empty()) kept.pop_back();
        if (!folder) kept.push_back(segment);
        at = end + 1;
    }
    std::string out;
    for (const std::string_view segment : kept) out.append("/").append(segment);
    if (folder || out.empty()) out += '/';
    return out;
}

net::ClientRequest message_for(const Request& request, const net::Header* payment) {
    net::ClientRequest message;
    message.method = request.method;
    message.headers = request.headers;
    message.body = request.body;
    message.timeout = request.timeout;
    message.connect_timeout = std::chrono::seconds(10);
    message.max_answer_bytes = limits::kClientAnswerBytes;
    if (payment != nullptr) message.headers.set(payment->name, payment->value);
    return message;
}

// Where to go on; nothing: the answer stands as it is.
std::optional<net::UrlParts> next_hop(const Exchange& current, const net::ClientRequest& message,
                                      bool paid) {
    if (!current.answer || !is_redirect(current.answer->status)) return std::nullopt;
    const std::string* location = current.answer->headers.find("Location");
    if (location == nullptr) return std::nullopt;
    auto next = resolve_location(current.url, *location);
    if (!next) return std::nullopt;
    const bool same = next->origin() == current.url.origin();
    if (!same && (paid || !is_safe(message.method))) return std::nullopt;
    return std::move(*next);
}

}  // namespace

Result<net::UrlParts> resolve_location(const net::UrlParts& base, std::string_view location) {
    location = location.substr(0, location.find('#'));
    if (location.find("://") != std::string_view::npos &&
        location.find("://") < location.find_first_of("/?")) {
        return net::split_url(location);
    }
    if (location.starts_with("//"))
        return net::split_url(base.scheme + ":" + std::string(location));
    const std::string_view base_path =
        std::string_view(base.target).substr(0, base.target.find('?'));
    const std::string_view path = location.substr(0, location.find('?'));
    const std::string query(location.substr(path.size()));
    std::string merged(path);
    if (path.empty()) {
        merged = base_path;
    } else if (!path.starts_with('/')) {
        merged = std::string(base_path.substr(0, base_path.rfind('/') + 1)) + merged;
    }
    return net::split_url(base.origin() + without_dots(merged) + query);
}

Task<Exchange> exchange(const Client::Core& core, const Request& request, const net::UrlParts& url,
                        const net::Header* payment) {
    Exchange current;
    current.url = url;
    net::ClientRequest message = message_for(request, payment);
    for (int hop = 0;; ++hop) {
        message.url = current.url.origin() + current.url.target;
        message.guard_private_addresses = must_guard(core.options.policy, current.url, url.host);
        net::ClientRequest sent = message;
        current.answer = co_await core.options.transport.send(std::move(sent));
        // An earlier hop has the payment: that this one was not reached proves nothing.
        if (hop > 0 && payment != nullptr && !current.answer) {
            Error lost = current.answer.error();
            lost.code = Errc::interrupted;
            current.answer = fail(std::move(lost));
        }
        const auto next = next_hop(current, message, payment != nullptr);
        if (!next || hop == kRedirects) break;
        adopt_redirect(message, current.answer->status);
        if (next->origin() != current.url.origin()) {
            current.foreign = true;
            for (const std::string_view name : kCredentials) message.headers.remove(name);
        }
        current.url = *next;
    }
    co_return current;
}

}  // namespace x402::client
