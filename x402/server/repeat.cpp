// SPDX-License-Identifier: Apache-2.0
// A payment that has a record, and a new payment whose payer left an earlier one for the same
// request unfinished. What may be told is decided in grant_fsm.hpp. See paid_call.hpp.
#include "x402/base/log.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/server/answers.hpp"
#include "x402/server/paid_call.hpp"

namespace x402::server {
namespace {

using Event = PaywallEvent;
using store::GrantState;

constexpr std::int64_t kRetrySoon = 2;
constexpr std::size_t kSmallAnswer = 64 * 1024;
constexpr Duration kUnkept = std::chrono::minutes(10);

}  // namespace

bool PaidCall::answer_kept() const {
    return record_->answer && record_->answer->until > now();
}

// Where nothing is kept for a repeat, the upstream is all that a cut answer can be had from. Never
// on a path that is not sold any more.
bool PaidCall::may_run() const {
    if (is_unsold()) return false;
    const bool unkept =
        config_.timing.moment == SettleMoment::after && config_.replay <= Duration::zero();
    const Duration window = unkept ? kUnkept : config_.replay;
    return record_->runs < config_.timing.most_runs() && now() <= record_->updated + window;
}

// Counts the answer that came with a record; without room for it, it is let go.
bool PaidCall::hold_record() {
    share_.give_back();
    if (!record_->answer || share_.grow(record_->answer->body.size())) return true;
    record_->answer.reset();
    return false;
}

void PaidCall::let_answer_go() {
    record_->answer.reset();
    share_.give_back();
}

// What to do with the record; nothing when the client was answered or has left.
Task<std::optional<Repeat>> PaidCall::next_repeat() {
    for (;;) {
        RepeatFacts facts;
        facts.state = record_->state;
        facts.same_quote = record_->quote != Hash32{} && record_->quote == quote_hash(quote_);
        facts.same_request = record_->request == request_hash_;
        // Where no run came to the end of its body, the first whole one is what was paid for.
        if (body_.whole()) facts.same_body = !record_->body || record_->body == body_.hash();
        facts.attended = !seat_ && desk_.live.attended(record_->key);
        facts.answer_kept = answer_kept();
        facts.may_run = may_run();
        const Repeat repeat = decide_repeat(facts);
        if (repeat != Repeat::read_body) co_return repeat;
        // Under the seat: one payment makes us hold one body.
        if (!seat_) seat_ = desk_.live.sit(record_->key, record_->payer);
        if (!seat_) co_return Repeat::in_progress;
        const auto read = co_await body_.read_whole(config_.max_body);
        if (read) continue;
        say(body_.client_left() ? Reason::malformed_request : Reason::payload_too_large);
        co_await refuse_now(std::nullopt);
        co_return std::nullopt;
    }
}

Task<void> PaidCall::answer_record() {
    // Without a record another request of this moment holds the seat and is about to write it.
    if (!record_) {
        say(Reason::payment_in_progress);
        co_return co_await refuse_now(kRetrySoon);
    }
    const auto repeat = co_await next_repeat();
    if (!repeat) co_return;
    switch (*repeat) {
        case Repeat::already_used:
            let_answer_go();
            say(Reason::payment_already_used);
            co_return co_await refuse_now(std::nullopt);
        case Repeat::stored_answer:
            // A large one is read by one client at a time, however slowly it reads.
            if (!seat_ && share_.size() > kSmallAnswer)
                seat_ = desk_.live.sit(record_->key, record_->payer);
            if (!seat_ && share_.size() > kSmallAnswer) break;
            co_return co_await deliver_stored();
        case Repeat::await_settlement:
        case Repeat::run_again:
        case Repeat::undeliverable:
            co_return co_await answer_under_seat();
        case Repeat::anew:
        case Repeat::in_progress:
        case Repeat::read_body:
            break;
    }
    say(Reason::payment_in_progress);
    co_await refuse_now(kRetrySoon);
}

// Another request may have been faster, or have come to its end in this moment: the record is read
// again under the seat.
Task<void> PaidCall::answer_under_seat() {
    const Taken taken = co_await take_record(record_->key, record_->idempotency_key);
    if (taken == Taken::trouble) co_return co_await refuse_now(retry_after_s_);
    const bool mine = taken == Taken::mine;
    // It may have learned its body meanwhile, from the run that had it.
    if (mine && body_.whole() && record_->body && *record_->body != body_.hash()) {
        say(Reason::payment_already_used);
        co_return co_await refuse_now(std::nullopt);
    }
    if (mine) {
        const Awaited awaited = co_await await_record();
        if (awaited != Awaited::settled) co_return;
        if (answer_kept()) co_return co_await deliver_stored();
        const bool open = record_->state == GrantState::settled;
        if (open && may_run()) co_return co_await run_again();
        if (open) co_return co_await tell_undeliverable();
    }
    say(Reason::payment_in_progress);
    co_await refuse_now(kRetrySoon);
}

// Paid, and there is nothing left to give.
Task<void> PaidCall::tell_undeliverable() {
    take_response();
    say(Reason::delivery_failed).next =
        "Ask the operator with the transaction of PAYMENT-RESPONSE.";
    co_await refuse_now(std::nullopt);
}

// The seat of the record and what is true of it now. Gone: another has the seat, it was released
// and claimed again since (what was judged then was another grant), or nothing is left to do.
// Trouble is our own, and says nothing about the record.
Task<PaidCall::Taken> PaidCall::take_record(PaymentKey key, std::string run) {
    if (!seat_) seat_ = desk_.live.sit(key, facts_->payer);
    if (!seat_) co_return Taken::gone;
    auto found = co_await desk_.store.find(key);
    if (!found) {
        refuse_no_store(found.error());
        co_return Taken::trouble;
    }
    if (!*found || (*found)->idempotency_key != run) co_return Taken::gone;
    const GrantState state = (*found)->state;
    // What was delivered meanwhile leaves a payment that would join it nothing to wait for.
    const bool over = earlier_ && state == GrantState::delivered;
    if (over || state == GrantState::claimed || state == GrantState::released)
        co_return Taken::gone;
    record_ = std::move(**found);
    if (hold_record()) co_return Taken::mine;
    refuse_no_room();
    co_return Taken::trouble;
}

void PaidCall::take_response() {
    auto response = read_settle_response(record_->response);
    if (response) settlement_ = std::move(*response);
}

// Waits until the record is settled. When it is not, the client is told, unless the record came to
// nothing for a payment that only joined it.
Task<PaidCall::Awaited> PaidCall::await_record() {
    if (record_->state != GrantState::settling) {
        take_response();
        co_return Awaited::settled;
    }
    auto start = start_from_record(*record_, desk_.modules, config_.replay);
    if (!start) {
        log::error("grant_unreadable",
                   {{"key", record_->key.value()}, {"detail", to_string(start.error())}});
        say(Reason::unexpected_settle_error);
        co_await refuse_now(std::nullopt);
        co_return Awaited::told;
    }
    const net::Executor here = co_await net::this_executor();
    const auto settlement = settle_grant(visit_.desk, std::move(*start), here);
    const SettlementView view = co_await settlement->wait(config_.pending_wait);
    const Event event = read_settlement(view);
    if (event == Event::settled) {
        // The settlement may have kept the answer longer than the record we read.
        auto found = co_await desk_.store.find(record_->key);
        if (found && *found) record_ = std::move(**found);
        if (found && hold_record()) co_return Awaited::settled;
        if (found) {
            refuse_no_room();
        } else {
            refuse_no_store(found.error());
        }
        co_await refuse_now(retry_after_s_);
        co_return Awaited::told;
    }
    if (event == Event::unknown) {
        co_await tell_pending();
        co_return Awaited::told;
    }
    if (earlier_) co_return Awaited::nothing;
    if (event == Event::failed && is_unsold()) {
        // Nothing was taken, and nothing is for sale: the request is like any other here, unless
        // its body is gone.
        if (!visit_.exchange.request().has_body()) co_return Awaited::nothing;
        say(Reason::route_unknown);
        co_await refuse_now(std::nullopt);
    } else if (event == Event::failed) {
        co_await challenge();
    } else {
        co_await refuse_now(retry_after_s_);
    }
    co_return Awaited::told;
}

Task<void> PaidCall::deliver_stored() {
    if (!settlement_) take_response();
    auto head = read_answer_head(record_->answer->head);
    if (!head || !settlement_) {
        log::error("kept_answer_unreadable", {{"key", record_->key.value()}});
        say(Reason::delivery_failed);
        co_return co_await refuse_now(std::nullopt);
    }
    net::Response response{std::move(*head), std::move(record_->answer->body)};
    mark_paid(response.head.headers);
    tell_payment(response.head.headers);
    const auto sent = co_await send_response(visit_, std::move(response));
    desk_.metrics.count("x402_redelivered_total", {{"route", config_.pattern.text}});
    if (!sent || record_->state != GrantState::settled) co_return;
    store::GrantChange change{GrantState::delivered, {}, {}, {}, {}, {}, {}};
    co_await move(GrantState::settled, std::move(change));
}

Task<void> PaidCall::run_again() {
    if (!settlement_) take_response();
    if (!settlement_) {
        say(Reason::delivery_failed);
        co_return co_await refuse_now(std::nullopt);
    }
    const Event event = co_await run_and_stream();
    if (event == Event::left) {
        co_await note_delivered();
    } else {
        co_await note_undelivered();
    }
}

Task<Event> PaidCall::join() {
    const Taken taken = co_await take_record(earlier_->key, earlier_->idempotency_key);
    if (taken == Taken::trouble) {
        record_.reset();  // the refusal is about this payment, which stays unused
        co_return Event::unjudged;
    }
    bool answered = false;
    if (taken == Taken::mine) {
        const Awaited awaited = co_await await_record();
        answered = awaited == Awaited::told;
        if (awaited == Awaited::settled && answer_kept()) {
            co_await deliver_stored();
            answered = true;
        } else if (awaited == Awaited::settled && may_run()) {
            co_await run_again();
            answered = true;
        }
    }
    if (answered) co_return Event::joined;
    // The earlier one came to nothing, or somebody else has it: this payment goes its own way.
    record_.reset();
    share_.give_back();
    settlement_.reset();
    refusal_.reset();
    earlier_.reset();
    retry_after_s_.reset();
    seat_.leave();
    co_return Event::not_joined;
}

}  // namespace x402::server
