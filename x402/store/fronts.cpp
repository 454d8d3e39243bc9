// SPDX-License-Identifier: Apache-2.0
// Each call becomes a job that owns its arguments. The functions are no coroutines themselves: they
// build the job and return the one that waits for it. Any thread.
#include "x402/store/fronts.hpp"

#include "x402/base/hex.hpp"
#include "x402/store/grant_ops.hpp"
#include "x402/store/journal_ops.hpp"
#include "x402/store/settlement_ops.hpp"

namespace x402::store {

namespace {

constexpr std::size_t kOwnerBytes = 16;

Label writing(std::string_view name) {
    return {Access::write, name};
}

// An operation that has no value to give.
template <class Operation>
Task<Result<void>> run_void(Engine& engine, std::string_view name, Operation operation) {
    std::move_only_function<Result<void>(Session&)> work = std::move(operation);
    return perform(engine, writing(name), std::move(work));
}

std::string_view name_of_move(GrantState from, GrantState to) noexcept {
    if (from == to) return "grant.note";
    switch (to) {
        case GrantState::settling:
            return "grant.settling";
        case GrantState::settled:
            return "grant.settled";
        case GrantState::delivered:
            return "grant.delivered";
        case GrantState::released:
            return "grant.released";
        case GrantState::claimed:
            break;
    }
    return "grant.illegal";
}

std::string_view name_of_change(const JournalChange& change) noexcept {
    if (!change.state) return "journal.note";
    switch (*change.state) {
        case JournalState::sent:
            return "journal.sent";
        case JournalState::unknown:
            return "journal.unknown";
        case JournalState::settled:
            return "journal.settled";
        case JournalState::failed:
            return "journal.failed";
        case JournalState::signed_:
            break;
    }
    return "journal.illegal";
}

class SettlementFront final : public SettlementStore {
public:
    SettlementFront(std::shared_ptr<Engine> engine, Owner owner)
        : engine_(std::move(engine)), owner_(std::move(owner)) {}

    const Owner& owner() const noexcept override { return owner_; }

    Task<Result<ClaimAnswer>> claim_payment(PaymentRecord intent) override {
        return run<ClaimAnswer>(
            *engine_, writing("settlement.claim"),
            [owner = owner_, intent = std::move(intent)](Session& session) mutable {
                return ops::claim_payment(session.settlements(), owner, std::move(intent));
            });
    }

    Task<Result<void>> take_slot(SlotRecord slot) override {
        return run_void(*engine_, "settlement.take_slot",
                        [owner = owner_, slot = std::move(slot)](Session& session) mutable {
                            return ops::take_slot(session.settlements(), owner, std::move(slot));
                        });
    }

    Task<Result<void>> record_attempt(SlotName slot, AttemptRecord attempt) override {
        return run_void(*engine_, "settlement.record_attempt",
                        [owner = owner_, slot = std::move(slot),
                         attempt = std::move(attempt)](Session& session) {
                            return ops::record_attempt(session.settlements(), owner, slot, attempt);
                        });
    }

    Task<Result<void>> note_sent(SlotName slot, std::string attempt, std::string sent) override {
        AttemptRecord noted;
        noted.id = std::move(attempt);
        noted.sent = std::move(sent);
        return run_void(
            *engine_, "settlement.note_sent",
            [owner = owner_, slot = std::move(slot), noted = std::move(noted)](Session& session) {
                return ops::note_sent(session.settlements(), owner, slot, noted);
            });
    }

    Task<Result<void>> end_slot(SlotEnd end) override {
        return run_void(*engine_, "settlement.end_slot",
                        [owner = owner_, end = std::move(end)](Session& session) {
                            return ops::end_slot(session.settlements(), owner, end);
                        });
    }

    Task<Result<void>> end_payment(PaymentEnd end, Instant at) override {
        return run_void(*engine_, "settlement.end_payment",
                        [owner = owner_, end = std::move(end), at](Session& session) {
                            return ops::end_payment(session.settlements(), owner, end, at);
                        });
    }

    Task<Result<bool>> tell(PaymentKey key, Instant at) override {
        return run<bool>(*engine_, writing("settlement.tell"),
                         [key = std::move(key), at](Session& session) {
                             return ops::tell(session.settlements(), key, at);
                         });
    }

    Task<Result<std::optional<PaymentRecord>>> find_payment(PaymentKey key) override {
        return run<std::optional<PaymentRecord>>(*engine_, Access::read,
                                                 [key = std::move(key)](Session& session) {
                                                     return session.settlements().payment(key);
                                                 });
    }

    Task<Result<std::vector<std::string>>> transactions_of(PaymentKey key) override {
        return run<std::vector<std::string>>(*engine_, Access::read,
                                             [key = std::move(key)](Session& session) {
                                                 return session.settlements().transactions_of(key);
                                             });
    }

    Task<Result<std::vector<PaymentRecord>>> open_payments(std::size_t limit) override {
        return run<std::vector<PaymentRecord>>(*engine_, writing("settlement.take_over_payments"),
                                               [owner = owner_, limit](Session& session) {
                                                   return ops::open_payments(session.settlements(),
                                                                             owner, limit);
                                               });
    }

    Task<Result<std::vector<SlotRecord>>> open_slots(ChainId network) override {
        return run<std::vector<SlotRecord>>(
            *engine_, writing("settlement.take_over_slots"),
            [owner = owner_, network = std::move(network)](Session& session) {
                return ops::open_slots(session.settlements(), owner, network);
            });
    }

    Task<Result<std::vector<SlotName>>> recorded_slots(ChainId network,
                                                       std::string signer) override {
        return run<std::vector<SlotName>>(
            *engine_, Access::read,
            [network = std::move(network), signer = std::move(signer)](Session& session) {
                return session.settlements().recorded_slots(network, signer);
            });
    }

    Task<Result<U256>> cost_since(ChainId network, Instant since) override {
        return run<U256>(*engine_, Access::read,
                         [network = std::move(network), since](Session& session) {
                             return session.settlements().cost_since(network, since);
                         });
    }

    Task<Result<U256>> cost_of_payer_since(ChainId network, std::string payer,
                                           Instant since) override {
        return run<U256>(
            *engine_, Access::read,
            [network = std::move(network), payer = std::move(payer), since](Session& session) {
                return session.settlements().cost_of_payer_since(network, payer, since);
            });
    }

private:
    std::shared_ptr<Engine> engine_;
    Owner owner_;
};

class GrantFront final : public GrantStore {
public:
    GrantFront(std::shared_ptr<Engine> engine, Owner owner)
        : engine_(std::move(engine)), owner_(std::move(owner)) {}

    const Owner& owner() const noexcept override { return owner_; }

    Task<Result<GrantClaim>> claim(GrantRecord grant) override {
        return run<GrantClaim>(
            *engine_, writing("grant.claim"),
            [owner = owner_, grant = std::move(grant)](Session& session) mutable {
                return ops::claim_grant(session.grants(), owner, std::move(grant));
            });
    }

    Task<Result<bool>> move(PaymentKey key, GrantState from, GrantChange change,
                            Instant at) override {
        ops::GrantMove asked{std::move(key), from, std::move(change), at};
        const Label label = writing(name_of_move(from, asked.change.to));
        return run<bool>(*engine_, label,
                         [owner = owner_, asked = std::move(asked)](Session& session) {
                             return ops::move_grant(session.grants(), owner, asked);
                         });
    }

    Task<Result<std::optional<GrantRecord>>> find(PaymentKey key) override {
        return run<std::optional<GrantRecord>>(
            *engine_, Access::read,
            [key = std::move(key)](Session& session) { return session.grants().grant(key); });
    }

    Task<Result<std::optional<GrantRecord>>> find_open(ChainId network, std::string payer,
                                                       Hash32 request) override {
        return run<std::optional<GrantRecord>>(
            *engine_, Access::read,
            [network = std::move(network), payer = std::move(payer), request](Session& session) {
                return session.grants().find_open(network, payer, request);
            });
    }

    Task<Result<std::vector<GrantRecord>>> take_over(std::size_t limit) override {
        return run<std::vector<GrantRecord>>(
            *engine_, writing("grant.take_over"), [owner = owner_, limit](Session& session) {
                return ops::take_over(session.grants(), owner, limit);
            });
    }

    Task<Result<std::size_t>> forget_answers(Instant now) override {
        return run<std::size_t>(*engine_, writing("grant.forget_answers"), [now](Session& session) {
            return session.grants().forget_answers(now);
        });
    }

    Task<Result<std::size_t>> forget_released(Instant over, std::size_t limit) override {
        return run<std::size_t>(*engine_, writing("grant.forget_released"),
                                [over, limit](Session& session) {
                                    return session.grants().forget_released(over, limit);
                                });
    }

private:
    std::shared_ptr<Engine> engine_;
    Owner owner_;
};

class JournalFront final : public PaymentJournal {
public:
    explicit JournalFront(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

    Task<Result<std::int64_t>> begin(NewEntry entry, Lease lease, Instant now) override {
        return run<std::int64_t>(
            *engine_, writing("journal.begin"),
            [entry = std::move(entry), lease = std::move(lease), now](Session& session) mutable {
                return ops::begin_entry(session.journal(), std::move(entry), lease, now);
            });
    }

    Task<Result<std::optional<JournalEntry>>> take_unfinished(Hash32 fingerprint, Lease lease,
                                                              Instant now) override {
        return run<std::optional<JournalEntry>>(
            *engine_, writing("journal.take_unfinished"),
            [fingerprint, lease = std::move(lease), now](Session& session) {
                return ops::take_unfinished(session.journal(), fingerprint, lease, now);
            });
    }

    Task<Result<void>> change(std::int64_t id, JournalChange change, std::string lease_owner,
                              Instant now) override {
        const std::string_view name = name_of_change(change);
        ops::EntryChange asked{id, std::move(change), std::move(lease_owner), now};
        return run_void(*engine_, name, [asked = std::move(asked)](Session& session) {
            return ops::change_entry(session.journal(), asked);
        });
    }

    Task<Result<void>> renew(std::int64_t id, Lease lease, Instant now) override {
        return run_void(*engine_, "journal.renew",
                        [id, lease = std::move(lease), now](Session& session) {
                            return ops::renew_entry(session.journal(), id, lease, now);
                        });
    }

    Task<Result<void>> release(std::int64_t id, std::string lease_owner) override {
        return run_void(*engine_, "journal.release",
                        [id, lease_owner = std::move(lease_owner)](Session& session) {
                            return ops::release_entry(session.journal(), id, lease_owner);
                        });
    }

    Task<Result<std::vector<JournalEntry>>> history(std::size_t limit) override {
        return run<std::vector<JournalEntry>>(*engine_, Access::read, [limit](Session& session) {
            return session.journal().history(limit);
        });
    }

    Task<Result<U256>> spent(std::string group, Instant since) override {
        return run<U256>(*engine_, Access::read,
                         [group = std::move(group), since](Session& session) {
                             return session.journal().spent(group, since);
                         });
    }

private:
    std::shared_ptr<Engine> engine_;
};

}  // namespace

RoleStore make_role_store(std::shared_ptr<Engine> engine, const Owner& owner) {
    RoleStore store;
    store.settlements = std::make_unique<SettlementFront>(engine, owner);
    store.grants = std::make_unique<GrantFront>(std::move(engine), owner);
    return store;
}

std::unique_ptr<PaymentJournal> make_journal(std::shared_ptr<Engine> engine) {
    return std::make_unique<JournalFront>(std::move(engine));
}

std::string make_owner_id(Random& random) {
    return to_hex(random.bytes<kOwnerBytes>().view());
}

}  // namespace x402::store
