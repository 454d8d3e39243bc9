// SPDX-License-Identifier: Apache-2.0
// The rules of the payer's journal. A lease that has run out but was taken over by nobody is still
// its owner's: taking over writes another owner into the record, which is what shuts the first one
// out. One thread at a time.
#include "x402/store/journal_ops.hpp"

#include "x402/store/rules.hpp"

namespace x402::store::ops {

namespace {

std::string text_of(std::int64_t id) {
    return "journal record " + std::to_string(id);
}

Result<JournalEntry> owned_entry(JournalRows& rows, std::int64_t id, const std::string& owner) {
    X402_TRY(auto found, rows.entry(id));
    if (!found) return fail(Errc::not_found, text_of(id) + " is not there");
    if (owner.empty() || found->lease_owner != owner) {
        return fail(Errc::conflict, text_of(id) + " is worked on by another process");
    }
    return std::move(*found);
}

Result<void> check_caps(JournalRows& rows, const NewEntry& entry) {
    for (const SpendingCap& cap : entry.caps) {
        X402_TRY(const auto spent, rows.spent(cap.group, cap.since));
        const auto total = spent.checked_add(entry.usd_micros);
        if (total && *total <= cap.most_usd_micros) continue;
        return fail_field(Errc::refused, "budget",
                          "spent " + spent.to_decimal() + " and " + entry.usd_micros.to_decimal() +
                              " more would exceed " + cap.most_usd_micros.to_decimal() +
                              " millionths of a dollar",
                          "raise the budget, or wait until its period is over");
    }
    return {};
}

}  // namespace

Result<std::int64_t> begin_entry(JournalRows& rows, NewEntry entry, const Lease& lease,
                                 Instant now) {
    if (lease.owner.empty()) return fail(Errc::invalid, "a lease without an owner");
    if (!entry.entry.key.value().empty()) {
        X402_TRY(const bool held, rows.holds_key(entry.entry.key));
        if (held) return fail(Errc::conflict, "this payment is in the journal already");
    }
    X402_TRY_VOID(check_caps(rows, entry));
    entry.entry.state = JournalState::signed_;
    entry.entry.delivered = false;
    entry.entry.created = now;
    entry.entry.updated = now;
    entry.entry.lease_owner = lease.owner;
    entry.entry.lease_until = now + lease.length;
    return rows.insert_entry(entry);
}

Result<std::optional<JournalEntry>> take_unfinished(JournalRows& rows, const Hash32& fingerprint,
                                                    const Lease& lease, Instant now) {
    if (lease.owner.empty()) return fail(Errc::invalid, "a lease without an owner");
    X402_TRY(auto found, rows.unfinished_entries(fingerprint));
    for (JournalEntry& entry : found) {
        const bool free = entry.lease_owner.empty() || entry.lease_until <= now;
        if (!free && entry.lease_owner != lease.owner) continue;
        entry.lease_owner = lease.owner;
        entry.lease_until = now + lease.length;
        X402_TRY_VOID(rows.update_entry(entry));
        return std::optional<JournalEntry>(std::move(entry));
    }
    if (!found.empty()) {
        return fail(Errc::conflict, text_of(found.front().id) +
                                        " for this request is worked on by another process");
    }
    return std::optional<JournalEntry>();
}

Result<void> change_entry(JournalRows& rows, const EntryChange& change) {
    X402_TRY(auto entry, owned_entry(rows, change.id, change.lease_owner));
    const JournalState to = change.change.state.value_or(entry.state);
    if (!may_move(entry.state, to)) {
        return fail(Errc::conflict, text_of(change.id) + " does not go from " +
                                        std::string(to_string(entry.state)) + " to " +
                                        std::string(to_string(to)));
    }
    entry.state = to;
    if (change.change.delivered) entry.delivered = *change.change.delivered;
    if (change.change.transaction) entry.transaction = *change.change.transaction;
    if (change.change.response) entry.response = *change.change.response;
    entry.updated = change.now;
    return rows.update_entry(entry);
}

Result<void> renew_entry(JournalRows& rows, std::int64_t id, const Lease& lease, Instant now) {
    X402_TRY(auto entry, owned_entry(rows, id, lease.owner));
    entry.lease_until = now + lease.length;
    return rows.update_entry(entry);
}

Result<void> release_entry(JournalRows& rows, std::int64_t id, const std::string& lease_owner) {
    X402_TRY(auto entry, owned_entry(rows, id, lease_owner));
    entry.lease_owner.clear();
    entry.lease_until = Instant{};
    return rows.update_entry(entry);
}

}  // namespace x402::store::ops
