// SPDX-License-Identifier: Apache-2.0
#include "x402/ops/admin.hpp"

#include "x402/base/json.hpp"

namespace x402::ops {
namespace {

constexpr std::string_view kMethods = "GET, HEAD";

net::Response answer(int status, std::string_view type, std::string body) {
    net::Response response;
    response.head.status = status;
    response.head.headers.add("Content-Type", std::string(type));
    response.head.headers.add("Cache-Control", "no-store");
    response.body = std::move(body);
    return response;
}

std::string_view path_of(std::string_view target) {
    return target.substr(0, target.find('?'));
}

net::Response ready_answer(const AdminPages& pages) {
    const Result<void> ready = pages.ready ? pages.ready() : Result<void>{};
    if (ready) return answer(200, "application/json", "{\"ready\":true}\n");
    json::Object body;
    body["ready"] = false;
    body["reason"] = ready.error().detail;
    net::Response response = answer(503, "application/json", json::dump(body) + "\n");
    response.head.headers.add("Retry-After", "2");
    return response;
}

bool is_page(std::string_view path) noexcept {
    return path == "/health" || path == "/ready" || path == "/metrics";
}

Task<void> handle(const AdminPages& pages, net::Exchange& exchange) {
    auto response = admin_answer(exchange.request(), pages);
    if (!response) response = admin_refusal(exchange.request());
    const auto sent = co_await exchange.respond(*response);
    static_cast<void>(sent);  // a client that left needs no answer
}

}  // namespace

std::optional<net::Response> admin_answer(const net::RequestHead& request,
                                          const AdminPages& pages) {
    const std::string_view path = path_of(request.target);
    if (request.method != "GET" && request.method != "HEAD") return std::nullopt;
    if (path == "/health") return answer(200, "application/json", "{\"status\":\"ok\"}\n");
    if (path == "/ready") return ready_answer(pages);
    if (path == "/metrics") {
        if (pages.before_metrics) pages.before_metrics();
        return answer(200, "text/plain; version=0.0.4", pages.metrics.render());
    }
    return std::nullopt;
}

net::Response admin_refusal(const net::RequestHead& request) {
    const bool page = is_page(path_of(request.target));
    json::Object error;
    error["code"] = page ? "malformed_request" : "route_unknown";
    error["message"] =
        page ? "This path does not take this method." : "No route matches this request.";
    error["field"] = page ? "method" : "path";
    if (page) error["expected"] = kMethods;
    error["retryable"] = false;
    error["next"] = page ? "Ask this path with GET, HEAD." : "Ask for /health, /ready or /metrics.";
    json::Object body;
    body["error"] = std::move(error);
    net::Response response = answer(page ? 405 : 404, "application/json", json::dump(body) + "\n");
    if (page) response.head.headers.add("Allow", std::string(kMethods));
    return response;
}

net::Handler admin_handler(AdminPages pages) {
    const auto shared = std::make_shared<AdminPages>(std::move(pages));
    // The handler outlives its requests; the pages live in it.
    return [shared](net::Exchange& exchange) { return handle(*shared, exchange); };
}

}  // namespace x402::ops
