// SPDX-License-Identifier: Apache-2.0
// The wrappers. Taking over after a start is a write as well: open_payments, open_slots, take_over.
#include "x402/store/testing.hpp"

namespace x402::store::testing {

namespace {

std::unexpected<Error> injected(std::string_view operation) {
    return fail(Errc::unavailable, "injected at " + std::string(operation));
}

// A task is lazy: building it before the plan has agreed does nothing yet.
template <class T>
Task<Result<T>> write(FaultPlan& plan, std::string_view operation, Task<Result<T>> task) {
    const auto number = plan.enter(operation);
    if (!number) co_return fail(number.error());
    Result<T> result = co_await std::move(task);
    const auto left = plan.leave(operation, *number);
    if (!left) co_return fail(left.error());
    co_return result;
}

template <class T>
Task<Result<T>> read(FaultPlan& plan, Task<Result<T>> task) {
    const auto alive = plan.check_alive();
    if (!alive) co_return fail(alive.error());
    co_return co_await std::move(task);
}

class FaultySettlements final : public SettlementStore {
public:
    FaultySettlements(std::unique_ptr<SettlementStore> store, std::shared_ptr<FaultPlan> plan)
        : store_(std::move(store)), plan_(std::move(plan)) {}

    const Owner& owner() const noexcept override { return store_->owner(); }
    Task<Result<ClaimAnswer>> claim_payment(PaymentRecord intent) override {
        return write(*plan_, "claim_payment", store_->claim_payment(std::move(intent)));
    }
    Task<Result<void>> take_slot(SlotRecord slot) override {
        return write(*plan_, "take_slot", store_->take_slot(std::move(slot)));
    }
    Task<Result<void>> record_attempt(SlotName slot, AttemptRecord attempt) override {
        return write(*plan_, "record_attempt",
                     store_->record_attempt(std::move(slot), std::move(attempt)));
    }
    Task<Result<void>> note_sent(SlotName slot, std::string attempt, std::string sent) override {
        return write(*plan_, "note_sent",
                     store_->note_sent(std::move(slot), std::move(attempt), std::move(sent)));
    }
    Task<Result<void>> end_slot(SlotEnd end) override {
        return write(*plan_, "end_slot", store_->end_slot(std::move(end)));
    }
    Task<Result<void>> end_payment(PaymentEnd end, Instant at) override {
        return write(*plan_, "end_payment", store_->end_payment(std::move(end), at));
    }
    Task<Result<bool>> tell(PaymentKey key, Instant at) override {
        return write(*plan_, "tell", store_->tell(std::move(key), at));
    }
    Task<Result<std::optional<PaymentRecord>>> find_payment(PaymentKey key) override {
        return read(*plan_, store_->find_payment(std::move(key)));
    }
    Task<Result<std::vector<std::string>>> transactions_of(PaymentKey key) override {
        return read(*plan_, store_->transactions_of(std::move(key)));
    }
    Task<Result<std::vector<PaymentRecord>>> open_payments(std::size_t limit) override {
        return write(*plan_, "open_payments", store_->open_payments(limit));
    }
    Task<Result<std::vector<SlotRecord>>> open_slots(ChainId network) override {
        return write(*plan_, "open_slots", store_->open_slots(std::move(network)));
    }
    Task<Result<std::vector<SlotName>>> recorded_slots(ChainId network,
                                                       std::string signer) override {
        return read(*plan_, store_->recorded_slots(std::move(network), std::move(signer)));
    }
    Task<Result<U256>> cost_since(ChainId network, Instant since) override {
        return read(*plan_, store_->cost_since(std::move(network), since));
    }
    Task<Result<U256>> cost_of_payer_since(ChainId network, std::string payer,
                                           Instant since) override {
        return read(*plan_,
                    store_->cost_of_payer_since(std::move(network), std::move(payer), since));
    }

private:
    std::unique_ptr<SettlementStore> store_;
    std::shared_ptr<FaultPlan> plan_;  // the test sets it up and reads it
};

class FaultyGrants final : public GrantStore {
public:
    FaultyGrants(std::unique_ptr<GrantStore> store, std::shared_ptr<FaultPlan> plan)
        : store_(std::move(store)), plan_(std::move(plan)) {}

    const Owner& owner() const noexcept override { return store_->owner(); }
    Task<Result<GrantClaim>> claim(GrantRecord grant) override {
        return write(*plan_, "claim", store_->claim(std::move(grant)));
    }
    Task<Result<bool>> move(PaymentKey key, GrantState from, GrantChange change,
                            Instant at) override {
        return write(*plan_, "move", store_->move(std::move(key), from, std::move(change), at));
    }
    Task<Result<std::optional<GrantRecord>>> find(PaymentKey key) override {
        return read(*plan_, store_->find(std::move(key)));
    }
    Task<Result<std::optional<GrantRecord>>> find_open(ChainId network, std::string payer,
                                                       Hash32 request) override {
        return read(*plan_, store_->find_open(std::move(network), std::move(payer), request));
    }
    Task<Result<std::vector<GrantRecord>>> take_over(std::size_t limit) override {
        return write(*plan_, "take_over", store_->take_over(limit));
    }
    Task<Result<std::size_t>> forget_answers(Instant now) override {
        return write(*plan_, "forget_answers", store_->forget_answers(now));
    }
    Task<Result<std::size_t>> forget_released(Instant over, std::size_t limit) override {
        return write(*plan_, "forget_released", store_->forget_released(over, limit));
    }

private:
    std::unique_ptr<GrantStore> store_;
    std::shared_ptr<FaultPlan> plan_;  // the test sets it up and reads it
};

}  // namespace

Result<std::size_t> FaultPlan::enter(std::string_view operation) {
    X402_TRY_VOID(check_alive());
    const std::size_t number = ++writes_;
    if (on_before) on_before(operation, number);
    if (number == crash_before_) crashed_ = true;
    if (number == crash_before_ || number == fail_before_) return injected(operation);
    return number;
}

Result<void> FaultPlan::leave(std::string_view operation, std::size_t n) {
    if (n == crash_after_) crashed_ = true;
    if (on_after) on_after(operation, n);
    if (n == crash_after_ || n == fail_after_) return injected(operation);
    return {};
}

Result<void> FaultPlan::check_alive() const {
    if (crashed_) return fail(Errc::unavailable, "the process died in this test");
    return {};
}

std::unique_ptr<SettlementStore> with_faults(std::unique_ptr<SettlementStore> store,
                                             std::shared_ptr<FaultPlan> plan) {
    return std::make_unique<FaultySettlements>(std::move(store), std::move(plan));
}

std::unique_ptr<GrantStore> with_faults(std::unique_ptr<GrantStore> store,
                                        std::shared_ptr<FaultPlan> plan) {
    return std::make_unique<FaultyGrants>(std::move(store), std::move(plan));
}

RoleStore with_faults(RoleStore store, std::shared_ptr<FaultPlan> plan) {
    RoleStore wrapped;
    wrapped.settlements = with_faults(std::move(store.settlements), plan);
    wrapped.grants = with_faults(std::move(store.grants), std::move(plan));
    return wrapped;
}

}  // namespace x402::store::testing
