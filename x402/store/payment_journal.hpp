// SPDX-License-Identifier: Apache-2.0
// What a payer must not forget: which payment was signed for which request, and how it ended. One
// file shared by many `x402 pay` processes: a record is worked on under a lease and taken over only
// when that has run out. Every write is durable when its coroutine goes on. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/base/bytes.hpp"
#include "x402/base/clock.hpp"
#include "x402/base/result.hpp"
#include "x402/base/task.hpp"
#include "x402/protocol/types.hpp"

namespace x402::store {

// signed_: journalled, not yet sent. sent: may have reached the server. unknown: no judgement was
// had. settled, failed: final. `delivered` says that the answer was handed over.
enum class JournalState { signed_, sent, unknown, settled, failed };
std::string_view to_string(JournalState state) noexcept;

struct JournalEntry {
    std::int64_t id = 0;
    Hash32 fingerprint{};  // method, URL, body
    std::string method;
    std::string url;  // without the query: it may hold secrets
    PaymentKey key;
    std::string header;    // the payment header, byte for byte
    std::string accepted;  // JSON of the offer
    int version = kVersion2;
    ChainId network;
    std::string asset;
    std::string symbol;
    std::uint8_t decimals = 0;
    U256 amount;
    std::string pay_to;
    std::string payer;
    JournalState state = JournalState::signed_;
    bool delivered = false;
    std::string transaction;
    std::string response;  // SettleResponse as JSON
    Instant usable_until{};
    Instant created{};
    Instant updated{};
    std::string lease_owner;
    Instant lease_until{};
};

struct JournalChange {
    std::optional<JournalState> state;
    std::optional<bool> delivered;
    std::optional<std::string> transaction;
    std::optional<std::string> response;
};

struct Lease {
    std::string owner;  // random, one a process
    Duration length = std::chrono::seconds(60);
};

// An amount that may not be exceeded, checked together with the insert: so two processes cannot
// both fit in.
struct SpendingCap {
    std::string group;  // records counted: this budget's name; empty: none
    Instant since{};
    U256 most_usd_micros;  // in millionths of a US dollar
};

struct NewEntry {
    JournalEntry entry;
    U256 usd_micros;    // what this payment counts against caps
    std::string group;  // "--budget" of one command run
    std::vector<SpendingCap> caps;
};

class PaymentJournal {
public:
    virtual ~PaymentJournal() = default;
    // Errc::refused when a cap would be exceeded, Errc::conflict when this payment key stands in a
    // record that did not fail: then nothing was written. The id of the new record otherwise.
    virtual Task<Result<std::int64_t>> begin(NewEntry entry, Lease lease, Instant now) = 0;
    // An unfinished record of this request (signed_, sent, unknown), now under our lease.
    // Errc::conflict while another's lease runs. Nothing when there is none. A running lease of the
    // same owner is renewed and its record given: to sign anew would be worse.
    virtual Task<Result<std::optional<JournalEntry>>> take_unfinished(Hash32 fingerprint,
                                                                      Lease lease, Instant now) = 0;
    // Errc::conflict when the record is under another lease, or released, or the move is illegal
    // (settled and failed are final).
    virtual Task<Result<void>> change(std::int64_t id, JournalChange change,
                                      std::string lease_owner, Instant now) = 0;
    virtual Task<Result<void>> renew(std::int64_t id, Lease lease, Instant now) = 0;
    virtual Task<Result<void>> release(std::int64_t id, std::string lease_owner) = 0;
    virtual Task<Result<std::vector<JournalEntry>>> history(std::size_t limit) = 0;
    // What is spent or may yet be, in millionths of a dollar: everything that did not fail. An
    // empty group counts all.
    virtual Task<Result<U256>> spent(std::string group, Instant since) = 0;
};

}  // namespace x402::store
