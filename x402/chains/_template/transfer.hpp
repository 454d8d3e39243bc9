// SPDX-License-Identifier: Apache-2.0
// What a payer signs: so much of an asset, to whom, until when. The hash of the message names the
// transfer, on the ledger and in every journal; the ledger takes each message once. Pure; any
// thread.
#pragma once

#include <expected>
#include <string>

#include "x402/schemes/network.hpp"
#include "x402/schemes/payment.hpp"

namespace x402::mychain {

struct Transfer {
    std::string network;  // signed, so that a message for one network is worth nothing on another
    std::string asset;
    std::string from;
    std::string to;
    U256 amount;
    Instant expires{};  // the ledger refuses it from then on
    std::string nonce;  // 32 hex digits, random
    std::string signature;

    Hash32 digest() const;  // of everything but the signature
    std::string id() const;
    PaymentKey key() const;
};

// {"asset","from","to","amount","expires","nonce","signature"}; the network is the payment's.
json::Object write(const Transfer& transfer);
Result<Transfer> read_transfer(const json::Object& object, const std::string& network);
// From a payment. A refusal names the member that is wrong.
std::expected<Transfer, Refusal> read_payment(const Payment& payment);

// A refusal with a code of this chain's own: "invalid_exact_mychain_<what>".
Refusal refuse_own(std::string_view what, std::string message, Difference difference);
// The signed data against the terms: recipient, asset, amount. No clock, no network.
std::optional<Refusal> check_terms(const Transfer& transfer, const PaymentRequirements& asked);

}  // namespace x402::mychain
