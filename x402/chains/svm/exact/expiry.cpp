// SPDX-License-Identifier: Apache-2.0
// The two proofs.
//
// By height. A message names a blockhash B. Each block makes one blockhash, and the 151 blocks
// after it take B; the block of B has one height in every history that has it at all, whatever fork
// is meant. Where isBlockhashValid held at a node whose height then was h, that block is no higher
// than h, so no block above h + 151 takes B, in any fork (`last_height` is h + 150). When a block
// above that is final, every block up to there is final too: the later ones take no B, and those up
// to there can be searched. So: final height > last_height + 1, and a search that reaches up to
// there finds nothing. That isBlockhashValid is false by then adds no logic, but it is an answer
// about the same fact by another way: where it is true, somebody errs, and nothing is proven.
//
// By time. The payer knew B when he signed, and nobody can foresee a blockhash: the block of B is
// older than the moment we had the message. So a final block that was made later is a descendant of
// B's block, or B's block is in no final history. In either case, where that block or a later one
// does not take B as final state, B is too old there, which stays so, or is no hash of this
// history. The weak side is the comparison of two clocks: if the chain's is ahead, or finality lags
// behind the tip, the "later" block could in truth be an ancestor of B's, which does not know B
// yet. Hence the margin of 90 s, which by our own clock has to have passed as well, and hence the
// question at the tip: there B would be known by then, whatever finality does.
//
// What an endpoint says proves something only at or after the slot that is relied on. Where several
// endpoints are configured two must say all of it, and none may say anything against it.
#include "x402/chains/svm/exact/expiry.hpp"

#include <algorithm>

namespace x402::svm {
namespace {

constexpr std::size_t kWitnesses = 2;
constexpr std::int64_t kYoungSeconds = 3'600;

bool says(const std::optional<At<bool>>& answer, bool value, std::uint64_t slot) noexcept {
    return answer && answer->value == value && answer->slot >= slot;
}

// The end of every proof: searched up to the slot that is relied on, in a history that has not lost
// its beginning.
bool has_nothing(const ExpiryWord& word, std::uint64_t slot, ExpirySpan span) noexcept {
    if (!says(word.found, false, slot)) return false;
    if (span.young()) return true;
    return word.kept_since_s && *word.kept_since_s <= span.seen_s - kEarlierSeconds;
}

bool somebody_found(std::span<const ExpiryWord> words) noexcept {
    return std::any_of(words.begin(), words.end(),
                       [](const ExpiryWord& word) { return word.found && word.found->value; });
}

// At or after the slot that is relied on; an older yes says nothing against it.
bool somebody_takes_it(std::span<const ExpiryWord> words, std::uint64_t slot) noexcept {
    return std::any_of(words.begin(), words.end(), [slot](const ExpiryWord& word) {
        return says(word.valid, true, slot) || says(word.valid_now, true, slot);
    });
}

bool enough(std::size_t witnesses, std::size_t endpoints) noexcept {
    return witnesses > 0 && witnesses >= std::min(endpoints, kWitnesses);
}

bool is_past(const ExpiryWord& word, std::uint64_t last_height) noexcept {
    return word.finalized && word.finalized->height > last_height &&
           word.finalized->height - last_height > 1;
}

bool tells_time(const ExpiryWord& word) noexcept {
    return word.finalized && word.time && word.time->slot <= word.finalized->slot;
}

// Late enough by the chain's clock, in a block that is final for this endpoint.
bool is_late(const ExpiryWord& word, ExpirySpan span) noexcept {
    return tells_time(word) && word.time->value >= span.seen_s + kExpirySeconds;
}

std::uint64_t lowest(std::optional<std::uint64_t> before, std::uint64_t slot) noexcept {
    return before ? std::min(*before, slot) : slot;
}

// Less than another endpoint has seen in an earlier or the same slot: one of both is wrong.
bool denies_height(const ExpiryWord& word, std::uint64_t last_height, std::uint64_t slot) noexcept {
    return word.finalized && word.finalized->slot >= slot && !is_past(word, last_height);
}

bool denies_time(const ExpiryWord& word, ExpirySpan span, std::uint64_t slot) noexcept {
    return word.time && word.time->slot >= slot && word.time->value < span.seen_s + kExpirySeconds;
}

}  // namespace

bool ExpirySpan::young() const noexcept {
    return now_s - seen_s <= kYoungSeconds && seen_s - now_s <= kYoungSeconds;
}

ExpiryVerdict judge_expiry_by_height(std::span<const ExpiryWord> words, std::uint64_t last_height,
                                     ExpirySpan span) {
    if (somebody_found(words)) return ExpiryVerdict::unproven;
    std::optional<std::uint64_t> relied;
    bool told = false;
    for (const ExpiryWord& word : words) {
        told = told || word.finalized.has_value();
        if (is_past(word, last_height)) relied = lowest(relied, word.finalized->slot);
    }
    if (!relied) return told ? ExpiryVerdict::alive : ExpiryVerdict::unproven;
    if (somebody_takes_it(words, *relied)) return ExpiryVerdict::unproven;
    std::size_t witnesses = 0;
    for (const ExpiryWord& word : words) {
        if (denies_height(word, last_height, *relied)) return ExpiryVerdict::unproven;
        if (!is_past(word, last_height)) continue;
        const std::uint64_t slot = word.finalized->slot;
        if (says(word.valid, false, slot) && has_nothing(word, slot, span)) ++witnesses;
    }
    return enough(witnesses, words.size()) ? ExpiryVerdict::expired : ExpiryVerdict::unproven;
}

ExpiryVerdict judge_expiry_by_time(std::span<const ExpiryWord> words, ExpirySpan span) {
    if (somebody_found(words)) return ExpiryVerdict::unproven;
    std::optional<std::uint64_t> relied;
    bool told = false;
    for (const ExpiryWord& word : words) {
        told = told || tells_time(word);
        if (is_late(word, span)) relied = lowest(relied, word.time->slot);
    }
    if (somebody_takes_it(words, relied.value_or(0))) return ExpiryVerdict::alive;
    if (!relied) return told ? ExpiryVerdict::alive : ExpiryVerdict::unproven;
    if (span.now_s < span.seen_s + kExpirySeconds) return ExpiryVerdict::alive;
    std::size_t witnesses = 0;
    for (const ExpiryWord& word : words) {
        if (denies_time(word, span, *relied)) return ExpiryVerdict::unproven;
        if (!is_late(word, span)) continue;
        const std::uint64_t slot = word.time->slot;
        const bool refused = says(word.valid, false, slot) && says(word.valid_now, false, slot);
        if (refused && has_nothing(word, slot, span)) ++witnesses;
    }
    return enough(witnesses, words.size()) ? ExpiryVerdict::expired : ExpiryVerdict::unproven;
}

}  // namespace x402::svm
