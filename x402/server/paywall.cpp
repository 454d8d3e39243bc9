// SPDX-License-Identifier: Apache-2.0
// The short ways through the gateway: unpaid, free, refused. See paywall.hpp.
#include "x402/server/paywall.hpp"

#include "x402/base/log.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/server/answers.hpp"
#include "x402/server/paid_call.hpp"

namespace x402::server {
namespace {

constexpr std::int64_t kRetrySoon = 2;
constexpr std::string_view kNoMirror = "{}";

Refusal refusal_of(RunFault fault) {
    switch (fault) {
        case RunFault::timed_out:
            return refuse(Reason::upstream_timeout);
        case RunFault::too_large:
            return refuse(Reason::answer_too_large);
        case RunFault::client_left:
            return refuse(Reason::malformed_request);
        case RunFault::no_room:
            return refuse(Reason::unavailable);
        case RunFault::unreachable:
        case RunFault::broken:
            break;
    }
    return refuse(Reason::upstream_unreachable);
}

// A quote for one more 402, which it counts.
std::string new_quote(const Visit& visit, const Route& route) {
    const Desk& desk = *visit.desk;
    route.challenged->fetch_add(1, std::memory_order_relaxed);
    const Instant expires =
        desk.env.clock.now() + std::chrono::seconds(route.config->max_timeout_seconds);
    return desk.quotes.make(route.scope, expires, desk.env.random);
}

std::string url_of(const Visit& visit, const Route& route) {
    return route.url_varies ? visit.site->config->origin + visit.path.text : std::string{};
}

// With a header for each thing that is said, so that more can be said: to browsers, and where the
// path is longer than any client would take the header of. Then the body alone carries the offers.
net::Response plain_challenge(const Route& route, std::string_view quote, std::string_view url) {
    ChallengeText text = route.challenge.fill(quote, url);
    net::Response response;
    response.head.status = 402;
    net::Headers& all = response.head.headers;
    if (text.header.size() <= limits::kRequiredHeaderBytes) {
        all.add(std::string(headers::kPaymentRequired), std::move(text.header));
    }
    all.add("Content-Type", "application/json");
    all.add("Cache-Control", "no-store");
    all.add("Vary", std::string(kVary));
    response.body = route.config->body_mirror ? std::move(text.body) : std::string(kNoMirror);
    return response;
}

}  // namespace

Task<Result<void>> send_response(Visit& visit, net::Response response) {
    add_cors(response.head.headers, visit.origin(), visit.site->config->cors_origins);
    co_return co_await visit.exchange.respond(response);
}

Task<Result<void>> send_refusal(Visit& visit, Refusal refusal,
                                std::optional<std::int64_t> retry_after_s) {
    net::Response response = refusal_response(refusal, retry_after_s);
    co_return co_await send_response(visit, std::move(response));
}

Task<void> serve_paid(Visit& visit, const Route& route) {
    PaidCall call(visit, route);
    co_await call.run();
}

Task<bool> serve_record(Visit& visit) {
    PaidCall call(visit, visit.site->unsold);
    co_return co_await call.run_record();
}

Task<Result<void>> send_challenge(Visit& visit, const Route& route) {
    if (visit.exchange.answered()) co_return co_await visit.exchange.flush();
    if (route.offers.empty()) {
        Refusal refusal = refuse(Reason::facilitator_unavailable);
        const std::string& text = route.config->pattern.text;
        log::info("payment_refused", {{"route", text}, {"code", refusal.code}});
        visit.desk->metrics.count("x402_refused_total",
                                  {{"route", text}, {"reason", refusal.code}});
        const std::optional<std::int64_t> soon = kRetrySoon;
        co_return co_await send_refusal(visit, std::move(refusal), soon);
    }
    const std::string quote = new_quote(visit, route);
    net::Response response = plain_challenge(route, quote, url_of(visit, route));
    co_return co_await send_response(visit, std::move(response));
}

bool put_challenge(Visit& visit, const Route& route) {
    const Config& config = *visit.site->config;
    if (route.offers.empty() || (!config.cors_origins.empty() && !visit.origin().empty()))
        return false;
    const std::string url = url_of(visit, route);
    if (route.challenge.header_size(url.size()) > limits::kRequiredHeaderBytes) return false;
    ChallengeValues values;
    route.challenge.fill(values, new_quote(visit, route), url);
    const auto put =
        visit.exchange.put({route.challenge.head(), values.in_head(),
                            route.challenge.body(route.config->body_mirror), values.in_body()});
    // Where the client has left there is nothing more to do.
    return put ? *put : visit.exchange.answered();
}

Task<void> serve_free(Visit& visit, std::size_t upstream) {
    const Site& site = *visit.site;
    const ForwardFacts facts{visit.exchange.peer(), site.origin_host, site.origin_scheme};
    const net::RequestHead head = upstream_request(visit.exchange.request(), visit.path, facts);
    const net::Executor here = co_await net::this_executor();
    Upstreams::Core& core = visit.upstreams.on(here);
    const auto pool = core.pool(upstream);
    std::expected<Opened, RunFault> opened = std::unexpected(RunFault::unreachable);
    RequestBody body(visit.exchange, RequestBody::Hash::unwanted);
    if (pool) {
        const Run run{**pool, head, body, core.pieces()};
        opened = co_await open_run(run);
    }
    if (!opened) {
        Refusal refusal = refusal_of(opened.error());
        const std::optional<std::int64_t> no_hint;
        const auto told = co_await send_refusal(visit, std::move(refusal), no_hint);
        if (!told) log::debug("answer_not_sent", {{"detail", told.error().detail}});
        co_return;
    }
    clean_upstream_answer(opened->head);
    add_cors(opened->head.headers, visit.origin(), site.config->cors_origins);
    const Stream stream{visit.exchange, *opened->exchange, opened->head, core.pieces(), 0};
    co_await stream_answer(stream);
}

}  // namespace x402::server
