// SPDX-License-Identifier: Apache-2.0
// One slot of a signer, as a pure state machine beside the payments in it. A bump is another
// attempt with the same actions; a filler, which only uses the slot up, exists only where no
// attempt was ever recorded; `refused` by a broadcast is no event at all, because it proves nothing
// about an earlier send. Any thread.
#pragma once

#include <optional>
#include <string_view>

#include "x402/base/clock.hpp"

namespace x402::facilitator {

enum class SlotPhase { taken, attempted, filled, ended };

enum class SlotEvent {
    attempt_recorded,
    filler_recorded,
    sign_refused,    // the network will not sign these actions, now or later
    filler_refused,  // nor a filler
    trouble,         // the network could not be asked, or the journal not written
    waiting,
    overdue,  // the last send is long ago, or was not accepted
    stuck,    // the network's patience with the last attempt is over
    mined,
    dead,
};

enum class SlotTodo {
    sign,
    sign_filler,
    broadcast,
    watch,
    rebroadcast,  // the same raw bytes again
    bump,         // another attempt, same actions (or another filler)
    judge,        // read what became of its payments
    trace,        // it is dead: who else may have paid
    free,         // its payments were never in it: they start again
};

struct SlotStep {
    SlotPhase phase;
    SlotTodo todo;
    friend bool operator==(const SlotStep&, const SlotStep&) = default;
};

// Nothing: this cannot happen.
std::optional<SlotStep> step(SlotPhase phase, SlotEvent event) noexcept;

// When a slot that is not mined is looked at again: pure, in the process's steady time.
struct SlotTimes {
    Duration now{};
    Duration last_attempt{};  // when the newest attempt was recorded
    Duration last_sent{};
    Duration patience{};
    Duration poll{};
    std::uint32_t attempts = 0;
    bool accepted = false;  // the last send was accepted
    bool can_replace = false;
    bool oldest = false;  // of its signer: a later slot may only wait for an earlier one
};
// waiting, overdue or stuck.
SlotEvent judge_wait(const SlotTimes& times) noexcept;

// More attempts than this in one slot help nobody.
inline constexpr std::uint32_t kMaxAttempts = 12;

std::string_view to_string(SlotPhase phase) noexcept;
std::string_view to_string(SlotEvent event) noexcept;

}  // namespace x402::facilitator
