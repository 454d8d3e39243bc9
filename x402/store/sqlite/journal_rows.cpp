// SPDX-License-Identifier: Apache-2.0
// A payer's payments. One thread at a time; other processes are kept out by the transaction.
#include "x402/base/check.hpp"
#include "x402/store/rules.hpp"
#include "x402/store/sqlite/rows.hpp"

namespace x402::store::sqlite {

namespace {

#define X402_ENTRY_COLUMNS                                                               \
    "fingerprint, method, url, key, header, accepted, version, network, asset, symbol, " \
    "decimals, amount, pay_to, payer, state, delivered, tx, response, usable_until, "    \
    "created, updated, lease_owner, lease_until"

constexpr std::string_view kSelect = "SELECT id, " X402_ENTRY_COLUMNS " FROM entries WHERE id = ?";
constexpr std::string_view kSelectUnfinished =
    "SELECT id, " X402_ENTRY_COLUMNS
    " FROM entries INDEXED BY entries_unfinished "
    "WHERE fingerprint = ? AND state IN ('signed', 'sent', 'unknown') ORDER BY id";
constexpr std::string_view kSelectNewest =
    "SELECT id, " X402_ENTRY_COLUMNS " FROM entries ORDER BY id DESC LIMIT ?";
constexpr std::string_view kInsert =
    "INSERT INTO entries (" X402_ENTRY_COLUMNS
    ", usd_micros, budget) VALUES "
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

#undef X402_ENTRY_COLUMNS

constexpr std::string_view kSelectSpent =
    "SELECT usd_micros FROM entries INDEXED BY entries_created "
    "WHERE created >= ? AND state <> 'failed'";
constexpr std::string_view kSelectSpentOfGroup =
    "SELECT usd_micros FROM entries INDEXED BY entries_budget "
    "WHERE created >= ? AND state <> 'failed' AND budget = ?";

JournalEntry read_entry(Statement& row) {
    JournalEntry entry;
    entry.id = row.take_number();
    entry.fingerprint = row.take_hash();
    entry.method = row.take_text();
    entry.url = row.take_text();
    entry.key = PaymentKey(row.take_text());
    entry.header = row.take_text();
    entry.accepted = row.take_text();
    entry.version = static_cast<int>(row.take_number());
    entry.network = row.take_chain();
    entry.asset = row.take_text();
    entry.symbol = row.take_text();
    entry.decimals = static_cast<std::uint8_t>(row.take_number());
    entry.amount = row.take_u256();
    entry.pay_to = row.take_text();
    entry.payer = row.take_text();
    entry.state = row.take_word(&journal_state_from);
    entry.delivered = row.take_number() != 0;
    entry.transaction = row.take_text();
    entry.response = row.take_text();
    entry.usable_until = row.take_instant();
    entry.created = row.take_instant();
    entry.updated = row.take_instant();
    entry.lease_owner = row.take_text();
    entry.lease_until = row.take_instant();
    return entry;
}

Result<std::vector<JournalEntry>> read_entries(Statement& row) {
    std::vector<JournalEntry> found;
    while (true) {
        X402_TRY(const bool there, row.step());
        if (!there) return found;
        found.push_back(read_entry(row));
    }
}

}  // namespace

Result<std::int64_t> SqliteJournal::insert_entry(const NewEntry& added) {
    const JournalEntry& entry = added.entry;
    Statement row = connection_.prepare(kInsert);
    row.put(entry.fingerprint.view()).put(entry.method).put(entry.url).put(entry.key.value());
    row.put(entry.header).put(entry.accepted).put(std::int64_t{entry.version});
    row.put(entry.network.text()).put(entry.asset).put(entry.symbol);
    row.put(std::int64_t{entry.decimals}).put(entry.amount).put(entry.pay_to).put(entry.payer);
    row.put(to_string(entry.state)).put(std::int64_t{entry.delivered}).put(entry.transaction);
    row.put(entry.response).put(entry.usable_until).put(entry.created).put(entry.updated);
    row.put(entry.lease_owner).put(entry.lease_until).put(added.usd_micros).put(added.group);
    X402_TRY_VOID(row.run());
    return connection_.last_insert_id();
}

Result<std::optional<JournalEntry>> SqliteJournal::entry(std::int64_t id) {
    Statement row = connection_.prepare(kSelect);
    row.put(id);
    X402_TRY(const bool there, row.step());
    if (!there) return std::optional<JournalEntry>();
    std::optional<JournalEntry> entry = read_entry(row);
    X402_TRY_VOID(row.check());
    return entry;
}

Result<void> SqliteJournal::update_entry(const JournalEntry& entry) {
    Statement row = connection_.prepare(
        "UPDATE entries SET state = ?, delivered = ?, tx = ?, response = ?, updated = ?, "
        "lease_owner = ?, lease_until = ? WHERE id = ?");
    row.put(to_string(entry.state)).put(std::int64_t{entry.delivered}).put(entry.transaction);
    row.put(entry.response).put(entry.updated).put(entry.lease_owner).put(entry.lease_until);
    row.put(entry.id);
    X402_TRY_VOID(row.run());
    X402_CHECK(connection_.changed_rows() == 1);
    return {};
}

Result<std::vector<JournalEntry>> SqliteJournal::unfinished_entries(const Hash32& fingerprint) {
    Statement row = connection_.prepare(kSelectUnfinished);
    row.put(fingerprint.view());
    return read_entries(row);
}

Result<bool> SqliteJournal::holds_key(const PaymentKey& key) {
    Statement row = connection_.prepare(
        "SELECT 1 FROM entries INDEXED BY entries_key "
        "WHERE key = ? AND key <> '' AND state <> 'failed'");
    row.put(key.value());
    return row.step();
}

Result<std::vector<JournalEntry>> SqliteJournal::history(std::size_t limit) {
    Statement row = connection_.prepare(kSelectNewest);
    row.put(static_cast<std::int64_t>(limit));
    return read_entries(row);
}

Result<U256> SqliteJournal::spent(const std::string& group, Instant since) {
    Statement row = connection_.prepare(group.empty() ? kSelectSpent : kSelectSpentOfGroup);
    row.put(since);
    if (!group.empty()) row.put(group);
    U256 sum;
    while (true) {
        X402_TRY(const bool there, row.step());
        if (!there) return sum;
        sum = sum.saturating_add(row.take_u256());
    }
}

}  // namespace x402::store::sqlite
