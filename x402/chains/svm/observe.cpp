// SPDX-License-Identifier: Apache-2.0
// What became of a slot. What was paid is told as soon as it has the configured commitment; the
// negative answers, after which the payment ends as not made, take more: that a transaction did not
// pay is final only at finalized state and by everybody's word, and "dead" takes one of the two
// proofs of exact/expiry.cpp. Everything that is needed is in the slot, its action and its attempt:
// after a restart nothing has to be remembered.
#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/chains/svm/network.hpp"

namespace x402::svm {
namespace {

constexpr std::string_view kUnit = "lamports";
constexpr Duration kBetweenProofs{1'000};
constexpr std::size_t kMostAsked = 4'096;
constexpr std::int64_t kLongSeconds = 300;

Seen state_only(SeenState state) {
    Seen seen;
    seen.state = state;
    return seen;
}

Claim claim_of(const TransferAction& action) {
    return Claim{action.hash, action.mint, action.amount, {action.destination}};
}

// What is missing could have landed at any time: then no proof by time comes about.
ExpirySpan span_of(const Slot& slot, Instant now) {
    ExpirySpan span;
    span.now_s = to_unix_s(now);
    const auto taken = json::get_int(slot.body, "takenAt", "slot");
    if (taken) span.seen_s = to_unix_s(from_unix_ms(*taken));
    return span;
}

bool nobody_answered(std::span<const Result<Rpc::Statuses>> answers) {
    return std::none_of(answers.begin(), answers.end(),
                        [](const auto& answer) { return answer.has_value(); });
}

Seen seen_of(const PaidAnswer& answer, std::string id) {
    Seen seen = state_only(SeenState::mined);
    const LandedTransaction& landed = *answer.transaction;
    seen.attempt = std::move(id);
    seen.block = landed.slot;
    seen.cost = Cost{U256(landed.fee), std::string(kUnit)};
    seen.parts.push_back(Part{!landed.failed, write_part(answer.credited)});
    return seen;
}

}  // namespace

// While endpoints tell different stories a transaction that is not final yet may be one of a fork.
// What one of them shows as final has two thirds of the stake behind it, or that endpoint lies; of
// whether the money moved it is believed like any first endpoint.
Task<Seen> SvmNetwork::observe_landed(TransferAction action, std::string id, Landing landing) {
    const bool final = landing.commitment == Commitment::finalized;
    const Commitment wanted = std::max(settings_.commitment, Commitment::confirmed);
    if (landing.disputed)
        log::warn("endpoints_disagree", {{"network", id_.text()}, {"transaction", id}});
    if (landing.commitment < wanted || (landing.disputed && !final))
        co_return state_only(SeenState::waiting);
    Claim claim = claim_of(action);
    const Commitment at = final ? Commitment::finalized : wanted;
    const PaidAnswer answer = co_await read_paid(rpc_, id, at, std::move(claim));
    if (answer.state == PaidState::unclear || !fits(landing, answer))
        co_return state_only(SeenState::unknown);
    Seen seen = seen_of(answer, std::move(id));
    seen.final = final && !landing.disputed;
    const bool over = answer.state == PaidState::unpaid && seen.final;
    if (over) tracer_.know_over(action.hash);
    co_return seen;
}

Task<std::uint64_t> SvmNetwork::final_height() {
    const Duration now = clock_.steady();
    {
        const std::lock_guard lock(mutex_);
        if (height_at_ && now - *height_at_ < poll_interval()) co_return height_;
        // Whoever looks meanwhile takes the last one.
        height_at_ = now;
    }
    const auto height = co_await rpc_.height(Commitment::finalized);
    const std::lock_guard lock(mutex_);
    if (height) height_ = height->height;
    co_return height_;
}

// The proof takes a handful of questions to every endpoint, so it is not tried at every look.
bool SvmNetwork::may_ask(const Hash32& message) {
    const Duration now = clock_.steady();
    const std::lock_guard lock(mutex_);
    if (asked_.size() >= kMostAsked) asked_.clear();
    const auto [it, fresh] = asked_.try_emplace(message, now);
    if (!fresh && now - it->second < kBetweenProofs) return false;
    it->second = now;
    return true;
}

Task<bool> SvmNetwork::may_be_over(TransferAction action, ExpirySpan span) {
    const std::int64_t age_s = span.now_s - span.seen_s;
    // Also where the height that was noted is too high, because an endpoint lied.
    if (age_s >= (action.last_height ? kLongSeconds : kExpirySeconds)) co_return true;
    if (!action.last_height) co_return false;
    const std::uint64_t height = co_await final_height();
    co_return height > *action.last_height + 1;
}

Task<Seen> SvmNetwork::observe_missing(TransferAction action, std::string id, ExpirySpan span) {
    const bool asked = co_await may_be_over(action, span);
    if (!asked || !may_ask(action.hash)) co_return state_only(SeenState::waiting);
    const auto transaction = read_transaction_text(action.transaction);
    if (!transaction) co_return state_only(SeenState::unknown);
    auto words = co_await ask_words(rpc_, transaction->message.blockhash, span);
    const std::vector<std::string> ids{std::move(id)};
    const auto answers = co_await rpc_.statuses_all(ids);
    add_statuses(words, answers);
    const bool expired =
        (action.last_height &&
         judge_expiry_by_height(words, *action.last_height, span) == ExpiryVerdict::expired) ||
        judge_expiry_by_time(words, span) == ExpiryVerdict::expired;
    if (!expired) co_return state_only(SeenState::waiting);
    tracer_.know_over(action.hash);
    co_return state_only(SeenState::dead);
}

Task<Result<Seen>> SvmNetwork::observe(const Slot& slot, std::span<const Action> actions,
                                       std::span<const Attempt> attempts) {
    if (actions.size() != 1 || attempts.size() > 1)
        co_return fail(Errc::unsupported, "one payment a slot, and one attempt");
    X402_CO_TRY(TransferAction action, read_action(actions.front().body));
    if (slot.key != slot_key_of(action.hash))
        co_return fail(Errc::invalid, "the slot is another message's");
    // Nothing of it was recorded, so nothing of it was sent.
    if (attempts.empty()) co_return state_only(SeenState::waiting);
    std::string id = attempts.front().id;
    tracer_.know(action.hash, id);
    const auto answers = co_await statuses_.read(id);
    if (nobody_answered(answers)) co_return state_only(SeenState::unknown);
    const Landing landing = fold_statuses(answers);
    if (landing.found) co_return co_await observe_landed(std::move(action), std::move(id), landing);
    const ExpirySpan span = span_of(slot, clock_.now());
    co_return co_await observe_missing(std::move(action), std::move(id), span);
}

}  // namespace x402::svm
