// SPDX-License-Identifier: Apache-2.0
// Moving the money of one grant: the same /settle with the same idempotency key until it is judged,
// then proof where a judgement came too late to be believed. It runs by itself, so neither a client
// that leaves nor a wait that ends stops it; whoever has the payment may wait for it. What it
// decides is in grant_fsm.hpp; every end is written before it is told. One core runs it; waiting is
// for any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "x402/base/sync.hpp"
#include "x402/net/runtime.hpp"
#include "x402/server/desk.hpp"
#include "x402/server/grant_fsm.hpp"
#include "x402/server/hold.hpp"

namespace x402::server {

enum class SettlementEnd {
    running,
    settled,
    failed,     // released; the facilitator's words are in `response`
    duplicate,  // released; somebody else's settlement used the payment, and the record knows it
    not_begun,  // released: no facilitator or no store could be had
    stopped,    // this process ends; the record says settling
};

struct SettlementView {
    SettlementEnd end = SettlementEnd::running;
    std::optional<SettleResponse> response;  // the last answer, also a pending one
};

struct SettlementStart {
    store::GrantRecord record;                 // claimed, or settling for one that was found
    FacilitatorRequest request;                // what record.settle_request says
    std::optional<Hash32> body;                // written together with the intent
    std::shared_ptr<const HeldAnswer> answer;  // written with it as well, and then let go
    Duration replay{};                         // how long the answer is kept from the settlement on
};

class Settlement {
public:
    Settlement(std::shared_ptr<Desk> desk, SettlementStart start);

    const std::string& payer() const noexcept { return start_.record.payer; }
    SettlementView view() const;
    // The view when it has ended, or when `limit` has passed.
    Task<SettlementView> wait(Duration limit);

private:
    friend Task<void> run_settlement(std::shared_ptr<Settlement> settlement);

    enum class Intent { written, not_written, unknown };
    Task<Intent> write_intent();
    Task<Intent> take_back_intent();
    Task<Result<bool>> stands(store::GrantState state);
    Task<bool> turn();  // one call and what follows from it; true at the end
    Task<bool> look_for_proof(bool told_duplicate, const Result<SettleResponse>& last);
    Task<Proof> prove(bool told_duplicate, const Result<SettleResponse>& last);
    Task<Proof> prove_claim(Chain& chain, const Payment& payment, const std::string& transaction);
    Task<bool> note_claim(SettleResponse claim);
    void note_disproved(const Result<SettleResponse>& last);
    Task<bool> end_settled(SettleResponse response);
    Task<bool> end_failed(const Result<SettleResponse>& last);
    Task<bool> end_duplicate(const Result<SettleResponse>& last);
    struct Ending {
        SettlementEnd end = SettlementEnd::failed;
        std::optional<SettleResponse> response;
        std::string why;  // the facilitator's own code, where it judged
    };
    Task<bool> end_not_begun();
    Task<bool> end_released(Ending ending);
    void note_loss(std::string_view why);
    Task<bool> write(store::GrantState from, store::GrantChange change);
    SettleResponse settled_by_proof(const Result<SettleResponse>& last) const;
    SettleResponse refused_with(Reason reason, const Result<SettleResponse>& last) const;
    void publish(SettlementEnd end, std::optional<SettleResponse> response);
    void count(std::string_view outcome);

    std::shared_ptr<Desk> keep_;  // a settlement may outlive the gateway that began it
    Desk& desk_;
    SettlementStart start_;
    const FacilitatorEntry* facilitator_;  // none: it is no longer configured
    SettleMemory memory_;
    bool claim_written_ = false;
    std::uint32_t turns_ = 0;
    Instant kept_until_{};  // the stored answer, where we wrote it
    std::string proven_transaction_;
    Bell bell_;
    mutable std::mutex mutex_;
    SettlementView view_;
};

// Joins the settlement of this grant, or starts it on `executor`.
std::shared_ptr<Settlement> settle_grant(const std::shared_ptr<Desk>& desk, SettlementStart start,
                                         const net::Executor& executor);

// The request that a record was settled with; an error when it is not ours to read.
Result<SettlementStart> start_from_record(store::GrantRecord record, const Modules& modules,
                                          Duration replay);

}  // namespace x402::server
