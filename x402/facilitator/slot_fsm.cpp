// SPDX-License-Identifier: Apache-2.0
// The table of a slot, and the clockwork of waiting.
#include "x402/facilitator/slot_fsm.hpp"

#include <algorithm>
#include <array>

namespace x402::facilitator {
namespace {

struct Row {
    SlotPhase from;
    SlotEvent event;
    SlotStep to;
};

constexpr Row kRows[] = {
    {SlotPhase::taken, SlotEvent::attempt_recorded, {SlotPhase::attempted, SlotTodo::broadcast}},
    {SlotPhase::taken, SlotEvent::sign_refused, {SlotPhase::taken, SlotTodo::sign_filler}},
    {SlotPhase::taken, SlotEvent::filler_recorded, {SlotPhase::filled, SlotTodo::broadcast}},
    {SlotPhase::taken, SlotEvent::filler_refused, {SlotPhase::ended, SlotTodo::free}},
    {SlotPhase::taken, SlotEvent::trouble, {SlotPhase::taken, SlotTodo::sign}},

    {SlotPhase::attempted,
     SlotEvent::attempt_recorded,
     {SlotPhase::attempted, SlotTodo::broadcast}},
    {SlotPhase::attempted, SlotEvent::sign_refused, {SlotPhase::attempted, SlotTodo::rebroadcast}},
    {SlotPhase::attempted, SlotEvent::trouble, {SlotPhase::attempted, SlotTodo::watch}},
    {SlotPhase::attempted, SlotEvent::waiting, {SlotPhase::attempted, SlotTodo::watch}},
    {SlotPhase::attempted, SlotEvent::overdue, {SlotPhase::attempted, SlotTodo::rebroadcast}},
    {SlotPhase::attempted, SlotEvent::stuck, {SlotPhase::attempted, SlotTodo::bump}},
    {SlotPhase::attempted, SlotEvent::mined, {SlotPhase::ended, SlotTodo::judge}},
    {SlotPhase::attempted, SlotEvent::dead, {SlotPhase::ended, SlotTodo::trace}},

    {SlotPhase::filled, SlotEvent::filler_recorded, {SlotPhase::filled, SlotTodo::broadcast}},
    {SlotPhase::filled, SlotEvent::filler_refused, {SlotPhase::filled, SlotTodo::rebroadcast}},
    {SlotPhase::filled, SlotEvent::trouble, {SlotPhase::filled, SlotTodo::watch}},
    {SlotPhase::filled, SlotEvent::waiting, {SlotPhase::filled, SlotTodo::watch}},
    {SlotPhase::filled, SlotEvent::overdue, {SlotPhase::filled, SlotTodo::rebroadcast}},
    {SlotPhase::filled, SlotEvent::stuck, {SlotPhase::filled, SlotTodo::bump}},
    {SlotPhase::filled, SlotEvent::mined, {SlotPhase::ended, SlotTodo::free}},
    {SlotPhase::filled, SlotEvent::dead, {SlotPhase::ended, SlotTodo::free}},
};

constexpr std::array<std::string_view, 4> kPhases = {"taken", "attempted", "filled", "ended"};
constexpr std::array<std::string_view, 10> kEvents = {
    "attempt_recorded", "filler_recorded", "sign_refused", "filler_refused", "trouble",
    "waiting",          "overdue",         "stuck",        "mined",          "dead"};

}  // namespace

std::optional<SlotStep> step(SlotPhase phase, SlotEvent event) noexcept {
    for (const Row& row : kRows) {
        if (row.from == phase && row.event == event) return row.to;
    }
    return std::nullopt;
}

SlotEvent judge_wait(const SlotTimes& times) noexcept {
    const bool impatient = times.now - times.last_attempt >= times.patience;
    if (impatient && times.can_replace && times.oldest && times.attempts < kMaxAttempts)
        return SlotEvent::stuck;
    // A send that was not accepted is repeated sooner: the node may have been down, or behind.
    const Duration pause =
        times.accepted ? times.patience : std::min(times.patience, 4 * times.poll);
    return times.now - times.last_sent >= pause ? SlotEvent::overdue : SlotEvent::waiting;
}

std::string_view to_string(SlotPhase phase) noexcept {
    return kPhases[static_cast<std::size_t>(phase)];
}
std::string_view to_string(SlotEvent event) noexcept {
    return kEvents[static_cast<std::size_t>(event)];
}

}  // namespace x402::facilitator
