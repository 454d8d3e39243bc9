// SPDX-License-Identifier: Apache-2.0
// For tests: what the fake chain's contracts do. One thread.
#pragma once

#include "x402/chains/evm/testing/fake_node.hpp"

namespace x402::evm::testing {

struct Execution {
    FakeWorld& world;
    std::uint64_t chain_id = 0;
    std::int64_t time_s = 0;
    std::vector<Log>* logs = nullptr;  // nothing: a question only
    bool priced = false;               // whether its gas has a price
};

struct Executed {
    bool ok = false;
    Bytes data;
    std::uint64_t gas = 0;
};
Executed execute_call(const Execution& run, const Address& to, ByteView data);

}  // namespace x402::evm::testing
