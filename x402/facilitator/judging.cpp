// SPDX-License-Identifier: Apache-2.0
// A payment is unpaid only when nothing can undo that any more: neither a later block nor a
// stranger's transaction that nobody has seen yet.
#include "x402/facilitator/judging.hpp"

#include "x402/facilitator/runner.hpp"

namespace x402::facilitator {
namespace {

// All of the payment's actions together: one unknown makes it unknown, one unpaid makes it unpaid.
Judgement judge_payment(const SlotRun& slot, const Live& live, const Seen& seen) {
    Judgement whole{Outcome::settled, {}};
    for (std::size_t i = 0; i < slot.actions.size(); ++i) {
        if (slot.actions[i].payment != live.record.key) continue;
        const Judgement one = live.scheme->judge(slot.actions[i], seen.parts[i]);
        if (one.outcome == Outcome::unknown) return one;
        if (one.outcome == Outcome::failed && whole.outcome == Outcome::settled) whole = one;
    }
    return whole;
}

using MaybeVerdict = std::optional<Verdict>;

// Mined and not paid, alone: the network knows whether somebody else paid it meanwhile.
Task<MaybeVerdict> judge_by_trace(DeskPtr desk, LivePtr live, const Refusal& refusal) {
    apply(*live, Event::mined_unpaid);
    const Word word = co_await ask_trace(desk, live);
    if (word.event == Event::trace_unknown) co_return std::nullopt;
    co_return Verdict{live, word.event, end_after(*live, word, refusal)};
}

// Mined and not paid, in a block that may yet be undone: only that somebody else paid it counts
// already, where the operator takes that.
Task<MaybeVerdict> judge_early(DeskPtr desk, LivePtr live) {
    if (live->line->config.accept_observed) {
        apply(*live, Event::mined_unpaid);
        const Word word = co_await ask_trace(desk, live);
        const bool paid = word.event == Event::trace_ours || word.event == Event::trace_accepted;
        if (paid) co_return Verdict{live, word.event, end_after(*live, word, Refusal{})};
    }
    apply(*live, Event::mined_unclear);
    co_return std::nullopt;
}

Refusal unpaid_refusal(const Judgement& judgement) {
    return judgement.refusal.value_or(refuse(Reason::invalid_transaction_state));
}

// Nothing: it is not decided yet how the payment goes on.
Task<MaybeVerdict> judge_one(DeskPtr desk, SlotPtr slot, LivePtr live, const Seen& seen) {
    const Judgement judgement = judge_payment(*slot, *live, seen);
    if (judgement.outcome == Outcome::settled)
        co_return Verdict{live, Event::mined_paid, settled_end(*live, seen.attempt, seen.block)};
    if (judgement.outcome == Outcome::unknown) {
        apply(*live, Event::mined_unclear);
        co_return std::nullopt;
    }
    if (!seen.final) co_return co_await judge_early(desk, live);
    if (slot->payments.size() > 1)
        co_return Verdict{live, Event::mined_unpaid_group, again_end(*live)};
    const Refusal refusal = unpaid_refusal(judgement);
    co_return co_await judge_by_trace(desk, live, refusal);
}

Refusal dead_refusal(const Desk& desk, const Live& live) {
    const bool expired = desk.env.clock.now() >= live.record.usable_until;
    return refuse(expired ? Reason::authorization_expired : Reason::invalid_transaction_state);
}

}  // namespace

store::PaymentEnd again_end(const Live& live) {
    store::PaymentEnd end;
    end.key = live.record.key;
    end.how = store::PaymentEnd::How::again;
    return end;
}

Task<Verdicts> judge_mined(DeskPtr desk, SlotPtr slot, const Seen& seen) {
    Verdicts verdicts;
    for (std::size_t i = 0; i < slot->payments.size(); ++i) {
        const LivePtr live = slot->payments[i];
        if (!live) continue;
        auto verdict = co_await judge_one(desk, slot, live, seen);
        if (verdict) verdicts.list.push_back(std::move(*verdict));
        if (!verdict) verdicts.decided = false;
    }
    co_return verdicts;
}

Task<Verdicts> judge_dead(DeskPtr desk, SlotPtr slot) {
    Verdicts verdicts;
    for (std::size_t i = 0; i < slot->payments.size(); ++i) {
        const LivePtr live = slot->payments[i];
        if (!live) continue;
        apply(*live, Event::dead);
        Word word = co_await ask_trace(desk, live);
        if (word.event == Event::trace_unknown) {
            verdicts.decided = false;
            continue;
        }
        const bool usable = desk->env.clock.now() < live->record.usable_until;
        if (word.trace.state == TraceState::none && usable) {
            verdicts.list.push_back({live, Event::trace_unused_again, again_end(*live)});
            continue;
        }
        store::PaymentEnd end = end_after(*live, word, dead_refusal(*desk, *live));
        verdicts.list.push_back({live, word.event, std::move(end)});
    }
    co_return verdicts;
}

}  // namespace x402::facilitator
