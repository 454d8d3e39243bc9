// SPDX-License-Identifier: Apache-2.0
// Bytes to requests, judgements to bytes. The order is: rate, caller, size, form, then the service.
#include "x402/facilitator/http_api.hpp"

#include <charconv>

#include "x402/base/log.hpp"
#include "x402/facilitator/answers.hpp"
#include "x402/facilitator/callers.hpp"
#include "x402/ops/admin.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/protocol/version.hpp"

namespace x402::facilitator {
namespace {

constexpr std::string_view kSettlements = "/settlements/";
constexpr std::size_t kKeyBytes = 1'024;
constexpr std::size_t kIdempotencyBytes = 256;
constexpr std::int64_t kLongestWaitS = 60;
constexpr std::string_view kRetryAfterS = "2";

struct Api {
    Service& service;
    const Config& config;
    ops::Metrics& metrics;
    NetworkNames names;
    RateLimit rate;
};

net::Response json_answer(int status, const json::Object& body) {
    net::Response response;
    response.head.status = status;
    response.head.headers.add("Content-Type", "application/json");
    response.head.headers.add("Cache-Control", "no-store");
    response.body = json::dump(body);
    return response;
}

net::Response refusal_answer(const Refusal& refusal) {
    json::Object body;
    body["error"] = write(refusal);
    net::Response response = json_answer(refusal.http_status, body);
    if (refusal.http_status == 503 || refusal.http_status == 429)
        response.head.headers.add("Retry-After", std::string(kRetryAfterS));
    if (refusal.http_status == 401) response.head.headers.add("WWW-Authenticate", "Bearer");
    return response;
}

net::Response error_answer(const Error& error) {
    log::warn("not_judged", {{"error", to_string(error)}});
    Refusal refusal = refuse(reason_of(error));
    if (refusal.http_status != 429) refusal.http_status = 503;
    refusal.retryable = true;
    return refusal_answer(refusal);
}

// Who asks; or the answer that turns them away.
std::expected<std::string, net::Response> let_in(Api& api, const net::Exchange& exchange) {
    const auto& headers = exchange.request().headers;
    std::optional<std::string> caller;
    if (headers.count("Authorization") == 1) {
        caller = find_caller(api.config.callers, headers.get("Authorization"));
    }
    // The unknown share the bucket of their address, so that guessing tokens is slow too.
    const std::string who = caller ? *caller : "peer " + std::string(host_of_peer(exchange.peer()));
    if (const auto wait = api.rate.ask(who, api.service.clock().steady())) {
        net::Response response = refusal_answer(refuse(Reason::rate_limited));
        response.head.headers.set("Retry-After", std::to_string(*wait));
        return std::unexpected(std::move(response));
    }
    if (!api.config.callers.empty() && !caller)
        return std::unexpected(refusal_answer(refuse(Reason::unauthorized)));
    return caller.value_or(std::string{});
}

Result<SettleContext> context_of(const net::RequestHead& head, std::string caller) {
    SettleContext context;
    context.caller = std::move(caller);
    if (head.headers.count("Idempotency-Key") > 1) {
        return fail_field(Errc::invalid, "Idempotency-Key", "the header stands twice");
    }
    context.idempotency_key = std::string(head.headers.get("Idempotency-Key"));
    if (context.idempotency_key.size() > kIdempotencyBytes) {
        return fail_field(Errc::invalid, "Idempotency-Key", "more than 256 bytes");
    }
    return context;
}

// Says where and what; the words are ours, because the codec never repeats a peer's text in
// `detail`.
Refusal undecodable(const Error& error) {
    const bool large = error.code == Errc::too_large;
    Refusal refusal = refuse(large ? Reason::payload_too_large : Reason::malformed_request);
    const bool version = error.code == Errc::unsupported && error.field.ends_with("x402Version");
    if (version) refusal = refuse(Reason::invalid_x402_version);
    refusal.field = error.field;
    return refusal;
}

// The request, or the answer that refuses it.
Task<std::expected<FacilitatorRequest, net::Response>> read_request(Api& api,
                                                                    net::Exchange& exchange) {
    const auto body = co_await exchange.read_all(limits::kFacilitatorBodyBytes);
    if (!body) co_return std::unexpected(refusal_answer(undecodable(body.error())));
    auto request = read_facilitator_request(*body, api.names);
    if (!request) co_return std::unexpected(refusal_answer(undecodable(request.error())));
    co_return std::move(*request);
}

void add_key(net::Response& response, const json::Object& extra) {
    const std::string key = json::text_or_empty(extra, "paymentKey");
    if (!key.empty()) response.head.headers.add(std::string(headers::kPaymentKey), key);
}

Task<net::Response> verify(Api& api, net::Exchange& exchange) {
    const auto caller = let_in(api, exchange);
    if (!caller) co_return caller.error();
    const auto request = co_await read_request(api, exchange);
    if (!request) co_return request.error();
    const auto answer = co_await api.service.verify(*request);
    if (!answer) co_return error_answer(answer.error());
    net::Response response = json_answer(200, write(*answer));
    add_key(response, answer->extra);
    co_return response;
}

// In a version 1 answer the network is its short name.
json::Object write_settlement(const Api& api, int version, const SettleResponse& answer) {
    if (version == kVersion1) {
        if (auto object = write_settle_response_v1(answer, api.names)) return std::move(*object);
    }
    return write(answer);
}

Task<net::Response> settle(Api& api, net::Exchange& exchange) {
    auto caller = let_in(api, exchange);
    if (!caller) co_return caller.error();
    const auto context = context_of(exchange.request(), std::move(*caller));
    if (!context) co_return refusal_answer(undecodable(context.error()));
    const auto request = co_await read_request(api, exchange);
    if (!request) co_return request.error();
    const auto answer = co_await api.service.settle(*request, *context);
    if (!answer) co_return error_answer(answer.error());
    net::Response response = json_answer(200, write_settlement(api, request->version, *answer));
    add_key(response, answer->extra);
    if (outcome_of(*answer) == Outcome::unknown) {
        response.head.headers.add("Retry-After", std::string(kRetryAfterS));
    }
    co_return response;
}

Task<net::Response> supported(Api& api, net::Exchange& exchange) {
    const auto caller = let_in(api, exchange);
    if (!caller) co_return caller.error();
    const auto answer = co_await api.service.supported();
    if (!answer) co_return error_answer(answer.error());
    co_return json_answer(200, write(*answer));
}

struct Wanted {
    PaymentKey key;
    Duration wait{};
};

// "/settlements/KEY?wait=30". Keys are lower case and URL-safe: an encoded one is not ours.
Result<Wanted> read_wanted(std::string_view target) {
    target.remove_prefix(kSettlements.size());
    const std::size_t mark = target.find('?');
    const std::string_view key = target.substr(0, mark);
    if (key.empty() || key.size() > kKeyBytes ||
        key.find_first_of("%/") != std::string_view::npos) {
        return fail_field(Errc::invalid, "key", "not a payment key");
    }
    Wanted wanted{PaymentKey(std::string(key)), {}};
    if (mark == std::string_view::npos) return wanted;
    std::string_view query = target.substr(mark + 1);
    if (!query.starts_with("wait="))
        return fail_field(Errc::invalid, "query", "only wait=SECONDS is known");
    query.remove_prefix(5);
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(query.data(), query.data() + query.size(), seconds);
    const bool whole = error == std::errc{} && end == query.data() + query.size();
    if (!whole || seconds < 0) return fail_field(Errc::invalid, "wait", "not a count of seconds");
    wanted.wait = std::chrono::seconds(std::min(seconds, kLongestWaitS));
    return wanted;
}

Task<net::Response> settlement(Api& api, net::Exchange& exchange) {
    const auto caller = let_in(api, exchange);
    if (!caller) co_return caller.error();
    const auto wanted = read_wanted(exchange.request().target);
    if (!wanted) co_return refusal_answer(undecodable(wanted.error()));
    const auto found = co_await api.service.settlement(wanted->key, wanted->wait);
    if (!found) co_return error_answer(found.error());
    if (*found) co_return json_answer(200, write(**found));
    Refusal refusal = refuse(Reason::route_unknown);
    refusal.code = "payment_unknown";
    refusal.message = "No settlement of this payment key is known here.";
    refusal.next = "Check the key; one that was never sent to /settle has no record.";
    co_return refusal_answer(refusal);
}

// Health and readiness are open; numbers about money are for known callers where others can reach
// the listener.
Task<std::optional<net::Response>> admin(Api& api, net::Exchange& exchange, std::string_view path) {
    if (path == "/metrics") {
        if (!api.config.loopback && !api.config.callers.empty()) {
            const auto caller = let_in(api, exchange);
            if (!caller) co_return caller.error();
        }
        co_await api.service.refresh_gauges();
    }
    const ops::AdminPages pages{api.metrics, [&api] { return api.service.ready(); }, {}};
    co_return ops::admin_answer(exchange.request(), pages);
}

net::Response wrong_method(std::string allowed) {
    Refusal refusal = refuse(Reason::malformed_request);
    refusal.http_status = 405;
    refusal.message = "This path does not take this method.";
    refusal.next = "Use " + allowed + ".";
    net::Response response = refusal_answer(refusal);
    response.head.headers.add("Allow", std::move(allowed));
    return response;
}

Task<net::Response> route(Api& api, net::Exchange& exchange) {
    const net::RequestHead& head = exchange.request();
    const std::string path = head.target.substr(0, head.target.find('?'));
    const bool get = head.method == "GET" || head.method == "HEAD";
    const bool post = head.method == "POST";
    const bool payment = path == "/verify" || path == "/settle";
    if (payment && !post) co_return wrong_method("POST");
    if (path == "/verify") co_return co_await verify(api, exchange);
    if (path == "/settle") co_return co_await settle(api, exchange);
    if (!get) co_return wrong_method("GET");
    if (path == "/supported") co_return co_await supported(api, exchange);
    if (path.starts_with(kSettlements)) co_return co_await settlement(api, exchange);
    auto page = co_await admin(api, exchange, path);
    if (page) co_return std::move(*page);
    co_return refusal_answer(refuse(Reason::route_unknown));
}

Task<void> handle(std::shared_ptr<Api> api, net::Exchange& exchange) {
    const net::Response response = co_await route(*api, exchange);
    const auto sent = co_await exchange.respond(response);
    static_cast<void>(
        sent);  // a client that left needs no answer; the settlement does not need the client
}

}  // namespace

net::Handler make_handler(Service& service, const Config& config, ops::Metrics& metrics) {
    // Shared by every request that runs: the handler itself may be replaced while some do.
    const auto api = std::shared_ptr<Api>(
        new Api{service, config, metrics, service.modules().names(), RateLimit(config.rate)});
    return [api](net::Exchange& exchange) { return handle(api, exchange); };
}

void Door::replace(net::Handler handler) {
    auto next = std::make_shared<const net::Handler>(std::move(handler));
    const std::lock_guard lock(mutex_);
    current_ = std::move(next);
}

net::Handler Door::handler() {
    return [this](net::Exchange& exchange) {
        std::shared_ptr<const net::Handler> now;
        {
            const std::lock_guard lock(mutex_);
            now = current_;
        }
        return (*now)(exchange);
    };
}

}  // namespace x402::facilitator
