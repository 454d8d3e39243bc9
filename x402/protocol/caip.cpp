// SPDX-License-Identifier: Apache-2.0
// Grammar of CAIP-2, CAIP-10 and CAIP-19. A character class is a function of one byte, so that no
// locale and no regular expression decides what a network's name is.
#include "x402/protocol/caip.hpp"

#include <algorithm>

namespace x402 {
namespace {

constexpr std::size_t kFamilyMin = 3;
constexpr std::size_t kFamilyMax = 8;
constexpr std::size_t kReferenceMax = 64;
constexpr std::size_t kAddressMax = 128;

constexpr bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
constexpr bool is_alnum(char c) {
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}
constexpr bool is_family_char(char c) {
    return is_lower_or_digit(c) || c == '-';
}
constexpr bool is_reference_char(char c) {
    return is_alnum(c) || c == '-' || c == '_' || c == '/' || c == '+' || c == '=';
}
constexpr bool is_address_char(char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '%';
}

bool is_family(std::string_view text) {
    return text.size() >= kFamilyMin && text.size() <= kFamilyMax &&
           std::all_of(text.begin(), text.end(), is_family_char);
}
bool is_reference(std::string_view text) {
    return !text.empty() && text.size() <= kReferenceMax &&
           std::all_of(text.begin(), text.end(), is_reference_char);
}
bool is_address(std::string_view text) {
    return !text.empty() && text.size() <= kAddressMax &&
           std::all_of(text.begin(), text.end(), is_address_char);
}

// What a peer wrote is quoted only while it is short and plain: an error may reach a log.
std::string quoted(std::string_view text) {
    const bool plain =
        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!plain || text.size() > kAddressMax) return "the text";
    return "'" + std::string(text) + "'";
}

std::unexpected<Error> not_a(std::string_view what, std::string_view text,
                             std::string_view example) {
    Error error{Errc::invalid, quoted(text) + " is not " + std::string(what), {}, {}, false};
    error.next = "write it like " + std::string(example);
    return fail(std::move(error));
}

}  // namespace

Result<ChainId> ChainId::parse(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || !is_family(text.substr(0, colon)) ||
        !is_reference(text.substr(colon + 1))) {
        return not_a("a CAIP-2 network", text, "eip155:8453");
    }
    return ChainId(std::string(text));
}

std::string_view ChainId::family() const noexcept {
    const std::string_view text = text_;
    return text.substr(0, std::min(text.find(':'), text.size()));
}

std::string_view ChainId::reference() const noexcept {
    const std::string_view text = text_;
    const auto colon = text.find(':');
    return colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
}

Result<ChainPattern> ChainPattern::parse(std::string_view text) {
    if (text == "*") return ChainPattern(std::string(text));
    if (text.ends_with(":*") && is_family(text.substr(0, text.size() - 2))) {
        return ChainPattern(std::string(text));
    }
    if (!ChainId::parse(text))
        return not_a("a network or a pattern of networks", text, "eip155:8453 or eip155:*");
    return ChainPattern(std::string(text));
}

bool ChainPattern::matches(const ChainId& network) const noexcept {
    if (network.empty()) return false;
    if (text_ == "*") return true;
    if (!text_.ends_with(":*")) return text_ == network.text();
    return std::string_view(text_).substr(0, text_.size() - 2) == network.family();
}

// network ":" address; the address has no colon (CAIP-10), the network has exactly one.
Result<AccountId> AccountId::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || !is_address(text.substr(colon + 1))) {
        return not_a("a CAIP-10 account", text, "eip155:8453:0xabc...");
    }
    auto network = ChainId::parse(text.substr(0, colon));
    if (!network) return not_a("a CAIP-10 account", text, "eip155:8453:0xabc...");
    return AccountId{std::move(*network), std::string(text.substr(colon + 1))};
}

std::string AccountId::text() const {
    return network.text() + ":" + address;
}

// network "/" space ":" reference. The last slash divides: Algorand's network ids have one of their
// own.
Result<AssetId> AssetId::parse(std::string_view text) {
    constexpr std::string_view kExample = "eip155:8453/erc20:0xabc...";
    const auto slash = text.rfind('/');
    if (slash == std::string_view::npos) return not_a("a CAIP-19 asset", text, kExample);
    const auto asset = text.substr(slash + 1);
    const auto colon = asset.find(':');
    if (colon == std::string_view::npos || !is_family(asset.substr(0, colon)) ||
        !is_address(asset.substr(colon + 1))) {
        return not_a("a CAIP-19 asset", text, kExample);
    }
    auto network = ChainId::parse(text.substr(0, slash));
    if (!network) return not_a("a CAIP-19 asset", text, kExample);
    return AssetId{std::move(*network), std::string(asset.substr(0, colon)),
                   std::string(asset.substr(colon + 1))};
}

std::string AssetId::text() const {
    return network.text() + "/" + space + ":" + reference;
}

}  // namespace x402
