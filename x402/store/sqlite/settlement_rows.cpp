// SPDX-License-Identifier: Apache-2.0
// Payments, and the sums of what settling cost. The slots are in slot_rows.cpp. One thread at a
// time.
#include "x402/base/check.hpp"
#include "x402/store/rules.hpp"
#include "x402/store/sqlite/rows.hpp"

namespace x402::store::sqlite {

namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kPayerHours = 48;  // longer than any share is counted

#define X402_PAYMENT_COLUMNS                                                      \
    "network, scheme, payer, pay_to, asset, amount, terms, idempotency, caller, " \
    "state, reason, message, tx, response, block, told, usable_until, created, "  \
    "updated, owner, fence"

constexpr std::string_view kSelect = "SELECT key, run, " X402_PAYMENT_COLUMNS
                                     ", request FROM payments "
                                     "LEFT JOIN payment_requests ON payment = id WHERE key = ?";
constexpr std::string_view kSelectUnfinished =
    "SELECT key, run, " X402_PAYMENT_COLUMNS
    ", request FROM payments "
    "LEFT JOIN payment_requests ON payment = id "
    "WHERE state IN ('claimed', 'slotted', 'attempted') "
    "ORDER BY owner = ? AND fence = ?, created, id LIMIT ?";
constexpr std::string_view kInsert =
    "INSERT INTO payments (key, run, " X402_PAYMENT_COLUMNS
    ") VALUES "
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr std::string_view kArchive = "INSERT INTO payment_runs (key, run, " X402_PAYMENT_COLUMNS
                                      ", request) "
                                      "SELECT key, run, " X402_PAYMENT_COLUMNS
                                      ", coalesce(request, '') FROM payments "
                                      "LEFT JOIN payment_requests ON payment = id WHERE key = ?";

#undef X402_PAYMENT_COLUMNS

std::int64_t as_signed(std::uint64_t number) {
    return static_cast<std::int64_t>(number);
}

PaymentRecord read_payment(Statement& row) {
    PaymentRecord record;
    record.key = PaymentKey(row.take_text());
    record.run = static_cast<std::uint32_t>(row.take_number());
    record.network = row.take_chain();
    record.scheme = row.take_text();
    record.payer = row.take_text();
    record.pay_to = row.take_text();
    record.asset = row.take_text();
    record.amount = row.take_u256();
    record.terms = row.take_text();
    record.idempotency = row.take_text();
    record.caller = row.take_text();
    record.state = row.take_word(&payment_state_from);
    record.reason = row.take_text();
    record.message = row.take_text();
    record.transaction = row.take_text();
    record.response = row.take_text();
    record.block = static_cast<std::uint64_t>(row.take_number());
    record.told = row.take_number() != 0;
    record.usable_until = row.take_instant();
    record.created = row.take_instant();
    record.updated = row.take_instant();
    record.owner.id = row.take_text();
    record.owner.fence = static_cast<std::uint64_t>(row.take_number());
    record.request = row.take_text();
    return record;
}

void put_payment(Statement& row, const PaymentRecord& record) {
    row.put(record.key.value()).put(record.run).put(record.network.text());
    row.put(record.scheme).put(record.payer).put(record.pay_to).put(record.asset);
    row.put(record.amount).put(record.terms).put(record.idempotency).put(record.caller);
    row.put(to_string(record.state)).put(record.reason).put(record.message);
    row.put(record.transaction).put(record.response).put(as_signed(record.block));
    row.put(std::int64_t{record.told}).put(record.usable_until).put(record.created);
    row.put(record.updated).put(record.owner.id).put(as_signed(record.owner.fence));
}

}  // namespace

Result<std::optional<PaymentRecord>> SqliteSettlements::payment(const PaymentKey& key) {
    Statement row = connection_.prepare(kSelect);
    row.put(key.value());
    X402_TRY(const bool there, row.step());
    if (!there) return std::optional<PaymentRecord>();
    std::optional<PaymentRecord> record = read_payment(row);
    X402_TRY_VOID(row.check());
    return record;
}

Result<void> SqliteSettlements::insert_payment(const PaymentRecord& record) {
    Statement row = connection_.prepare(kInsert);
    put_payment(row, record);
    X402_TRY_VOID(row.run());
    Statement request = connection_.prepare("INSERT INTO payment_requests VALUES (?, ?)");
    request.put(connection_.last_insert_id()).put(record.request);
    return request.run();
}

Result<void> SqliteSettlements::update_payment(const PaymentRecord& record) {
    Statement row = connection_.prepare(
        "UPDATE payments SET state = ?, reason = ?, message = ?, tx = ?, response = ?, "
        "block = ?, told = ?, updated = ?, owner = ?, fence = ? WHERE key = ? AND run = ?");
    row.put(to_string(record.state)).put(record.reason).put(record.message);
    row.put(record.transaction).put(record.response).put(as_signed(record.block));
    row.put(std::int64_t{record.told}).put(record.updated).put(record.owner.id);
    row.put(as_signed(record.owner.fence)).put(record.key.value()).put(record.run);
    X402_TRY_VOID(row.run());
    X402_CHECK(connection_.changed_rows() == 1);
    return {};
}

Result<void> SqliteSettlements::replace_payment(const PaymentRecord& next) {
    Statement archive = connection_.prepare(kArchive);
    archive.put(next.key.value());
    X402_TRY_VOID(archive.run());
    Statement request = connection_.prepare(
        "DELETE FROM payment_requests WHERE payment = (SELECT id FROM payments WHERE key = ?)");
    request.put(next.key.value());
    X402_TRY_VOID(request.run());
    Statement row = connection_.prepare("DELETE FROM payments WHERE key = ?");
    row.put(next.key.value());
    X402_TRY_VOID(row.run());
    return insert_payment(next);
}

Result<std::vector<PaymentRecord>> SqliteSettlements::unfinished_payments(const Owner& mine,
                                                                          std::size_t limit) {
    Statement row = connection_.prepare(kSelectUnfinished);
    row.put(mine.id).put(as_signed(mine.fence)).put(as_signed(limit));
    std::vector<PaymentRecord> found;
    while (true) {
        X402_TRY(const bool there, row.step());
        if (!there) return found;
        found.push_back(read_payment(row));
    }
}

Result<std::vector<std::string>> SqliteSettlements::transactions_of(const PaymentKey& key) {
    Statement row = connection_.prepare(
        "SELECT attempt FROM slot_payments AS one JOIN attempts ON attempts.slot = one.slot "
        "WHERE one.key = ? ORDER BY attempts.id");
    row.put(key.value());
    std::vector<std::string> found;
    while (true) {
        X402_TRY(const bool there, row.step());
        if (!there) return found;
        found.push_back(row.take_text());
    }
}

// Sums are kept by the hour, so that a day's budget reads a few rows however many payments the day
// had.
Result<void> SqliteSettlements::add_cost(const SlotEnd& end) {
    if (end.cost.is_zero()) return {};
    const std::int64_t hour = hour_of(end.at);
    U256 sum;
    {
        Statement row = connection_.prepare("SELECT sum FROM costs WHERE network = ? AND hour = ?");
        row.put(end.slot.network.text()).put(hour);
        X402_TRY(const bool there, row.step());
        if (there) sum = row.take_u256();
        X402_TRY_VOID(row.check());
    }
    Statement row = connection_.prepare("INSERT OR REPLACE INTO costs VALUES (?, ?, ?)");
    row.put(end.slot.network.text()).put(hour).put(sum.saturating_add(end.cost));
    return row.run();
}

Result<void> SqliteSettlements::add_payer_cost(const ChainId& network, const std::string& payer,
                                               std::int64_t hour, const U256& cost) {
    U256 sum;
    {
        Statement row = connection_.prepare(
            "SELECT sum FROM payer_costs WHERE network = ? AND payer = ? AND hour = ?");
        row.put(network.text()).put(payer).put(hour);
        X402_TRY(const bool there, row.step());
        if (there) sum = row.take_u256();
        X402_TRY_VOID(row.check());
    }
    Statement row = connection_.prepare(
        "INSERT INTO payer_costs (network, payer, hour, sum) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (network, payer, hour) DO UPDATE SET sum = excluded.sum");
    row.put(network.text()).put(payer).put(hour).put(sum.saturating_add(cost));
    return row.run();
}

// Anybody may be a payer once: what no day counts any more is forgotten, a little at every end.
Result<void> SqliteSettlements::add_payer_costs(std::int64_t slot, const SlotEnd& end) {
    if (!end.by_payer || end.cost.is_zero()) return {};
    std::vector<std::pair<std::string, std::size_t>> payers;
    std::size_t all = 0;
    {
        Statement row = connection_.prepare(
            "SELECT payer, count(*) FROM slot_payments AS one "
            "JOIN payments ON payments.key = one.key WHERE one.slot = ? GROUP BY payer");
        row.put(slot);
        while (true) {
            X402_TRY(const bool there, row.step());
            if (!there) break;
            std::string payer = row.take_text();
            payers.emplace_back(std::move(payer), static_cast<std::size_t>(row.take_number()));
            all += payers.back().second;
        }
    }
    const std::int64_t hour = hour_of(end.at);
    for (const auto& [payer, count] : payers) {
        const U256 share = share_of(end.cost, count, all);
        X402_TRY_VOID(add_payer_cost(end.slot.network, payer, hour, share));
    }
    Statement old = connection_.prepare(
        "DELETE FROM payer_costs WHERE id IN "
        "(SELECT id FROM payer_costs WHERE hour < ? ORDER BY hour LIMIT 100)");
    old.put(hour - kPayerHours);
    return old.run();
}

Result<U256> SqliteSettlements::cost_of_payer_since(const ChainId& network,
                                                    const std::string& payer, Instant since) {
    U256 sum;
    Statement row = connection_.prepare(
        "SELECT sum FROM payer_costs WHERE network = ? AND payer = ? AND hour >= ?");
    row.put(network.text()).put(payer).put(hour_of(since));
    while (true) {
        X402_TRY(const bool there, row.step());
        if (!there) return sum;
        sum = sum.saturating_add(row.take_u256());
    }
}

Result<U256> SqliteSettlements::cost_since(const ChainId& network, Instant since) {
    U256 sum;
    // The hour that `since` lies in is added up slot by slot, the hours after it are sums already.
    const std::int64_t next_hour = hour_of(since) + 1;
    Statement part = connection_.prepare(
        "SELECT cost FROM slots INDEXED BY slots_ended "
        "WHERE network = ? AND ended IS NOT NULL AND ended >= ? AND ended < ?");
    part.put(network.text()).put(since).put(next_hour * kHourMs);
    while (true) {
        X402_TRY(const bool there, part.step());
        if (!there) break;
        sum = sum.saturating_add(part.take_u256());
    }
    Statement hours = connection_.prepare("SELECT sum FROM costs WHERE network = ? AND hour >= ?");
    hours.put(network.text()).put(next_hour);
    while (true) {
        X402_TRY(const bool there, hours.step());
        if (!there) break;
        sum = sum.saturating_add(hours.take_u256());
    }
    return sum;
}

}  // namespace x402::store::sqlite
