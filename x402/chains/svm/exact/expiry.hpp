// SPDX-License-Identifier: Apache-2.0
// When it is proven that a message can never land any more, as pure functions of what the endpoints
// said. Silence, one endpoint's word where there are two, an answer older than what it is to prove,
// or a single contradiction is no proof. Any thread.
//
// An endpoint may be an address of many nodes that are slots apart, so answers to two questions
// need not be of one node: each answer counts only by the slot that it says it was made in.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "x402/chains/svm/rpc_codec.hpp"

namespace x402::svm {

// What one endpoint said about one message, in the order in which it was asked. Nothing: it was
// not asked, or did not answer.
struct ExpiryWord {
    std::optional<Height> finalized;
    // When the block of a slot that is final for it was made, in seconds.
    std::optional<At<std::int64_t>> time;
    std::optional<At<bool>> valid;      // isBlockhashValid at finalized
    std::optional<At<bool>> valid_now;  // the same at processed
    // Since when its history is whole, in seconds. Asked for where the message is not young.
    std::optional<std::int64_t> kept_since_s;
    // Whether a search of its history found the message, and the slot up to which it searched.
    std::optional<At<bool>> found;
};

// Our own clock's part in it, in seconds.
struct ExpirySpan {
    std::int64_t seen_s = 0;  // we had the message by then: it cannot have landed much earlier
    std::int64_t now_s = 0;
    // What is younger every node that keeps a history has; of what is older a node may have dropped
    // the record, and then finding nothing means nothing.
    bool young() const noexcept;
};

enum class ExpiryVerdict {
    expired,   // proven: it is in no block and will be in none
    alive,     // by what was said it may still land
    unproven,  // anything else, and also where it was found
};

// By heights: `last_height` is our own endpoint's height at first sight + 150.
ExpiryVerdict judge_expiry_by_height(std::span<const ExpiryWord> words, std::uint64_t last_height,
                                     ExpirySpan span);
// By time: the message was there at `seen_s`, so its blockhash is no younger.
ExpiryVerdict judge_expiry_by_time(std::span<const ExpiryWord> words, ExpirySpan span);

// How old a message must be for the latter, by the chain's time and by ours. A blockhash lives for
// about a minute; the rest is for clocks that differ.
inline constexpr std::int64_t kExpirySeconds = 90;
// How much earlier than `seen_s` a message may have landed, clocks that differ included.
inline constexpr std::int64_t kEarlierSeconds = 300;

}  // namespace x402::svm
