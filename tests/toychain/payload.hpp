// SPDX-License-Identifier: Apache-2.0
// The payment of the toy scheme `metered`: the payer signs a most, the seller charges at most that,
// perhaps nothing. In escrow flow it settles twice: the deposit takes the most, the claim pays the
// charge and gives the rest back. Pure; any thread.
#pragma once

#include <expected>
#include <string>

#include "ledger.hpp"
#include "x402/schemes/payment.hpp"

namespace x402::toy {

inline constexpr std::string_view kScheme = "metered";
inline constexpr std::string_view kFamily = "toy";
inline constexpr std::string_view kAsset = "coin";

struct Metered {
    std::string from;
    std::string to;
    U256 most;
    Instant expires{};
    std::string nonce;
    std::string signature;
    Kind kind = Kind::direct;

    std::string message() const;  // what is signed
    std::string hash() const;
    PaymentKey key() const;
};

std::expected<Metered, Refusal> read_metered(const PaymentPayload& payload);
json::Object write_metered(const Metered& metered);
std::string_view to_string(Kind kind) noexcept;
// What would land: the charge is the requirements' amount.
Transfer transfer_of(const Metered& metered, const U256& charge);
json::Object write_transfer(const Transfer& transfer);
Result<Transfer> read_transfer(const json::Object& object);

}  // namespace x402::toy
