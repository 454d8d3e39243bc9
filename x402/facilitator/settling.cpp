// SPDX-License-Identifier: Apache-2.0
// The couriers of replay_guard's decisions. Between looking at the desk and lying on it there is no
// wait, so two requests of the same key can never both start a run.
#include "x402/facilitator/settling.hpp"

#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/base/log.hpp"
#include "x402/facilitator/budget_wait.hpp"
#include "x402/facilitator/reconcile.hpp"
#include "x402/facilitator/runner.hpp"
#include "x402/protocol/codec.hpp"

namespace x402::facilitator {
namespace {

using Answer = Result<SettleResponse>;
using MaybeAnswer = std::optional<Answer>;

constexpr int kLooks = 8;

// True when it ended before the deadline.
Task<bool> wait_for(DeskPtr desk, LivePtr live, Duration deadline) {
    for (;;) {
        const std::uint64_t seen = live->bell.count();
        if (live->ended) co_return true;
        const Duration left = deadline - desk->env.clock.steady();
        if (left.count() <= 0) co_return false;
        const bool rung = co_await live->bell.wait(seen, left);
        static_cast<void>(rung);
    }
}

// The one success: told to the first who asks the store.
Task<Answer> tell(DeskPtr desk, const Ask& ask, const SettleResponse& response) {
    const auto told = co_await desk->store.tell(ask.admitted.facts.key, desk->env.clock.now());
    if (!told)
        co_return not_judged(Errc::interrupted, Reason::unavailable, to_string(told.error()));
    if (*told) co_return response;
    // Somebody was first. With the same key it was this caller himself.
    const auto record = co_await desk->store.find_payment(ask.admitted.facts.key);
    if (!record)
        co_return not_judged(Errc::interrupted, Reason::unavailable, to_string(record.error()));
    const bool same = *record && decide(view_of(**record), ask.print) == Decision::stored_result;
    if (same) co_return recorded_answer(**record);
    desk->metrics.count("x402_replay_rejected_total");
    co_return duplicate_answer(ask.admitted.subject(), response.transaction);
}

// Nothing: look at the record again.
Task<MaybeAnswer> answer_ended(DeskPtr desk, const Ask& ask, LivePtr live, bool may_receive) {
    const Ended& ended = *live->ended;
    switch (ended.how) {
        case Ended::How::look_again:
            co_return std::nullopt;
        case Ended::How::unavailable: {
            const std::string said =
                ended.detail.empty() ? "given up before anything was sent" : ended.detail;
            Answer trouble = not_judged(Errc::unreachable, ended.reason, said);
            co_return trouble;
        }
        case Ended::How::failed:
            co_return Answer(ended.response);
        case Ended::How::settled:
            break;
    }
    if (!may_receive) {
        desk->metrics.count("x402_replay_rejected_total");
        co_return Answer(duplicate_answer(ask.admitted.subject(), ended.response.transaction));
    }
    Answer told = co_await tell(desk, ask, ended.response);
    co_return told;
}

Task<MaybeAnswer> follow(DeskPtr desk, const Ask& ask, LivePtr live, bool may_receive) {
    const bool ended = co_await wait_for(desk, live, ask.deadline);
    if (!ended) co_return Answer(pending_answer(ask.admitted.subject(), live->transaction));
    co_return co_await answer_ended(desk, ask, live, may_receive);
}

store::PaymentRecord intent_of(const Desk& desk, const Ask& ask) {
    const PaymentRequirements& asked = ask.admitted.payment.requirements;
    store::PaymentRecord record;
    record.key = ask.admitted.facts.key;
    record.network = asked.network;
    record.scheme = asked.scheme;
    record.payer = ask.admitted.facts.payer;
    record.pay_to = asked.pay_to;
    record.asset = asked.asset;
    record.amount = asked.amount;
    record.terms = ask.print.terms;
    record.request = ask.request;
    record.idempotency = ask.print.binding;
    record.caller = ask.caller;
    record.created = desk.env.clock.now();
    record.usable_until = ask.admitted.facts.usable_until_from(record.created);
    record.updated = record.created;
    return record;
}

// Whether this payer alone has cost too much today.
Task<std::optional<Error>> payer_cannot_begin(DeskPtr desk, LivePtr live) {
    Line& line = *live->line;
    const Payers payers{live->record.payer};
    const PayersHeld held(line.budget.payers(), payers);
    const auto read = co_await refresh_payers(desk, line, payers);
    if (!read) {
        co_return not_judged(Errc::unreachable, Reason::unavailable, to_string(read.error()))
            .error();
    }
    if (!line.budget.payer_exhausted(live->record.payer)) co_return std::nullopt;
    desk->metrics.count("x402_budget_denied_total", {{"chain", line.config.id.text()}});
    co_return not_judged(Errc::unreachable, Reason::budget_exhausted, std::string(kPayersShare))
        .error();
}

// Why nothing may be begun now; nothing when it may.
Task<std::optional<Error>> cannot_begin(DeskPtr desk, LivePtr live) {
    if (desk->draining) {
        co_return not_judged(Errc::unreachable, Reason::server_stopping, "the facilitator stops")
            .error();
    }
    // Counted with this one, which lies on the desk already.
    Line& line = *live->line;
    const Config& config = desk->config();
    if (line.crowd.all() > config.pending) {
        co_return not_judged(Errc::unreachable, Reason::unavailable, "too many settlements wait")
            .error();
    }
    if (line.crowd.of(live->record.payer, live->record.asset) > config.pending_per_payer) {
        co_return not_judged(Errc::unreachable, Reason::rate_limited,
                             "too many payments of this payer wait")
            .error();
    }
    const auto read = co_await refresh_budget(desk, line);
    if (!read) {
        co_return not_judged(Errc::unreachable, Reason::unavailable, to_string(read.error()))
            .error();
    }
    if (!line.budget.exhausted()) co_return co_await payer_cannot_begin(desk, live);
    desk->metrics.count("x402_budget_denied_total", {{"chain", line.config.id.text()}});
    const U256 least(1);
    co_await note_budget_wait(desk, &line, least);
    co_return not_judged(Errc::unreachable, Reason::budget_exhausted, "the day's budget is spent")
        .error();
}

// The desk's entry made before the claim is written: whoever comes meanwhile joins it.
LivePtr reserve(const DeskPtr& desk, const Ask& ask) {
    LivePtr live = make_live(*desk, ask.admitted, intent_of(*desk, ask));
    live->print = ask.print;
    put_on(*desk, live);
    return live;
}

void withdraw(const DeskPtr& desk, const LivePtr& live, Ended ended) {
    take_off(*desk, live);
    live->ended = std::move(ended);
    live->bell.ring();
}

// Begins a run. Nothing: look again (somebody else has the key).
Task<MaybeAnswer> claim(DeskPtr desk, const Ask& ask, LivePtr live) {
    const auto trouble = co_await cannot_begin(desk, live);
    if (trouble) {
        Ended ended;
        ended.how = Ended::How::unavailable;
        ended.reason = reason_of(*trouble);
        if (trouble->detail == kPayersShare) ended.detail = trouble->detail;
        withdraw(desk, live, std::move(ended));
        co_return Answer(fail(*trouble));
    }
    const auto claimed = co_await desk->store.claim_payment(live->record);
    if (claimed && claimed->fresh) {
        live->record = claimed->record;
        live->payment.seen = live->record.created;
        start_payment(desk, live);
        co_return co_await follow(desk, ask, live, true);
    }
    withdraw(desk, live, Ended{});
    if (claimed) co_return std::nullopt;
    // The write may be durable although its answer was lost; then the watch finds it.
    desk->orphans = true;
    co_return Answer(
        not_judged(Errc::interrupted, Reason::unavailable, to_string(claimed.error())));
}

// From the record alone: nobody works on it here.
Task<MaybeAnswer> answer_recorded(DeskPtr desk, const Ask& ask,
                                  const store::PaymentRecord& record) {
    switch (decide(view_of(record), ask.print)) {
        case Decision::claim:
            co_return std::nullopt;
        case Decision::stored_result:
            co_return Answer(recorded_answer(record));
        case Decision::duplicate:
            desk->metrics.count("x402_replay_rejected_total");
            co_return Answer(duplicate_answer(ask.admitted.subject(), record.transaction));
        case Decision::join:
            if (record.state == store::PaymentState::settled) {
                Answer told = co_await tell(desk, ask, recorded_answer(record));
                co_return told;
            }
            break;
        case Decision::pending:
            break;
    }
    co_return Answer(pending_answer(ask.admitted.subject(), record.transaction));
}

Decision decide_live(const Live& live, const RequestPrint& print) {
    RecordView view;
    view.state = store::PaymentState::claimed;
    view.print = live.print;
    return decide(view, print);
}

// One look: at the desk, else at the record, else a claim. Nothing and `unverified`: verify it
// first.
Task<MaybeAnswer> settle_once(DeskPtr desk, const Ask& ask, bool& unverified) {
    if (const LivePtr live = find_live(*desk, ask.admitted.facts.key)) {
        const bool may_receive = decide_live(*live, ask.print) == Decision::join;
        co_return co_await follow(desk, ask, live, may_receive);
    }
    if (!ask.verified) {
        const auto record = co_await desk->store.find_payment(ask.admitted.facts.key);
        if (!record)
            co_return Answer(
                not_judged(Errc::interrupted, Reason::unavailable, to_string(record.error())));
        MaybeAnswer answer;
        if (*record) answer = co_await answer_recorded(desk, ask, **record);
        unverified = !answer.has_value();
        co_return answer;
    }
    const LivePtr live = reserve(desk, ask);
    const auto record = co_await desk->store.find_payment(live->record.key);
    MaybeAnswer answer;
    if (!record)
        answer =
            Answer(not_judged(Errc::interrupted, Reason::unavailable, to_string(record.error())));
    if (record && *record) answer = co_await answer_recorded(desk, ask, **record);
    if (!answer) co_return co_await claim(desk, ask, live);
    withdraw(desk, live, Ended{});
    co_return answer;
}

SettlementStatus status_of(const store::PaymentRecord& record,
                           std::vector<std::string> transactions) {
    SettlementStatus status;
    status.key = record.key;
    if (record.state == store::PaymentState::settled) status.outcome = Outcome::settled;
    if (record.state == store::PaymentState::failed) status.outcome = Outcome::failed;
    status.state = std::string(store::to_string(record.state));
    status.transactions = std::move(transactions);
    const bool listed = std::find(status.transactions.begin(), status.transactions.end(),
                                  record.transaction) != status.transactions.end();
    if (!listed && !record.transaction.empty()) status.transactions.push_back(record.transaction);
    if (record.block != 0) status.block = record.block;
    status.payer = record.payer;
    status.amount = record.amount.to_decimal();
    if (record.state == store::PaymentState::settled) {
        const SettleResponse response = recorded_answer(record);
        if (response.amount) status.amount = response.amount->to_decimal();
    }
    if (view_of(record).used_by_stranger) status.state = "duplicate";
    status.updated_at = record.updated;
    return status;
}

// A run that was given up has judged nothing: whether somebody else made the payment is for the
// network to say, and before it has said no, nobody may take the payment for unused.
Task<bool> may_be_made(DeskPtr desk, store::PaymentRecord record) {
    if (record.state != store::PaymentState::failed) co_return false;
    if (record.reason != to_string(Reason::unavailable)) co_return false;
    const LivePtr live = live_of(*desk, record);
    if (!live) co_return true;
    const Word word = co_await ask_trace(desk, live);
    co_return !word.mute && word.event != Event::trace_unused;
}

}  // namespace

Task<std::optional<Result<SettleResponse>>> settle_at_home(DeskPtr desk, const Ask& ask) {
    for (int look = 0; look < kLooks; ++look) {
        bool unverified = false;
        auto answer = co_await settle_once(desk, ask, unverified);
        if (answer || unverified) co_return answer;
    }
    co_return Answer(pending_answer(ask.admitted.subject(), ""));
}

Task<Result<std::optional<SettlementStatus>>> report(DeskPtr desk, PaymentKey key,
                                                     Duration deadline) {
    if (const LivePtr live = find_live(*desk, key)) {
        const bool ended = co_await wait_for(desk, live, deadline);
        static_cast<void>(ended);
    }
    const auto record = co_await desk->store.find_payment(key);
    if (!record) co_return fail(record.error());
    if (!*record) co_return std::optional<SettlementStatus>{};
    auto transactions = co_await desk->store.transactions_of(key);
    if (!transactions) co_return fail(transactions.error());
    SettlementStatus status = status_of(**record, std::move(*transactions));
    const bool open = co_await may_be_made(desk, **record);
    if (open) status.outcome = Outcome::unknown;
    co_return std::optional(std::move(status));
}

}  // namespace x402::facilitator
