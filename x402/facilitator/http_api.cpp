// SPDX-License-Identifier: Apache-2.0
// Bytes to requests, judgements to bytes. The order is: rate, caller, size, form, then the service.
// Each answer that is no consent names its code in one header, from which log and metric take it:
// what a caller was told and what its operator reads cannot differ.
#include "x402/facilitator/http_api.hpp"

#include <algorithm>
#include <charconv>

#include "x402/base/check.hpp"
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
constexpr std::size_t kDetailBytes = 256;
constexpr const char* kWaitNext = "Ask with ?wait=SECONDS, or without a query.";
constexpr std::string_view kRetryAfterS = "2";
constexpr std::string_view kReasonHeader = "X402-Reason";
constexpr std::string_view kPages[] = {"/supported", "/health", "/ready", "/metrics"};

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

// Codes of the public table only: header lines and labels are no place for anything else.
void name_reason(net::Response& response, std::string_view code) {
    if (code.empty()) return;
    const std::string known = find_reason(code) ? std::string(code) : "other";
    response.head.headers.add(std::string(kReasonHeader), known);
}

net::Response refusal_answer(const Refusal& refusal) {
    json::Object body;
    body["error"] = write(refusal);
    net::Response response = json_answer(refusal.http_status, body);
    name_reason(response, refusal.code);
    if (refusal.http_status == 503 || refusal.http_status == 429)
        response.head.headers.add("Retry-After", std::string(kRetryAfterS));
    if (refusal.http_status == 401) response.head.headers.add("WWW-Authenticate", "Bearer");
    return response;
}

net::Response error_answer(const Api& api, const Error& error) {
    Refusal refusal = refuse(reason_of(error));
    log::warn("not_judged", {{"code", refusal.code}, {"error", to_string(error)}});
    if (refusal.http_status != 429) refusal.http_status = 503;
    refusal.retryable = true;
    // Whoever asks too often is stopped at the door: here it is a payer's undecided payments.
    if (refusal.http_status == 429) {
        refusal.field = "payer";
        refusal.expected =
            "at most " + std::to_string(api.config.pending_per_payer) + " payments without an end";
    }
    if (error.detail == kPayersShare) {
        refusal.field = "payer";
        refusal.expected = "settlements that cost at most one payer's share of the day";
    }
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
    if (!api.config.callers.empty() && !caller) {
        const char* const expected = headers.count("Authorization") > 1 ? "one header" : "";
        return std::unexpected(
            refusal_answer(refuse(Reason::unauthorized, {"Authorization", expected, {}})));
    }
    return caller.value_or(std::string{});
}

Result<SettleContext> context_of(const net::RequestHead& head, std::string caller) {
    SettleContext context;
    context.caller = std::move(caller);
    if (head.headers.count("Idempotency-Key") > 1) {
        return fail_field(Errc::invalid, "Idempotency-Key", "the header stands twice",
                          "Send one Idempotency-Key, or none.");
    }
    context.idempotency_key = std::string(head.headers.get("Idempotency-Key"));
    if (context.idempotency_key.size() > kIdempotencyBytes) {
        return fail_field(Errc::invalid, "Idempotency-Key", "the key has more than 256 bytes",
                          "Send a key of at most 256 bytes.");
    }
    return context;
}

Reason reason_undecodable(const Error& error) {
    if (error.code == Errc::too_large) return Reason::payload_too_large;
    const bool unsupported = error.code == Errc::unsupported;
    if (unsupported && error.field.ends_with("x402Version")) return Reason::invalid_x402_version;
    if (unsupported && error.field.ends_with("network")) return Reason::invalid_network;
    return Reason::malformed_request;
}

// Says where, what and what to do instead. The words are our own readers', and what they repeat of
// a request comes back to its sender alone.
Refusal undecodable(const Error& error, std::string_view next) {
    Refusal refusal = refuse(reason_undecodable(error), {error.field, {}, {}});
    refusal.http_status = refusal.http_status == 413 ? 413 : 400;
    if (!error.detail.empty() && error.detail.size() <= kDetailBytes)
        refusal.message = sentence_about(refusal.message, error.field + ": " + error.detail);
    if (error.code == Errc::too_large) return refusal;
    refusal.next = error.next.empty() ? std::string(next) : error.next;
    return refusal;
}

Refusal undecodable_body(Error error) {
    if (error.field.empty()) error.field = "body";
    return undecodable(error,
                       "Send JSON with x402Version, paymentPayload and paymentRequirements.");
}

// The request, or the answer that refuses it.
Task<std::expected<FacilitatorRequest, net::Response>> read_request(Api& api,
                                                                    net::Exchange& exchange) {
    const auto body = co_await exchange.read_all(limits::kFacilitatorBodyBytes);
    if (!body) co_return std::unexpected(refusal_answer(undecodable_body(body.error())));
    auto request = read_facilitator_request(*body, api.names);
    if (!request) co_return std::unexpected(refusal_answer(undecodable_body(request.error())));
    co_return std::move(*request);
}

void add_key(net::Response& response, const json::Object& extra) {
    const std::string key = json::text_or_empty(extra, "paymentKey");
    if (!key.empty()) response.head.headers.add(std::string(headers::kPaymentKey), key);
}

// Nobody can settle now. A day's budget comes back at a time that is known.
Task<net::Response> unsettled_answer(Api& api, const ChainId& network, const Error& error) {
    net::Response response = error_answer(api, error);
    if (reason_of(error) != Reason::budget_exhausted) co_return response;
    if (error.detail == kPayersShare) {
        // What a payer cost is kept by the hour.
        response.head.headers.set("Retry-After", "3600");
        co_return response;
    }
    const Duration wait = co_await api.service.budget_wait(network);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait);
    response.head.headers.set("Retry-After", std::to_string(seconds.count()));
    co_return response;
}

Task<net::Response> verify(Api& api, net::Exchange& exchange) {
    const auto caller = let_in(api, exchange);
    if (!caller) co_return caller.error();
    const auto request = co_await read_request(api, exchange);
    if (!request) co_return request.error();
    const auto answer = co_await api.service.verify(*request);
    if (!answer) co_return error_answer(api, answer.error());
    net::Response response = json_answer(200, write(*answer));
    add_key(response, answer->extra);
    name_reason(response, answer->invalid_reason);
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
    if (!context) co_return refusal_answer(undecodable(context.error(), {}));
    const auto request = co_await read_request(api, exchange);
    if (!request) co_return request.error();
    const auto answer = co_await api.service.settle(*request, *context);
    if (!answer)
        co_return co_await unsettled_answer(api, request->requirements.network, answer.error());
    net::Response response = json_answer(200, write_settlement(api, request->version, *answer));
    add_key(response, answer->extra);
    name_reason(response, answer->error_reason);
    if (outcome_of(*answer) == Outcome::unknown) {
        response.head.headers.add("Retry-After", std::string(kRetryAfterS));
    }
    co_return response;
}

Task<net::Response> supported(Api& api, net::Exchange& exchange) {
    const auto caller = let_in(api, exchange);
    if (!caller) co_return caller.error();
    const auto answer = co_await api.service.supported();
    if (!answer) co_return error_answer(api, answer.error());
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
        return fail_field(Errc::invalid, "key", "this is no payment key",
                          "Ask with the paymentKey that /verify and /settle tell.");
    }
    Wanted wanted{PaymentKey(std::string(key)), {}};
    if (mark == std::string_view::npos) return wanted;
    std::string_view query = target.substr(mark + 1);
    if (!query.starts_with("wait="))
        return fail_field(Errc::invalid, "query", "only wait is known here", kWaitNext);
    query.remove_prefix(5);
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(query.data(), query.data() + query.size(), seconds);
    const bool whole = error == std::errc{} && end == query.data() + query.size();
    if (!whole || seconds < 0)
        return fail_field(Errc::invalid, "wait", "this is no count of seconds", kWaitNext);
    wanted.wait = std::chrono::seconds(std::min(seconds, kLongestWaitS));
    return wanted;
}

Task<net::Response> settlement(Api& api, net::Exchange& exchange) {
    const auto caller = let_in(api, exchange);
    if (!caller) co_return caller.error();
    const auto wanted = read_wanted(exchange.request().target);
    if (!wanted) co_return refusal_answer(undecodable(wanted.error(), {}));
    const auto found = co_await api.service.settlement(wanted->key, wanted->wait);
    if (!found) co_return error_answer(api, found.error());
    if (*found) co_return json_answer(200, write(**found));
    co_return refusal_answer(refuse(Reason::settlement_not_found, {"key", {}, {}}));
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
    Refusal refusal = refuse(Reason::malformed_request, {"method", allowed, {}});
    refusal.http_status = 405;
    refusal.message = "This path does not take this method.";
    refusal.next = "Ask this path with " + allowed + ".";
    net::Response response = refusal_answer(refusal);
    response.head.headers.add("Allow", std::move(allowed));
    return response;
}

// The path as log and metrics name it: one of ours, never a stranger's text.
std::string_view page_of(std::string_view path) {
    if (path.starts_with(kSettlements)) return kSettlements;
    if (path == "/verify" || path == "/settle") return path;
    const auto* const page = std::find(std::begin(kPages), std::end(kPages), path);
    return page == std::end(kPages) ? std::string_view{} : *page;
}

Task<net::Response> route(Api& api, net::Exchange& exchange, std::string_view path) {
    const std::string& method = exchange.request().method;
    const std::string_view page = page_of(path);
    if (page.empty()) co_return refusal_answer(refuse(Reason::route_unknown, {"path", {}, {}}));
    const bool get = method == "GET" || method == "HEAD";
    const bool payment = page == "/verify" || page == "/settle";
    if (payment && method != "POST") co_return wrong_method("POST");
    if (!payment && !get) co_return wrong_method("GET, HEAD");
    if (page == "/verify") co_return co_await verify(api, exchange);
    if (page == "/settle") co_return co_await settle(api, exchange);
    if (page == "/supported") co_return co_await supported(api, exchange);
    if (page == kSettlements) co_return co_await settlement(api, exchange);
    auto told = co_await admin(api, exchange, path);
    X402_CHECK(told.has_value());
    co_return std::move(*told);
}

// What no rate limits is not logged: a stranger would fill the disk with it.
bool is_unlimited(const net::ResponseHead& head, std::string_view code) {
    return head.status == 405 || head.status == 429 || code == to_string(Reason::route_unknown);
}

void note_refusal(Api& api, std::string_view path, const net::ResponseHead& head) {
    const std::string code(head.headers.get(kReasonHeader));
    if (code.empty()) return;
    const std::string page(page_of(path));
    const log::Level level = is_unlimited(head, code) ? log::Level::debug : log::Level::info;
    log::write(level, "refused",
               {{"route", page},
                {"code", code},
                {"payment", std::string(head.headers.get(headers::kPaymentKey))}});
    api.metrics.count("x402_refused_total", {{"route", page}, {"reason", code}});
}

Task<void> handle(std::shared_ptr<Api> api, net::Exchange& exchange) {
    const std::string& target = exchange.request().target;
    const std::string path = target.substr(0, target.find('?'));
    const net::Response response = co_await route(*api, exchange, path);
    note_refusal(*api, path, response.head);
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
