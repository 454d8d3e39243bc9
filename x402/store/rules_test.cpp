// SPDX-License-Identifier: Apache-2.0
// The tables against the whole product of states and operations: what is not listed here is
// refused.
#include "x402/store/rules.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace x402::store {

namespace {

using P = PaymentState;
using O = PaymentOp;

constexpr P kPayments[] = {P::claimed, P::slotted, P::attempted, P::settled, P::failed};
constexpr O kOps[] = {O::claim,       O::take_slot,  O::record_attempt, O::slot_settled,
                      O::slot_failed, O::slot_again, O::end_settled,    O::end_failed,
                      O::end_again,   O::tell};

TEST(Rules, EveryPaymentStateWithEveryOperation) {
    // One letter for each state reached, '.' where it is refused; columns in the order of kOps.
    const std::map<P, std::string> want = {
        {P::claimed, ".s....+-.."}, {P::slotted, "..a+-c+..."}, {P::attempted, "..a+-c+..."},
        {P::settled, "..+......+"}, {P::failed, "c........."},
    };
    const std::map<P, char> letters = {{P::claimed, 'c'},
                                       {P::slotted, 's'},
                                       {P::attempted, 'a'},
                                       {P::settled, '+'},
                                       {P::failed, '-'}};
    for (const P from : kPayments) {
        std::string row;
        for (const O op : kOps) {
            const auto next = next_state(from, op);
            row += next ? letters.at(*next) : '.';
        }
        EXPECT_EQ(row, want.at(from)) << to_string(from);
    }
}

TEST(Rules, SettledIsForEver) {
    std::set<P> reached = {P::settled};
    for (const O op : kOps) {
        if (const auto next = next_state(P::settled, op)) reached.insert(*next);
    }
    EXPECT_EQ(reached, std::set<P>{P::settled});
}

TEST(Rules, NothingFailsOutsideItsSlotWhileAnAttemptMayBeMined) {
    EXPECT_FALSE(next_state(P::slotted, O::end_failed));
    EXPECT_FALSE(next_state(P::attempted, O::end_failed));
    EXPECT_FALSE(next_state(P::attempted, O::claim));
    EXPECT_FALSE(next_state(P::attempted, O::take_slot));
}

TEST(Rules, EverySlotStateWithEveryOperation) {
    using S = SlotState;
    struct Row {
        S from;
        SlotOp op;
        std::optional<S> want;
    };
    const Row rows[] = {
        {S::open, SlotOp::take, {}},
        {S::open, SlotOp::record_attempt, S::open},
        {S::open, SlotOp::note_sent, S::open},
        {S::open, SlotOp::end_mined, S::mined},
        {S::open, SlotOp::end_dead, S::dead},
        {S::mined, SlotOp::take, {}},
        {S::mined, SlotOp::record_attempt, {}},
        {S::mined, SlotOp::note_sent, S::mined},
        {S::mined, SlotOp::end_mined, {}},
        {S::mined, SlotOp::end_dead, {}},
        {S::dead, SlotOp::take, S::open},
        {S::dead, SlotOp::record_attempt, {}},
        {S::dead, SlotOp::note_sent, S::dead},
        {S::dead, SlotOp::end_mined, {}},
        {S::dead, SlotOp::end_dead, {}},
    };
    ASSERT_EQ(std::size(rows), 3U * 5U);
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string(to_string(row.from)) + " " + std::string(to_string(row.op)));
        EXPECT_EQ(next_state(row.from, row.op), row.want);
    }
}

TEST(Rules, EveryGrantMove) {
    using G = GrantState;
    constexpr G states[] = {G::claimed, G::settling, G::settled, G::delivered, G::released};
    const std::map<G, std::string> want = {{G::claimed, "xx..x"},
                                           {G::settling, ".xx.x"},
                                           {G::settled, "..xx."},
                                           {G::delivered, "...x."},
                                           {G::released, "....."}};
    for (const G from : states) {
        std::string row;
        for (const G to : states) row += may_move(from, to) ? 'x' : '.';
        EXPECT_EQ(row, want.at(from)) << to_string(from);
    }
}

TEST(Rules, EveryJournalMove) {
    using J = JournalState;
    constexpr J states[] = {J::signed_, J::sent, J::unknown, J::settled, J::failed};
    const std::map<J, std::string> want = {{J::signed_, "xxxxx"},
                                           {J::sent, ".xxxx"},
                                           {J::unknown, ".xxxx"},
                                           {J::settled, "...x."},
                                           {J::failed, "....x"}};
    for (const J from : states) {
        std::string row;
        for (const J to : states) row += may_move(from, to) ? 'x' : '.';
        EXPECT_EQ(row, want.at(from)) << to_string(from);
    }
}

TEST(Rules, WordsComeBack) {
    for (const P state : kPayments) EXPECT_EQ(payment_state_from(to_string(state)), state);
    for (const SlotState state : {SlotState::open, SlotState::mined, SlotState::dead}) {
        EXPECT_EQ(slot_state_from(to_string(state)), state);
    }
    for (const GrantState state : {GrantState::claimed, GrantState::settling, GrantState::settled,
                                   GrantState::delivered, GrantState::released}) {
        EXPECT_EQ(grant_state_from(to_string(state)), state);
    }
    for (const JournalState state :
         {JournalState::signed_, JournalState::sent, JournalState::unknown, JournalState::settled,
          JournalState::failed}) {
        EXPECT_EQ(journal_state_from(to_string(state)), state);
    }
    EXPECT_FALSE(payment_state_from("Settled"));
    EXPECT_FALSE(slot_state_from(""));
    EXPECT_FALSE(grant_state_from("open"));
    EXPECT_FALSE(journal_state_from("signed_"));
}

}  // namespace

}  // namespace x402::store
