// SPDX-License-Identifier: Apache-2.0
// A transaction is this payment's if it carries the message that the payer signed, and no other
// transfer is, however alike. A message lands once at most, so one that landed and did not pay can
// never pay: that ends a payment as surely as its expiry does.
//
// Nothing is signed here to learn under which id a message would land. Where we signed it in
// earnest the id is known; else the payer's own transactions are looked through.
#include "x402/chains/svm/trace.hpp"

#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/rpc_json.hpp"

namespace x402::svm {
namespace {

constexpr std::size_t kKnown = 4'096;
// How far our clock may be ahead of the chain's, finality included, for a search that ends at a
// time to have begun early enough.
constexpr std::int64_t kClockSeconds = 150;

Trace state_only(TraceState state) {
    Trace trace;
    trace.state = state;
    return trace;
}

// Which token program has the mint is not signed for; no account of the other one can exist.
Claim claim_of(const ReadPayment& read) {
    Claim claim;
    claim.message = read.hash;
    claim.mint = read.mint;
    claim.amount = read.amount;
    for (const Address& program : {token_program(), token_2022_program()}) {
        claim.destinations.push_back(token_account_of(read.pay_to, read.mint, program));
    }
    return claim;
}

// Nothing was found: proven that nothing will be, or everybody searched, or neither.
Trace judge_absence(std::span<const ExpiryWord> words, ExpirySpan span, bool over) {
    const bool all = !words.empty() &&
                     std::all_of(words.begin(), words.end(),
                                 [](const auto& word) { return word.found && !word.found->value; });
    if (over && all) return state_only(TraceState::impossible);
    if (judge_expiry_by_time(words, span) == ExpiryVerdict::expired)
        return state_only(TraceState::impossible);
    return state_only(all ? TraceState::none : TraceState::unknown);
}

bool clock_is_ahead(std::span<const ExpiryWord> words, ExpirySpan span) {
    return std::any_of(words.begin(), words.end(), [span](const ExpiryWord& word) {
        return word.time && word.time->value + kClockSeconds < span.now_s;
    });
}

std::unexpected<Error> not_ours(const Refusal& refusal) {
    return fail_field(Errc::invalid, refusal.field, refusal.message);
}

// A payment whose message is for other terms has no trace under these.
std::expected<ReadPayment, Refusal> read_for_terms(const Payment& payment) {
    auto read = read_payment(payment);
    if (!read) return read;
    if (auto refusal = check_without_tables(*read, true)) return std::unexpected(*refusal);
    return read;
}

}  // namespace

Tracer::Tracer(ChainId network, Rpc& rpc, Clock& clock)
    : network_(std::move(network)), rpc_(rpc), clock_(clock), search_(rpc) {}

Tracer::Known& Tracer::entry(const Hash32& message) {
    const auto [it, fresh] = known_.try_emplace(message);
    if (!fresh) return it->second;
    order_.push_back(message);
    if (order_.size() > kKnown) {
        known_.erase(order_.front());
        order_.pop_front();
    }
    return known_.at(message);
}

void Tracer::know(const Hash32& message, const std::string& signature) {
    const std::lock_guard lock(mutex_);
    entry(message).signature = signature;
}

void Tracer::know_over(const Hash32& message) {
    const std::lock_guard lock(mutex_);
    entry(message).over = true;
}

bool Tracer::is_over(const Hash32& message) {
    return known(message).over;
}

Tracer::Known Tracer::known(const Hash32& message) {
    const std::lock_guard lock(mutex_);
    const auto it = known_.find(message);
    return it == known_.end() ? Known{} : it->second;
}

Task<Result<Trace>> Tracer::trace(const Payment& payment) {
    const Instant now = clock_.now();
    ExpirySpan span;
    span.now_s = to_unix_s(now);
    span.seen_s = to_unix_s(payment.seen.value_or(now));
    auto read = read_for_terms(payment);
    if (!read) co_return not_ours(read.error());
    co_return co_await look(std::move(*read), span);
}

Task<Trace> Tracer::look(ReadPayment read, ExpirySpan span) {
    Known ours = known(read.hash);
    if (ours.signature.empty()) co_return co_await look_by_address(std::move(read), span);
    co_return co_await look_by_signature(std::move(read), span, std::move(ours));
}

// Where no proof of expiry is in reach its questions are not asked.
Task<std::vector<ExpiryWord>> Tracer::words_for(ReadPayment read, ExpirySpan span) {
    if (span.now_s < span.seen_s + kExpirySeconds)
        co_return std::vector<ExpiryWord>(rpc_.client().endpoints());
    co_return co_await ask_words(rpc_, read.transaction.message.blockhash, span);
}

Task<Trace> Tracer::look_by_signature(ReadPayment read, ExpirySpan span, Known ours) {
    auto words = co_await words_for(read, span);
    const std::vector<std::string> ids{ours.signature};
    const auto answers = co_await rpc_.statuses_all(ids);
    const Landing landing = fold_statuses(answers);
    if (landing.found && landing.commitment < Commitment::finalized) co_return Trace{};
    if (landing.found)
        co_return co_await read_landed(std::move(read), std::move(ours.signature), landing);
    add_statuses(words, answers);
    co_return judge_absence(words, span, ours.over);
}

Task<Trace> Tracer::look_by_address(ReadPayment read, ExpirySpan span) {
    auto words = co_await words_for(read, span);
    Wanted wanted;
    wanted.message = read.hash;
    // Whoever signs beside the fee payer is the payer or acts for him.
    wanted.account = read.transaction.message.keys[1];
    wanted.since_s = span.seen_s - kEarlierSeconds;
    wanted.reach = common_slot(words);
    auto outcome = co_await search_.look(wanted);
    if (outcome.signature) {
        co_return co_await look_at(std::move(read), std::move(*outcome.signature),
                                   Commitment::finalized);
    }
    const bool believed = !clock_is_ahead(words, span);
    for (std::size_t i = 0; i < words.size() && i < outcome.whole.size(); ++i) {
        if (outcome.whole[i] && believed) words[i].found = At<bool>{wanted.reach, false};
    }
    const bool over = is_over(read.hash);
    co_return judge_absence(words, span, over);
}

Task<Trace> Tracer::look_at(ReadPayment read, std::string signature, Commitment needed) {
    const std::vector<std::string> ids{signature};
    const auto answers = co_await rpc_.statuses_all(ids);
    const Landing landing = fold_statuses(answers);
    if (!landing.found || landing.commitment < needed) co_return Trace{};
    co_return co_await read_landed(std::move(read), std::move(signature), landing);
}

Task<Trace> Tracer::read_landed(ReadPayment read, std::string signature, Landing landing) {
    if (landing.disputed) {
        log::warn("endpoints_disagree", {{"network", network_.text()}, {"transaction", signature}});
        co_return Trace{};
    }
    Claim claim = claim_of(read);
    const PaidAnswer answer =
        co_await read_paid(rpc_, signature, landing.commitment, std::move(claim));
    if (answer.state == PaidState::unclear || !fits(landing, answer)) co_return Trace{};
    if (answer.state == PaidState::unpaid) co_return state_only(TraceState::impossible);
    // Not what the transaction's own answer says: some nodes tell that in another unit.
    const auto time_s = co_await rpc_.block_time(answer.transaction->slot);
    if (!time_s) co_return Trace{};
    Trace trace = state_only(TraceState::done);
    trace.transaction = std::move(signature);
    trace.sender = to_text(answer.transaction->transaction.fee_payer());
    trace.at = from_unix_s(*time_s);
    trace.block = answer.transaction->slot;
    co_return trace;
}

Task<Result<Trace>> Tracer::confirm(const Payment& payment, Named named) {
    auto read = read_for_terms(payment);
    if (!read) co_return not_ours(read.error());
    // Somebody else's word: not even asked for if it is none.
    if (!signature_of_text(named.transaction)) co_return Trace{};
    const Commitment needed = std::max(named.commitment, Commitment::confirmed);
    Trace trace = co_await look_at(std::move(*read), std::move(named.transaction), needed);
    // That this one did not pay it does not mean that none did.
    const bool done = trace.state == TraceState::done;
    co_return done ? std::move(trace) : Trace{};
}

}  // namespace x402::svm
