// SPDX-License-Identifier: Apache-2.0
// Wiring and the way of a request. See gateway.hpp.
#include "x402/server/gateway.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "x402/base/log.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/server/answers.hpp"
#include "x402/server/housekeeping.hpp"
#include "x402/server/paywall.hpp"
#include "x402/server/recipients.hpp"
#include "x402/server/settlement.hpp"

namespace x402::server {

struct Gateway::State {
    State(std::shared_ptr<Desk> made, net::Runtime& cores)
        : desk(std::move(made)), runtime(cores), upstreams(cores) {}

    std::shared_ptr<Desk> desk;
    net::Runtime& runtime;
    Upstreams upstreams;
    std::atomic<std::shared_ptr<const Site>> site;

    std::mutex building;  // a reload and a facilitator's news are built one after the other

    // Builds and swaps; without a configuration from the present one.
    Result<void> rebuild(std::shared_ptr<const Config> config);
};

namespace {

using StatePtr = std::shared_ptr<Gateway::State>;
using store::GrantState;

constexpr std::size_t kTakeOver = 100'000;
constexpr Duration kDefaultReplay = std::chrono::minutes(10);
constexpr Duration kOpenAnswerTimeout = std::chrono::seconds(30);

void flush_counters(const Site& site, ops::Metrics& metrics) {
    const std::string reason(to_string(Reason::payment_required));
    for (const Route& route : site.routes) {
        const std::uint64_t count = route.challenged->exchange(0);
        if (count == 0) continue;
        metrics.count("x402_402_total", {{"route", route.config->pattern.text}, {"reason", reason}},
                      static_cast<double>(count));
    }
}

Task<void> refuse_early(Visit& visit, Refusal refusal) {
    visit.desk->metrics.count("x402_refused_total", {{"route", ""}, {"reason", refusal.code}});
    const std::optional<std::int64_t> no_hint;
    const auto told = co_await send_refusal(visit, std::move(refusal), no_hint);
    if (!told) log::debug("answer_not_sent", {{"detail", told.error().detail}});
}

Task<void> refuse_for(Visit& visit, Reason reason) {
    Refusal refusal = refuse(reason);
    co_await refuse_early(visit, std::move(refusal));
}

bool has_payment(const net::Headers& all) noexcept {
    return all.has(headers::kPaymentSignature) || all.has(headers::kPaymentV1);
}

bool is_unpaid(const Visit& visit, const Route& route) noexcept {
    return !route.config->free && !has_payment(visit.exchange.request().headers);
}

Task<void> serve_route(Visit& visit, const Route& route) {
    if (route.config->free) {
        bool served = false;
        if (has_payment(visit.exchange.request().headers)) served = co_await serve_record(visit);
        if (!served) co_await serve_free(visit, route.upstream);
        co_return;
    }
    if (!is_unpaid(visit, route)) co_return co_await serve_paid(visit, route);
    const auto sent = co_await send_challenge(visit, route);
    if (!sent) log::debug("answer_not_sent", {{"detail", sent.error().detail}});
}

Task<void> handle(StatePtr state, net::Exchange& exchange) {
    Visit visit{exchange, state->desk, state->site.load(), state->upstreams, {}};
    const Gate::Pass pass = state->desk->requests.enter();
    if (!pass) co_return co_await refuse_for(visit, Reason::server_stopping);
    const Config& config = *visit.site->config;
    if (!config.cors_origins.empty() && is_preflight(exchange.request())) {
        const net::Response response = preflight_response(exchange.request(), config.cors_origins);
        const auto sent = co_await exchange.respond(response);
        if (!sent) log::debug("answer_not_sent", {{"detail", sent.error().detail}});
        co_return;
    }
    auto path = read_target(exchange.request().target);
    if (!path) co_return co_await refuse_early(visit, std::move(path.error()));
    visit.path = std::move(*path);
    const Routing routing = visit.site->table.find(exchange.request().method, visit.path);
    switch (routing.kind) {
        case Routed::route: {
            const Route& route = visit.site->routes[routing.index];
            if (is_unpaid(visit, route) && put_challenge(visit, route)) co_return;
            co_return co_await serve_route(visit, route);
        }
        case Routed::ambiguous:
            co_return co_await refuse_for(visit, Reason::ambiguous_path);
        case Routed::open:
        case Routed::unknown:
            break;
    }
    if (has_payment(exchange.request().headers)) {
        const bool served = co_await serve_record(visit);
        if (served) co_return;
    }
    if (routing.kind == Routed::open)
        co_return co_await serve_free(visit, visit.site->open_upstream);
    co_await refuse_for(visit, Reason::route_unknown);
}

Duration replay_of(const Config& config, const std::string& match) {
    for (const RouteConfig& route : config.routes) {
        if (route.pattern.text == match) return route.replay;
    }
    return kDefaultReplay;
}

// What an earlier process left: claims had sent nothing and are released, settlements are asked for
// again.
Task<Result<void>> take_over(StatePtr state) {
    Desk& desk = *state->desk;
    X402_CO_TRY(auto records, co_await desk.store.take_over(kTakeOver));
    const auto site = state->site.load();
    std::size_t core = 0;
    for (store::GrantRecord& record : records) {
        if (record.state == GrantState::claimed) {
            store::GrantChange change{GrantState::released, {}, {}, {}, {}, {}, {}};
            X402_CO_TRY(const bool moved,
                        co_await desk.store.move(record.key, GrantState::claimed, std::move(change),
                                                 desk.env.clock.now()));
            if (!moved) log::warn("grant_not_released", {{"key", record.key.value()}});
        } else if (record.state == GrantState::settling) {
            const std::string key = record.key.value();
            auto start = start_from_record(std::move(record), desk.modules, Duration::zero());
            if (!start) {
                log::error("grant_unreadable",
                           {{"key", key}, {"detail", to_string(start.error())}});
                continue;
            }
            start->replay = replay_of(*site->config, start->record.route);
            const net::Executor executor = state->runtime.core(core++ % state->runtime.cores());
            settle_grant(state->desk, std::move(*start), executor);
        }
    }
    co_return Result<void>{};
}

// Until every facilitator was reached, then now and then: what they support may change.
Task<void> keep_supported(StatePtr state) {
    Desk& desk = *state->desk;
    const Gate::Pass pass = desk.jobs.enter();
    while (pass && !desk.jobs.closed()) {
        const std::uint64_t seen = desk.stopping.count();
        const bool reached = desk.facilitators.all_reached();
        const Duration pause = reached ? desk.pauses.supported_again : desk.pauses.supported_retry;
        const bool stopping = co_await desk.stopping.wait(seen, pause);
        if (stopping || desk.jobs.closed()) break;
        const bool learned = co_await desk.facilitators.refresh(reached);
        if (!learned) continue;
        const auto built = state->rebuild(nullptr);
        if (!built) log::error("routes_not_rebuilt", {{"detail", to_string(built.error())}});
    }
}

Task<void> keep_house(StatePtr state) {
    Desk& desk = *state->desk;
    const Gate::Pass pass = desk.jobs.enter();
    while (pass && !desk.jobs.closed()) {
        const std::uint64_t seen = desk.stopping.count();
        const bool stopping = co_await desk.stopping.wait(seen, desk.pauses.housekeeping);
        if (stopping) break;
        const auto site = state->site.load();
        co_await keep_store_small(desk, *site->config);
    }
}

// An account may appear later: it is told, and nothing is refused.
Task<void> warn_of_recipients(StatePtr state) {
    const auto site = state->site.load();
    const net::Executor here = co_await net::this_executor();
    const RecipientFindings found =
        co_await check_recipients(*site->config, state->desk->chains, here, kAskRecipients);
    for (const Error& fault : found.faults)
        log::warn("cannot_receive", {{"why", fault.detail}, {"next", fault.next}});
}

// Chains are opened at the start: a reload may name one that is not there to be asked.
Result<void> refuse_unprovable(const Site& site, const Desk& desk) {
    for (const Route& route : site.routes) {
        for (const Offer& offer : route.offers) {
            const ChainId& network = offer.asset.id.network;
            if (offer.proof != ProofBy::chain || desk.chain(network) != nullptr) continue;
            return fail_field(Errc::unsupported, "proof",
                              route.config->where + ": payments on " + network.text() +
                                  " are to be proven by the network itself, and it is not open",
                              "add [networks.\"" + network.text() + "\"] with rpc, and restart");
        }
    }
    return {};
}

std::shared_ptr<Desk> make_desk(GatewayOptions& options) {
    return std::shared_ptr<Desk>(new Desk{options.modules,
                                          options.store,
                                          options.metrics,
                                          options.env,
                                          std::move(options.chains),
                                          FacilitatorSet(std::move(options.facilitators)),
                                          Quotes(options.quote_secret),
                                          options.pauses,
                                          {},
                                          {},
                                          options.most_settlements,
                                          {},
                                          {},
                                          {},
                                          {},
                                          options.most_per_payer});
}

}  // namespace

Result<void> Gateway::State::rebuild(std::shared_ptr<const Config> config) {
    const std::scoped_lock lock(building);
    if (!config) config = site.load()->config;
    X402_TRY(auto fresh, build_site(std::move(config), desk->modules, desk->facilitators));
    X402_TRY_VOID(refuse_unprovable(*fresh, *desk));
    for (Route& route : fresh->routes) {
        const RouteConfig& each = *route.config;
        route.upstream = upstreams.number({each.upstream, each.upstream_timeout});
    }
    fresh->open_upstream = upstreams.number({fresh->config->upstream, kOpenAnswerTimeout});
    desk->held.set_most(fresh->config->max_held_total);
    const auto before = site.exchange(std::move(fresh));
    if (before) flush_counters(*before, desk->metrics);
    return {};
}

Gateway::Gateway(std::shared_ptr<State> state) : state_(std::move(state)) {}

Gateway::~Gateway() {
    state_->desk->requests.close();
    state_->desk->jobs.close();
    state_->desk->stopping.ring();
    state_->desk->live.let_go();
}

Task<Result<std::unique_ptr<Gateway>>> Gateway::start(GatewayOptions options) {
    auto state = std::make_shared<State>(make_desk(options), options.runtime);
    Desk& desk = *state->desk;
    for (const char* name : {"x402_unpaid_served_total", "x402_paid_undelivered_total"})
        desk.metrics.count(name, {}, 0);
    co_await desk.facilitators.refresh(true);
    auto config = std::make_shared<const Config>(std::move(options.config));
    X402_CO_TRY_VOID(state->rebuild(std::move(config)));
    X402_CO_TRY_VOID(co_await take_over(state));
    std::unique_ptr<Gateway> gateway(new Gateway(state));
    options.runtime.spawn(0, [state] { return keep_supported(state); });
    options.runtime.spawn(0, [state] { return keep_house(state); });
    options.runtime.spawn(0, [state] { return warn_of_recipients(state); });
    co_return gateway;
}

net::Handler Gateway::handler() const {
    return [state = state_](net::Exchange& exchange) { return handle(state, exchange); };
}

Result<void> Gateway::reload(Config config) {
    const Config& before = *state_->site.load()->config;
    const bool fixed = config.listen == before.listen && config.admin == before.admin &&
                       config.store == before.store &&
                       config.facilitators.size() == before.facilitators.size();
    bool same = fixed;
    for (std::size_t i = 0; same && i < config.facilitators.size(); ++i) {
        same = config.facilitators[i].url == before.facilitators[i].url &&
               config.facilitators[i].proof == before.facilitators[i].proof;
    }
    if (!same) {
        return fail_field(Errc::unsupported, "listen, admin, store, facilitators",
                          "listeners, store and facilitators cannot change while the gateway runs",
                          "restart it");
    }
    auto next = std::make_shared<const Config>(std::move(config));
    X402_TRY_VOID(state_->rebuild(std::move(next)));
    const std::vector<std::string> told = warnings();
    for (const std::string& warning : told) log::warn("config", {{"warning", warning}});
    state_->runtime.spawn(0, [state = state_] { return warn_of_recipients(state); });
    return {};
}

Task<bool> Gateway::drain(Duration limit) {
    Desk& desk = *state_->desk;
    const Duration most = limit - limit / 4;
    const Duration until = desk.env.clock.steady() + limit;
    // Requests first, with the settlements they wait for; then what is left is told to stop.
    const bool in_time = co_await desk.requests.drain(desk.env.clock, most);
    desk.jobs.close();
    desk.stopping.ring();
    const Duration rest = std::max(until - desk.env.clock.steady(), Duration{1});
    const bool jobs_ended = co_await desk.jobs.drain(desk.env.clock, rest);
    const bool requests_ended = in_time || desk.requests.inside() == 0;
    co_return jobs_ended&& requests_ended;
}

Result<void> Gateway::ready() const {
    const Desk& desk = *state_->desk;
    if (desk.jobs.closed()) return fail(Errc::unavailable, "stopping");
    const std::string missing = desk.facilitators.missing();
    if (!missing.empty()) return fail(Errc::unavailable, "not reached: " + missing);
    const auto site = state_->site.load();
    for (const Route& route : site->routes) {
        if (!route.missing.empty())
            return fail(Errc::unavailable, route.config->pattern.text + ": " + route.missing);
    }
    return {};
}

std::vector<std::string> Gateway::warnings() const {
    return state_->site.load()->warnings;
}

void Gateway::refresh_metrics() const {
    const auto site = state_->site.load();
    flush_counters(*site, state_->desk->metrics);
    Desk& desk = *state_->desk;
    desk.metrics.gauge("x402_live_settlements", static_cast<double>(desk.live.settlements()));
    desk.metrics.gauge("x402_held_bytes", static_cast<double>(desk.held.used()));
    if (!desk.tells_pending()) return;
    const auto oldest = desk.live.oldest();
    const std::int64_t age = oldest ? to_unix_s(desk.env.clock.now()) - to_unix_s(*oldest) : 0;
    desk.metrics.gauge("x402_pending_oldest_seconds", static_cast<double>(age));
}

}  // namespace x402::server
