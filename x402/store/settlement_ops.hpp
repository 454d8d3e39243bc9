// SPDX-License-Identifier: Apache-2.0
// The operations of a SettlementStore, written once for every backend: look, decide by rules.hpp,
// then write. Every check comes before the first write, so a refused operation leaves nothing
// behind even where the backend could not undo it. Called inside a transaction; one thread at a
// time.
#pragma once

#include "x402/store/rows.hpp"

namespace x402::store::ops {

Result<ClaimAnswer> claim_payment(SettlementRows& rows, const Owner& owner, PaymentRecord intent);
Result<void> take_slot(SettlementRows& rows, const Owner& owner, SlotRecord slot);
Result<void> record_attempt(SettlementRows& rows, const Owner& owner, const SlotName& slot,
                            const AttemptRecord& attempt);
Result<void> note_sent(SettlementRows& rows, const Owner& owner, const SlotName& slot,
                       const AttemptRecord& attempt);
Result<void> end_slot(SettlementRows& rows, const Owner& owner, const SlotEnd& end);
Result<void> end_payment(SettlementRows& rows, const Owner& owner, const PaymentEnd& end,
                         Instant at);
Result<bool> tell(SettlementRows& rows, const PaymentKey& key, Instant at);
Result<std::vector<PaymentRecord>> open_payments(SettlementRows& rows, const Owner& owner,
                                                 std::size_t limit);
Result<std::vector<SlotRecord>> open_slots(SettlementRows& rows, const Owner& owner,
                                           const ChainId& network);

}  // namespace x402::store::ops
