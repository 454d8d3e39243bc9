// SPDX-License-Identifier: Apache-2.0
// Plans, doubts and ends. Settle_wait after a run began, one that could not even take a slot is
// ended as unavailable, which is safe because nothing of it was recorded as signed. One that the
// network refuses, and of which it cannot say whether somebody else made it, has no such end: the
// money may have moved, and the crowd's limits bound how many of them there are.
#include "x402/facilitator/runner.hpp"

#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/base/log.hpp"
#include "x402/facilitator/lanes.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(100);
constexpr Duration kLongestPause = std::chrono::seconds(2);
// What somebody else's transaction did is final after minutes on some networks.
constexpr Duration kLongestDoubt = std::chrono::seconds(15);

Task<void> end_settled(DeskPtr desk, LivePtr live, store::PaymentEnd end) {
    const auto written = co_await write_end(desk, end);
    // The record is not as we believed: the watch reads the journal again.
    if (!written) desk->orphans = true;
    finish(*desk, live, written ? ended_by(*live, end) : Ended{});
}

// True when the payment left `claimed`.
Task<bool> take_plan(DeskPtr desk, LivePtr live, const Result<Plan>& plan) {
    if (!plan && plan.error().retryable) {
        log::warn("plan_failed",
                  {{"payment", live->record.key.value()}, {"error", to_string(plan.error())}});
        apply(*live, Event::trouble);
        co_return false;
    }
    if (!plan) {
        live->doubt = refusal_of(plan.error());
        apply(*live, Event::refused);
        co_await resolve_doubt(desk, live);
        co_return true;
    }
    live->actions = plan->actions;
    live->signers = plan->signers;
    live->charged = plan->charged;
    if (plan->actions.empty()) {
        apply(*live, Event::nothing_to_move);
        live->charged = U256{};
        co_await end_settled(desk, live, settled_end(*live, "", 0));
        co_return true;
    }
    apply(*live, Event::planned);
    enter_lane(desk, live);
    co_return true;
}

Task<void> run_payment_started(DeskPtr desk, LivePtr live) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    co_await run_payment(desk, live);
}

}  // namespace

Refusal refusal_of(const Error& error) {
    if (const auto known = find_reason(error.field)) return refuse(*known);
    return refuse(Reason::invalid_payload);
}

bool too_late(const Desk& desk, const Live& live) {
    return desk.env.clock.steady() - live.began >= live.line->config.settle_wait;
}

LivePtr make_live(const Desk& desk, Admitted admitted, store::PaymentRecord record) {
    auto live = std::make_shared<Live>();
    live->print = view_of(record).print;
    live->line = find_line(desk, record.network);
    live->record = std::move(record);
    live->payment = std::move(admitted.payment);
    live->payment.seen = live->record.created;
    live->scheme = admitted.scheme;
    live->charged = live->record.amount;
    live->began = desk.env.clock.steady();
    return live;
}

void start_payment(const DeskPtr& desk, const LivePtr& live) {
    net::spawn_on(desk->home, [desk, live] { return run_payment_started(desk, live); });
}

Task<void> run_payment(DeskPtr desk, LivePtr live) {
    Duration length = kFirstPause;
    for (;;) {
        const Result<Plan> plan = co_await live->scheme->plan(live->payment);
        const bool left = co_await take_plan(desk, live, plan);
        if (left) co_return;
        if (too_late(*desk, *live)) {
            apply(*live, Event::gave_up);
            co_await end_unavailable(desk, live, Reason::unavailable);
            co_return;
        }
        const bool on = co_await pause(desk, length);
        if (!on) co_return;
        length = std::min(2 * length, kLongestPause);
    }
}

Task<void> end_unavailable(DeskPtr desk, LivePtr live, Reason reason, std::string detail) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    const store::PaymentEnd end = failed_end(*live, refuse(reason), "");
    const auto written = co_await write_end(desk, end);
    // The record is not as we believed: the watch reads the journal again.
    if (!written) desk->orphans = true;
    Ended ended;
    ended.how = written ? Ended::How::unavailable : Ended::How::look_again;
    ended.reason = reason;
    ended.detail = std::move(detail);
    finish(*desk, live, std::move(ended));
}

Task<Word> ask_trace(DeskPtr desk, LivePtr live) {
    Word word;
    auto trace = co_await live->scheme->trace(live->payment);
    if (!trace) {
        // No later try can mend it: these terms were never signed, or there is no such token.
        word.mute = !trace.error().retryable;
        co_return word;
    }
    word.trace = std::move(*trace);
    switch (word.trace.state) {
        case TraceState::unknown:
            co_return word;
        case TraceState::none:
        case TraceState::impossible:
            word.event = Event::trace_unused;
            co_return word;
        case TraceState::done:
            break;
    }
    const auto ours = co_await desk->store.transactions_of(live->record.key);
    if (!ours) co_return word;
    const bool sent_by_us =
        std::find(ours->begin(), ours->end(), word.trace.transaction) != ours->end();
    const bool accepted =
        live->line->config.accept_observed && live->record.created <= word.trace.at;
    word.event =
        sent_by_us ? Event::trace_ours : (accepted ? Event::trace_accepted : Event::trace_stranger);
    co_return word;
}

store::PaymentEnd end_after(const Live& live, const Word& word, const Refusal& refusal) {
    switch (word.event) {
        case Event::trace_ours:
        case Event::trace_accepted:
            return settled_end(live, word.trace.transaction, word.trace.block);
        case Event::trace_stranger: {
            store::PaymentEnd end =
                failed_end(live, refuse(Reason::duplicate_settlement), word.trace.transaction);
            end.block = word.trace.block;
            return end;
        }
        default:
            break;
    }
    return failed_end(live, refusal, live.transaction);
}

Task<void> resolve_doubt(DeskPtr desk, LivePtr live) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    const Refusal refusal = live->doubt.value_or(refuse(Reason::invalid_transaction_state));
    Duration length = kFirstPause;
    for (;;) {
        const Word word = co_await ask_trace(desk, live);
        const Todo todo = apply(*live, word.mute ? Event::trouble : word.event);
        if (todo != Todo::retry) {
            co_await end_settled(desk, live, end_after(*live, word, refusal));
            co_return;
        }
        if (live->state == State::doubted && too_late(*desk, *live)) break;
        const bool on = co_await pause(desk, length);
        if (!on) co_return;
        length = std::min(2 * length, kLongestDoubt);
    }
    apply(*live, Event::gave_up);
    co_await end_unavailable(desk, live, Reason::unavailable);
}

}  // namespace x402::facilitator
