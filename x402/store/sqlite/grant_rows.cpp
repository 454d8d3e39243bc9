// SPDX-License-Identifier: Apache-2.0
// Grants. The request that is sent to the facilitator and the stored answer are rows of their own.
// One thread at a time.
#include "x402/base/check.hpp"
#include "x402/store/rules.hpp"
#include "x402/store/sqlite/rows.hpp"

namespace x402::store::sqlite {

namespace {

#define X402_GRANT_COLUMNS                                                                \
    "key, route, quote, request, body, payer, network, asset, amount, facilitator, "      \
    "idempotency_key, state, response, tx, runs, usable_until, created, updated, owner, " \
    "fence"

constexpr std::string_view kSelect = "SELECT id, " X402_GRANT_COLUMNS
                                     ", settle_request FROM grants "
                                     "LEFT JOIN grant_requests ON grant_id = id WHERE key = ?";
constexpr std::string_view kSelectOpen =
    "SELECT id, " X402_GRANT_COLUMNS
    ", settle_request FROM grants INDEXED BY grants_open "
    "LEFT JOIN grant_requests ON grant_id = id "
    "WHERE payer = ? AND request = ? AND network = ? AND state IN ('settling', 'settled') "
    "ORDER BY created DESC, id DESC LIMIT 1";
constexpr std::string_view kSelectUnfinished =
    "SELECT id, " X402_GRANT_COLUMNS
    ", settle_request FROM grants "
    "INDEXED BY grants_unfinished LEFT JOIN grant_requests ON grant_id = id "
    "WHERE state IN ('claimed', 'settling', 'settled') "
    "ORDER BY owner = ? AND fence = ?, state = 'settled', created, id LIMIT ?";
constexpr std::string_view kInsert = "INSERT INTO grants (" X402_GRANT_COLUMNS
                                     ") VALUES "
                                     "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

#undef X402_GRANT_COLUMNS

#define X402_RELEASED                                   \
    "SELECT id FROM grants INDEXED BY grants_released " \
    "WHERE state = 'released' AND usable_until <= ? ORDER BY usable_until, id LIMIT ?"

void put_hash(Statement& row, const std::optional<Hash32>& hash) {
    if (hash) {
        row.put(hash->view());
    } else {
        row.put_null();
    }
}

}  // namespace

SqliteGrants::Kept SqliteGrants::read_grant(Statement& row) {
    Kept kept;
    kept.id = row.take_number();
    GrantRecord& record = kept.record;
    record.key = PaymentKey(row.take_text());
    record.route = row.take_text();
    record.quote = row.take_hash();
    record.request = row.take_hash();
    record.body = row.take_optional_hash();
    record.payer = row.take_text();
    record.network = row.take_chain();
    record.asset = row.take_text();
    record.amount = row.take_u256();
    record.facilitator = row.take_text();
    record.idempotency_key = row.take_text();
    record.state = row.take_word(&grant_state_from);
    record.response = row.take_text();
    record.transaction = row.take_text();
    record.runs = static_cast<std::uint32_t>(row.take_number());
    record.usable_until = row.take_instant();
    record.created = row.take_instant();
    record.updated = row.take_instant();
    record.owner.id = row.take_text();
    record.owner.fence = static_cast<std::uint64_t>(row.take_number());
    record.settle_request = row.take_text();
    return kept;
}

Result<std::optional<GrantRecord>> SqliteGrants::with_answer(std::optional<Kept> kept) {
    if (!kept) return std::optional<GrantRecord>();
    Statement row =
        connection_.prepare("SELECT head, body, until FROM grant_answers WHERE grant_id = ?");
    row.put(kept->id);
    X402_TRY(const bool there, row.step());
    if (there) {
        StoredAnswer& answer = kept->record.answer.emplace();
        answer.head = row.take_text();
        answer.body = row.take_blob();
        answer.until = row.take_instant();
        X402_TRY_VOID(row.check());
    }
    return std::optional<GrantRecord>(std::move(kept->record));
}

Result<std::optional<GrantRecord>> SqliteGrants::grant(const PaymentKey& key) {
    std::optional<Kept> kept;
    {
        Statement row = connection_.prepare(kSelect);
        row.put(key.value());
        X402_TRY(const bool there, row.step());
        if (there) kept = read_grant(row);
        X402_TRY_VOID(row.check());
    }
    return with_answer(std::move(kept));
}

Result<void> SqliteGrants::forget_grant(const PaymentKey& key) {
    std::int64_t id = 0;
    {
        Statement row = connection_.prepare("SELECT id FROM grants WHERE key = ?");
        row.put(key.value());
        X402_TRY(const bool there, row.step());
        if (!there) return {};
        id = row.take_number();
    }
    for (const std::string_view sql :
         {"DELETE FROM grant_answers WHERE grant_id = ?",
          "DELETE FROM grant_requests WHERE grant_id = ?", "DELETE FROM grants WHERE id = ?"}) {
        Statement row = connection_.prepare(sql);
        row.put(id);
        X402_TRY_VOID(row.run());
    }
    return {};
}

Result<void> SqliteGrants::put_grant(const GrantRecord& record) {
    X402_TRY_VOID(forget_grant(record.key));
    Statement row = connection_.prepare(kInsert);
    row.put(record.key.value()).put(record.route).put(record.quote.view());
    row.put(record.request.view());
    put_hash(row, record.body);
    row.put(record.payer).put(record.network.text()).put(record.asset).put(record.amount);
    row.put(record.facilitator).put(record.idempotency_key).put(to_string(record.state));
    row.put(record.response).put(record.transaction).put(record.runs);
    row.put(record.usable_until).put(record.created).put(record.updated);
    row.put(record.owner.id).put(static_cast<std::int64_t>(record.owner.fence));
    X402_TRY_VOID(row.run());
    Statement request = connection_.prepare("INSERT INTO grant_requests VALUES (?, ?)");
    request.put(connection_.last_insert_id()).put(record.settle_request);
    return request.run();
}

Result<void> SqliteGrants::put_answer(const GrantRecord& record) {
    Statement row = connection_.prepare(
        "INSERT OR REPLACE INTO grant_answers (grant_id, head, body, until) "
        "SELECT id, ?, ?, ? FROM grants WHERE key = ?");
    row.put(record.answer->head).put(as_bytes(record.answer->body)).put(record.answer->until);
    row.put(record.key.value());
    return row.run();
}

Result<void> SqliteGrants::update_grant(const GrantRecord& record, bool with_answer) {
    Statement row = connection_.prepare(
        "UPDATE grants SET body = ?, state = ?, response = ?, tx = ?, runs = ?, "
        "usable_until = ?, updated = ?, owner = ?, fence = ? WHERE key = ?");
    put_hash(row, record.body);
    row.put(to_string(record.state)).put(record.response).put(record.transaction);
    row.put(record.runs).put(record.usable_until).put(record.updated).put(record.owner.id);
    row.put(static_cast<std::int64_t>(record.owner.fence)).put(record.key.value());
    X402_TRY_VOID(row.run());
    X402_CHECK(connection_.changed_rows() == 1);
    if (!with_answer || !record.answer) return {};
    return put_answer(record);
}

Result<void> SqliteGrants::keep_answer(const PaymentKey& key, Instant until) {
    Statement row = connection_.prepare(
        "UPDATE grant_answers SET until = ? "
        "WHERE grant_id = (SELECT id FROM grants WHERE key = ?)");
    row.put(until).put(key.value());
    return row.run();
}

Result<std::optional<GrantRecord>> SqliteGrants::find_open(const ChainId& network,
                                                           const std::string& payer,
                                                           const Hash32& request) {
    Statement row = connection_.prepare(kSelectOpen);
    row.put(payer).put(request.view()).put(network.text());
    X402_TRY(const bool there, row.step());
    std::optional<GrantRecord> found;
    if (there) found = std::move(read_grant(row).record);
    X402_TRY_VOID(row.check());
    return found;
}

Result<std::vector<GrantRecord>> SqliteGrants::unfinished_grants(const Owner& mine,
                                                                 std::size_t limit) {
    Statement row = connection_.prepare(kSelectUnfinished);
    row.put(mine.id).put(static_cast<std::int64_t>(mine.fence));
    row.put(static_cast<std::int64_t>(limit));
    std::vector<GrantRecord> found;
    while (true) {
        X402_TRY(const bool there, row.step());
        if (!there) return found;
        found.push_back(std::move(read_grant(row).record));
    }
}

Result<std::size_t> SqliteGrants::forget_answers(Instant now) {
    Statement row = connection_.prepare(
        "DELETE FROM grant_answers WHERE until <= ? AND "
        "(SELECT state FROM grants WHERE id = grant_id) IS NOT 'settling'");
    row.put(now);
    X402_TRY_VOID(row.run());
    return connection_.changed_rows();
}

Result<std::size_t> SqliteGrants::forget_released(Instant over, std::size_t limit) {
    for (const std::string_view sql :
         {"DELETE FROM grant_answers WHERE grant_id IN (" X402_RELEASED ")",
          "DELETE FROM grant_requests WHERE grant_id IN (" X402_RELEASED ")",
          "DELETE FROM grants WHERE id IN (" X402_RELEASED ")"}) {
        Statement row = connection_.prepare(sql);
        row.put(over).put(static_cast<std::int64_t>(limit));
        X402_TRY_VOID(row.run());
    }
    return connection_.changed_rows();
}

#undef X402_RELEASED

}  // namespace x402::store::sqlite
