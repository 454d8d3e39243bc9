// SPDX-License-Identifier: Apache-2.0
// Which of a 402's offers is paid, if any: by the payer's policy, never by the seller's order. Each
// offer that is not taken has its reason. Decimals come from the modules' tables, or from the chain
// where the payer allowed the token by address, never from the 402; its prose is never looked at.
// Pure; any thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "x402/client/policy.hpp"
#include "x402/client/result.hpp"
#include "x402/schemes/registry.hpp"

namespace x402::client {

// Whom we paid for something before: the same URL (without query) on the same network.
struct KnownPayee {
    std::string url;
    ChainId network;
    std::string pay_to;
};

struct SelectInput {
    const PaymentRequired& required;
    const Modules& modules;
    const Policy& policy;
    std::span<const std::unique_ptr<Wallet>> wallets;
    std::span<const AssetInfo> read_assets;  // allowed by the payer and read from their chains
    std::span<const KnownPayee> payees;
    std::string url;          // of the request, without query
    bool need_wallet = true;  // false: only to show what would be paid
};

struct Choice {
    PaymentRequirements requirements;
    AssetInfo asset;
    U256 usd_micros;  // what it counts against limits and budgets
    const ClientScheme* scheme = nullptr;
    const Wallet* wallet = nullptr;  // null only without need_wallet
};

struct OfferReport {
    PaymentRequirements requirements;
    std::optional<AssetInfo> asset;
    std::optional<PayError> refusal;  // none: it could be paid
};

struct Selection {
    std::optional<Choice> choice;
    std::vector<OfferReport> offers;
    PayError why;  // without a choice: the reason that is nearest to a payment
};

Selection select(const SelectInput& input);

// What the offers name that only a chain can tell about: allowed by the payer, in no table.
std::vector<AssetId> assets_to_read(const PaymentRequired& required, const Modules& modules,
                                    const Policy& policy);
// The asset an offer names, by canonical address; nullptr when no table has it.
const AssetInfo* table_asset(const Modules& modules, const ChainId& network,
                             std::string_view address);
// One unit counts as a dollar: so say the tables, or the payer allowed a token that calls itself a
// dollar.
bool counts_as_usd(const AssetInfo& asset, bool allowed_by_payer);
// "base", "eip155:*", "solana", "mainnet", "testnet", "USDC", "exact"
// A word that no network, asset or scheme of this build answers to is a slip of the pen.
bool is_known_word(std::string_view word, const Modules& modules);
bool matches_word(std::string_view word, const PaymentRequirements& offer, const AssetInfo* asset,
                  const Modules& modules);

}  // namespace x402::client
