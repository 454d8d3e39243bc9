// SPDX-License-Identifier: Apache-2.0
// For tests of exact: payments that are bent in one place and signed again, and accounts moved into
// lookup tables. One thread.
#pragma once

#include <vector>

#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm::testing {

// These instructions, signed by `options.who` and by whoever else of `more` is a signer.
Payment payment_with(const std::vector<Instruction>& instructions, const SampleOptions& options,
                     const std::vector<std::uint8_t>& more = {});

Transaction transaction_in(const Payment& payment);
void put_transaction(Payment& payment, const Transaction& transaction);

// The message with one of its accounts that sign nothing looked up in `table`, where it has that
// index.
struct Lookup {
    Address account;
    Address table;
    std::uint8_t index = 0;
};
Message look_up(Message message, const Lookup& lookup);
// A payment whose transfer's destination is looked up.
Payment payment_by_table(const SampleOptions& options, const Lookup& lookup);

}  // namespace x402::svm::testing
