// SPDX-License-Identifier: Apache-2.0
// A row without a version is one where no source says it: a server cannot offer such a token until
// the operator states or a chain tells it. Any thread.
#include "x402/chains/evm/assets.hpp"

#include "x402/base/check.hpp"
#include "x402/chains/evm/address.hpp"
#include "x402/chains/evm/networks.hpp"

namespace x402::evm {
namespace {

struct Row {
    std::uint64_t chain;
    std::string_view symbol;
    std::string_view address;
    std::string_view name;
    std::string_view version;
    std::uint8_t decimals = 6;
    bool permit2_only = false;
    bool usd = true;
};

constexpr Row kRows[] = {
    {8453, "USDC", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin", "2"},
    {84532, "USDC", "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC", "2"},
    {1, "USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD Coin", "2"},
    {43114, "USDC", "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E", "USD Coin", "2"},
    {43113, "USDC", "0x5425890298aed601595a70AB815c96711a31Bc65", "USD Coin", "2"},
    {4326, "USDm", "0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7", "MegaUSD", "1", 18, true},
    {143, "USDC", "0x754704Bc059F8C67012fEd69BC8A327a5aafb603", "USDC", "2"},
    {988, "USDT0", "0x779Ded0c9e1022225f8E0630b35a9b54bE713736", "USDT0", "1"},
    {2201, "USDT0", "0x78Cf24370174180738C5B8E352B6D14c83a6c9A9", "USDT0", "1"},
    {137, "USDC", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "USD Coin", "2"},
    {80002, "USDC", "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582", "USDC", "2"},
    {42161, "USDC", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", "USD Coin", "2"},
    {421614, "USDC", "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d", "USD Coin", "2"},
    {31612, "MUSD", "0xdD468A1DDc392dcdbEf6db6e34E89AA338F9F186", "Mezo USD", "1", 18, true},
    {31611, "MUSD", "0x118917a40FAF1CD7a13dB0Ef56C86De7973Ac503", "Mezo USD", "1", 18, true},
    {723487, "SBC", "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb", "Stable Coin", "1", 6, true},
    {72344, "SBC", "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb", "Stable Coin", "1", 6, true},
    {36900, "USDC.e", "0x9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2", "USDC.e", "2"},
    {190415, "USDC.e", "0x401eCb1D350407f13ba348573E5630B83638E30D", "Bridged USDC", "2"},
    {181228, "USDC.e", "0x401eCb1D350407f13ba348573E5630B83638E30D", "Bridged USDC", "2"},
    {50, "USDC", "0xfA2958CB79b0491CC627c1557F441eF849Ca8eb1", "USDC", "2"},
    {51, "USDC", "0xb5AB69F7bBada22B28e79C8FFAECe55eF1c771D4", "USDC", "2"},
    {38833, "USDC", "0xA5b8BF902b2844dA17d4506cc827F7F1681735E7", "USDC", "1", 6, true},
    {14, "USDT0", "0xe7cd86e13AC4309349F30B3435a9d337750fC82D",
     "USD\xE2\x82\xAE"
     "0",
     "1"},
    {42220, "USDC", "0xcebA9300f2b948710d2653dD7B07f33A8B32118C", "USDC", "2"},
    {42220, "USDT", "0x48065fbBE25f71C9282ddf5e1cD6D6A887483D5e", "Tether USD", "1"},
    {42220, "USAT", "0xD2ab3C9A02DBBAB236BfEC45D1d755DF4267F771", "Tether America USD", "1"},
    {11142220, "USDC", "0x01C5C0122039549AD1493B8220cABEdD739BC44E", "USDC", "2"},
    {1329, "USDC", "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392", "USDC", "2"},
    {1328, "USDC", "0x4fCF1784B31630811181f670Aea7A7bEF803eaED", "USDC", "2"},
    {1440000, "USDC", "0xDaF4556169c4F3f2231d8ab7BC8772Ddb7D4c84C", "", "1", 15, false, false},
    {3338, "USDC", "0xbbA60da06c2c5424f03f7434542280FCAd453d10", "USDC", ""},
    {4689, "USDC", "0xcdf79194c6c285077a58da47641d4dbe51f63542", "Bridged USDC", ""},
};

json::Object make_extra(std::string_view name, std::string_view version, bool permit2_only) {
    json::Object extra;
    if (!name.empty()) extra["name"] = name;
    if (!version.empty()) extra["version"] = version;
    if (permit2_only) extra[kMethodKey] = kPermit2;
    return extra;
}

Result<json::Object> read_extra(const Tree& section) {
    json::Object extra;
    if (const Tree* domain = section.find("eip712")) {
        if (!domain->is_table())
            return domain->wrong("this must be a table", "eip712 = { name, version }");
        X402_TRY(const std::string name, domain->get_text("name"));
        X402_TRY(const std::string version, domain->get_text("version"));
        extra = make_extra(name, version, false);
    }
    X402_TRY(const auto method, section.opt_text("transfer"));
    if (!method || *method == kEip3009) return extra;
    if (*method != kPermit2) {
        return section.wrong("unknown transfer method \"" + *method + "\"",
                             "use eip3009 or permit2");
    }
    extra[kMethodKey] = kPermit2;
    return extra;
}

}  // namespace

std::vector<AssetInfo> known_assets() {
    std::vector<AssetInfo> out;
    for (const Row& row : kRows) {
        const auto network = ChainId::parse(std::string(kFamily) + ":" + std::to_string(row.chain));
        const auto address = parse_wire_address(row.address);
        X402_CHECK(network.has_value() && address.has_value());
        AssetInfo asset;
        asset.address = to_checksum(*address);
        asset.id = AssetId{*network, "erc20", asset.address};
        asset.symbol = row.symbol;
        asset.decimals = row.decimals;
        asset.usd = row.usd;
        asset.extra = make_extra(row.name, row.version, row.permit2_only);
        out.push_back(std::move(asset));
    }
    return out;
}

Result<AssetInfo> read_asset_section(const ChainId& network, const Tree& section) {
    AssetInfo asset;
    X402_TRY(const std::string text, section.get_text("address"));
    const auto address = parse_address(text);
    if (!address)
        return section.find("address")->wrong(address.error().detail, address.error().next);
    asset.address = to_checksum(*address);
    asset.id = AssetId{network, "erc20", asset.address};
    X402_TRY(const auto decimals, section.opt_integer("decimals"));
    if (!decimals || *decimals < 0 || *decimals > 36) {
        return section.wrong("decimals must be a whole number from 0 to 36",
                             "decimals = 6 for USDC");
    }
    asset.decimals = static_cast<std::uint8_t>(*decimals);
    X402_TRY(const auto symbol, section.opt_text("symbol"));
    asset.symbol = symbol.value_or("");
    X402_TRY(const auto usd, section.opt_boolean("usd"));
    asset.usd = usd.value_or(false);
    X402_TRY(asset.extra, read_extra(section));
    return asset;
}

std::string transfer_method(const json::Object& extra) {
    const std::string method = json::text_or_empty(extra, kMethodKey);
    return method.empty() ? std::string(kEip3009) : method;
}

}  // namespace x402::evm
