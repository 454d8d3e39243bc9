// SPDX-License-Identifier: Apache-2.0
// Names of networks, accounts and assets: CAIP-2 "eip155:84532", CAIP-10 "eip155:84532:0xabc",
// CAIP-19 "eip155:84532/erc20:0xabc". Parsed before they are held, compared by text. Any thread.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "x402/base/result.hpp"

namespace x402 {

class ChainId {
public:
    ChainId() = default;  // empty: no network
    // namespace: [-a-z0-9]{3,8}; reference: [-_a-zA-Z0-9]{1,32} (a longer one, up to 64 with '/',
    // '+', '=', is accepted because Algorand's ids in the wild have it).
    static Result<ChainId> parse(std::string_view text);
    const std::string& text() const noexcept { return text_; }
    std::string_view family() const noexcept;     // "eip155"
    std::string_view reference() const noexcept;  // "84532"
    bool empty() const noexcept { return text_.empty(); }
    friend auto operator<=>(const ChainId&, const ChainId&) = default;

private:
    explicit ChainId(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// "eip155:*", "*" or one network.
class ChainPattern {
public:
    static Result<ChainPattern> parse(std::string_view text);
    bool matches(const ChainId& network) const noexcept;
    const std::string& text() const noexcept { return text_; }

private:
    explicit ChainPattern(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

struct AccountId {
    ChainId network;
    std::string address;
    static Result<AccountId> parse(std::string_view text);
    std::string text() const;
    friend auto operator<=>(const AccountId&, const AccountId&) = default;
};

struct AssetId {
    ChainId network;
    std::string space;      // "erc20", "token", "slip44", "iso4217"
    std::string reference;  // "0x036c..." as written by the chain's module
    static Result<AssetId> parse(std::string_view text);
    std::string text() const;
    friend auto operator<=>(const AssetId&, const AssetId&) = default;
};

}  // namespace x402

template <>
struct std::hash<x402::ChainId> {
    std::size_t operator()(const x402::ChainId& id) const noexcept {
        return std::hash<std::string>{}(id.text());
    }
};
