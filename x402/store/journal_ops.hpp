// SPDX-License-Identifier: Apache-2.0
// The operations of a PaymentJournal, written once for every backend: leases, caps, and which
// change is legal. Called inside a transaction that excludes every other process; one thread at a
// time.
#pragma once

#include "x402/store/rows.hpp"

namespace x402::store::ops {

Result<std::int64_t> begin_entry(JournalRows& rows, NewEntry entry, const Lease& lease,
                                 Instant now);
Result<std::optional<JournalEntry>> take_unfinished(JournalRows& rows, const Hash32& fingerprint,
                                                    const Lease& lease, Instant now);

struct EntryChange {
    std::int64_t id = 0;
    JournalChange change;
    std::string lease_owner;
    Instant now{};
};
Result<void> change_entry(JournalRows& rows, const EntryChange& change);
Result<void> renew_entry(JournalRows& rows, std::int64_t id, const Lease& lease, Instant now);
Result<void> release_entry(JournalRows& rows, std::int64_t id, const std::string& lease_owner);

}  // namespace x402::store::ops
