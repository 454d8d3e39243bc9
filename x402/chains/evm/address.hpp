// SPDX-License-Identifier: Apache-2.0
// Account addresses of EVM networks and their texts. What people write in a configuration is
// checked against its checksum (EIP-55); what comes over the wire may have any case, because the
// case of hex never changes what a payment is. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"
#include "x402/crypto/secp256k1.hpp"

namespace x402::evm {

using Address = FixedBytes<20>;

// One case throughout, or mixed case with the right checksum.
Result<Address> parse_address(std::string_view text);
// Any case, checksum not looked at.
Result<Address> parse_wire_address(std::string_view text);

std::string to_checksum(const Address& address);  // EIP-55, our canonical text
std::string to_lower(const Address& address);     // for payment keys

// The last 20 bytes of the hash of the public key.
Address address_of(const crypto::PublicKey64& key) noexcept;

}  // namespace x402::evm
