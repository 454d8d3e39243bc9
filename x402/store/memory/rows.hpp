// SPDX-License-Identifier: Apache-2.0
// The records of a memory store in plain containers. Writing cannot fail here, and the operations
// check before they write, so nothing has to be undone. Guarded by the disk's mutex.
#pragma once

#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "x402/store/rows.hpp"

namespace x402::store::memory {

class MemorySettlements final : public SettlementRows {
public:
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
        std::uint64_t number = 0;  // grows with every slot taken
        SlotRecord slot;
    };
    Kept& kept(const SlotName& name);

    std::map<PaymentKey, PaymentRecord> payments_;
    std::set<PaymentKey> unfinished_;
    std::vector<PaymentRecord> history_;
    std::map<SlotName, Kept> slots_;
    std::multimap<PaymentKey, std::string> attempts_;  // equal keys keep the order of insertion
    std::multimap<std::pair<ChainId, Instant>, U256> costs_;
    std::map<std::tuple<ChainId, std::string, std::int64_t>, U256> payer_costs_;  // by the hour
    std::uint64_t next_number_ = 1;
};

class MemoryGrants final : public GrantRows {
public:
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
    std::map<PaymentKey, GrantRecord> grants_;
    std::set<PaymentKey> unfinished_;
};

class MemoryJournal final : public JournalRows {
public:
    Result<std::int64_t> insert_entry(const NewEntry& entry) override;
    Result<std::optional<JournalEntry>> entry(std::int64_t id) override;
    Result<void> update_entry(const JournalEntry& entry) override;
    Result<std::vector<JournalEntry>> unfinished_entries(const Hash32& fingerprint) override;
    Result<bool> holds_key(const PaymentKey& key) override;
    Result<std::vector<JournalEntry>> history(std::size_t limit) override;
    Result<U256> spent(const std::string& group, Instant since) override;

private:
    std::map<std::int64_t, NewEntry> entries_;
};

}  // namespace x402::store::memory
