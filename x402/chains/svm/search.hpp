// SPDX-License-Identifier: Apache-2.0
// The questions behind a proof: which transaction carried a message, where its id is not known, and
// what every endpoint says of a message's expiry. Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "x402/chains/svm/exact/expiry.hpp"
#include "x402/chains/svm/rpc.hpp"

namespace x402::svm {

// Everything but `found`, which has to be asked last: after this, with common_slot().
Task<std::vector<ExpiryWord>> ask_words(Rpc& rpc, Hash32 blockhash, ExpirySpan span);
// A slot that is final for every endpoint that answered; 0: none did.
std::uint64_t common_slot(std::span<const ExpiryWord> words) noexcept;
// `found`, by a search for the transaction's id.
void add_statuses(std::vector<ExpiryWord>& words, std::span<const Result<Rpc::Statuses>> answers);

struct Wanted {
    Hash32 message;
    Address account;           // that the transaction names: a key that signed it
    std::int64_t since_s = 0;  // it is no older
    // A node that has not come as far does not count; 0: any.
    std::uint64_t reach = 0;
};

// Looks through an account's transactions for the one whose message is wanted. What a signature
// stands for is proven by the fee payer's key, whoever tells it, and is remembered.
class MessageSearch {
public:
    // `rpc` outlives the search.
    explicit MessageSearch(Rpc& rpc) noexcept : rpc_(rpc) {}

    struct Outcome {
        std::optional<std::string> signature;
        std::vector<bool> whole;  // by endpoint: it was searched back to `since_s`, without a gap
    };
    Task<Outcome> look(Wanted wanted);

private:
    using Pages = std::vector<Result<std::vector<SignatureRow>>>;
    Task<Pages> ask_rows(Wanted wanted, std::size_t limit, bool fresh);
    struct Progress {
        std::size_t fetched = 0;
        bool resolved = true;  // every candidate's message is known
    };
    Task<std::optional<Signature>> find(std::vector<Signature> candidates, Hash32 message,
                                        Progress& progress);
    // What the node's bytes say, if they are that transaction's.
    Task<std::optional<Hash32>> fetch(Signature signature);
    // Nothing: it could not be had.
    Task<std::optional<Hash32>> message_of(Signature signature, std::size_t& fetched);
    void remember(const Signature& signature, const Hash32& message);
    std::optional<Hash32> remembered(const Signature& signature);

    Rpc& rpc_;
    std::mutex mutex_;
    std::unordered_map<Signature, Hash32> messages_;
    std::deque<Signature> order_;
};

}  // namespace x402::svm
