// SPDX-License-Identifier: Apache-2.0
// A paid request up to its claim. See paid_call.hpp.
#include "x402/server/paid_call.hpp"

#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/base/log.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/server/fingerprint.hpp"
#include "x402/server/peer_words.hpp"
#include "x402/transports/http/payment_http.hpp"

namespace x402::server {
namespace {

using Action = PaywallAction;
using Event = PaywallEvent;
using store::GrantState;

constexpr std::int64_t kRetrySoon = 2;

// What differs between what was accepted and the offer of the same scheme and network, for the
// refusal.
Difference difference_to(const std::vector<MatchOffer>& offers,
                         const PaymentRequirements& accepted) {
    for (const MatchOffer& offer : offers) {
        const PaymentRequirements& ours = offer.requirements;
        if (ours.scheme != accepted.scheme || ours.network != accepted.network) continue;
        if (ours.amount != accepted.amount) {
            return {"accepted.amount", ours.amount.to_decimal(), accepted.amount.to_decimal()};
        }
        if (ours.asset != accepted.asset) return {"accepted.asset", ours.asset, accepted.asset};
        if (ours.pay_to != accepted.pay_to) return {"accepted.payTo", ours.pay_to, accepted.pay_to};
        if (ours.max_timeout_seconds != accepted.max_timeout_seconds) {
            return {"accepted.maxTimeoutSeconds", std::to_string(ours.max_timeout_seconds),
                    std::to_string(accepted.max_timeout_seconds)};
        }
        return {"accepted.extra", {}, {}};
    }
    return {"accepted", {}, accepted.scheme + " on " + accepted.network.text()};
}

}  // namespace

PaidCall::PaidCall(Visit& visit, const Route& route)
    : visit_(visit),
      route_(route),
      config_(*route.config),
      desk_(*visit.desk),
      moment_(route.config->timing.moment),
      body_(visit.exchange, RequestBody::Hash::wanted),
      request_hash_(request_fingerprint(visit.exchange.request().method, visit.path)),
      share_(desk_.held.share()) {}

Task<void> PaidCall::run() {
    Event event = read_payment();
    for (;;) {
        const auto step = paywall_step(moment_, state_, event);
        X402_CHECK(step.has_value());
        state_ = step->next;
        if (is_end(state_)) {
            co_await end(step->action);
            co_return;
        }
        event = co_await act(step->action);
    }
}

// Where nothing is sold, a payment counts only for what it has bought already: this very request.
Task<bool> PaidCall::run_record() {
    if (read_payment() != Event::payment || !facts_) co_return false;
    const Event event = co_await look_up();
    if (event == Event::record) {
        const bool bought =
            record_->request == request_hash_ && record_->quote == quote_hash(quote_);
        if (!bought) co_return false;
        co_await answer_record();
        co_return visit_.exchange.answered();
    }
    // Trouble of our own: what was bought may be had later.
    if (event == Event::no_record || !retry_after_s_) co_return false;
    co_await refuse_now(retry_after_s_);
    co_return true;
}

Task<Event> PaidCall::act(Action action) {
    switch (action) {
        case Action::look_up:
            co_return co_await look_up();
        case Action::check:
            co_return check();
        case Action::verify:
            co_return co_await verify();
        case Action::look_back:
            co_return co_await look_back();
        case Action::join:
            co_return co_await join();
        case Action::claim:
            co_return co_await claim();
        case Action::run_and_hold:
            co_return co_await run_and_hold();
        case Action::run_and_stream:
            co_return co_await run_and_stream();
        case Action::settle:
            co_return co_await settle();
        case Action::deliver:
            co_return co_await deliver();
        default:
            break;
    }
    X402_CHECK(false);
}

Task<void> PaidCall::end(Action action) {
    switch (action) {
        case Action::challenge:
            co_return co_await challenge();
        case Action::refuse:
            co_return co_await refuse_now(retry_after_s_);
        case Action::answer_record:
            co_return co_await answer_record();
        case Action::release_and_pass:
            co_await release();
            co_return co_await pass_unpaid();
        case Action::release_and_refuse:
            co_await release();
            co_return co_await refuse_now(retry_after_s_);
        case Action::release_and_challenge:
            co_await release();
            co_return co_await challenge();
        case Action::tell_pending:
            co_return co_await tell_pending();
        case Action::note_delivered:
            co_return co_await note_delivered();
        case Action::note_undelivered:
            co_return co_await note_undelivered();
        case Action::none:
            co_return;
        default:
            break;
    }
    X402_CHECK(false);
}

Refusal& PaidCall::say(Reason reason, Difference difference) {
    refusal_ = refuse(reason, std::move(difference));
    return *refusal_;
}

void PaidCall::refuse_peer(std::string_view code, Reason otherwise, const json::Object& extra) {
    refusal_ = refusal_of_peer(code, otherwise, extra);
}

Event PaidCall::read_payment() {
    auto read =
        transports::read_request_payment(visit_.exchange.request().headers, desk_.modules.names());
    if (std::holds_alternative<std::monostate>(read)) {
        say(Reason::payment_required);
        return Event::no_payment;
    }
    if (auto* refusal = std::get_if<Refusal>(&read)) {
        refusal_ = std::move(*refusal);
        return Event::unreadable;
    }
    if (std::holds_alternative<transports::PaymentV1>(read)) {
        say(Reason::invalid_x402_version, {"x402Version", "2", "1"}).next =
            "Ask without a payment, sign an offer of PAYMENT-REQUIRED with x402Version 2, and send "
            "it in PAYMENT-SIGNATURE.";
        return Event::unreadable;
    }
    return take_payload(std::move(std::get<PaymentPayload>(read)));
}

Event PaidCall::take_payload(PaymentPayload payload) {
    payload_ = std::move(payload);
    seen_ = now();
    quote_ = quote_of(payload_.accepted);
    const ServerScheme* scheme =
        desk_.modules.server(payload_.accepted.scheme, payload_.accepted.network);
    if (scheme == nullptr) return Event::payment;
    auto facts = scheme->facts(Payment{payload_, payload_.accepted});
    if (facts) {
        facts_ = std::move(*facts);
        return Event::payment;
    }
    refusal_ = std::move(facts.error());
    return refusal_->http_status == 400 ? Event::unreadable : Event::payment;
}

Task<Event> PaidCall::look_up() {
    // What no scheme of ours can read has no key, and so no record.
    if (!facts_) co_return Event::no_record;
    auto found = co_await desk_.store.find(facts_->key);
    if (!found) {
        refuse_no_store(found.error());
        co_return Event::unjudged;
    }
    if (!*found) co_return Event::no_record;
    if ((*found)->state == GrantState::released) co_return look_at_released(**found);
    record_ = std::move(**found);
    if (!hold_record()) {
        refuse_no_room();
        co_return Event::unjudged;
    }
    const bool orphan = co_await release_orphan();
    co_return orphan ? Event::no_record : Event::record;
}

// What came to nothing may stand on a chain for all to see: only who was given its offer may try
// again, and nobody where the money has moved by another transaction.
Event PaidCall::look_at_released(const store::GrantRecord& before) {
    if (before.quote != Hash32{} && before.quote != quote_hash(quote_)) {
        say(Reason::payment_already_used);
        return Event::unjudged;
    }
    auto told = read_settle_response(before.response);
    if (!told || !is_duplicate(*told)) return Event::no_record;
    say(Reason::duplicate_settlement, {{}, {}, told->transaction});
    settlement_ = std::move(*told);
    return Event::unjudged;
}

// A claim of this process that no request works on: its write was made, but the answer to it was
// lost, or it could not be released. Nothing was sent for it.
Task<bool> PaidCall::release_orphan() {
    if (record_->state != GrantState::claimed || record_->owner != desk_.store.owner())
        co_return false;
    seat_ = desk_.live.sit(record_->key, record_->payer);
    if (!seat_) co_return false;
    // The store moves it only if it is still claimed; whoever settles holds no seat but has moved
    // it on.
    store::GrantChange change{GrantState::released, {}, {}, {}, {}, {}, {}};
    const bool released = co_await move(GrantState::claimed, std::move(change));
    seat_.leave();
    if (released) record_.reset();
    co_return released;
}

Event PaidCall::check() {
    if (route_.offers.empty()) {
        say(Reason::facilitator_unavailable);
        retry_after_s_ = kRetrySoon;
        return Event::unjudged;
    }
    if (!facts_) {
        if (!refusal_) say(Reason::no_match, difference_to(route_.matches, payload_.accepted));
        return Event::mismatch;
    }
    if (is_for_another_route()) {
        say(Reason::resource_mismatch);
        return Event::mismatch;
    }
    const auto offer = match_offer(route_.matches, payload_.accepted);
    if (!offer) {
        say(Reason::no_match, difference_to(route_.matches, payload_.accepted));
        return Event::mismatch;
    }
    offer_ = *offer;
    refusal_ = judge_here(offer_);
    if (refusal_) return Event::mismatch;
    // Whatever keeps so many open, another does not help.
    if (desk_.live.busy() >= desk_.most_settlements) {
        say(Reason::facilitator_unavailable);
        retry_after_s_ = kRetrySoon;
        return Event::unjudged;
    }
    // An answer that nobody could hold need not be made.
    if (moment_ == SettleMoment::after && !desk_.held.has_room(HeldBytes::kLeast)) {
        refuse_no_room();
        return Event::unjudged;
    }
    return Event::match;
}

// What can be said without anybody's help: the scheme's own check, and whether there is time
// enough.
std::optional<Refusal> PaidCall::judge_here(std::size_t offer) const {
    const ServerScheme& scheme = *route_.offers[offer].scheme;
    const ServerCheck checked = scheme.check(Payment{payload_, payload_.accepted}, std::nullopt);
    if (checked.verdict.refusal) return checked.verdict.refusal;
    const Instant needed = now() + needed_time(config_);
    if (usable_until() >= needed) return std::nullopt;
    return expires_too_soon(needed);
}

Refusal PaidCall::expires_too_soon(Instant needed) const {
    return refuse(Reason::payment_expires_too_soon,
                  {"payload", "valid until " + std::to_string(to_unix_s(needed)) + " or later",
                   "valid until " + std::to_string(to_unix_s(usable_until()))});
}

// A quote that we made for another route of this gateway: the payment was meant for that one.
bool PaidCall::is_for_another_route() const {
    const auto quote = Quotes::read(quote_);
    if (!quote || quote->route == route_.scope.route) return false;
    const auto& routes = visit_.site->routes;
    return std::any_of(routes.begin(), routes.end(), [&](const Route& other) {
        return other.scope.route == quote->route && desk_.quotes.genuine(quote_, other.scope);
    });
}

Task<Event> PaidCall::verify() {
    const Offer& offer = route_.offers[offer_];
    const Payment payment{payload_, payload_.accepted};
    auto request =
        offer.scheme->settle_request(payment, ServerScheme::Phase::only, payload_.accepted.amount);
    if (!request) {
        say(Reason::invalid_payload, {request.error().field, {}, {}});
        co_return Event::invalid;
    }
    request_ = std::move(*request);
    // The facilitator is sent what the client accepted, byte for byte.
    request_.requirements_text = payload_.accepted_text;
    auto verdict = co_await offer.facilitator->verify(request_);
    if (!verdict) {
        log::error("verify_not_judged", {{"facilitator", offer.facilitator->name()},
                                         {"detail", to_string(verdict.error())}});
        say(verdict.error().code == Errc::bad_peer ? Reason::facilitator_garbled
                                                   : Reason::facilitator_unavailable);
        retry_after_s_ = kRetrySoon;
        co_return Event::unjudged;
    }
    if (verdict->is_valid) {
        if (moment_ == SettleMoment::after &&
            desk_.losses.must_pay_first(facts_->payer, config_.pattern.text, now())) {
            moment_ = SettleMoment::before;
        }
        co_return Event::valid;
    }
    refuse_peer(verdict->invalid_reason, Reason::invalid_payload, verdict->extra);
    // Trouble of the facilitator's own is never told as the payer's fault.
    if (refusal_->http_status >= 500) {
        retry_after_s_ = kRetrySoon;
        co_return Event::unjudged;
    }
    refusal_->http_status = 402;
    co_return Event::invalid;
}

// The payer is known by the network as well: the address of a contract wallet may belong to
// somebody else on another one.
Task<Event> PaidCall::look_back() {
    auto found =
        co_await desk_.store.find_open(payload_.accepted.network, facts_->payer, request_hash_);
    if (!found) {
        refuse_no_store(found.error());
        co_return Event::unjudged;
    }
    if (!*found || !(*found)->body || desk_.live.attended((*found)->key))
        co_return Event::none_earlier;
    if (visit_.exchange.request().content_length.value_or(0) > config_.max_body)
        co_return Event::none_earlier;
    const auto read = co_await body_.read_whole(config_.max_body);
    if (!read && body_.client_left()) {
        say(Reason::malformed_request);
        co_return Event::unjudged;
    }
    // One that turns out too long is like one that says so: what was read of it goes first.
    if (!read || body_.hash() != (*found)->body) co_return Event::none_earlier;
    earlier_ = std::move(**found);
    co_return Event::earlier;
}

}  // namespace x402::server
