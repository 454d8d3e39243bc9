// SPDX-License-Identifier: Apache-2.0
// Everything that can be said of an EIP-3009 payment without asking its network, in the reference's
// order of checks (protocol facts 2.4, rows 1 to 9; the signature, row 5, needs to know whether the
// payer has code). Server and facilitator ask the same functions. Any thread.
#pragma once

#include <expected>

#include "x402/chains/evm/exact/payload.hpp"
#include "x402/schemes/payment.hpp"

namespace x402::evm {

inline constexpr std::string_view kExactScheme = "exact";

// A payment that is well formed and belongs to its requirements' scheme, network and transfer
// method.
struct ReadPayment {
    TransferPayload payload;
    Address asset;
    Address pay_to;
    std::string name;  // extra.name: the domain that was signed
    std::string version;
    std::uint64_t chain_id = 0;
    Hash32 digest() const;
};

// Rows 1 to 3, the payload's form, and row 4: counterfactual wallets are not accepted.
std::expected<ReadPayment, Refusal> read_payment(const Payment& payment);
// Rows 6 and 9: the signed recipient and value.
std::optional<Refusal> check_terms(const ReadPayment& read, const Payment& payment);
// Rows 7 and 8. Both bounds are strict on the chain, so a payment is usable from validAfter + 1.
std::optional<Refusal> check_times(const ReadPayment& read, const Payment& payment, Instant now);
// Rows 6 to 9 in their order.
std::optional<Refusal> check_signed(const ReadPayment& read, const Payment& payment, Instant now);

PaymentFacts facts_of(const ReadPayment& read);
PaymentKey key_of(const ReadPayment& read);

}  // namespace x402::evm
