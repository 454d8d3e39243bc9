// SPDX-License-Identifier: Apache-2.0
// The records of a SQLite file. Each call is a few prepared statements inside the transaction that
// the engine has opened. One thread at a time, the connection's.
#pragma once

#include "x402/store/rows.hpp"
#include "x402/store/sqlite/connection.hpp"

namespace x402::store::sqlite {

class SqliteSettlements final : public SettlementRows {
public:
    explicit SqliteSettlements(Connection& connection) : connection_(connection) {}
    Result<std::optional<PaymentRecord>> payment(const PaymentKey& key) override;
    Result<void> insert_payment(const PaymentRecord& record) override;
    Result<void> update_payment(const PaymentRecord& record) override;
    Result<void> replace_payment(const PaymentRecord& next) override;
    Result<std::vector<PaymentRecord>> unfinished_payments(const Owner& mine,
                                                           std::size_t limit) override;
    Result<std::vector<std::string>> transactions_of(const PaymentKey& key) override;
    Result<std::optional<SlotRecord>> slot(const SlotName& name) override;
    Result<void> put_slot(const SlotRecord& slot) override;
    Result<void> own_slot(const SlotName& name, const Owner& owner) override;
    Result<void> add_attempt(const SlotName& name, const AttemptRecord& attempt) override;
    Result<void> note_sent(const SlotName& name, const std::string& attempt,
                           const std::string& sent) override;
    Result<void> finish_slot(const SlotEnd& end) override;
    Result<std::vector<SlotRecord>> open_slots(const ChainId& network) override;
    Result<std::vector<SlotName>> recorded_slots(const ChainId& network,
                                                 const std::string& signer) override;
    Result<U256> cost_since(const ChainId& network, Instant since) override;
    Result<U256> cost_of_payer_since(const ChainId& network, const std::string& payer,
                                     Instant since) override;

private:
    struct Kept {
        std::int64_t id = 0;
        SlotRecord slot;
    };
    Result<std::int64_t> slot_id(const SlotName& name);
    Result<void> fill_slot(Kept& kept);
    Result<void> add_cost(const SlotEnd& end);
    Result<void> add_payer_costs(std::int64_t slot, const SlotEnd& end);
    Result<void> add_payer_cost(const ChainId& network, const std::string& payer, std::int64_t hour,
                                const U256& cost);

    Connection& connection_;
};

class SqliteGrants final : public GrantRows {
public:
    explicit SqliteGrants(Connection& connection) : connection_(connection) {}
    Result<std::optional<GrantRecord>> grant(const PaymentKey& key) override;
    Result<void> put_grant(const GrantRecord& record) override;
    Result<void> update_grant(const GrantRecord& record, bool with_answer) override;
    Result<void> keep_answer(const PaymentKey& key, Instant until) override;
    Result<std::optional<GrantRecord>> find_open(const ChainId& network, const std::string& payer,
                                                 const Hash32& request) override;
    Result<std::vector<GrantRecord>> unfinished_grants(const Owner& mine,
                                                       std::size_t limit) override;
    Result<std::size_t> forget_answers(Instant now) override;
    Result<std::size_t> forget_released(Instant over, std::size_t limit) override;

private:
    struct Kept {
        std::int64_t id = 0;
        GrantRecord record;
    };
    static Kept read_grant(Statement& row);
    Result<std::optional<GrantRecord>> with_answer(std::optional<Kept> kept);
    Result<void> forget_grant(const PaymentKey& key);
    Result<void> put_answer(const GrantRecord& record);

    Connection& connection_;
};

class SqliteJournal final : public JournalRows {
public:
    explicit SqliteJournal(Connection& connection) : connection_(connection) {}
    Result<std::int64_t> insert_entry(const NewEntry& entry) override;
    Result<std::optional<JournalEntry>> entry(std::int64_t id) override;
    Result<void> update_entry(const JournalEntry& entry) override;
    Result<std::vector<JournalEntry>> unfinished_entries(const Hash32& fingerprint) override;
    Result<bool> holds_key(const PaymentKey& key) override;
    Result<std::vector<JournalEntry>> history(std::size_t limit) override;
    Result<U256> spent(const std::string& group, Instant since) override;

private:
    Connection& connection_;
};

}  // namespace x402::store::sqlite
