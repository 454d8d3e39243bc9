// SPDX-License-Identifier: Apache-2.0
// EIP-55: a hex letter is upper case where the hash of the lower-case text has a nibble of 8 or
// more at its place. Any thread.
#include "x402/chains/evm/address.hpp"

#include <algorithm>

#include "x402/base/hex.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::evm {
namespace {

bool has_upper(std::string_view digits) noexcept {
    return std::any_of(digits.begin(), digits.end(), [](char c) { return c >= 'A' && c <= 'F'; });
}

bool has_lower(std::string_view digits) noexcept {
    return std::any_of(digits.begin(), digits.end(), [](char c) { return c >= 'a' && c <= 'f'; });
}

}  // namespace

Result<Address> parse_wire_address(std::string_view text) {
    auto address = fixed_from_hex0x<20>(text);
    if (!address) return fail(Errc::invalid, "an address is 0x and 40 hex digits");
    return address;
}

Result<Address> parse_address(std::string_view text) {
    X402_TRY(const Address address, parse_wire_address(text));
    const std::string_view digits = text.substr(2);
    if (!has_upper(digits) || !has_lower(digits)) return address;
    const std::string right = to_checksum(address);
    if (right != text) {
        return fail_field(Errc::invalid, {}, "the checksum of the address is wrong (EIP-55)",
                          "compare it with its source; with the right checksum it is " + right);
    }
    return address;
}

std::string to_checksum(const Address& address) {
    std::string text = to_lower(address);
    const Hash32 hash = crypto::keccak256(as_bytes(std::string_view(text).substr(2)));
    for (std::size_t i = 0; i < 40; ++i) {
        const std::uint8_t byte = hash.data[i / 2];
        const int nibble = i % 2 == 0 ? byte >> 4 : byte & 0x0f;
        char& c = text[i + 2];
        if (nibble >= 8 && c >= 'a') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
}

std::string to_lower(const Address& address) {
    return to_hex0x(address.view());
}

Address address_of(const crypto::PublicKey64& key) noexcept {
    const Hash32 hash = crypto::keccak256(key.view());
    return Address::from(hash.view().subspan(12));
}

}  // namespace x402::evm
