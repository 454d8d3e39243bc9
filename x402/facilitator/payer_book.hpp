// SPDX-License-Identifier: Apache-2.0
// What each payer of a network costs its operator: one wallet must not use up everybody's day. The
// payments of a transaction share what it costs alike, rounded up. Kept are only payers with
// something in flight, or who are looked at just now; the store knows what they cost before. Pure
// data; the engine's core.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "x402/base/u256.hpp"

namespace x402::facilitator {

// One entry a payment of a transaction; an empty one is nobody's.
using Payers = std::vector<std::string>;

class PayerBook {
public:
    // Held while its spending is read from the store: what ends meanwhile is not lost.
    void hold(const std::string& payer) { ++rows_[payer].holders; }
    void let_go(const std::string& payer);
    // Only of a held one. `mark` was taken before the store was asked.
    U256 mark(const std::string& payer) const;
    void refresh(const std::string& payer, const U256& spent, const U256& mark);

    void reserve(const U256& most, const Payers& payers);
    void release(const U256& most, const U256& spent, const Payers& payers);

    bool exhausted(const std::string& payer, const U256& limit) const;
    // Whether this payer can bear its part of a transaction that may cost `most`, where so much
    // of it is reserved for it already.
    bool fits(const std::string& payer, const U256& limit, const Payers& payers, const U256& most,
              const U256& reserved = {}) const;
    std::size_t size() const noexcept { return rows_.size(); }

private:
    struct Row {
        U256 spent;  // in the last day, as it was read, and what ended since
        U256 in_flight;
        U256 ended;  // since the row is kept
        std::size_t holders = 0;
    };
    std::map<std::string, Row> rows_;
};

// Holds the payers of a transaction for as long as it lives.
class PayersHeld {
public:
    PayersHeld(PayerBook& book, Payers payers) : book_(book), payers_(std::move(payers)) {
        for (const std::string& payer : payers_) book_.hold(payer);
    }
    ~PayersHeld() {
        for (const std::string& payer : payers_) book_.let_go(payer);
    }
    PayersHeld(const PayersHeld&) = delete;
    PayersHeld& operator=(const PayersHeld&) = delete;

private:
    PayerBook& book_;
    Payers payers_;
};

}  // namespace x402::facilitator
