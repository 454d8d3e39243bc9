// SPDX-License-Identifier: Apache-2.0
// What a look may bring about. Nothing is ended before the journal has it; a payment whose end
// cannot be proven yet keeps the whole slot open, and the next look tries again.
#include "x402/facilitator/confirmer.hpp"

#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/base/log.hpp"
#include "x402/facilitator/departure.hpp"
#include "x402/facilitator/lanes.hpp"
#include "x402/facilitator/reconcile.hpp"
#include "x402/facilitator/runner.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kDiskPause = std::chrono::milliseconds(250);

// How one payment of an ended slot goes on; no end: not decided yet.
struct Verdicts {
    std::vector<store::PaymentEnd> ends;  // of the payments that are not null, in their order
    std::vector<Event> events;
    bool decided = true;
};

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

store::PaymentEnd again_end(const Live& live) {
    store::PaymentEnd end;
    end.key = live.record.key;
    end.how = store::PaymentEnd::How::again;
    return end;
}

void decide(Verdicts& verdicts, Event event, store::PaymentEnd end) {
    verdicts.events.push_back(event);
    verdicts.ends.push_back(std::move(end));
}

// Mined and not paid, alone: the network knows whether somebody else paid it meanwhile.
Task<bool> decide_by_trace(DeskPtr desk, LivePtr live, const Refusal& refusal, Verdicts& verdicts) {
    Word word = co_await ask_trace(desk, live);
    if (word.event == Event::trace_unknown) co_return false;
    store::PaymentEnd end = end_after(*live, word, refusal);
    decide(verdicts, word.event, std::move(end));
    co_return true;
}

Refusal unpaid_refusal(const Judgement& judgement) {
    return judgement.refusal.value_or(refuse(Reason::invalid_transaction_state));
}

Task<Verdicts> judge_mined(DeskPtr desk, SlotPtr slot, const Seen& seen) {
    Verdicts verdicts;
    for (std::size_t i = 0; i < slot->payments.size(); ++i) {
        const LivePtr live = slot->payments[i];
        if (!live) continue;
        const Judgement judgement = judge_payment(*slot, *live, seen);
        if (judgement.outcome == Outcome::settled) {
            store::PaymentEnd end = settled_end(*live, seen.attempt, seen.block);
            decide(verdicts, Event::mined_paid, std::move(end));
            continue;
        }
        if (judgement.outcome == Outcome::unknown) {
            apply(*live, Event::mined_unclear);
            verdicts.decided = false;
            continue;
        }
        if (slot->payments.size() > 1) {
            decide(verdicts, Event::mined_unpaid_group, again_end(*live));
            continue;
        }
        apply(*live, Event::mined_unpaid);
        const Refusal refusal = unpaid_refusal(judgement);
        const bool decided = co_await decide_by_trace(desk, live, refusal, verdicts);
        verdicts.decided = verdicts.decided && decided;
    }
    co_return verdicts;
}

Refusal dead_refusal(const Desk& desk, const Live& live) {
    const bool expired = desk.env.clock.now() >= live.record.usable_until;
    return refuse(expired ? Reason::authorization_expired : Reason::invalid_transaction_state);
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
            decide(verdicts, Event::trace_unused_again, again_end(*live));
            continue;
        }
        store::PaymentEnd end = end_after(*live, word, dead_refusal(*desk, *live));
        decide(verdicts, word.event, std::move(end));
    }
    co_return verdicts;
}

// Writes the slot's end until it is written. An Error: the slot is not ours any more, or we are to
// stop.
Task<Result<void>> write_slot_end(DeskPtr desk, store::SlotEnd end) {
    for (;;) {
        auto written = co_await desk->store.end_slot(end);
        const bool trouble = !written && written.error().code != Errc::conflict;
        desk->store_trouble = trouble;
        if (!trouble) co_return written;
        log::error("journal_trouble", {{"error", to_string(written.error())}});
        const bool on = co_await pause(desk, kDiskPause);
        if (!on) co_return written;
    }
}

// Tells the state machines and those who wait what was written.
void pass_on(const DeskPtr& desk, const SlotPtr& slot, const Verdicts& verdicts) {
    std::size_t at = 0;
    for (const LivePtr& live : slot->payments) {
        if (!live) continue;
        const Todo todo = apply(*live, verdicts.events[at]);
        const store::PaymentEnd& end = verdicts.ends[at++];
        if (todo == Todo::start_again) {
            live->alone = true;
            live->began = desk->env.clock.steady();
            start_payment(desk, live);
        } else {
            finish(*desk, live, ended_by(*live, end));
        }
    }
}

Task<void> end_slot(DeskPtr desk, Line* line, SlotPtr slot, store::SlotEnd end, Verdicts verdicts) {
    end.slot = slot->name;
    end.at = desk->env.clock.now();
    end.payments = verdicts.ends;
    const auto written = co_await write_slot_end(desk, end);
    if (!written) {
        if (!desk->gate.closed()) abandon_slot(desk, *line, slot);
        co_return;
    }
    if (end.state == store::SlotState::dead && slot->lane->recorded) {
        std::erase_if(*slot->lane->recorded,
                      [&](const Slot& each) { return each.key == slot->slot.key; });
    }
    const auto spent = end.cost.to_decimal();
    desk->metrics.count("x402_sponsor_cost_total", {{"chain", line->config.id.text()}},
                        std::stod(spent));
    pass_on(desk, slot, verdicts);
    close_slot(desk, *line, slot, end.cost);
}

Verdicts free_verdicts(const SlotRun& slot) {
    Verdicts verdicts;
    for (const LivePtr& live : slot.payments) {
        if (live) decide(verdicts, Event::slot_freed, again_end(*live));
    }
    return verdicts;
}

void tell_payments(const SlotRun& slot, Event event) {
    if (slot.phase != SlotPhase::attempted) return;
    for (const LivePtr& live : slot.payments) {
        if (live) apply(*live, event);
    }
}

// Keys that count are decimal: the shorter is the smaller. A gap that was filled later is older all
// the same.
bool comes_before(const Slot& left, const Slot& right) {
    if (left.key.size() != right.key.size()) return left.key.size() < right.key.size();
    return left.key < right.key;
}

SlotEvent wait_event(const Desk& desk, const Line& line, const SlotRun& slot) {
    SlotTimes times;
    times.now = desk.env.clock.steady();
    times.last_attempt = slot.last_attempt;
    times.last_sent = slot.last_sent;
    times.patience = line.network->patience();
    times.poll = line.network->poll_interval();
    times.attempts = static_cast<std::uint32_t>(slot.attempts.size());
    times.accepted = slot.accepted;
    times.can_replace = line.network->can_replace() && !slot.lane->retired;
    times.oldest = std::none_of(line.open.begin(), line.open.end(), [&](const SlotPtr& open) {
        return open->lane == slot.lane && !open->landed && comes_before(open->slot, slot.slot);
    });
    return judge_wait(times);
}

Task<void> bump(DeskPtr desk, Line* line, SlotPtr slot) {
    const bool filler = slot->phase == SlotPhase::filled;
    auto attempt = co_await sign_attempt(line, slot, filler);
    if (!attempt) {
        log::warn("not_bumped",
                  {{"signer", slot->slot.signer}, {"error", to_string(attempt.error())}});
        // Ruled out, not in trouble: the next look would only hear the same.
        if (!attempt.error().retryable) slot->last_attempt = desk->env.clock.steady();
        co_await send(desk, line, slot);
        co_return;
    }
    Unrecorded next{std::move(*attempt), filler};
    const auto sent = co_await record_and_send(desk, line, slot, std::move(next));
    if (!sent && sent.error().code == Errc::conflict) co_await send(desk, line, slot);
}

Task<void> keep_waiting(DeskPtr desk, Line* line, SlotPtr slot) {
    const SlotEvent event = wait_event(*desk, *line, *slot);
    const auto next = step(slot->phase, event);
    X402_CHECK(next.has_value());
    tell_payments(*slot, event == SlotEvent::stuck ? Event::stuck : Event::waiting);
    if (next->todo == SlotTodo::rebroadcast) co_await send(desk, line, slot);
    if (next->todo == SlotTodo::bump) co_await bump(desk, line, slot);
}

Task<void> take_mined(DeskPtr desk, Line* line, SlotPtr slot, Seen seen) {
    store::SlotEnd end;
    end.state = store::SlotState::mined;
    end.attempt = seen.attempt;
    end.cost = seen.cost.amount;
    if (slot->phase == SlotPhase::filled) {
        Verdicts verdicts = free_verdicts(*slot);
        co_await end_slot(desk, line, slot, end, std::move(verdicts));
        co_return;
    }
    if (seen.parts.size() != slot->actions.size()) {
        log::error("parts_do_not_fit", {{"transaction", seen.attempt}});
        co_return;
    }
    Verdicts verdicts = co_await judge_mined(desk, slot, seen);
    if (!verdicts.decided) co_return;
    co_await end_slot(desk, line, slot, end, std::move(verdicts));
}

Task<void> take_dead(DeskPtr desk, Line* line, SlotPtr slot) {
    if (slot->phase == SlotPhase::filled) {
        co_await free_slot(desk, line, slot, store::SlotState::dead);
        co_return;
    }
    Verdicts verdicts = co_await judge_dead(desk, slot);
    if (!verdicts.decided) co_return;
    store::SlotEnd end;
    end.state = store::SlotState::dead;
    co_await end_slot(desk, line, slot, end, std::move(verdicts));
}

Task<void> look_and_act(DeskPtr desk, Line* line, SlotPtr slot) {
    static const std::vector<Action> kNoActions;
    const std::vector<Action>& actions =
        slot->phase == SlotPhase::filled ? kNoActions : slot->actions;
    auto seen = co_await line->network->observe(slot->slot, actions, slot->attempts);
    const SeenState state = seen ? seen->state : SeenState::unknown;
    slot->landed = state == SeenState::mined || state == SeenState::dead;
    if (state == SeenState::mined) {
        co_await take_mined(desk, line, slot, std::move(*seen));
    } else if (state == SeenState::dead) {
        co_await take_dead(desk, line, slot);
    } else {
        co_await keep_waiting(desk, line, slot);
    }
}

// A write whose answer was lost leaves a row that nobody works on.
Task<void> find_orphans(DeskPtr desk) {
    if (!desk->orphans) co_return;
    desk->orphans = false;
    const auto found = co_await reconcile(desk);
    // A store that refuses to be read, or is another's by now, is no store to be ready with.
    desk->store_trouble = !found.has_value();
    if (found) co_return;
    log::error("journal_trouble", {{"error", to_string(found.error())}});
    desk->orphans = true;
}

void look_at_all(const DeskPtr& desk, Line* line) {
    for (const SlotPtr& slot : line->open) {
        if (slot->busy || slot->phase == SlotPhase::taken) continue;
        slot->busy = true;
        net::spawn_on(desk->home, [desk, line, slot] { return look(desk, line, slot); });
    }
}

}  // namespace

Task<void> watch(DeskPtr desk, Line* line) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    for (;;) {
        const bool on = co_await pause(desk, line->network->poll_interval());
        if (!on) co_return;
        co_await find_orphans(desk);
        look_at_all(desk, line);
        for (const auto& lane : line->lanes) pump(desk, *line, *lane);
        // Those who wait look at the clock themselves.
        for (const auto& [key, live] : desk->lives) {
            if (live->line == line) live->bell.ring();
        }
    }
}

Task<void> look(DeskPtr desk, Line* line, SlotPtr slot) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    co_await look_and_act(desk, line, slot);
    slot->busy = false;
}

Task<void> free_slot(DeskPtr desk, Line* line, SlotPtr slot, store::SlotState state) {
    store::SlotEnd end;
    end.state = state;
    Verdicts verdicts = free_verdicts(*slot);
    co_await end_slot(desk, line, slot, end, std::move(verdicts));
}

void abandon_slot(const DeskPtr& desk, Line& line, const SlotPtr& slot) {
    log::error("slot_not_ours", {{"signer", slot->slot.signer}, {"slot", slot->slot.key}});
    for (const LivePtr& live : slot->payments) {
        if (live && !live->ended) finish(*desk, live, Ended{});
    }
    slot->lane->recorded.reset();
    desk->orphans = true;
    close_slot(desk, line, slot, U256{});
}

}  // namespace x402::facilitator
