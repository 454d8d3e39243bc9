// SPDX-License-Identifier: Apache-2.0
// The body of an action that settles an EIP-3009 payment, as the journal keeps it, and the parts of
// a receipt that prove it. A scheme writes it, the network sends it, the scheme judges what came of
// it. Any thread.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "x402/chains/evm/rpc_codec.hpp"
#include "x402/schemes/network.hpp"

namespace x402::evm {

// Most gas that a transfer may take in company: a group's limit is a sum of these.
inline constexpr std::uint64_t kSharedGas = 120'000;
// Alone it may take more, for wallets with code of their own; never without end (the signer pays).
inline constexpr std::uint64_t kPlainGasCap = 400'000;
inline constexpr std::uint64_t kWalletGasCap = 600'000;

struct TransferAction {
    Address token;
    Bytes data;
    Address payer;
    Address pay_to;
    U256 value;
    Hash32 nonce;
    std::uint64_t gas_cap = kPlainGasCap;
    bool share = false;  // plain payer, proven token: it cannot hurt a neighbour
};
json::Object write(const TransferAction& action);
Result<TransferAction> read_action(const json::Object& body);

// What a receipt holds for one action: the authorization's use, and a transfer that serves no other
// action.
struct TransferProof {
    std::optional<Log> used;
    std::optional<Log> transfer;
};
// One for each action, in their order. No log serves two.
std::vector<TransferProof> cut_logs(std::span<const TransferAction> actions,
                                    std::span<const Log> logs);

// Whether the token is known to log the use of an authorization before its transfer, as USDC does.
enum class UseFirst { unproven, proven };
// Whether a receipt shows this one payment as paid, whoever else was paid in the same transaction.
// Nothing: it holds a transfer that may as well be another payment's of the same payer. A payer can
// have logs made that fit both orders; the token's own decides then, where it is known.
std::optional<bool> is_paid_by(const TransferAction& action, std::span<const Log> logs,
                               UseFirst use_first);

json::Object write(const TransferProof& proof);
Result<TransferProof> read_proof(const json::Object& body);

bool is_use_of(const Log& log, const TransferAction& action);
bool is_transfer_of(const Log& log, const TransferAction& action);

}  // namespace x402::evm
