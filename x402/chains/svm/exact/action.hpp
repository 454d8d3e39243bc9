// SPDX-License-Identifier: Apache-2.0
// The body of an action that settles a payment, as the journal keeps it. The scheme writes it, the
// network signs and sends it, the scheme judges what came of it. Any thread.
#pragma once

#include <optional>
#include <string>

#include "x402/base/json.hpp"
#include "x402/base/u256.hpp"
#include "x402/chains/svm/transaction.hpp"

namespace x402::svm {

enum class TransferPath { plain, wallet };  // wallet: a smart wallet's program moves the money

struct TransferAction {
    std::string transaction;  // base64; the fee payer's signature is all zero
    Hash32 hash;              // of the message: names slot and payment
    Address payer;
    Address fee_payer;
    Address mint;
    Address destination;  // payTo's token account
    std::uint64_t amount = 0;
    TransferPath path = TransferPath::plain;
    std::uint64_t fee = 0;  // lamports that landing costs at most
    // The last block height that may still take the message: our endpoint's height at first sight +
    // 150, where the blockhash was valid in that same context. Nothing: it was not, and only the
    // payment's trace can end it.
    std::optional<std::uint64_t> last_height;
};

json::Object write(const TransferAction& action);
Result<TransferAction> read_action(const json::Object& body);

// What became of it, as the part of a receipt: {"credited": decimal} where the chain told.
json::Object write_part(const std::optional<U256>& credited);
std::optional<U256> read_part(const json::Object& body);

}  // namespace x402::svm
