// SPDX-License-Identifier: Apache-2.0
// The payload of exact on EVM networks with EIP-3009: {signature, authorization{from, to, value,
// validAfter, validBefore, nonce}}. Numbers are canonical decimal strings; the case of hex does not
// matter. Any thread.
#pragma once

#include "x402/base/json.hpp"
#include "x402/chains/evm/eip712.hpp"

namespace x402::evm {

struct TransferPayload {
    Authorization authorization;
    Bytes signature;
};

inline constexpr std::size_t kSignatureBytes =
    8 * 1024;  // smart wallets' signatures are long, not endless

Result<TransferPayload> read_transfer_payload(const json::Object& payload);
json::Object write(const TransferPayload& payload);

}  // namespace x402::evm
