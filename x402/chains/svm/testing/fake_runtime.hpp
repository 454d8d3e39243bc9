// SPDX-License-Identifier: Apache-2.0
// For tests: what a transaction does to the fake cluster's accounts, in the words of the real
// runtime's errors. One thread.
#pragma once

#include "x402/chains/svm/testing/fake_node.hpp"

namespace x402::svm::testing {

struct Execution {
    const std::map<Address, std::vector<TransferChecked>>& programs;
    std::uint64_t units = 0;
};

struct Executed {
    json::Value error;  // null: it succeeded
    json::Array inner;  // as simulateTransaction tells inner instructions
};

// Signatures and the priority that the compute budget asks for.
std::uint64_t fee_of(const Transaction& transaction);
// All accounts, looked-up ones out of the tables of `state`; nothing: a table is not there.
std::optional<std::vector<AccountUse>> accounts_of(const Transaction& transaction,
                                                   const FakeCluster::State& state);
// Changes `state` only where all instructions succeed; takes no fee.
Executed execute(const Execution& run, const Transaction& transaction, FakeCluster::State& state);

}  // namespace x402::svm::testing
