// SPDX-License-Identifier: Apache-2.0
// From a recorded slot to a recorded attempt, and only then to the network.
#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/base/crash_point.hpp"
#include "x402/base/log.hpp"
#include "x402/facilitator/confirmer.hpp"
#include "x402/facilitator/departure.hpp"
#include "x402/facilitator/gaps.hpp"
#include "x402/facilitator/slot_records.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(100);
constexpr Duration kLongestPause = std::chrono::seconds(5);
constexpr int kFirstLook = 8;  // that fraction of a poll after the first send

// A slot that waited long for its signature may hold payments that the network would refuse by now,
// and a transaction that fails costs its fee.
Task<Result<void>> look_again(DeskPtr desk, Line* line, SlotPtr slot) {
    const Duration now = desk->env.clock.steady();
    if (now - slot->simulated < line->network->patience()) co_return Result<void>{};
    auto simulation = co_await line->network->simulate(slot->actions, slot->slot.signer);
    if (!simulation) co_return fail(simulation.error());
    if (!simulation->ok()) co_return fail(Errc::refused, "the network would refuse it by now");
    const U256 most = simulation->most.amount;
    if (!line->budget.fits_more(slot->reserved, most, slot->payers))
        co_return fail(Errc::refused, "the budget has no room for what it costs by now");
    line->budget.release(slot->reserved, U256{}, slot->payers);
    slot->simulation = std::move(*simulation);
    slot->simulated = now;
    slot->reserved = most;
    line->budget.reserve(most, slot->payers);
    co_return Result<void>{};
}

// A signature may cost more than its simulation said, because fees have risen between the two. One
// that does not fit into the budget waits for room, or for a simulation that rules it out.
Result<void> take_room(Line& line, SlotRun& slot, const Attempt& attempt) {
    if (!line.budget.fits_more(slot.reserved, attempt.most.amount, slot.payers))
        return fail(Errc::unavailable, "the budget has no room for it now");
    reserve_for(line, slot, attempt);
    return {};
}

Task<Result<void>> check_before(DeskPtr desk, Line* line, SlotPtr slot, bool filler) {
    if (filler) co_return Result<void>{};
    co_return co_await look_again(desk, line, slot);
}

SlotEvent event_of(const Error& error, bool filler) {
    if (error.retryable) return SlotEvent::trouble;
    return filler ? SlotEvent::filler_refused : SlotEvent::sign_refused;
}

SlotTodo move(SlotRun& slot, SlotEvent event) {
    const auto next = step(slot.phase, event);
    X402_CHECK(next.has_value());
    slot.phase = next->phase;
    return next->todo;
}

// Whether the attempt is in the journal although the answer to its write was an error. A filler
// before others carries no payment that could be asked for.
Task<bool> was_recorded(DeskPtr desk, SlotPtr slot, std::string id) {
    if (slot->keys.empty()) co_return false;
    const auto known = co_await desk->store.transactions_of(slot->keys.front());
    co_return known&& std::find(known->begin(), known->end(), id) != known->end();
}

// True when an attempt is on its way, or the slot is no longer ours to sign for.
Task<bool> sign_once(DeskPtr desk, Line* line, SlotPtr slot, bool& filler) {
    Result<Attempt> attempt = fail(Errc::refused);
    const auto looked = co_await check_before(desk, line, slot, filler);
    if (looked) attempt = co_await sign_attempt(line, slot, filler);
    if (!looked) attempt = fail(looked.error());
    if (attempt && !filler) {
        const auto room = take_room(*line, *slot, *attempt);
        if (!room) attempt = fail(room.error());
    }
    if (attempt) {
        Unrecorded next{std::move(*attempt), filler};
        const auto sent = co_await record_and_send(desk, line, slot, std::move(next));
        if (sent) co_return true;
        if (sent.error().code != Errc::conflict) co_return false;
        abandon_slot(desk, *line, slot);
        co_return true;
    }
    log::warn("not_signed", {{"signer", slot->slot.signer}, {"error", to_string(attempt.error())}});
    const SlotTodo todo = move(*slot, event_of(attempt.error(), filler));
    filler = filler || todo == SlotTodo::sign_filler;
    if (todo != SlotTodo::free) co_return false;
    // Where nothing can be replaced, no slot stands behind another.
    if (line->network->can_replace()) note_refused(*desk, *slot);
    co_await free_slot(desk, line, slot, store::SlotState::dead);
    co_return true;
}

}  // namespace

Task<void> launch(DeskPtr desk, Line* line, SlotPtr slot) {
    const Gate::Pass pass = desk->gate.enter();
    if (!pass) co_return;
    slot->busy = true;
    // Nothing is in it: it stands before others, and only has to be used up.
    bool filler = slot->keys.empty();
    Duration length = kFirstPause;
    for (;;) {
        const bool done = co_await sign_once(desk, line, slot, filler);
        if (done) break;
        const bool on = co_await pause(desk, length);
        if (!on) co_return;
        length = std::min(2 * length, kLongestPause);
    }
    // A fast network has it mined already, and the watch comes by only at its own pace.
    const bool on = co_await pause(desk, line->network->poll_interval() / kFirstLook);
    const bool sent = slot->phase == SlotPhase::attempted || slot->phase == SlotPhase::filled;
    if (on && sent) co_await look(desk, line, slot);
    slot->busy = false;
}

void reserve_for(Line& line, SlotRun& slot, const Attempt& attempt) {
    const U256& most = attempt.most.amount;
    if (most <= slot.reserved) return;
    line.budget.release(slot.reserved, U256{}, slot.payers);
    line.budget.reserve(most, slot.payers);
    slot.reserved = most;
}

Task<Result<Attempt>> sign_attempt(Line* line, SlotPtr slot, bool filler) {
    if (!filler) {
        co_return co_await line->network->sign(slot->slot, slot->actions, slot->simulation,
                                               slot->attempts);
    }
    const std::vector<Action> none;
    X402_CO_TRY(const Simulation empty, co_await line->network->simulate(none, slot->slot.signer));
    co_return co_await line->network->sign(slot->slot, none, empty, slot->attempts);
}

Task<Result<void>> record_and_send(DeskPtr desk, Line* line, SlotPtr slot, Unrecorded next) {
    const store::AttemptRecord record = record_of(next.attempt, next.filler, desk->env.clock.now());
    const auto recorded = co_await desk->store.record_attempt(slot->name, record);
    if (!recorded) {
        log::error("journal_trouble", {{"error", to_string(recorded.error())}});
        const bool there = co_await was_recorded(desk, slot, record.id);
        if (!there) co_return recorded;
    }
    if (next.filler) slot->lane->gap.refused = false;
    slot->attempts.push_back(std::move(next.attempt));
    slot->last_attempt = desk->env.clock.steady();
    move(*slot, next.filler ? SlotEvent::filler_recorded : SlotEvent::attempt_recorded);
    for (const LivePtr& live : slot->payments) {
        if (!live || next.filler) continue;
        apply(*live, Event::attempt_recorded);
        live->transaction = slot->attempts.back().id;
    }
    co_await send(desk, line, slot);
    for (const LivePtr& live : slot->payments) {
        if (live && !next.filler) apply(*live, Event::sent);
    }
    co_return Result<void>{};
}

Task<void> send(DeskPtr desk, Line* line, SlotPtr slot) {
    const Attempt attempt = slot->attempts.back();
    X402_CRASH_POINT("out.broadcast", before);
    const auto answer = co_await line->network->broadcast(attempt);
    X402_CRASH_POINT("out.broadcast", after);
    slot->last_sent = desk->env.clock.steady();
    slot->accepted = answer && answer->sent == Sent::accepted;
    std::string word = "unknown";
    if (slot->accepted) word = "accepted";
    if (answer && answer->sent == Sent::refused) word = "refused";
    if (!slot->accepted) {
        log::warn("not_accepted",
                  {{"transaction", attempt.id},
                   {"answer", word},
                   {"detail", answer ? answer->detail : to_string(answer.error())}});
    }
    // Only a note for the reader of the journal: nothing is decided by it.
    const auto noted = co_await desk->store.note_sent(slot->name, attempt.id, word);
    if (!noted) log::warn("note_failed", {{"error", to_string(noted.error())}});
}

}  // namespace x402::facilitator
