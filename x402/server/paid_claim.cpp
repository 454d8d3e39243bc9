// SPDX-License-Identifier: Apache-2.0
// The claim of a paid request: the seat, a body that must be here first, one more look at the time,
// and the record that makes one grant of one payment. See paid_call.hpp.
#include "x402/base/hex.hpp"
#include "x402/base/log.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/server/paid_call.hpp"

namespace x402::server {
namespace {

using Event = PaywallEvent;

constexpr std::int64_t kRetrySoon = 2;

}  // namespace

store::GrantRecord PaidCall::new_record() {
    const Offer& offer = route_.offers[offer_];
    store::GrantRecord record;
    record.key = facts_->key;
    record.route = config_.pattern.text;
    record.quote = quote_hash(quote_);
    record.request = request_hash_;
    record.body = body_.hash();
    record.payer = facts_->payer;
    record.network = payload_.accepted.network;
    record.asset = payload_.accepted.asset;
    record.amount = payload_.accepted.amount;
    record.facilitator = offer.facilitator->name();
    record.settle_request = write_facilitator_request(request_);
    record.idempotency_key = to_hex(desk_.env.random.bytes<16>().view());
    record.runs = moment_ == SettleMoment::after ? 1 : 0;
    record.usable_until = usable_until();
    record.created = now();
    record.updated = record.created;
    record.owner = desk_.store.owner();
    return record;
}

// Money that moves first moves for a request that is here whole: what never arrived is not paid
// for, and the hash tells the repeat of a payment that stays pending. A longer body, or one without
// a length, is hashed on its way up.
Task<std::optional<Event>> PaidCall::take_body() {
    const auto length = visit_.exchange.request().content_length;
    const bool bounded = length && *length <= config_.max_body;
    if (moment_ != SettleMoment::before || body_.whole() || !bounded) co_return std::nullopt;
    const auto read = co_await body_.read_whole(config_.max_body);
    if (!read) {
        say(Reason::malformed_request);
        co_return Event::unjudged;
    }
    // It may have come so slowly that too little of the payment's time is left.
    refusal_ = judge_here(offer_);
    if (refusal_) co_return Event::mismatch;
    co_return std::nullopt;
}

Task<Event> PaidCall::claim() {
    record_.reset();
    seat_ = desk_.live.sit(facts_->key, facts_->payer);
    if (!seat_) co_return Event::taken;
    // Verified: nobody else can fill it for this payer.
    if (desk_.live.busy_for(facts_->payer) > desk_.most_per_payer) {
        say(Reason::rate_limited);
        retry_after_s_ = kRetrySoon;
        co_return Event::unjudged;
    }
    // Others may have come while this one was verified.
    if (desk_.live.busy() > desk_.most_settlements) {
        say(Reason::facilitator_unavailable);
        retry_after_s_ = kRetrySoon;
        co_return Event::unjudged;
    }
    // Under the seat: one payment makes us hold one body.
    const auto untaken = co_await take_body();
    if (untaken) co_return *untaken;
    // Verifying, waiting for an earlier payment and a slow body take time, and nobody works for a
    // dying payment.
    refusal_ = judge_here(offer_);
    if (refusal_) co_return Event::mismatch;
    auto claimed = co_await desk_.store.claim(new_record());
    if (!claimed) {
        log::error("grant_not_claimed", {{"detail", to_string(claimed.error())}});
        say(Reason::unavailable);
        retry_after_s_ = kRetrySoon;
        co_return Event::unjudged;
    }
    record_ = std::move(claimed->record);
    if (claimed->fresh) co_return Event::claimed;
    seat_.leave();
    if (!hold_record()) {
        refuse_no_room();
        co_return Event::unjudged;
    }
    co_return Event::taken;
}

}  // namespace x402::server
