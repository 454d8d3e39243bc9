// SPDX-License-Identifier: Apache-2.0
// Private keys in a file, encrypted with a password: Web3 Secret Storage version 3 (scrypt or
// pbkdf2, AES-128-CTR, keccak MAC), as geth, foundry and MetaMask write it. Any thread; unlocking
// takes about a second on purpose.
#pragma once

#include <string>
#include <string_view>

#include "x402/base/random.hpp"
#include "x402/base/result.hpp"
#include "x402/crypto/secret.hpp"

namespace x402::crypto {

struct KeystoreCost {
    std::uint64_t scrypt_n = 262'144;  // a power of two, at most 2^20 when read
};

// The JSON text. `address_hex` is what others show beside the file; it may be empty.
Result<std::string> keystore_encrypt(const Secret& key, std::string_view password,
                                     std::string_view address_hex, Random& random,
                                     KeystoreCost cost = {});
// Errc::unauthorized for a wrong password, Errc::invalid for a file that is no version-3 keystore.
Result<Secret> keystore_decrypt(std::string_view text, std::string_view password);

}  // namespace x402::crypto
