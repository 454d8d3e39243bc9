// SPDX-License-Identifier: Apache-2.0
// What a backend must be able to keep, in plain synchronous calls: the operations (settlement_ops,
// grant_ops, journal_ops) hold all rules and are written once over these. A Session is one
// transaction's view; the engine that hands it out sees to it that an operation happens whole or
// not at all. One thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/base/result.hpp"
#include "x402/store/grant_store.hpp"
#include "x402/store/payment_journal.hpp"
#include "x402/store/settlement_store.hpp"

namespace x402::store {

class SettlementRows {
public:
    virtual ~SettlementRows() = default;
    virtual Result<std::optional<PaymentRecord>> payment(const PaymentKey& key) = 0;
    virtual Result<void> insert_payment(const PaymentRecord& record) = 0;
    // What changes in the life of one run: state, reason, message, transaction, response, block,
    // told, updated, owner.
    virtual Result<void> update_payment(const PaymentRecord& record) = 0;
    // The present run becomes history and leaves its place to `next`.
    virtual Result<void> replace_payment(const PaymentRecord& next) = 0;
    // Not final; those of other owners first, then the oldest first.
    virtual Result<std::vector<PaymentRecord>> unfinished_payments(const Owner& mine,
                                                                   std::size_t limit) = 0;
    virtual Result<std::vector<std::string>> transactions_of(const PaymentKey& key) = 0;

    // With payments and attempts.
    virtual Result<std::optional<SlotRecord>> slot(const SlotName& name) = 0;
    // Takes the place of a slot of this name that is there.
    virtual Result<void> put_slot(const SlotRecord& slot) = 0;
    virtual Result<void> own_slot(const SlotName& name, const Owner& owner) = 0;
    virtual Result<void> add_attempt(const SlotName& name, const AttemptRecord& attempt) = 0;
    virtual Result<void> note_sent(const SlotName& name, const std::string& attempt,
                                   const std::string& sent) = 0;
    // State, attempt, cost and instant; the payments are moved one by one.
    virtual Result<void> finish_slot(const SlotEnd& end) = 0;
    virtual Result<std::vector<SlotRecord>> open_slots(const ChainId& network) = 0;
    virtual Result<std::vector<SlotName>> recorded_slots(const ChainId& network,
                                                         const std::string& signer) = 0;
    virtual Result<U256> cost_since(const ChainId& network, Instant since) = 0;
    virtual Result<U256> cost_of_payer_since(const ChainId& network, const std::string& payer,
                                             Instant since) = 0;
};

class GrantRows {
public:
    virtual ~GrantRows() = default;
    virtual Result<std::optional<GrantRecord>> grant(const PaymentKey& key) = 0;
    // Takes the place of a grant of this key that is there.
    virtual Result<void> put_grant(const GrantRecord& record) = 0;
    // What a move may change; the answer only where `with_answer` says so.
    virtual Result<void> update_grant(const GrantRecord& record, bool with_answer) = 0;
    // Nothing happens where there is no answer.
    virtual Result<void> keep_answer(const PaymentKey& key, Instant until) = 0;
    // Without its answer.
    virtual Result<std::optional<GrantRecord>> find_open(const ChainId& network,
                                                         const std::string& payer,
                                                         const Hash32& request) = 0;
    // Not final, without their answers; those of other owners first, then claimed and settling,
    // then the oldest.
    virtual Result<std::vector<GrantRecord>> unfinished_grants(const Owner& mine,
                                                               std::size_t limit) = 0;
    virtual Result<std::size_t> forget_answers(Instant now) = 0;
    virtual Result<std::size_t> forget_released(Instant over, std::size_t limit) = 0;
};

class JournalRows {
public:
    virtual ~JournalRows() = default;
    virtual Result<std::int64_t> insert_entry(const NewEntry& entry) = 0;
    virtual Result<std::optional<JournalEntry>> entry(std::int64_t id) = 0;
    // State, delivered, transaction, response, updated, lease.
    virtual Result<void> update_entry(const JournalEntry& entry) = 0;
    // signed_, sent and unknown ones of a request, oldest first.
    virtual Result<std::vector<JournalEntry>> unfinished_entries(const Hash32& fingerprint) = 0;
    virtual Result<bool> holds_key(const PaymentKey& key) = 0;  // in a record that did not fail
    virtual Result<std::vector<JournalEntry>> history(std::size_t limit) = 0;
    virtual Result<U256> spent(const std::string& group, Instant since) = 0;
};

// A role's file has settlements and grants, a payer's file the journal. Asking for the other is a
// defect.
class Session {
public:
    virtual ~Session() = default;
    virtual SettlementRows& settlements() = 0;
    virtual GrantRows& grants() = 0;
    virtual JournalRows& journal() = 0;
};

}  // namespace x402::store
