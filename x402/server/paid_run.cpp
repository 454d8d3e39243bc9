// SPDX-License-Identifier: Apache-2.0
// A paid request from its claim on: the upstream, the settlement, the answer. See paid_call.hpp.
#include <algorithm>
#include <array>

#include "x402/base/check.hpp"
#include "x402/base/crash_point.hpp"
#include "x402/base/log.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/server/answers.hpp"
#include "x402/server/paid_call.hpp"
#include "x402/transports/http/payment_http.hpp"

namespace x402::server {
namespace {

using Event = PaywallEvent;
using store::GrantChange;
using store::GrantState;

constexpr std::int64_t kRetrySoon = 2;
constexpr int kReleaseTries = 5;
constexpr std::size_t kSettlementBytes = 6 * 1024;
constexpr std::size_t kTextBytes = 512;

// Keys are URL-safe by their making; whoever makes one is a module.
bool is_header_text(std::string_view text) noexcept {
    return text.size() <= kTextBytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string metric_reason(std::string_view code) {
    return find_reason(code) ? std::string(code) : "other";
}

}  // namespace

net::RequestHead PaidCall::forwarded() const {
    const Site& site = *visit_.site;
    const ForwardFacts facts{visit_.exchange.peer(), site.origin_host, site.origin_scheme};
    return upstream_request(visit_.exchange.request(), visit_.path, facts);
}

void PaidCall::refuse_run(RunFault fault) {
    switch (fault) {
        case RunFault::timed_out:
            say(Reason::upstream_timeout);
            break;
        case RunFault::too_large:
            say(Reason::answer_too_large,
                {"max_held", std::to_string(config_.max_held) + " bytes at most", {}});
            break;
        case RunFault::unreachable:
        case RunFault::broken:
            say(Reason::upstream_unreachable);
            break;
        case RunFault::client_left:
            say(Reason::malformed_request);
            break;
        case RunFault::no_room:
            refuse_no_room();
            break;
    }
    if (refusal_->retryable) retry_after_s_ = kRetrySoon;
}

// Too many answers are held in memory at this moment. Nothing was charged.
void PaidCall::refuse_no_room() {
    log::warn("no_room_to_hold", {{"route", config_.pattern.text}});
    say(Reason::unavailable);
    retry_after_s_ = kRetrySoon;
}

// What the store says decides about money: without it nothing is done, and the same may be sent
// again.
void PaidCall::refuse_no_store(const Error& error) {
    log::error("store_unavailable", {{"detail", to_string(error)}});
    say(Reason::unavailable);
    retry_after_s_ = kRetrySoon;
}

std::unexpected<RunFault> PaidCall::no_pool(const Error& error) {
    log::error("no_upstream", {{"route", config_.pattern.text}, {"detail", to_string(error)}});
    return std::unexpected(RunFault::unreachable);
}

Task<Event> PaidCall::run_and_hold() {
    const net::RequestHead head = forwarded();
    const net::Executor here = co_await net::this_executor();
    Upstreams::Core& core = visit_.upstreams.on(here);
    const auto pool = core.pool(route_.upstream);
    std::expected<HeldAnswer, RunFault> held = std::unexpected(RunFault::unreachable);
    if (pool) {
        const Run run{**pool, head, body_, core.pieces()};
        X402_CRASH_POINT("out.upstream", before);
        const HoldLimits limits{config_.max_held, config_.upstream_timeout, desk_.held};
        held = co_await hold_answer(run, limits);
        X402_CRASH_POINT("out.upstream", after);
    } else {
        held = no_pool(pool.error());
    }
    if (!held) {
        refuse_run(held.error());
        co_return Event::no_answer;
    }
    held_ = std::make_shared<HeldAnswer>(std::move(*held));
    clean_upstream_answer(held_->head);
    if (!config_.timing.pays(held_->head.status)) co_return Event::not_worth;
    // A request's body that came very slowly may have used up the payment's time: then it is not
    // asked for, and may not become the payer's loss.
    if (is_dying(usable_until(), now())) {
        refusal_ = expires_too_soon(now() + kDying);
        co_return Event::mismatch;
    }
    co_return Event::worth_paying;
}

Task<Event> PaidCall::settle() {
    SettlementStart start{*record_, request_, body_.hash(), nullptr, config_.replay};
    if (config_.replay > Duration::zero()) start.answer = held_;
    const net::Executor here = co_await net::this_executor();
    const auto settlement = settle_grant(visit_.desk, std::move(start), here);
    const SettlementView view = co_await settlement->wait(config_.pending_wait);
    co_return read_settlement(view);
}

Event PaidCall::read_settlement(const SettlementView& view) {
    settlement_ = view.response;
    switch (view.end) {
        case SettlementEnd::settled:
            record_->state = GrantState::settled;
            return Event::settled;
        case SettlementEnd::running:
        case SettlementEnd::stopped:
            record_->state = GrantState::settling;
            return Event::unknown;
        case SettlementEnd::not_begun:
            record_->state = GrantState::released;
            say(Reason::facilitator_unavailable);
            retry_after_s_ = kRetrySoon;
            return Event::not_begun;
        case SettlementEnd::failed:
        case SettlementEnd::duplicate:
            break;
    }
    record_->state = GrantState::released;
    if (view.end == SettlementEnd::duplicate) {
        say(Reason::duplicate_settlement, {{}, {}, settlement_ ? settlement_->transaction : ""});
        return Event::duplicate;
    }
    const SettleResponse& told = *settlement_;
    refuse_peer(told.error_reason, Reason::unexpected_settle_error, told.extra);
    refusal_->http_status = 402;
    return Event::failed;
}

// Which payment an answer is about, and what became of it. What a facilitator adds of its own is
// left out where it would make the header too large for clients.
void PaidCall::tell_payment(net::Headers& all) const {
    if (record_ || facts_) {
        const std::string& key = record_ ? record_->key.value() : facts_->key.value();
        if (is_header_text(key)) all.set(std::string(headers::kPaymentKey), key);
    }
    if (!settlement_) return;
    SettleResponse told = *settlement_;
    if (json::dump(write(told)).size() > kSettlementBytes) {
        told.extra.clear();
        told.extensions.clear();
        told.unknown.clear();
        told.error_message.clear();
        // No address, code or transaction is that long.
        for (std::string* text : {&told.error_reason, &told.payer, &told.transaction}) {
            if (text->size() > kTextBytes) text->clear();
        }
    }
    const auto set = transports::set_settlement(all, told, kVersion2, desk_.modules.names());
    X402_CHECK(set.has_value());
}

Task<Event> PaidCall::deliver() {
    X402_CHECK(is_paid(moment_, state_) && held_ && settlement_);
    net::Response response{held_->head, std::move(held_->body)};
    mark_paid(response.head.headers);
    tell_payment(response.head.headers);
    add_cors(response.head.headers, visit_.origin(), visit_.site->config->cors_origins);
    if (visit_.exchange.request().method == "HEAD") {
        const auto started = co_await visit_.exchange.start(response.head, held_->length);
        if (!started) co_return Event::cut;
        const auto finished = co_await visit_.exchange.finish();
        co_return finished ? Event::left : Event::cut;
    }
    const auto sent = co_await visit_.exchange.respond(response);
    co_return sent ? Event::left : Event::cut;
}

Task<Event> PaidCall::run_and_stream() {
    X402_CHECK(settlement_.has_value());
    say(Reason::delivery_failed);
    GrantChange change{GrantState::settled, {}, {}, {}, record_->runs + 1, {}, {}};
    const bool counted = co_await move(GrantState::settled, std::move(change));
    if (!counted) co_return Event::no_answer;
    ++record_->runs;
    const net::RequestHead head = forwarded();
    const net::Executor here = co_await net::this_executor();
    Upstreams::Core& core = visit_.upstreams.on(here);
    const auto pool = core.pool(route_.upstream);
    if (!pool) co_return Event::no_answer;
    const Run run{**pool, head, body_, core.pieces()};
    X402_CRASH_POINT("out.upstream", before);
    auto opened = co_await open_run(run);
    X402_CRASH_POINT("out.upstream", after);
    if (!opened) co_return Event::no_answer;
    clean_upstream_answer(opened->head);
    const bool delivers = config_.timing.delivers(opened->head.status);
    copied_head_ = opened->head;
    mark_paid(opened->head.headers);
    tell_payment(opened->head.headers);
    add_cors(opened->head.headers, visit_.origin(), visit_.site->config->cors_origins);
    const std::size_t copy_most =
        delivers ? copy_room(opened->exchange->content_length()) : std::size_t{0};
    const Stream stream{visit_.exchange, *opened->exchange, opened->head, core.pieces(), copy_most};
    Streamed streamed = co_await stream_answer(stream);
    if (!streamed.left || !delivers) co_return Event::cut;
    copy_ = std::move(streamed.copy);
    co_return Event::left;
}

// A copy for a repeat is a courtesy: it is not made where others may need the room.
std::size_t PaidCall::copy_room(const std::optional<std::uint64_t>& length) {
    if (config_.replay <= Duration::zero()) return 0;
    if (length && *length > config_.max_held) return 0;
    const std::size_t most = length ? static_cast<std::size_t>(*length) : config_.max_held;
    if (!desk_.held.has_spare_room(most) || !share_.grow(most)) return 0;
    return config_.max_held;
}

Task<bool> PaidCall::move(GrantState from, GrantChange change) {
    auto moved = co_await desk_.store.move(record_->key, from, std::move(change), now());
    if (moved && *moved) co_return true;
    log::error("grant_not_written",
               {{"key", record_->key.value()},
                {"detail", moved ? "it was changed by somebody else" : to_string(moved.error())}});
    co_return false;
}

// Nothing was settled: the same payment works again.
Task<void> PaidCall::release() {
    if (!record_ || record_->state != GrantState::claimed) co_return;
    for (int turn = 0; turn < kReleaseTries; ++turn) {
        GrantChange change{GrantState::released, {}, {}, {}, {}, {}, {}};
        const bool released = co_await move(GrantState::claimed, std::move(change));
        if (released) co_return;
        const std::uint64_t seen = desk_.stopping.count();
        co_await desk_.stopping.wait(seen, desk_.pauses.store_retry);
    }
}

Task<void> PaidCall::pass_unpaid() {
    net::Response response{std::move(held_->head), std::move(held_->body)};
    // Only what the route's own rule calls not worth paying comes here.
    if (config_.timing.pays(response.head.status)) desk_.metrics.count("x402_unpaid_served_total");
    mark_unpaid(response.head.headers);
    tell_payment(response.head.headers);
    const auto sent = co_await send_response(visit_, std::move(response));
    if (!sent) log::debug("answer_not_sent", {{"detail", sent.error().detail}});
}

// Who repeats a payment without its quote learns nothing, not even that it has a name here.
bool PaidCall::is_told_to_stranger() const {
    if (refusal_->code != to_string(Reason::payment_already_used)) return false;
    return !record_ || record_->quote != quote_hash(quote_);
}

Task<void> PaidCall::refuse_now(std::optional<std::int64_t> retry_after_s) {
    X402_CHECK(refusal_.has_value());
    log::info("payment_refused",
              {{"route", config_.pattern.text}, {"code", metric_reason(refusal_->code)}});
    desk_.metrics.count("x402_refused_total", {{"route", config_.pattern.text},
                                               {"reason", metric_reason(refusal_->code)}});
    net::Response response = refusal_response(*refusal_, retry_after_s);
    if (!is_told_to_stranger()) tell_payment(response.head.headers);
    const auto sent = co_await send_response(visit_, std::move(response));
    if (!sent) log::debug("answer_not_sent", {{"detail", sent.error().detail}});
}

// 402 with fresh offers, and why the payment that came did not do.
Task<void> PaidCall::challenge() {
    if (route_.offers.empty()) {
        say(Reason::facilitator_unavailable);
        co_return co_await refuse_now(kRetrySoon);
    }
    X402_CHECK(refusal_.has_value());
    const std::string reason = metric_reason(refusal_->code);
    desk_.metrics.count("x402_402_total", {{"route", config_.pattern.text}, {"reason", reason}});
    log::info("payment_refused", {{"route", config_.pattern.text}, {"code", reason}});
    const Instant expires = now() + std::chrono::seconds(config_.max_timeout_seconds);
    const std::string quote = desk_.quotes.make(route_.scope, expires, desk_.env.random);
    PaymentRequired required = required_for(route_, quote, url());
    transports::explain(required, *refusal_);
    auto header = transports::required_header(required);
    if (!header) {
        // The explanation is worth less than the offers.
        required.unknown.erase("refusal");
        header = transports::required_header(required);
    }
    net::Response response;
    response.head.status = refusal_->http_status == 412 ? 412 : 402;
    response.head.headers.add("Content-Type", "application/json");
    if (header)
        response.head.headers.add(std::string(headers::kPaymentRequired), std::move(*header));
    mark_unpaid(response.head.headers);
    tell_payment(response.head.headers);
    response.body = config_.body_mirror ? transports::required_body(required) : "{}";
    const auto sent = co_await send_response(visit_, std::move(response));
    if (!sent) log::debug("answer_not_sent", {{"detail", sent.error().detail}});
}

// No offers here: a new signature would be a second payment.
Task<void> PaidCall::tell_pending() {
    SettleResponse pending = settlement_.value_or(SettleResponse{});
    pending.success = false;
    pending.error_reason = std::string(to_string(Reason::settlement_pending));
    pending.error_message.clear();
    if (pending.network.empty()) pending.network = record_->network;
    if (pending.payer.empty()) pending.payer = record_->payer;
    settlement_ = std::move(pending);
    say(Reason::settlement_pending, {{}, {}, settlement_->transaction});
    co_await refuse_now(kRetrySoon);
}

Task<void> PaidCall::note_delivered() {
    GrantChange change{GrantState::delivered, body_.hash(), {}, {}, {}, {}, {}};
    if (copy_ && copied_head_) {
        change.answer = store::StoredAnswer{write_answer_head(*copied_head_), std::move(*copy_),
                                            now() + config_.replay};
    }
    desk_.metrics.count("x402_delivered_total", {{"route", config_.pattern.text}});
    co_await move(GrantState::settled, std::move(change));
}

// The record stays settled, so that the same payment gets what was paid for.
Task<void> PaidCall::note_undelivered() {
    if (body_.hash() && record_->body != body_.hash()) {
        GrantChange change{GrantState::settled, body_.hash(), {}, {}, {}, {}, {}};
        co_await move(GrantState::settled, std::move(change));
    }
    log::warn("paid_undelivered", {{"key", record_->key.value()}, {"route", config_.pattern.text}});
    desk_.metrics.count("x402_paid_undelivered_total", {{"route", config_.pattern.text}});
    if (visit_.exchange.answered()) co_return;
    say(Reason::delivery_failed);
    co_await refuse_now(kRetrySoon);
}

}  // namespace x402::server
