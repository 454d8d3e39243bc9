// SPDX-License-Identifier: Apache-2.0
// What an operator says of one network: the keys of [networks."solana:..."] that are this module's.
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/crypto/secret.hpp"
#include "x402/schemes/module.hpp"

namespace x402::svm {

struct Signer {
    std::string address;
    crypto::Secret seed;
};

enum class Commitment { processed, confirmed, finalized };
std::string_view to_string(Commitment commitment) noexcept;

struct Settings {
    std::vector<std::string> rpc;
    std::vector<Signer> signers;
    Commitment commitment = Commitment::confirmed;  // what counts as settled
    bool any_token = false;
    bool smart_wallets = false;  // accept transfers that a known wallet program makes
    std::uint64_t max_compute_units = 400'000;
    std::uint64_t max_compute_price = 5'000'000;  // microlamports a unit
    std::uint64_t max_fee = 100'000;              // lamports a payment
    std::optional<U256>
        daily_fee_budget;  // lamports; nothing: a share of the signers' funds at start
    std::optional<U256> payer_fee_budget;  // lamports; nothing: a tenth of the day's
    Duration rebroadcast = std::chrono::seconds(2);
    std::optional<Duration> poll;
};

// `public_rpc` is used where nothing else is said.
Result<Settings> read_settings(const NetworkSetup& setup, std::string_view public_rpc);

// "0.05" is SOL with 9 decimals; digits alone are lamports.
Result<U256> parse_lamports(std::string_view text);

}  // namespace x402::svm
