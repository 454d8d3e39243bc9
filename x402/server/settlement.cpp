// SPDX-License-Identifier: Apache-2.0
// The courier of a settlement. See settlement.hpp.
#include "x402/server/settlement.hpp"

#include <algorithm>

#include "x402/base/crash_point.hpp"
#include "x402/base/log.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/version.hpp"
#include "x402/server/answers.hpp"

namespace x402::server {
namespace {

using store::GrantChange;
using store::GrantState;

// Before this many calls an ambiguity is left to the facilitator; after it, proof is asked for on
// every turn.
constexpr std::uint32_t kTurnsBeforeProof = 3;

// An answer is written with the intent to last so much longer, so that most settlements need not
// write it again.
constexpr Duration kLongSettlement = std::chrono::minutes(1);

std::string short_detail(const Result<SettleResponse>& answer) {
    return answer ? answer->error_reason : to_string(answer.error());
}

void count_pending(Desk& desk, int by) {
    if (desk.tells_pending()) desk.metrics.add("x402_pending_settlements", by);
}

}  // namespace

Settlement::Settlement(std::shared_ptr<Desk> desk, SettlementStart start)
    : keep_(std::move(desk)),
      desk_(*keep_),
      start_(std::move(start)),
      facilitator_(desk_.facilitators.entry(start_.record.facilitator)) {
    // Of one that is no longer configured no word counts.
    const ProofBy proof = facilitator_ == nullptr ? ProofBy::chain : facilitator_->proof;
    memory_.proof = proof_needed(proof, start_.request.requirements);
    if (memory_.proof == ProofBy::facilitator) return;
    view_.response = claim_of(start_.record);
    memory_.claimed = claim_written_ = view_.response.has_value();
}

SettlementView Settlement::view() const {
    const std::scoped_lock lock(mutex_);
    return view_;
}

Task<SettlementView> Settlement::wait(Duration limit) {
    const Duration until = desk_.env.clock.steady() + limit;
    for (;;) {
        const std::uint64_t seen = bell_.count();
        SettlementView now = view();
        const Duration left = until - desk_.env.clock.steady();
        if (now.end != SettlementEnd::running || left <= Duration::zero()) co_return now;
        co_await bell_.wait(seen, left);
    }
}

void Settlement::publish(SettlementEnd end, std::optional<SettleResponse> response) {
    {
        const std::scoped_lock lock(mutex_);
        view_.end = end;
        if (response) view_.response = std::move(response);
    }
    bell_.ring();
}

void Settlement::count(std::string_view outcome) {
    desk_.metrics.count("x402_grant_outcome_total", {{"outcome", std::string(outcome)}});
}

// Whether the record of this very grant is in this state: an answer of the store may be lost after
// its write was made.
Task<Result<bool>> Settlement::stands(GrantState state) {
    X402_CO_TRY(const auto found, co_await desk_.store.find(start_.record.key));
    co_return found && found->state == state &&
        found->idempotency_key == start_.record.idempotency_key;
}

// False when the record is no longer ours to change.
Task<bool> Settlement::write(GrantState from, GrantChange change) {
    for (bool again = false;; again = true) {
        auto moved =
            co_await desk_.store.move(start_.record.key, from, change, desk_.env.clock.now());
        if (moved && (*moved || !again)) co_return *moved;
        if (moved) {
            const auto stood = co_await stands(change.to);
            co_return stood && *stood;
        }
        log::error("grant_not_written",
                   {{"key", start_.record.key.value()}, {"detail", to_string(moved.error())}});
        // What is true must be written before it is told; nobody is told meanwhile.
        if (!moved.error().retryable || desk_.jobs.closed()) co_return false;
        const std::uint64_t seen = desk_.stopping.count();
        co_await desk_.stopping.wait(seen, desk_.pauses.store_retry);
    }
}

// The intent is durable before the first call. Where it cannot be told whether it is, a start may
// find it and settle, so that nobody is told that nothing was taken.
Task<Settlement::Intent> Settlement::write_intent() {
    if (start_.record.state == GrantState::settling) {
        memory_.begun = true;
        co_return Intent::written;
    }
    GrantChange change{GrantState::settling, start_.body, {}, {}, {}, {}, {}};
    kept_until_ = Instant::max();  // there is none
    if (start_.answer) {
        kept_until_ =
            desk_.env.clock.now() + start_.replay + std::min(start_.replay, kLongSettlement);
        change.answer = store::StoredAnswer{write_answer_head(start_.answer->head),
                                            start_.answer->body, kept_until_};
    }
    auto moved = co_await desk_.store.move(start_.record.key, GrantState::claimed,
                                           std::move(change), desk_.env.clock.now());
    // From now on the store has it. Many settlements may stay open for long.
    start_.answer.reset();
    Intent intent = moved && *moved ? Intent::written : Intent::unknown;
    if (intent == Intent::unknown) {
        log::error("settlement_not_begun",
                   {{"key", start_.record.key.value()},
                    {"detail", moved ? "the grant is not ours" : to_string(moved.error())}});
    }
    while (intent == Intent::unknown) {
        const std::uint64_t seen = desk_.stopping.count();
        intent = co_await take_back_intent();
        if (intent != Intent::unknown || desk_.jobs.closed()) break;
        co_await desk_.stopping.wait(seen, desk_.pauses.store_retry);
    }
    if (intent == Intent::written) start_.record.state = GrantState::settling;
    co_return intent;
}

// Releases the claim, unless the intent stands after all.
Task<Settlement::Intent> Settlement::take_back_intent() {
    GrantChange back{GrantState::released, {}, {}, {}, {}, {}, {}};
    const auto released = co_await desk_.store.move(start_.record.key, GrantState::claimed,
                                                    std::move(back), desk_.env.clock.now());
    if (!released) {
        log::error("grant_not_released", {{"key", start_.record.key.value()}});
        co_return Intent::unknown;
    }
    if (*released) co_return Intent::not_written;
    const auto stood = co_await stands(GrantState::settling);
    if (!stood) co_return Intent::unknown;
    co_return *stood ? Intent::written : Intent::not_written;
}

Task<bool> Settlement::end_settled(SettleResponse response) {
    GrantChange change{GrantState::settled,
                       {},
                       json::dump(x402::write(response)),
                       response.transaction,
                       {},
                       {},
                       {}};
    // The answer is kept for `replay` from now on, however long the settlement took; until now the
    // store kept it for an open settlement. Nothing to write where it lasts long enough already.
    const Instant until = desk_.env.clock.now() + start_.replay;
    if (start_.replay > Duration::zero() && until > kept_until_) change.answer_until = until;
    const bool written = co_await write(GrantState::settling, std::move(change));
    if (!written) {
        publish(SettlementEnd::stopped, std::move(response));
        co_return true;
    }
    count("settled");
    const double amount = std::stod(start_.record.amount.to_decimal());  // a metric, no money
    desk_.metrics.count("x402_revenue_atomic_total",
                        {{"asset", start_.record.asset}, {"route", start_.record.route}}, amount);
    log::info("payment_settled", {{"key", start_.record.key.value()},
                                  {"route", start_.record.route},
                                  {"transaction", response.transaction}});
    publish(SettlementEnd::settled, std::move(response));
    co_return true;
}

// Proof may end what the facilitator's last words still call pending.
Task<bool> Settlement::end_failed(const Result<SettleResponse>& last) {
    const bool judged = last && outcome_of(*last) == Outcome::failed;
    Ending ending{SettlementEnd::failed, {}, judged ? last->error_reason : std::string{}};
    ending.response = judged ? *last : refused_with(Reason::invalid_transaction_state, last);
    co_return co_await end_released(std::move(ending));
}

// The transaction stays with the record, for whoever sends this payment again: the money has moved.
Task<bool> Settlement::end_duplicate(const Result<SettleResponse>& last) {
    const bool judged = last && is_duplicate(*last);
    Ending ending{SettlementEnd::duplicate, {}, {}};
    ending.response = judged ? *last : refused_with(Reason::duplicate_settlement, last);
    if (!proven_transaction_.empty()) ending.response->transaction = proven_transaction_;
    co_return co_await end_released(std::move(ending));
}

Task<bool> Settlement::end_not_begun() {
    Ending ending{SettlementEnd::not_begun, {}, {}};
    co_return co_await end_released(std::move(ending));
}

Task<bool> Settlement::end_released(Ending ending) {
    GrantChange change{GrantState::released, {}, {}, {}, {}, {}, {}};
    if (ending.end == SettlementEnd::duplicate) {
        change.response = json::dump(x402::write(*ending.response));
        change.transaction = ending.response->transaction;
    }
    const bool written = co_await write(GrantState::settling, std::move(change));
    if (written && ending.end != SettlementEnd::not_begun) note_loss(ending.why);
    count(ending.end == SettlementEnd::duplicate ? "duplicate" : "failed");
    log::warn("payment_not_settled",
              {{"key", start_.record.key.value()}, {"route", start_.record.route}});
    publish(written ? ending.end : SettlementEnd::stopped, std::move(ending.response));
    co_return true;
}

// Once a payment, whoever still waits for it: a record is released once.
void Settlement::note_loss(std::string_view why) {
    const store::GrantRecord& record = start_.record;
    const Instant now = desk_.env.clock.now();
    if (record.runs == 0 || !is_payers_loss(record.usable_until, now, why)) return;
    desk_.metrics.count("x402_loss_total", {{"route", record.route}});
    desk_.losses.note(record.payer, record.route, now);
}

SettleResponse Settlement::refused_with(Reason reason, const Result<SettleResponse>& last) const {
    SettleResponse told = last.value_or(SettleResponse{});
    // What was claimed and is not so: there is no transaction to tell.
    if (told.success) told.transaction.clear();
    told.success = false;
    told.error_reason = std::string(to_string(reason));
    told.error_message.clear();
    told.extra.clear();
    if (told.network.empty()) told.network = start_.record.network;
    if (told.payer.empty()) told.payer = start_.record.payer;
    return told;
}

Task<bool> Settlement::turn() {
    ++turns_;
    Result<SettleResponse> answer =
        fail(Errc::interrupted, "this facilitator is no longer configured");
    if (memory_.claimed) {
        answer = *view().response;
        co_return co_await look_for_proof(false, answer);
    }
    if (facilitator_ != nullptr) {
        const SettleContext context{start_.record.idempotency_key, {}};
        X402_CRASH_POINT("out.settle", before);
        answer = co_await facilitator_->api->settle(start_.request, context);
        X402_CRASH_POINT("out.settle", after);
    }
    const SettleReply reply = read_reply(answer, start_.request.requirements, start_.record.payer);
    const SettleVerdict verdict = judge(memory_, reply);
    if (answer) publish(SettlementEnd::running, *answer);
    switch (verdict) {
        case SettleVerdict::settled:
            co_return co_await end_settled(*answer);
        case SettleVerdict::failed:
            co_return co_await end_failed(answer);
        case SettleVerdict::duplicate:
            co_return co_await end_duplicate(answer);
        case SettleVerdict::give_back:
            co_return co_await end_not_begun();
        case SettleVerdict::again:
        case SettleVerdict::prove:
            break;
    }
    if (!memory_.claimed) {
        log::warn("settlement_unknown",
                  {{"key", start_.record.key.value()}, {"detail", short_detail(answer)}});
    }
    if (verdict == SettleVerdict::again && turns_ < kTurnsBeforeProof) co_return false;
    co_return co_await look_for_proof(reply == SettleReply::duplicate, answer);
}

Task<void> run_settlement(std::shared_ptr<Settlement> settlement) {
    Settlement& self = *settlement;
    Desk& desk = self.desk_;
    const Gate::Pass pass = desk.jobs.enter();
    const Settlement::Intent intent = co_await self.write_intent();
    const bool begun = intent == Settlement::Intent::written;
    if (intent == Settlement::Intent::not_written) {
        self.publish(SettlementEnd::not_begun, std::nullopt);
    } else if (!begun) {
        self.publish(SettlementEnd::stopped, std::nullopt);
    }
    Duration pause = desk.pauses.settle_first;
    bool unknown = false;
    bool ended = !begun;
    while (!ended) {
        const std::uint64_t seen = desk.stopping.count();
        ended = co_await self.turn();
        if (ended) break;
        if (!unknown && self.memory_.begun) count_pending(desk, 1);
        unknown = unknown || self.memory_.begun;
        if (desk.jobs.closed()) {
            self.publish(SettlementEnd::stopped, std::nullopt);
            break;
        }
        co_await desk.stopping.wait(seen, pause);
        pause = std::min(2 * pause, desk.pauses.settle_most);
    }
    if (unknown) count_pending(desk, -1);
    desk.live.drop(self.start_.record.key, self);
}

std::shared_ptr<Settlement> settle_grant(const std::shared_ptr<Desk>& desk, SettlementStart start,
                                         const net::Executor& executor) {
    const PaymentKey key = start.record.key;
    const Instant since = start.record.created;
    auto fresh = std::make_shared<Settlement>(desk, std::move(start));
    auto settlement = desk->live.put(key, fresh, since);
    if (settlement == fresh) net::spawn_on(executor, [fresh] { return run_settlement(fresh); });
    return settlement;
}

Result<SettlementStart> start_from_record(store::GrantRecord record, const Modules& modules,
                                          Duration replay) {
    SettlementStart start;
    X402_TRY(start.request, read_facilitator_request(record.settle_request, modules.names()));
    start.replay = replay;
    record.answer.reset();  // the store has it
    start.record = std::move(record);
    return start;
}

}  // namespace x402::server
