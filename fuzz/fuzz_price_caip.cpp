// SPDX-License-Identifier: Apache-2.0
// Prices and names that people type: what parses says itself back, and a price is never zero or out
// of range.
#include "x402/base/check.hpp"
#include "x402/protocol/caip.hpp"
#include "x402/protocol/money.hpp"

namespace {

using namespace x402;

void check_names(std::string_view text) {
    if (const auto id = ChainId::parse(text)) {
        X402_CHECK(id->text() == text);
        X402_CHECK(std::string(id->family()) + ":" + std::string(id->reference()) == text);
        X402_CHECK(ChainPattern::parse(text)->matches(*id));
        X402_CHECK(ChainPattern::parse("*")->matches(*id));
        X402_CHECK(ChainPattern::parse(std::string(id->family()) + ":*")->matches(*id));
    }
    if (const auto account = AccountId::parse(text)) {
        X402_CHECK(account->text() == text && !account->network.empty() &&
                   !account->address.empty());
    }
    if (const auto asset = AssetId::parse(text)) {
        X402_CHECK(asset->text() == text && !asset->network.empty());
    }
}

void check_price(std::string_view text) {
    const auto price = parse_price(text);
    if (!price) return;
    AssetInfo asset;
    asset.symbol = price->symbol.empty() ? "USDC" : price->symbol;
    asset.usd = true;
    for (const unsigned decimals : {0U, 6U, 18U}) {
        asset.decimals = static_cast<std::uint8_t>(decimals);
        const auto exact = price_in(*price, asset);
        const auto up = price_in(*price, asset, Rounding::up);
        const auto down = price_in(*price, asset, Rounding::down);
        X402_CHECK(!exact || (!exact->is_zero() && up && *up == *exact && down && *down == *exact));
        X402_CHECK(!up || !down || (*down <= *up && *up <= *down->checked_add(1)));
        if (exact && (price->usd || !price->symbol.empty())) {
            const auto again = parse_price(show(*exact, asset));
            X402_CHECK(again.has_value());
            const auto same = price_in(*again, asset);
            X402_CHECK(same && *same == *exact);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_names(text);
    check_price(text);
    return 0;
}
