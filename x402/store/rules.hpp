// SPDX-License-Identifier: Apache-2.0
// Which operation is legal in which state, as data: the one table that every backend obeys. Nothing
// here knows how a record is kept. What keeps money safe stands here: a payment that settled never
// becomes anything else, a payment whose attempt may still be mined never fails, a slot that
// carried an attempt is never used again. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "x402/store/grant_store.hpp"
#include "x402/store/payment_journal.hpp"
#include "x402/store/settlement_store.hpp"

namespace x402::store {

// What may happen to a payment. slot_*: how its slot ended for it; end_*: without a slot's end.
enum class PaymentOp {
    claim,
    take_slot,
    record_attempt,
    slot_settled,
    slot_failed,
    slot_again,
    end_settled,
    end_failed,
    end_again,
    tell,
};

enum class SlotOp { take, record_attempt, note_sent, end_mined, end_dead };

// The state after the operation; nothing: it is refused with Errc::conflict.
std::optional<PaymentState> next_state(PaymentState from, PaymentOp op) noexcept;
std::optional<SlotState> next_state(SlotState from, SlotOp op) noexcept;
bool may_move(GrantState from, GrantState to) noexcept;
bool may_move(JournalState from, JournalState to) noexcept;

bool is_final(PaymentState state) noexcept;  // settled, failed
bool is_final(GrantState state) noexcept;    // delivered, released: no start needs to look at it
bool is_final(JournalState state) noexcept;  // settled, failed

// The words of to_string, back from a file.
std::optional<PaymentState> payment_state_from(std::string_view text) noexcept;
std::optional<SlotState> slot_state_from(std::string_view text) noexcept;
std::optional<GrantState> grant_state_from(std::string_view text) noexcept;
std::optional<JournalState> journal_state_from(std::string_view text) noexcept;

// What so many of a slot's payments have to bear of its cost, rounded up.
U256 share_of(const U256& cost, std::size_t payments, std::size_t of) noexcept;
// The whole hours since 1970, downwards.
std::int64_t hour_of(Instant at) noexcept;

std::string_view to_string(PaymentOp op) noexcept;
std::string_view to_string(SlotOp op) noexcept;

}  // namespace x402::store
