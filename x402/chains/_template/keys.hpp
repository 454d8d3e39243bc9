// SPDX-License-Identifier: Apache-2.0
// Addresses, signatures and wallets: secp256k1 keys, an address is the family's name, a "1" and 20
// bytes of the public key's hash as hex. Any thread.
#pragma once

#include "x402/crypto/secp256k1.hpp"
#include "x402/schemes/wallet.hpp"

namespace x402::mychain {

// Canonical text, or an error that says what is wrong with it.
Result<std::string> read_address(std::string_view text);
Result<std::string> address_of_key(const crypto::Secret& key);
// "0x" and 64 hex digits.
Result<crypto::Secret> parse_key(const crypto::Secret& text);

// 65 bytes as hex: r, s, and which of the two points.
Result<std::string> sign_digest(const Hash32& digest, const crypto::Secret& key);
// Whose signature it is.
Result<std::string> recover_address(const Hash32& digest, std::string_view signature);

class Wallets final : public WalletProvider {
public:
    std::string_view family() const noexcept override;
    std::string_view default_key_variable() const noexcept override { return "X402_MYCHAIN_KEY"; }
    bool recognizes(std::string_view key_text) const noexcept override;
    Result<std::unique_ptr<Wallet>> parse(const crypto::Secret& key_text) const override;
    Result<std::unique_ptr<Wallet>> from_bytes(const crypto::Secret& key) const override;
    Result<crypto::Secret> read_bytes(const crypto::Secret& key_text) const override;
    std::string_view key_form() const noexcept override {
        return "mychain- and 64 hexadecimal digits";
    }
};

}  // namespace x402::mychain
