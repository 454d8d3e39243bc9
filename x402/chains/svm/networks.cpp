// SPDX-License-Identifier: Apache-2.0
// A network's id is the beginning of its genesis block's hash (CAIP-2, namespace solana). V1 names
// are those of the reference implementation.
#include "x402/chains/svm/networks.hpp"

#include "x402/base/check.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

constexpr std::string_view kMainnet = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";
constexpr std::string_view kDevnet = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1";
constexpr std::string_view kTestnet = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z";
constexpr std::int64_t kMostDecimals = 36;

struct NetworkRow {
    std::string_view reference;
    std::string_view v1_name;
    std::string_view title;
    bool testnet;
    std::string_view public_rpc;
};

constexpr NetworkRow kNetworks[] = {
    {kMainnet, "solana", "Solana", false, "https://api.mainnet-beta.solana.com"},
    {kDevnet, "solana-devnet", "Solana Devnet", true, "https://api.devnet.solana.com"},
    {kTestnet, "solana-testnet", "Solana Testnet", true, "https://api.testnet.solana.com"},
};

struct AssetRow {
    std::string_view reference;
    std::string_view symbol;
    std::string_view mint;
    bool token_2022 = false;
};

constexpr AssetRow kAssets[] = {
    {kMainnet, "USDC", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"},
    {kMainnet, "USDT", "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"},
    {kMainnet, "USDG", "2u1tszSeqZ3qBWF3uNGPFc8TzMk2tdiwknnRMWGWjGWH", true},
    {kMainnet, "PYUSD", "2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo", true},
    {kMainnet, "CASH", "CASHx9KJUStyftLFWGvEVf59SGeG9sh5FfcnZMVPCASH", true},
    {kDevnet, "USDC", "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"},
    {kDevnet, "USDG", "4F6PM96JJxngmHnZLBh9n58RH4aTVNWvDs2nuwrT5BP7", true},
    {kDevnet, "PYUSD", "CXk2AMBfi3TwaEL2468s6zP8xq9NxTXjp9gjMgzeUynM", true},
    {kTestnet, "USDC", "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"},
};

ChainId network_of(std::string_view reference) {
    auto id = ChainId::parse(std::string(kFamily) + ":" + std::string(reference));
    X402_CHECK(id.has_value());
    return *id;
}

AssetInfo asset_at(const ChainId& network, const Address& mint) {
    AssetInfo asset;
    asset.address = to_text(mint);
    asset.id = AssetId{network, "token", asset.address};
    return asset;
}

Result<void> read_program(const Tree& section, AssetInfo& asset) {
    X402_TRY(const auto program, section.opt_text("token_program"));
    if (!program) return {};
    if (*program == "spl-token") {
        asset.extra[kTokenProgramKey] = to_text(token_program());
    } else if (*program == "token-2022") {
        asset.extra[kTokenProgramKey] = to_text(token_2022_program());
    } else {
        return section.find("token_program")
            ->wrong("unknown token program \"" + *program + "\"",
                    "use spl-token or token-2022, or leave it out: it is read from the mint");
    }
    return {};
}

}  // namespace

std::vector<KnownNetwork> known_networks() {
    std::vector<KnownNetwork> out;
    for (const NetworkRow& row : kNetworks) {
        out.push_back(KnownNetwork{network_of(row.reference), std::string(row.v1_name),
                                   std::string(row.title), row.testnet,
                                   std::string(row.public_rpc)});
    }
    return out;
}

std::vector<AssetInfo> known_assets() {
    std::vector<AssetInfo> out;
    for (const AssetRow& row : kAssets) {
        AssetInfo asset = asset_at(network_of(row.reference), address_of_literal(row.mint));
        asset.symbol = row.symbol;
        asset.decimals = 6;
        asset.usd = true;
        const Address& program = row.token_2022 ? token_2022_program() : token_program();
        asset.extra[kTokenProgramKey] = to_text(program);
        out.push_back(std::move(asset));
    }
    return out;
}

Result<AssetInfo> read_asset_section(const ChainId& network, const Tree& section) {
    X402_TRY(const std::string text, section.get_text("address"));
    const auto mint = parse_address(text);
    if (!mint) return section.find("address")->wrong(mint.error().detail, mint.error().next);
    AssetInfo asset = asset_at(network, *mint);
    X402_TRY(const auto decimals, section.opt_integer("decimals"));
    if (!decimals || *decimals < 0 || *decimals > kMostDecimals) {
        return section.wrong("decimals must be a whole number from 0 to 36",
                             "decimals = 6 for USDC");
    }
    asset.decimals = static_cast<std::uint8_t>(*decimals);
    X402_TRY(const auto symbol, section.opt_text("symbol"));
    asset.symbol = symbol.value_or("");
    X402_TRY(const auto usd, section.opt_boolean("usd"));
    asset.usd = usd.value_or(false);
    X402_TRY_VOID(read_program(section, asset));
    return asset;
}

}  // namespace x402::svm
