// SPDX-License-Identifier: Apache-2.0
// Everything that can be said of a payment without asking its network, in the reference's order of
// checks (protocol facts 2.10, rows 1 to 12). Client, server and facilitator ask the same
// functions. Any thread.
#pragma once

#include <expected>

#include "x402/chains/svm/instructions.hpp"
#include "x402/schemes/payment.hpp"

namespace x402::svm {

inline constexpr std::string_view kExactScheme = "exact";
// A seller's memo is at most this long.
inline constexpr std::size_t kMemoBytes = 256;

// A payment that is well formed and belongs to its requirements' scheme and network.
struct ReadPayment {
    Transaction transaction;
    Address fee_payer;  // extra.feePayer
    Address mint;
    Address pay_to;
    std::uint64_t amount = 0;         // of the requirements
    std::optional<std::string> memo;  // extra.memo
    Hash32 hash;                      // of the message
};

// Rows 1 to 3: scheme, network, and the fee payer that the offer names; whether that one is his own
// only a facilitator can say.
std::expected<Address, Refusal> read_fee_payer(const Payment& payment);
// Rows 1 to 5: scheme, network, fee payer named, decoded, the fee payer's place, and every other
// signature; who may sign at all depends on the path, and is the layout's to say. A durable nonce
// is refused here, on every path. What stands in the fee payer's signature is of no interest.
std::expected<ReadPayment, Refusal> read_payment(const Payment& payment);
// What an offer must say for any of this: asset, payTo, amount and memo. Nothing: it does.
std::optional<Refusal> check_offer(const PaymentRequirements& requirements);

// What the instructions say, once the tables are known.
struct Layout {
    std::uint32_t compute_units = 0;
    std::uint64_t compute_price = 0;  // microlamports
    TransferChecked transfer;         // plain path
    Address payer;                    // who pays: the transfer's authority
    std::uint64_t fee = 0;            // lamports at most: signatures and priority
};
struct Bounds {
    std::uint64_t max_compute_units = 400'000;
    std::uint64_t max_compute_price = 5'000'000;
    std::uint64_t max_fee = 100'000;
};
// Rows 6 to 12 for a plain transfer. `accounts` are resolved (static and looked-up).
std::expected<Layout, Refusal> check_layout(const ReadPayment& read,
                                            std::span<const AccountUse> accounts,
                                            const Bounds& bounds);
// The smart wallet's path: compute budget, allowed programs, the fee payer isolated, the memo. The
// transfer is the simulation's to show.
std::expected<Layout, Refusal> check_wallet_layout(const ReadPayment& read,
                                                   std::span<const AccountUse> accounts,
                                                   const Bounds& bounds);
// Whether this payment's instructions ask for the smart wallet's path at all: no plain transfer at
// its place, and a known wallet program among them.
bool is_wallet_payment(const ReadPayment& read, std::span<const AccountUse> accounts);
// For those who cannot read tables: everything where the message looks nothing up, else only what
// the message itself says of the transfer. Fees are the facilitator's to bound. `wallets`: the
// offer takes smart wallets, whose transfers only a simulation shows.
std::optional<Refusal> check_without_tables(const ReadPayment& read, bool wallets);
// extra.features.smartWalletSupported
bool takes_wallets(const json::Object& extra);

// Lamports that landing costs at most: 5000 for each signature, and the priority fee rounded up.
// Nothing: more than 64 bits hold.
std::optional<std::uint64_t> fee_of(std::size_t signers, std::uint64_t units, std::uint64_t price);

// The message's accounts with a zero address in place of each looked-up one: what is known without
// tables.
std::vector<AccountUse> known_accounts(const Message& message);
// The plain transfer at its place, accounts as in known_accounts().
std::optional<TransferChecked> signed_transfer(const Message& message);
// The transfer's authority where the message itself names it, else the first signer after the fee
// payer.
Address payer_of(const ReadPayment& read);

PaymentFacts facts_of(const ReadPayment& read, const ChainId& network);
PaymentKey key_of(const ChainId& network, const Hash32& hash);
std::string slot_key_of(const Hash32& hash);

}  // namespace x402::svm
