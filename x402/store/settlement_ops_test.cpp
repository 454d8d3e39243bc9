// SPDX-License-Identifier: Apache-2.0
// What belongs to another owner is left alone, whatever the fence of the store that is asked.
#include "x402/store/settlement_ops.hpp"

#include <gtest/gtest.h>

#include "x402/store/memory/rows.hpp"
#include "x402/store/testing/support.hpp"

namespace x402::store {
namespace {

using namespace x402::store::test;

const Owner kMine{"mine", 1};

// Another process, and the same one after its restart.
const Owner kStrangers[] = {{"theirs", 1}, {"mine", 2}};

void expect_foreign(const Result<void>& result) {
    EXPECT_EQ(code_of(result), Errc::conflict);
    if (result) return;
    EXPECT_NE(result.error().detail.find("belongs to owner mine"), std::string::npos)
        << to_string(result.error());
}

TEST(SettlementOps, ASlotIsItsOwnersWithAndWithoutPayments) {
    for (const bool filler : {false, true}) {
        SCOPED_TRACE(filler ? "a filler" : "of a payment");
        memory::MemorySettlements rows;
        std::vector<std::string> payments;
        if (!filler) {
            payments.emplace_back("a");
            ASSERT_TRUE(ops::claim_payment(rows, kMine, sample_payment("a")));
        }
        ASSERT_TRUE(ops::take_slot(rows, kMine, sample_slot("s", payments)));
        for (const Owner& other : kStrangers) {
            expect_foreign(ops::record_attempt(rows, other, slot_name("s"), sample_attempt("0x1")));
        }
        ASSERT_TRUE(ops::record_attempt(rows, kMine, slot_name("s"), sample_attempt("0x1")));
        SlotEnd ended = sample_end("s", SlotState::dead, "");
        if (!filler) ended.payments = {payment_end("a", PaymentEnd::How::again)};
        AttemptRecord sent = sample_attempt("0x1");
        sent.sent = "unknown";
        for (const Owner& other : kStrangers) {
            expect_foreign(ops::note_sent(rows, other, slot_name("s"), sent));
            expect_foreign(ops::end_slot(rows, other, ended));
        }
        EXPECT_TRUE(ops::note_sent(rows, kMine, slot_name("s"), sent));
        EXPECT_TRUE(ops::end_slot(rows, kMine, ended));
    }
}

}  // namespace
}  // namespace x402::store
