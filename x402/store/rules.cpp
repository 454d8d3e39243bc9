// SPDX-License-Identifier: Apache-2.0
// The tables. A row is one legal step; whatever has no row is refused. Any thread.
#include "x402/store/rules.hpp"

#include <array>
#include <utility>

#include "x402/base/check.hpp"

namespace x402::store {

namespace {

struct PaymentStep {
    PaymentState from;
    PaymentOp op;
    PaymentState to;
};

constexpr PaymentStep kPaymentSteps[] = {
    // A run that failed never had an attempt that could still be mined, so the key is free again.
    {PaymentState::failed, PaymentOp::claim, PaymentState::claimed},
    {PaymentState::claimed, PaymentOp::take_slot, PaymentState::slotted},
    {PaymentState::slotted, PaymentOp::record_attempt, PaymentState::attempted},
    {PaymentState::attempted, PaymentOp::record_attempt, PaymentState::attempted},
    // Found settled by somebody else's transaction while its own slot still needs a higher fee.
    {PaymentState::settled, PaymentOp::record_attempt, PaymentState::settled},
    {PaymentState::slotted, PaymentOp::slot_settled, PaymentState::settled},
    {PaymentState::slotted, PaymentOp::slot_failed, PaymentState::failed},
    {PaymentState::slotted, PaymentOp::slot_again, PaymentState::claimed},
    {PaymentState::attempted, PaymentOp::slot_settled, PaymentState::settled},
    {PaymentState::attempted, PaymentOp::slot_failed, PaymentState::failed},
    {PaymentState::attempted, PaymentOp::slot_again, PaymentState::claimed},
    // Failing without the end of a slot is for those that are in none: an attempt might yet be
    // mined.
    {PaymentState::claimed, PaymentOp::end_failed, PaymentState::failed},
    {PaymentState::claimed, PaymentOp::end_settled, PaymentState::settled},
    {PaymentState::slotted, PaymentOp::end_settled, PaymentState::settled},
    {PaymentState::attempted, PaymentOp::end_settled, PaymentState::settled},
    {PaymentState::settled, PaymentOp::tell, PaymentState::settled},
};

struct SlotStep {
    SlotState from;
    SlotOp op;
    SlotState to;
};

constexpr SlotStep kSlotSteps[] = {
    // Only when no attempt was ever recorded for it, which the operation looks at.
    {SlotState::dead, SlotOp::take, SlotState::open},
    {SlotState::open, SlotOp::record_attempt, SlotState::open},
    {SlotState::open, SlotOp::end_mined, SlotState::mined},
    {SlotState::open, SlotOp::end_dead, SlotState::dead},
    // The answer to a broadcast may come after the slot was seen to end.
    {SlotState::open, SlotOp::note_sent, SlotState::open},
    {SlotState::mined, SlotOp::note_sent, SlotState::mined},
    {SlotState::dead, SlotOp::note_sent, SlotState::dead},
};

template <class State>
struct Move {
    State from;
    State to;
};

constexpr Move<GrantState> kGrantMoves[] = {
    {GrantState::claimed, GrantState::claimed},     {GrantState::claimed, GrantState::settling},
    {GrantState::claimed, GrantState::released},    {GrantState::settling, GrantState::settling},
    {GrantState::settling, GrantState::settled},    {GrantState::settling, GrantState::released},
    {GrantState::settled, GrantState::settled},     {GrantState::settled, GrantState::delivered},
    {GrantState::delivered, GrantState::delivered},
};

constexpr Move<JournalState> kJournalMoves[] = {
    {JournalState::signed_, JournalState::signed_}, {JournalState::signed_, JournalState::sent},
    {JournalState::signed_, JournalState::unknown}, {JournalState::signed_, JournalState::settled},
    {JournalState::signed_, JournalState::failed},  {JournalState::sent, JournalState::sent},
    {JournalState::sent, JournalState::unknown},    {JournalState::sent, JournalState::settled},
    {JournalState::sent, JournalState::failed},     {JournalState::unknown, JournalState::unknown},
    {JournalState::unknown, JournalState::sent},    {JournalState::unknown, JournalState::settled},
    {JournalState::unknown, JournalState::failed},  {JournalState::settled, JournalState::settled},
    {JournalState::failed, JournalState::failed},
};

template <class Steps, class State, class Op>
std::optional<State> find_step(const Steps& steps, State from, Op op) noexcept {
    for (const auto& step : steps) {
        if (step.from == from && step.op == op) return step.to;
    }
    return std::nullopt;
}

template <class Moves, class State>
bool find_move(const Moves& moves, State from, State to) noexcept {
    for (const auto& move : moves) {
        if (move.from == from && move.to == to) return true;
    }
    return false;
}

constexpr std::array<std::pair<PaymentState, std::string_view>, 5> kPaymentNames{{
    {PaymentState::claimed, "claimed"},
    {PaymentState::slotted, "slotted"},
    {PaymentState::attempted, "attempted"},
    {PaymentState::settled, "settled"},
    {PaymentState::failed, "failed"},
}};
constexpr std::array<std::pair<SlotState, std::string_view>, 3> kSlotNames{{
    {SlotState::open, "open"},
    {SlotState::mined, "mined"},
    {SlotState::dead, "dead"},
}};
constexpr std::array<std::pair<GrantState, std::string_view>, 5> kGrantNames{{
    {GrantState::claimed, "claimed"},
    {GrantState::settling, "settling"},
    {GrantState::settled, "settled"},
    {GrantState::delivered, "delivered"},
    {GrantState::released, "released"},
}};
constexpr std::array<std::pair<JournalState, std::string_view>, 5> kJournalNames{{
    {JournalState::signed_, "signed"},
    {JournalState::sent, "sent"},
    {JournalState::unknown, "unknown"},
    {JournalState::settled, "settled"},
    {JournalState::failed, "failed"},
}};
constexpr std::array<std::pair<PaymentOp, std::string_view>, 10> kPaymentOpNames{{
    {PaymentOp::claim, "claim"},
    {PaymentOp::take_slot, "take_slot"},
    {PaymentOp::record_attempt, "record_attempt"},
    {PaymentOp::slot_settled, "slot_settled"},
    {PaymentOp::slot_failed, "slot_failed"},
    {PaymentOp::slot_again, "slot_again"},
    {PaymentOp::end_settled, "end_settled"},
    {PaymentOp::end_failed, "end_failed"},
    {PaymentOp::end_again, "end_again"},
    {PaymentOp::tell, "tell"},
}};
constexpr std::array<std::pair<SlotOp, std::string_view>, 5> kSlotOpNames{{
    {SlotOp::take, "take"},
    {SlotOp::record_attempt, "record_attempt"},
    {SlotOp::note_sent, "note_sent"},
    {SlotOp::end_mined, "end_mined"},
    {SlotOp::end_dead, "end_dead"},
}};

template <class Table, class Value>
std::string_view name_of(const Table& table, Value value) noexcept {
    for (const auto& [candidate, name] : table) {
        if (candidate == value) return name;
    }
    X402_CHECK(false && "an enumerator without a name");
    return {};
}

template <class Value, class Table>
std::optional<Value> value_of(const Table& table, std::string_view text) noexcept {
    for (const auto& [value, name] : table) {
        if (name == text) return value;
    }
    return std::nullopt;
}

}  // namespace

std::optional<PaymentState> next_state(PaymentState from, PaymentOp op) noexcept {
    return find_step(kPaymentSteps, from, op);
}
std::optional<SlotState> next_state(SlotState from, SlotOp op) noexcept {
    return find_step(kSlotSteps, from, op);
}
bool may_move(GrantState from, GrantState to) noexcept {
    return find_move(kGrantMoves, from, to);
}
bool may_move(JournalState from, JournalState to) noexcept {
    return find_move(kJournalMoves, from, to);
}

bool is_final(PaymentState state) noexcept {
    return state == PaymentState::settled || state == PaymentState::failed;
}
bool is_final(GrantState state) noexcept {
    return state == GrantState::delivered || state == GrantState::released;
}
bool is_final(JournalState state) noexcept {
    return state == JournalState::settled || state == JournalState::failed;
}

std::string_view to_string(PaymentState state) noexcept {
    return name_of(kPaymentNames, state);
}
std::string_view to_string(SlotState state) noexcept {
    return name_of(kSlotNames, state);
}
std::string_view to_string(GrantState state) noexcept {
    return name_of(kGrantNames, state);
}
std::string_view to_string(JournalState state) noexcept {
    return name_of(kJournalNames, state);
}
std::string_view to_string(PaymentOp op) noexcept {
    return name_of(kPaymentOpNames, op);
}
std::string_view to_string(SlotOp op) noexcept {
    return name_of(kSlotOpNames, op);
}

U256 share_of(const U256& cost, std::size_t payments, std::size_t of) noexcept {
    if (payments >= of) return cost;
    const auto parts = cost.saturating_mul(U256(payments)).divide(U256(of));
    return parts.remainder.is_zero() ? parts.quotient : parts.quotient.saturating_add(1);
}
std::int64_t hour_of(Instant at) noexcept {
    return std::chrono::floor<std::chrono::hours>(at).time_since_epoch().count();
}

std::optional<PaymentState> payment_state_from(std::string_view text) noexcept {
    return value_of<PaymentState>(kPaymentNames, text);
}
std::optional<SlotState> slot_state_from(std::string_view text) noexcept {
    return value_of<SlotState>(kSlotNames, text);
}
std::optional<GrantState> grant_state_from(std::string_view text) noexcept {
    return value_of<GrantState>(kGrantNames, text);
}
std::optional<JournalState> journal_state_from(std::string_view text) noexcept {
    return value_of<JournalState>(kJournalNames, text);
}

}  // namespace x402::store
