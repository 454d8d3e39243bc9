// SPDX-License-Identifier: Apache-2.0
// When a caller whom the day's budget turned away may come back. The day slides: what was spent
// counts until a day has passed, and the journal knows when that was. The engine's core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// Looks up when `wanted` more would fit, and keeps it at the line. It asks the journal, at most
// eight times, and again only when a minute has passed or more is wanted.
Task<void> note_budget_wait(DeskPtr desk, Line* line, U256 wanted);
// What is left of it: from two seconds to an hour.
Duration budget_wait_left(const Desk& desk, const Line& line) noexcept;

}  // namespace x402::facilitator
