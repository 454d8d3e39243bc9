// SPDX-License-Identifier: Apache-2.0
// The doors of the facilitator. What is cheap or only reads happens on the calling core; the rest
// hops to core 0.
#include "x402/facilitator/service.hpp"

#include "x402/base/check.hpp"
#include "x402/base/log.hpp"
#include "x402/facilitator/budget_wait.hpp"
#include "x402/facilitator/confirmer.hpp"
#include "x402/facilitator/gauges.hpp"
#include "x402/facilitator/open_lines.hpp"
#include "x402/facilitator/reconcile.hpp"
#include "x402/facilitator/reload.hpp"
#include "x402/facilitator/settling.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/version.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kLongestReportWait = std::chrono::seconds(60);
constexpr Duration kStopWait = std::chrono::seconds(5);

using MaybeAnswer = std::optional<Result<SettleResponse>>;

Task<void> settle_into(DeskPtr desk, const Ask& ask, MaybeAnswer& into) {
    into = co_await settle_at_home(desk, ask);
}

Task<MaybeAnswer> settle_hopping(DeskPtr desk, const Ask& ask) {
    MaybeAnswer answer;
    co_await net::run_on(desk->home, [&] { return settle_into(desk, ask, answer); });
    co_return answer;
}

// The scheme said no. If somebody's transaction has moved the money, that is what must be told: the
// code alone would invite the payer to pay again.
Task<Result<SettleResponse>> refuse_or_duplicate(DeskPtr desk, const Ask& ask,
                                                 const Refusal& said) {
    const Refusal refusal = placed(said, ask.admitted.payment);
    const auto trace = co_await ask.admitted.scheme->trace(ask.admitted.payment);
    if (!trace && trace.error().retryable) {
        co_return not_judged(Errc::unreachable, Reason::unavailable, to_string(trace.error()));
    }
    // What was signed is not for these terms: there is nothing that the network could know of it.
    if (!trace) co_return failed_answer(ask.admitted.subject(), refusal);
    switch (trace->state) {
        case TraceState::unknown:
            co_return not_judged(Errc::unreachable, Reason::unavailable,
                                 "the network does not say yet");
        case TraceState::done:
            desk->metrics.count("x402_replay_rejected_total");
            co_return duplicate_answer(ask.admitted.subject(), trace->transaction);
        case TraceState::none:
        case TraceState::impossible:
            break;
    }
    co_return failed_answer(ask.admitted.subject(), refusal);
}

// Somebody may have begun the same payment while it was looked at, and then what the network says
// is his doing: the desk and the journal have the last word. Not verified, so this begins nothing.
Task<Result<SettleResponse>> unless_begun(DeskPtr desk, const Ask& ask,
                                          Result<SettleResponse> judged) {
    auto answer = co_await settle_hopping(desk, ask);
    if (answer) co_return std::move(*answer);
    co_return judged;
}

Task<Result<SettleResponse>> settle_fresh(DeskPtr desk, Ask& ask) {
    if (desk->draining)
        co_return not_judged(Errc::unreachable, Reason::server_stopping, "the facilitator stops");
    if (auto refusal = check_policy(desk->doors(), ask.admitted)) {
        co_return failed_answer(ask.admitted.subject(), *refusal);
    }
    const auto verdict = co_await ask.admitted.scheme->verify(ask.admitted.payment);
    if (!verdict) {
        Result<SettleResponse> trouble =
            not_judged(Errc::unreachable, Reason::unavailable, to_string(verdict.error()));
        co_return co_await unless_begun(desk, ask, std::move(trouble));
    }
    if (!verdict->valid()) {
        Result<SettleResponse> judged = co_await refuse_or_duplicate(desk, ask, *verdict->refusal);
        co_return co_await unless_begun(desk, ask, std::move(judged));
    }
    ask.verified = true;
    auto answer = co_await settle_hopping(desk, ask);
    if (answer) co_return std::move(*answer);
    co_return not_judged(Errc::interrupted, Reason::unavailable, "the record changed too often");
}

// In the words of version 1, where another rule holds for the amount, with the network's own id,
// which is read there too and is never without a name.
Result<void> write_in_version1(FacilitatorRequest& kept) {
    const NetworkNames ids{{}, [](const ChainId& id) { return std::optional(id.text()); }};
    X402_TRY(const json::Object payload, write_payment_payload_v1(kept.payload, ids));
    X402_TRY(const json::Object terms, write_requirements_v1(kept.requirements, {}, ids));
    kept.version = kVersion1;
    kept.payload.text = json::dump(payload);
    kept.requirements_text = json::dump(terms);
    return {};
}

// What a start needs and no more: the signed part and the terms, in the version that was asked.
// What a payer says beside it (the resource with the secrets of its url, extensions) is his own
// business, and a journal is read by many.
std::string body_for_record(const FacilitatorRequest& request) {
    FacilitatorRequest kept;
    kept.requirements = request.requirements;
    kept.requirements.unknown.clear();
    kept.payload.accepted = request.payload.accepted;
    kept.payload.accepted.unknown.clear();
    kept.payload.payload = request.payload.payload;
    if (request.payload.version == kVersion1) {
        const auto written = write_in_version1(kept);
        X402_CHECK(written.has_value());
    }
    return write_facilitator_request(kept);
}

Task<Result<SettleResponse>> settle_judged(DeskPtr desk, const FacilitatorRequest& request,
                                           const SettleContext& context) {
    auto admitted = admit(desk->doors(), request);
    if (!admitted) {
        const Subject subject{{}, {}, request.requirements.network};
        co_return failed_answer(subject, admitted.error());
    }
    Ask ask;
    ask.admitted = std::move(*admitted);
    ask.print = print_of(request, context);
    ask.request = body_for_record(request);
    ask.caller = context.caller;
    ask.deadline = desk->env.clock.steady() + ask.admitted.network->settle_wait;
    auto answer = co_await settle_hopping(desk, ask);
    if (answer) co_return std::move(*answer);
    co_return co_await settle_fresh(desk, ask);
}

std::string_view status_word(const Result<SettleResponse>& answer) {
    if (!answer) return "error";
    if (answer->success) return "success";
    if (is_duplicate(*answer)) return "duplicate";
    return outcome_of(*answer) == Outcome::unknown ? "pending" : "failed";
}

using Report = Result<std::optional<SettlementStatus>>;

Task<void> report_into(DeskPtr desk, PaymentKey key, Duration deadline,
                       std::optional<Report>& into) {
    into = co_await report(desk, key, deadline);
}

Task<void> reconcile_into(DeskPtr desk, Result<void>& into) {
    into = co_await reconcile(desk);
}

Task<void> budget_wait_at_home(DeskPtr desk, const ChainId& network, Duration& left) {
    const Line* line = find_line(*desk, network);
    if (line != nullptr) left = budget_wait_left(*desk, *line);
    co_return;
}

Task<void> gauges_at_home(DeskPtr desk) {
    set_gauges(*desk);
    co_return;
}

void start_couriers(const DeskPtr& desk) {
    for (const auto& each : desk->lines) {
        Line* line = each.get();
        net::spawn_on(desk->home, [desk, line] { return watch(desk, line); });
        net::spawn_on(desk->home, [desk, line] { return watch_funds(desk, line); });
    }
}

// What only the network's finality can decide is no work of ours: the next start goes on with it.
bool all_wait_for_finality(const Desk& desk) {
    std::size_t waiting = 0;
    for (const auto& line : desk.lines) {
        for (const SlotPtr& slot : line->open) {
            if (!slot->undecided) continue;
            for (const LivePtr& live : slot->payments) waiting += live ? 1 : 0;
        }
    }
    for (const auto& [key, live] : desk.lives) waiting += live->state == State::unclear ? 1 : 0;
    return desk.lives.size() == waiting;
}

// Until nothing is being settled. False when `limit` passed first, or something stays undecided.
Task<void> await_idle(DeskPtr desk, Duration limit, bool& idle) {
    const Duration until = desk->env.clock.steady() + limit;
    while (!all_wait_for_finality(*desk) && desk->env.clock.steady() < until) {
        const bool on = co_await pause(desk, std::chrono::milliseconds(20));
        if (!on) break;
    }
    idle = desk->lives.empty();
}

json::Object signers_of(const Desk& desk) {
    json::Object signers;
    for (const auto& line : desk.lines) {
        const std::string family = std::string(line->config.id.family()) + ":*";
        if (!signers.contains(family)) signers[family] = json::Array{};
        json::Array& list = signers[family].as_array();
        for (const SignerId& signer : line->network->signers()) {
            bool known = false;
            for (const json::Value& other : list) known = known || other.as_string() == signer;
            if (!known) list.emplace_back(signer);
        }
    }
    return signers;
}

}  // namespace

Service::Service(std::shared_ptr<Desk> desk) : desk_(std::move(desk)) {}

Service::~Service() {
    desk_->gate.close();
}

Task<Result<std::unique_ptr<Service>>> Service::start(ServiceOptions options) {
    auto desk = std::make_shared<Desk>(std::move(options.config), options.modules,
                                       std::move(options.assets), options.store, options.metrics,
                                       options.env);
    desk->home = options.runtime.core(0);
    X402_CO_TRY_VOID(co_await open_lines(desk));
    Result<void> reconciled;
    co_await net::run_on(desk->home, [&] { return reconcile_into(desk, reconciled); });
    if (!reconciled) co_return fail(reconciled.error());
    start_couriers(desk);
    log::info("facilitator_started", {{"networks", std::to_string(desk->lines.size())}});
    co_return std::unique_ptr<Service>(new Service(desk));
}

const std::string& Service::name() const noexcept {
    return desk_->config().name;
}

Task<Result<VerifyResponse>> Service::verify(const FacilitatorRequest& request) {
    const DeskPtr desk = desk_;
    const Duration begun = desk->env.clock.steady();
    Result<VerifyResponse> answer = VerifyResponse{};
    auto admitted = admit(desk->doors(), request);
    if (!admitted) {
        answer = invalid_answer({{}, {}, request.requirements.network}, admitted.error());
    } else {
        const auto verdict = co_await judge(desk->doors(), *admitted);
        if (!verdict) {
            answer = not_judged(Errc::unreachable, Reason::unavailable, to_string(verdict.error()));
        } else if (verdict->valid()) {
            answer = valid_answer(admitted->subject(), *verdict);
        } else {
            answer = invalid_answer(admitted->subject(), *verdict->refusal);
        }
    }
    const std::string_view status = !answer ? "error" : (answer->is_valid ? "success" : "invalid");
    count_served(*desk, {"verify", status, request.requirements, desk->env.clock.steady() - begun});
    co_return answer;
}

Task<Result<SettleResponse>> Service::settle(const FacilitatorRequest& request,
                                             const SettleContext& context) {
    const DeskPtr desk = desk_;
    const Duration begun = desk->env.clock.steady();
    auto answer = co_await settle_judged(desk, request, context);
    const std::string_view status = status_word(answer);
    if (status == "pending")
        desk->metrics.count(
            "x402_settle_outcome_total",
            {{"chain", request.requirements.network.text()}, {"outcome", "pending"}});
    count_served(*desk, {"settle", status, request.requirements, desk->env.clock.steady() - begun});
    co_return answer;
}

Task<Result<Supported>> Service::supported() {
    Supported supported;
    const NetworkNames names = desk_->modules.names();
    for (const auto& line : desk_->lines) {
        for (const FacilitatorScheme* scheme : line->schemes) {
            SupportedKind kind{
                kVersion2, scheme->id().scheme, line->config.id, {}, scheme->supported_extra()};
            supported.kinds.push_back(kind);
            const auto short_name = names.to_v1_name(line->config.id);
            if (!short_name) continue;
            kind.version = kVersion1;
            kind.network_text = *short_name;
            supported.kinds.push_back(std::move(kind));
        }
    }
    supported.signers = signers_of(*desk_);
    co_return supported;
}

Task<Result<std::optional<SettlementStatus>>> Service::settlement(const PaymentKey& key,
                                                                  Duration wait) {
    const DeskPtr desk = desk_;
    const Duration deadline = desk->env.clock.steady() + std::min(wait, kLongestReportWait);
    const PaymentKey wanted = key;
    std::optional<Report> found;
    co_await net::run_on(desk->home, [&] { return report_into(desk, wanted, deadline, found); });
    co_return std::move(*found);
}

Task<Duration> Service::budget_wait(const ChainId& network) {
    const DeskPtr desk = desk_;
    Duration left{};
    co_await net::run_on(desk->home, [&] { return budget_wait_at_home(desk, network, left); });
    co_return left;
}

Task<bool> Service::drain(Duration limit) {
    const DeskPtr desk = desk_;
    desk->draining = true;
    bool idle = false;
    co_await net::run_on(desk->home, [&] { return await_idle(desk, limit, idle); });
    const bool stopped = co_await desk->gate.drain(desk->env.clock, kStopWait);
    co_return idle&& stopped;
}

Task<Result<void>> Service::reload(Config next) {
    const DeskPtr desk = desk_;
    co_return co_await facilitator::reload(desk, std::move(next));
}

Result<void> Service::ready() const {
    if (desk_->draining) return fail(Errc::unavailable, "the facilitator is stopping");
    if (desk_->store_trouble) return fail(Errc::unavailable, "the journal cannot be written");
    for (const auto& line : desk_->lines) {
        const std::string& network = line->config.id.text();
        if (line->unfunded)
            return fail(Errc::unavailable, "no signer of " + network + " has funds");
        if (line->stuck)
            return fail(Errc::unavailable, "a signer of " + network +
                                               " has a slot that cannot be used, and others wait "
                                               "behind it");
        bool reachable = false;
        const auto endpoints = line->chain->health();
        for (const EndpointHealth& health : endpoints) reachable = reachable || !health.resting;
        if (!reachable && !endpoints.empty())
            return fail(Errc::unavailable, "no endpoint of " + network + " answers");
    }
    return {};
}

Task<void> Service::refresh_gauges() {
    const DeskPtr desk = desk_;
    co_await net::run_on(desk->home, [&] { return gauges_at_home(desk); });
}

Chain* Service::chain(const ChainId& network) const noexcept {
    Line* line = find_line(*desk_, network);
    return line == nullptr ? nullptr : line->chain.get();
}

const Config& Service::config() const noexcept {
    return desk_->config();
}
const Modules& Service::modules() const noexcept {
    return desk_->modules;
}
Clock& Service::clock() const noexcept {
    return desk_->env.clock;
}

}  // namespace x402::facilitator
