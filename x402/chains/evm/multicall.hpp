// SPDX-License-Identifier: Apache-2.0
// Multicall3, the contract that does many calls in one: its aggregate3 call, and its answers. Any
// thread.
#pragma once

#include <span>
#include <vector>

#include "x402/chains/evm/rpc_codec.hpp"

namespace x402::evm {

// The same address on every chain that has it.
Address multicall_address();

struct ContractCall {
    Address to;
    Bytes data;
};

// aggregate3 where every call may fail on its own.
Bytes encode_aggregate(std::span<const ContractCall> calls);
// `count` answers in the order of the calls, or an error.
Result<std::vector<CallAnswer>> decode_aggregate(ByteView data, std::size_t count);

}  // namespace x402::evm
