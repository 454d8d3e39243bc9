// SPDX-License-Identifier: Apache-2.0
// Guarded by the disk's mutex.
#include "x402/store/memory/rows.hpp"

#include <algorithm>
#include <tuple>

#include "x402/base/check.hpp"
#include "x402/store/rules.hpp"

namespace x402::store::memory {

namespace {

constexpr std::size_t kEndedSlots = 1024;  // of a signer, whose key may still matter

template <class Record>
void cut(std::vector<Record>& records, std::size_t limit) {
    if (records.size() > limit) records.resize(limit);
}

}  // namespace

Result<std::optional<PaymentRecord>> MemorySettlements::payment(const PaymentKey& key) {
    const auto it = payments_.find(key);
    if (it == payments_.end()) return std::optional<PaymentRecord>();
    return std::optional<PaymentRecord>(it->second);
}

Result<void> MemorySettlements::insert_payment(const PaymentRecord& record) {
    X402_CHECK(payments_.emplace(record.key, record).second);
    unfinished_.insert(record.key);
    return {};
}

Result<void> MemorySettlements::update_payment(const PaymentRecord& record) {
    const auto it = payments_.find(record.key);
    X402_CHECK(it != payments_.end() && it->second.run == record.run);
    it->second = record;
    if (is_final(record.state)) unfinished_.erase(record.key);
    return {};
}

Result<void> MemorySettlements::replace_payment(const PaymentRecord& next) {
    const auto it = payments_.find(next.key);
    X402_CHECK(it != payments_.end());
    history_.push_back(std::move(it->second));
    it->second = next;
    unfinished_.insert(next.key);
    return {};
}

Result<std::vector<PaymentRecord>> MemorySettlements::unfinished_payments(const Owner& mine,
                                                                          std::size_t limit) {
    std::vector<PaymentRecord> found;
    for (const PaymentKey& key : unfinished_) found.push_back(payments_.at(key));
    std::stable_sort(found.begin(), found.end(), [&](const auto& left, const auto& right) {
        return std::tuple(left.owner == mine, left.created) <
               std::tuple(right.owner == mine, right.created);
    });
    cut(found, limit);
    return found;
}

Result<std::vector<std::string>> MemorySettlements::transactions_of(const PaymentKey& key) {
    std::vector<std::string> found;
    const auto [first, last] = attempts_.equal_range(key);
    for (auto it = first; it != last; ++it) found.push_back(it->second);
    return found;
}

MemorySettlements::Kept& MemorySettlements::kept(const SlotName& name) {
    const auto it = slots_.find(name);
    X402_CHECK(it != slots_.end());
    return it->second;
}

Result<std::optional<SlotRecord>> MemorySettlements::slot(const SlotName& name) {
    const auto it = slots_.find(name);
    if (it == slots_.end()) return std::optional<SlotRecord>();
    return std::optional<SlotRecord>(it->second.slot);
}

Result<void> MemorySettlements::put_slot(const SlotRecord& slot) {
    slots_.insert_or_assign(slot.name, Kept{next_number_++, slot});
    return {};
}

Result<void> MemorySettlements::own_slot(const SlotName& name, const Owner& owner) {
    kept(name).slot.owner = owner;
    return {};
}

Result<void> MemorySettlements::add_attempt(const SlotName& name, const AttemptRecord& attempt) {
    SlotRecord& slot = kept(name).slot;
    slot.attempts.push_back(attempt);
    for (const PaymentKey& key : slot.payments) attempts_.emplace(key, attempt.id);
    return {};
}

Result<void> MemorySettlements::note_sent(const SlotName& name, const std::string& attempt,
                                          const std::string& sent) {
    for (AttemptRecord& one : kept(name).slot.attempts) {
        if (one.id == attempt) one.sent = sent;
    }
    return {};
}

Result<void> MemorySettlements::finish_slot(const SlotEnd& end) {
    kept(end.slot).slot.state = end.state;
    costs_.emplace(std::pair(end.slot.network, end.at), end.cost);
    if (!end.by_payer || end.cost.is_zero()) return {};
    const auto& keys = kept(end.slot).slot.payments;
    std::map<std::string, std::size_t> payers;
    for (const PaymentKey& key : keys) ++payers[payments_.at(key).payer];
    for (const auto& [payer, count] : payers) {
        U256& sum = payer_costs_[{end.slot.network, payer, hour_of(end.at)}];
        sum = sum.saturating_add(share_of(end.cost, count, keys.size()));
    }
    return {};
}

Result<std::vector<SlotRecord>> MemorySettlements::open_slots(const ChainId& network) {
    std::vector<const Kept*> open;
    for (const auto& [name, one] : slots_) {
        if (name.network == network && one.slot.state == SlotState::open) open.push_back(&one);
    }
    std::sort(open.begin(), open.end(),
              [](const Kept* left, const Kept* right) { return left->number < right->number; });
    std::vector<SlotRecord> found;
    for (const Kept* one : open) found.push_back(one->slot);
    return found;
}

Result<std::vector<SlotName>> MemorySettlements::recorded_slots(const ChainId& network,
                                                                const std::string& signer) {
    std::vector<SlotName> found;
    std::vector<const Kept*> mined;
    for (const auto& [name, one] : slots_) {
        if (name.network != network || name.signer != signer) continue;
        if (one.slot.state == SlotState::open) found.push_back(name);
        if (one.slot.state == SlotState::mined) mined.push_back(&one);
    }
    std::sort(mined.begin(), mined.end(),
              [](const Kept* left, const Kept* right) { return left->number > right->number; });
    if (mined.size() > kEndedSlots) mined.resize(kEndedSlots);
    for (const Kept* one : mined) found.push_back(one->slot.name);
    return found;
}

Result<U256> MemorySettlements::cost_since(const ChainId& network, Instant since) {
    U256 sum;
    for (auto it = costs_.lower_bound({network, since}); it != costs_.end(); ++it) {
        if (it->first.first != network) break;
        sum = sum.saturating_add(it->second);
    }
    return sum;
}

Result<U256> MemorySettlements::cost_of_payer_since(const ChainId& network,
                                                    const std::string& payer, Instant since) {
    U256 sum;
    auto it = payer_costs_.lower_bound({network, payer, hour_of(since)});
    for (; it != payer_costs_.end(); ++it) {
        const auto& [chain, who, hour] = it->first;
        if (chain != network || who != payer) break;
        sum = sum.saturating_add(it->second);
    }
    return sum;
}

Result<std::optional<GrantRecord>> MemoryGrants::grant(const PaymentKey& key) {
    const auto it = grants_.find(key);
    if (it == grants_.end()) return std::optional<GrantRecord>();
    return std::optional<GrantRecord>(it->second);
}

Result<void> MemoryGrants::put_grant(const GrantRecord& record) {
    grants_.insert_or_assign(record.key, record);
    unfinished_.insert(record.key);
    return {};
}

Result<void> MemoryGrants::update_grant(const GrantRecord& record, bool with_answer) {
    const auto it = grants_.find(record.key);
    X402_CHECK(it != grants_.end());
    auto kept = std::move(it->second.answer);
    it->second = record;
    if (!with_answer) it->second.answer = std::move(kept);
    if (is_final(record.state)) unfinished_.erase(record.key);
    return {};
}

Result<void> MemoryGrants::keep_answer(const PaymentKey& key, Instant until) {
    const auto it = grants_.find(key);
    if (it != grants_.end() && it->second.answer) it->second.answer->until = until;
    return {};
}

Result<std::optional<GrantRecord>> MemoryGrants::find_open(const ChainId& network,
                                                           const std::string& payer,
                                                           const Hash32& request) {
    const GrantRecord* newest = nullptr;
    for (const PaymentKey& key : unfinished_) {
        const GrantRecord& record = grants_.at(key);
        if (record.state == GrantState::claimed) continue;
        if (record.payer != payer || record.request != request) continue;
        if (record.network != network) continue;
        if (newest == nullptr || record.created >= newest->created) newest = &record;
    }
    if (newest == nullptr) return std::optional<GrantRecord>();
    std::optional<GrantRecord> found(*newest);
    found->answer.reset();
    return found;
}

Result<std::vector<GrantRecord>> MemoryGrants::unfinished_grants(const Owner& mine,
                                                                 std::size_t limit) {
    std::vector<GrantRecord> found;
    for (const PaymentKey& key : unfinished_) {
        found.push_back(grants_.at(key));
        found.back().answer.reset();
    }
    const auto rank = [&mine](const GrantRecord& one) {
        return std::tuple(one.owner == mine, one.state == GrantState::settled, one.created);
    };
    std::stable_sort(found.begin(), found.end(), [&rank](const auto& left, const auto& right) {
        return rank(left) < rank(right);
    });
    cut(found, limit);
    return found;
}

Result<std::size_t> MemoryGrants::forget_answers(Instant now) {
    std::size_t forgotten = 0;
    for (auto& [key, record] : grants_) {
        if (!record.answer || record.answer->until > now) continue;
        if (record.state == GrantState::settling) continue;
        record.answer.reset();
        ++forgotten;
    }
    return forgotten;
}

Result<std::size_t> MemoryGrants::forget_released(Instant over, std::size_t limit) {
    std::vector<std::pair<Instant, PaymentKey>> found;
    for (const auto& [key, record] : grants_) {
        if (record.state == GrantState::released && record.usable_until <= over)
            found.emplace_back(record.usable_until, key);
    }
    std::sort(found.begin(), found.end());
    cut(found, limit);
    for (const auto& each : found) grants_.erase(each.second);
    return found.size();
}

Result<std::int64_t> MemoryJournal::insert_entry(const NewEntry& entry) {
    const auto id = static_cast<std::int64_t>(entries_.size()) + 1;
    NewEntry& kept = entries_[id];
    kept = entry;
    kept.entry.id = id;
    return id;
}

Result<std::optional<JournalEntry>> MemoryJournal::entry(std::int64_t id) {
    const auto it = entries_.find(id);
    if (it == entries_.end()) return std::optional<JournalEntry>();
    return std::optional<JournalEntry>(it->second.entry);
}

Result<void> MemoryJournal::update_entry(const JournalEntry& entry) {
    const auto it = entries_.find(entry.id);
    X402_CHECK(it != entries_.end());
    it->second.entry = entry;
    return {};
}

Result<std::vector<JournalEntry>> MemoryJournal::unfinished_entries(const Hash32& fingerprint) {
    std::vector<JournalEntry> found;
    for (const auto& [id, kept] : entries_) {
        if (kept.entry.fingerprint != fingerprint || is_final(kept.entry.state)) continue;
        found.push_back(kept.entry);
    }
    return found;
}

Result<bool> MemoryJournal::holds_key(const PaymentKey& key) {
    return std::any_of(entries_.begin(), entries_.end(), [&](const auto& kept) {
        const JournalEntry& entry = kept.second.entry;
        return entry.key == key && entry.state != JournalState::failed;
    });
}

Result<std::vector<JournalEntry>> MemoryJournal::history(std::size_t limit) {
    std::vector<JournalEntry> found;
    for (auto it = entries_.rbegin(); it != entries_.rend() && found.size() < limit; ++it) {
        found.push_back(it->second.entry);
    }
    return found;
}

Result<U256> MemoryJournal::spent(const std::string& group, Instant since) {
    U256 sum;
    for (const auto& [id, kept] : entries_) {
        if (!group.empty() && kept.group != group) continue;
        if (kept.entry.created < since || kept.entry.state == JournalState::failed) continue;
        sum = sum.saturating_add(kept.usd_micros);
    }
    return sum;
}

}  // namespace x402::store::memory
