// SPDX-License-Identifier: Apache-2.0
// The tables. Amounts are decimal text, instants are milliseconds, hashes are blobs, states are
// words, so that the file can be read with any SQLite tool. What is large and never changes lives
// in a table of its own: a row that changes its state is rewritten whole. One thread.
#include "x402/store/sqlite/migrations.hpp"

namespace x402::store::sqlite {

namespace {

constexpr const char* kRoleV1 = R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('fence', 0);

CREATE TABLE payments (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, run INTEGER NOT NULL,
    network TEXT NOT NULL, scheme TEXT NOT NULL, payer TEXT NOT NULL, pay_to TEXT NOT NULL,
    asset TEXT NOT NULL, amount TEXT NOT NULL, terms TEXT NOT NULL, idempotency TEXT NOT NULL,
    caller TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
    tx TEXT NOT NULL, response TEXT NOT NULL, block INTEGER NOT NULL, told INTEGER NOT NULL,
    usable_until INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    owner TEXT NOT NULL, fence INTEGER NOT NULL);
CREATE INDEX payments_unfinished ON payments (created)
    WHERE state IN ('claimed', 'slotted', 'attempted');
CREATE TABLE payment_requests (payment INTEGER PRIMARY KEY, request TEXT NOT NULL);
CREATE TABLE payment_runs (
    key TEXT NOT NULL, run INTEGER NOT NULL,
    network TEXT NOT NULL, scheme TEXT NOT NULL, payer TEXT NOT NULL, pay_to TEXT NOT NULL,
    asset TEXT NOT NULL, amount TEXT NOT NULL, terms TEXT NOT NULL, idempotency TEXT NOT NULL,
    caller TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
    tx TEXT NOT NULL, response TEXT NOT NULL, block INTEGER NOT NULL, told INTEGER NOT NULL,
    usable_until INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    owner TEXT NOT NULL, fence INTEGER NOT NULL, request TEXT NOT NULL,
    PRIMARY KEY (key, run));

CREATE TABLE slots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    network TEXT NOT NULL, signer TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
    actions TEXT NOT NULL, simulation TEXT NOT NULL, state TEXT NOT NULL, attempt TEXT NOT NULL,
    cost TEXT NOT NULL, created INTEGER NOT NULL, ended INTEGER, owner TEXT NOT NULL,
    fence INTEGER NOT NULL, UNIQUE (network, signer, key));
CREATE INDEX slots_lane ON slots (network, signer, state);
CREATE INDEX slots_open ON slots (network) WHERE state = 'open';
CREATE INDEX slots_ended ON slots (network, ended) WHERE ended IS NOT NULL;
CREATE TABLE slot_payments (
    slot INTEGER NOT NULL, place INTEGER NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (slot, place)) WITHOUT ROWID;
CREATE INDEX slot_payments_key ON slot_payments (key);
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, slot INTEGER NOT NULL, attempt TEXT NOT NULL,
    raw TEXT NOT NULL, level INTEGER NOT NULL, body TEXT NOT NULL, sent TEXT NOT NULL,
    created INTEGER NOT NULL, UNIQUE (slot, attempt));
CREATE TABLE costs (
    network TEXT NOT NULL, hour INTEGER NOT NULL, sum TEXT NOT NULL,
    PRIMARY KEY (network, hour)) WITHOUT ROWID;

CREATE TABLE grants (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, route TEXT NOT NULL, quote BLOB NOT NULL,
    request BLOB NOT NULL, body BLOB, payer TEXT NOT NULL, network TEXT NOT NULL,
    asset TEXT NOT NULL, amount TEXT NOT NULL, facilitator TEXT NOT NULL,
    idempotency_key TEXT NOT NULL, state TEXT NOT NULL, response TEXT NOT NULL,
    tx TEXT NOT NULL, runs INTEGER NOT NULL, usable_until INTEGER NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, owner TEXT NOT NULL,
    fence INTEGER NOT NULL);
CREATE INDEX grants_unfinished ON grants (created)
    WHERE state IN ('claimed', 'settling', 'settled');
CREATE INDEX grants_open ON grants (payer, request) WHERE state IN ('settling', 'settled');
CREATE TABLE grant_requests (grant_id INTEGER PRIMARY KEY, settle_request TEXT NOT NULL);
CREATE TABLE grant_answers (
    grant_id INTEGER PRIMARY KEY, head TEXT NOT NULL, body BLOB NOT NULL, until INTEGER NOT NULL);
CREATE INDEX grant_answers_until ON grant_answers (until);
)sql";

constexpr const char* kRoleV2 = R"sql(
CREATE INDEX grants_released ON grants (usable_until) WHERE state = 'released';
)sql";

constexpr const char* kRoleV3 = R"sql(
CREATE TABLE payer_costs (
    id INTEGER PRIMARY KEY, network TEXT NOT NULL, payer TEXT NOT NULL, hour INTEGER NOT NULL,
    sum TEXT NOT NULL, UNIQUE (network, payer, hour));
CREATE INDEX payer_costs_hour ON payer_costs (hour);
)sql";

constexpr const char* kJournalV1 = R"sql(
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint BLOB NOT NULL, method TEXT NOT NULL,
    url TEXT NOT NULL, key TEXT NOT NULL, header TEXT NOT NULL, accepted TEXT NOT NULL,
    version INTEGER NOT NULL, network TEXT NOT NULL, asset TEXT NOT NULL, symbol TEXT NOT NULL,
    decimals INTEGER NOT NULL, amount TEXT NOT NULL, pay_to TEXT NOT NULL, payer TEXT NOT NULL,
    state TEXT NOT NULL, delivered INTEGER NOT NULL, tx TEXT NOT NULL, response TEXT NOT NULL,
    usable_until INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    lease_owner TEXT NOT NULL, lease_until INTEGER NOT NULL, usd_micros TEXT NOT NULL,
    budget TEXT NOT NULL);
CREATE INDEX entries_unfinished ON entries (fingerprint)
    WHERE state IN ('signed', 'sent', 'unknown');
CREATE UNIQUE INDEX entries_key ON entries (key) WHERE key <> '' AND state <> 'failed';
CREATE INDEX entries_created ON entries (created);
CREATE INDEX entries_budget ON entries (budget, created);
)sql";

constexpr const char* kRoleSteps[] = {kRoleV1, kRoleV2, kRoleV3};
constexpr const char* kJournalSteps[] = {kJournalV1};

constexpr std::int64_t kRoleFile = 0x78343032;     // "x402"
constexpr std::int64_t kJournalFile = 0x7834306a;  // "x40j"

std::unexpected<Error> not_a_store(const std::string& path, const Schema& schema,
                                   const std::string& why) {
    return fail_field(Errc::invalid, "store",
                      path + " is not a usable " + std::string(schema.name) + ": " + why,
                      "restore a backup, or name another file");
}

// Trouble while a file is first read: mostly that it is not one of SQLite's.
std::unexpected<Error> unreadable(Connection& connection, const std::string& path,
                                  const Schema& schema, Error error) {
    if (!is_damage(connection.last_code())) return fail(std::move(error));
    return not_a_store(path, schema, error.detail);
}

Result<void> apply_steps(Connection& connection, const Schema& schema, std::int64_t from) {
    const auto last = static_cast<std::int64_t>(schema.steps.size());
    for (std::int64_t version = from; version < last; ++version) {
        X402_TRY_VOID(connection.execute(schema.steps[static_cast<std::size_t>(version)]));
    }
    X402_TRY_VOID(
        connection.execute("PRAGMA application_id = " + std::to_string(schema.application_id)));
    return connection.execute("PRAGMA user_version = " + std::to_string(last));
}

Result<void> migrate_locked(Connection& connection, const std::string& path, const Schema& schema) {
    X402_TRY(const auto version, connection.query_number("PRAGMA user_version"));
    X402_TRY(const auto kind, connection.query_number("PRAGMA application_id"));
    X402_TRY(const auto tables, connection.query_number("SELECT count(*) FROM sqlite_schema"));
    const bool empty = version == 0 && kind == 0 && tables == 0;
    if (!empty && kind != schema.application_id) {
        return not_a_store(path, schema, "it holds something else");
    }
    const auto known = static_cast<std::int64_t>(schema.steps.size());
    if (version > known) {
        return fail_field(Errc::unsupported, "store",
                          path + " was written by a newer version (schema " +
                              std::to_string(version) + ", this one knows " +
                              std::to_string(known) + ")",
                          "start the newer version, or restore a backup made before the update");
    }
    if (version == known) return {};
    return apply_steps(connection, schema, version);
}

}  // namespace

const Schema& role_schema() {
    static constexpr Schema schema{"facilitator or gateway store", kRoleFile, kRoleSteps};
    return schema;
}

const Schema& journal_schema() {
    static constexpr Schema schema{"payment journal", kJournalFile, kJournalSteps};
    return schema;
}

Result<void> migrate(Connection& connection, const std::string& path, const Schema& schema) {
    auto begun = connection.execute("BEGIN IMMEDIATE");
    if (!begun) return unreadable(connection, path, schema, std::move(begun).error());
    auto done = migrate_locked(connection, path, schema);
    if (done) done = connection.execute("COMMIT");
    if (done) return {};
    auto error = unreadable(connection, path, schema, std::move(done).error());
    if (connection.in_transaction()) {
        // The first trouble is the one to tell; a transaction that was not committed is gone in any
        // case.
        const auto undone = connection.execute("ROLLBACK");
        static_cast<void>(undone);
    }
    return error;
}

}  // namespace x402::store::sqlite
