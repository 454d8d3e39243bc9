// SPDX-License-Identifier: Apache-2.0
// A payer's or a signer's secp256k1 key. Any thread.
#pragma once

#include "x402/chains/evm/address.hpp"
#include "x402/schemes/wallet.hpp"

namespace x402::evm {

// "0x" and 64 hex digits, or the digits alone.
Result<crypto::Secret> parse_key(const crypto::Secret& text);
Result<Address> address_of_key(const crypto::Secret& key);

class EvmWallets final : public WalletProvider {
public:
    std::string_view family() const noexcept override;
    std::string_view default_key_variable() const noexcept override { return "X402_EVM_KEY"; }
    bool recognizes(std::string_view key_text) const noexcept override;
    Result<std::unique_ptr<Wallet>> parse(const crypto::Secret& key_text) const override;
    Result<std::unique_ptr<Wallet>> from_bytes(const crypto::Secret& key) const override;
    Result<crypto::Secret> read_bytes(const crypto::Secret& key_text) const override;
    std::string_view key_form() const noexcept override {
        return "0x and 64 hexadecimal digits for an EVM key";
    }
};

}  // namespace x402::evm
