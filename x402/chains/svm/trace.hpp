// SPDX-License-Identifier: Apache-2.0
// What the chain knows of a payment, whoever sent it, at finalized state: the proof that ends an
// ambiguous settlement. Any thread.
#pragma once

#include <deque>
#include <mutex>
#include <unordered_map>

#include "x402/chains/svm/exact/rules.hpp"
#include "x402/chains/svm/landing.hpp"
#include "x402/chains/svm/search.hpp"
#include "x402/schemes/network.hpp"

namespace x402::svm {

class Tracer {
public:
    // The references outlive the tracer.
    Tracer(ChainId network, Rpc& rpc, Clock& clock);

    // The id under which a message was or may be sent by us: saves the search. Bounded; the oldest
    // are forgotten.
    void know(const Hash32& message, const std::string& signature);
    // It was proven that this message will not pay any more: it expired, or failed for good.
    void know_over(const Hash32& message);
    bool is_over(const Hash32& message);

    // done, none, impossible or unknown; trouble with the nodes is unknown. An Error is a payment
    // that is not this scheme's.
    Task<Result<Trace>> trace(const Payment& payment);
    // Whether this transaction paid it at that commitment: done or unknown.
    struct Named {
        std::string transaction;
        Commitment commitment = Commitment::confirmed;
    };
    Task<Result<Trace>> confirm(const Payment& payment, Named named);

private:
    struct Known {
        std::string signature;  // empty: not known
        bool over = false;
    };
    Known known(const Hash32& message);
    Known& entry(const Hash32& message);  // under the lock

    Task<Trace> look(ReadPayment read, ExpirySpan span);
    Task<Trace> look_by_signature(ReadPayment read, ExpirySpan span, Known known);
    Task<Trace> look_by_address(ReadPayment read, ExpirySpan span);
    Task<std::vector<ExpiryWord>> words_for(ReadPayment read, ExpirySpan span);
    // What a transaction did that is said to carry the message.
    Task<Trace> look_at(ReadPayment read, std::string signature, Commitment needed);
    Task<Trace> read_landed(ReadPayment read, std::string signature, Landing landing);

    ChainId network_;
    Rpc& rpc_;
    Clock& clock_;
    MessageSearch search_;
    std::mutex mutex_;
    std::unordered_map<Hash32, Known> known_;
    std::deque<Hash32> order_;
};

}  // namespace x402::svm
