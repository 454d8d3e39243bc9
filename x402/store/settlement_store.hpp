// SPDX-License-Identifier: Apache-2.0
// What a facilitator must not forget: payments, slots with one or more payments, attempts, cost.
// Every write is durable when its coroutine goes on; writes that arrive together share one commit.
// Any thread.
//
// Order of a settlement: claim_payment -> take_slot -> record_attempt -> (broadcast) -> end_slot ->
// tell. Errors: conflict (fence or state changed), unavailable (disk, closed, queue full).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/base/result.hpp"
#include "x402/base/task.hpp"
#include "x402/protocol/types.hpp"
#include "x402/store/owner.hpp"

namespace x402::store {

// settled and failed are final; the others are in between and are reconciled after a crash.
enum class PaymentState { claimed, slotted, attempted, settled, failed };
std::string_view to_string(PaymentState state) noexcept;

struct PaymentRecord {
    PaymentKey key;
    std::uint32_t run = 1;  // a key that failed may be claimed again; earlier runs are history
    ChainId network;
    std::string scheme;
    std::string payer;
    std::string pay_to;
    std::string asset;
    U256 amount;              // asked for
    std::string terms;        // terms_text of the requirements: same terms, same settlement
    std::string request;      // the whole /settle body, to plan again after a crash
    std::string idempotency;  // bound caller and Idempotency-Key; empty: none was sent
    std::string caller;
    PaymentState state = PaymentState::claimed;
    std::string reason;  // failed: the code
    std::string message;
    std::string transaction;  // settled: which; attempted: the latest attempt's
    std::string response;     // settled: the SettleResponse as JSON
    std::uint64_t block = 0;
    bool told = false;  // the one success was told
    Instant usable_until{};
    Instant created{};
    Instant updated{};
    Owner owner;
};

struct SlotName {
    ChainId network;
    std::string signer;
    std::string key;
    friend auto operator<=>(const SlotName&, const SlotName&) = default;
};

enum class SlotState { open, mined, dead };
std::string_view to_string(SlotState state) noexcept;

struct AttemptRecord {
    std::string id;  // transaction hash
    std::string raw;
    std::uint32_t level = 0;
    std::string body;  // JSON
    std::string sent;  // "", "accepted", "refused", "unknown"
    Instant created{};
};

struct SlotRecord {
    SlotName name;
    std::string body;                  // JSON of Slot::body
    std::vector<PaymentKey> payments;  // empty: a filler
    std::string actions;               // JSON array of the actions, in the order of `payments`
    std::string simulation;            // JSON
    SlotState state = SlotState::open;
    std::vector<AttemptRecord> attempts;
    Instant created{};
    Owner owner;
};

struct ClaimAnswer {
    bool fresh = false;  // claimed now; else `record` is what is there
    PaymentRecord record;
};

// How one payment of a slot ended.
struct PaymentEnd {
    PaymentKey key;
    enum class How {
        settled,
        failed,
        again
    } how = How::failed;  // again: back to claimed, for a slot of its own
    std::string reason;
    std::string message;
    std::string transaction;
    std::string response;  // JSON
    std::uint64_t block = 0;
};

struct SlotEnd {
    SlotName slot;
    SlotState state = SlotState::mined;
    std::string attempt;    // mined: which
    U256 cost;              // of the network's own money
    bool by_payer = false;  // the cost is kept for each payer as well
    Instant at{};
    std::vector<PaymentEnd> payments;
};

class SettlementStore {
public:
    virtual ~SettlementStore() = default;
    virtual const Owner& owner() const noexcept = 0;

    // Inserts the intent. A record that failed is claimed again: run + 1, the old run stays as
    // history.
    virtual Task<Result<ClaimAnswer>> claim_payment(PaymentRecord intent) = 0;
    // Inserts the slot and moves its payments claimed -> slotted. conflict: the slot is taken
    // already. One that ended dead without any attempt was never used and may be taken again (a
    // filler, a gap).
    virtual Task<Result<void>> take_slot(SlotRecord slot) = 0;
    // Adds an attempt and moves the slot's payments to attempted. Durable before anything is
    // broadcast.
    virtual Task<Result<void>> record_attempt(SlotName slot, AttemptRecord attempt) = 0;
    virtual Task<Result<void>> note_sent(SlotName slot, std::string attempt, std::string sent) = 0;
    // The slot and all its payments at once: each that is not final is named exactly once. mined
    // names a recorded attempt.
    virtual Task<Result<void>> end_slot(SlotEnd end) = 0;
    // A payment that needs no slot any more: refused before one was taken, done without one, or
    // found done by somebody else's transaction. Failed only from `claimed`: in a slot an attempt
    // may yet be mined. One that is settled here while its slot is open is left out when the slot
    // ends.
    virtual Task<Result<void>> end_payment(PaymentEnd end, Instant at) = 0;
    // True for exactly one caller of a settled payment, whoever settled it.
    virtual Task<Result<bool>> tell(PaymentKey key, Instant at) = 0;

    virtual Task<Result<std::optional<PaymentRecord>>> find_payment(PaymentKey key) = 0;
    // Every run's attempts, oldest first.
    virtual Task<Result<std::vector<std::string>>> transactions_of(PaymentKey key) = 0;
    // What is not final, taken over for this owner; records of other owners first, then the oldest.
    virtual Task<Result<std::vector<PaymentRecord>>> open_payments(std::size_t limit) = 0;
    // Taken over for this owner, with their payments; in the order they were taken.
    virtual Task<Result<std::vector<SlotRecord>>> open_slots(ChainId network) = 0;
    // Slots of a signer that are not dead and whose key may still matter: all open ones, and the
    // newest 1,024.
    virtual Task<Result<std::vector<SlotName>>> recorded_slots(ChainId network,
                                                               std::string signer) = 0;
    // Cost of the slots that ended since an instant, for the daily budget.
    virtual Task<Result<U256>> cost_since(ChainId network, Instant since) = 0;
    // What this payer's slots cost that ended since the hour of an instant, for its share of the
    // budget: of the ends that said `by_payer`, at least two days back. The payments of a slot
    // share its cost alike.
    virtual Task<Result<U256>> cost_of_payer_since(ChainId network, std::string payer,
                                                   Instant since) = 0;
};

}  // namespace x402::store
