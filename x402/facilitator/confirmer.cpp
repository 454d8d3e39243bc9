// SPDX-License-Identifier: Apache-2.0
// What a look may bring about. Nothing is ended before the journal has it; a payment whose end
// cannot be proven yet keeps the whole slot open, and the next look tries again.
#include "x402/facilitator/confirmer.hpp"

#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/base/log.hpp"
#include "x402/facilitator/departure.hpp"
#include "x402/facilitator/gaps.hpp"
#include "x402/facilitator/judging.hpp"
#include "x402/facilitator/lanes.hpp"
#include "x402/facilitator/reconcile.hpp"
#include "x402/facilitator/runner.hpp"
#include "x402/facilitator/taking.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kDiskPause = std::chrono::milliseconds(250);
constexpr int kMostFreed = 8;
// Finality takes minutes on some networks: looks that did not decide are spaced out.
constexpr Duration kLongestRest = std::chrono::seconds(15);

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

// It goes on without its slot; one that slot after slot could not carry is given up in the end,
// which is safe because none of them ever did.
void go_again(const DeskPtr& desk, const LivePtr& live, Event why) {
    live->alone = true;
    live->transaction.clear();  // as in the record: what ended with its slot names no end of it
    if (why != Event::slot_freed) {
        live->began = desk->env.clock.steady();
        live->freed = 0;
    } else if (++live->freed >= kMostFreed && too_late(*desk, *live)) {
        apply(*live, Event::gave_up);
        net::spawn_on(desk->home,
                      [desk, live] { return end_unavailable(desk, live, Reason::unavailable); });
        return;
    }
    start_payment(desk, live);
}

// Tells the state machine and those who wait what was written.
void pass_on(const DeskPtr& desk, const Verdict& verdict) {
    const Todo todo = apply(*verdict.live, verdict.event);
    if (todo == Todo::start_again) return go_again(desk, verdict.live, verdict.event);
    finish(*desk, verdict.live, ended_by(*verdict.live, verdict.end));
}

Task<void> end_slot(DeskPtr desk, Line* line, SlotPtr slot, store::SlotEnd end, Verdicts verdicts) {
    end.slot = slot->name;
    end.at = desk->env.clock.now();
    end.by_payer = line->budget.limits_payers();
    for (const Verdict& verdict : verdicts.list) end.payments.push_back(verdict.end);
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
    for (const Verdict& verdict : verdicts.list) pass_on(desk, verdict);
    close_slot(desk, *line, slot, end.cost);
}

// What was paid is journalled and told at once; the slot stays open for the rest of it.
Task<void> end_paid(DeskPtr desk, Line* line, SlotPtr slot, Verdicts verdicts) {
    for (std::size_t i = 0; i < verdicts.list.size(); ++i) {
        const Verdict& verdict = verdicts.list[i];
        if (verdict.end.how != store::PaymentEnd::How::settled) continue;
        const auto written = co_await write_end(desk, verdict.end);
        if (!written) {
            if (!desk->gate.closed()) abandon_slot(desk, *line, slot);
            co_return;
        }
        const auto place = std::find(slot->payments.begin(), slot->payments.end(), verdict.live);
        X402_CHECK(place != slot->payments.end());
        *place = nullptr;
        pass_on(desk, verdict);
    }
}

Verdicts free_verdicts(const SlotRun& slot) {
    Verdicts verdicts;
    for (const LivePtr& live : slot.payments) {
        if (live) verdicts.list.push_back({live, Event::slot_freed, again_end(*live)});
    }
    return verdicts;
}

void tell_payments(const SlotRun& slot, Event event) {
    if (slot.phase != SlotPhase::attempted) return;
    for (const LivePtr& live : slot.payments) {
        if (live) apply(*live, event);
    }
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
    times.can_replace =
        line.network->can_replace() && !slot.lane->retired && !stands_behind_gap(slot);
    times.oldest = std::none_of(line.open.begin(), line.open.end(), [&](const SlotPtr& open) {
        return open->lane == slot.lane && !open->landed && comes_before(open->slot, slot.slot);
    });
    return judge_wait(times);
}

// The dearer attempt, or why there is none.
Task<Result<Attempt>> sign_dearer(Line* line, SlotPtr slot, bool filler) {
    X402_CO_TRY(Attempt attempt, co_await sign_attempt(line, slot, filler));
    const auto same = [&](const Attempt& each) { return each.id == attempt.id; };
    if (std::any_of(slot->attempts.begin(), slot->attempts.end(), same))
        co_return fail(Errc::refused, "it is no other than one that was sent");
    const U256& most = attempt.most.amount;
    if (!filler && !line->budget.fits_more(slot->reserved, most, slot->payers))
        co_return fail(Errc::refused, "the budget has no room for it");
    co_return attempt;
}

Task<void> bump(DeskPtr desk, Line* line, SlotPtr slot) {
    const bool filler = slot->phase == SlotPhase::filled;
    auto attempt = co_await sign_dearer(line, slot, filler);
    if (!attempt) {
        log::warn("not_bumped",
                  {{"signer", slot->slot.signer}, {"error", to_string(attempt.error())}});
        // Ruled out, not in trouble: the next look would only hear the same.
        if (!attempt.error().retryable) slot->last_attempt = desk->env.clock.steady();
        co_await send(desk, line, slot);
        co_return;
    }
    reserve_for(*line, *slot, *attempt);
    Unrecorded next{std::move(*attempt), filler};
    const auto sent = co_await record_and_send(desk, line, slot, std::move(next));
    // Neither recorded by us nor ours any more: whoever the journal names goes on with it.
    if (!sent && sent.error().code == Errc::conflict) abandon_slot(desk, *line, slot);
}

Task<void> keep_waiting(DeskPtr desk, Line* line, SlotPtr slot) {
    const SlotEvent event = wait_event(*desk, *line, *slot);
    const auto next = step(slot->phase, event);
    X402_CHECK(next.has_value());
    tell_payments(*slot, event == SlotEvent::stuck ? Event::stuck : Event::waiting);
    if (next->todo == SlotTodo::rebroadcast) co_await send(desk, line, slot);
    if (next->todo == SlotTodo::bump) co_await bump(desk, line, slot);
}

void rest_slot(const Desk& desk, const Line& line, SlotRun& slot) {
    const Duration first = 4 * line.network->poll_interval();
    slot.rest = std::min(slot.rest.count() == 0 ? first : 2 * slot.rest, kLongestRest);
    slot.next_look = desk.env.clock.steady() + slot.rest;
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
    slot->undecided = !verdicts.decided;
    if (!verdicts.decided) rest_slot(*desk, *line, *slot);
    if (!verdicts.decided) co_return co_await end_paid(desk, line, slot, std::move(verdicts));
    co_await end_slot(desk, line, slot, end, std::move(verdicts));
}

Task<void> take_dead(DeskPtr desk, Line* line, SlotPtr slot) {
    if (slot->phase == SlotPhase::filled) {
        co_await free_slot(desk, line, slot, store::SlotState::dead);
        co_return;
    }
    Verdicts verdicts = co_await judge_dead(desk, slot);
    slot->undecided = !verdicts.decided;
    if (!verdicts.decided) rest_slot(*desk, *line, *slot);
    if (!verdicts.decided) co_return co_await end_paid(desk, line, slot, std::move(verdicts));
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
    // An unanswered question does not undo what was seen before.
    if (state == SeenState::unknown && slot->landed) co_return;
    slot->landed = state == SeenState::mined || state == SeenState::dead;
    slot->undecided = slot->undecided && slot->landed;
    if (!slot->landed) slot->rest = Duration{};
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
    // A copy: what is begun here may end a slot before the next is looked at.
    const std::vector<SlotPtr> open = line->open;
    const Duration now = desk->env.clock.steady();
    for (const SlotPtr& slot : open) {
        if (slot->busy || slot->phase == SlotPhase::taken) continue;
        if (slot->undecided && now < slot->next_look) continue;
        slot->busy = true;
        net::spawn_on(desk->home, [desk, line, slot] { return look(desk, line, slot); });
    }
}

// Those who wait look at the clock themselves.
void ring_all(const Desk& desk, const Line* line) {
    std::vector<LivePtr> waiting;
    for (const auto& [key, live] : desk.lives) {
        if (live->line == line) waiting.push_back(live);
    }
    for (const LivePtr& live : waiting) live->bell.ring();
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
        watch_gaps(desk, *line);
        for (std::size_t i = 0; i < line->lanes.size(); ++i) pump(desk, *line, *line->lanes[i]);
        ring_all(*desk, line);
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
    slot->lane->gap.suspected = true;
    line.budget.forget();
    desk->orphans = true;
    close_slot(desk, line, slot, U256{});
}

}  // namespace x402::facilitator
