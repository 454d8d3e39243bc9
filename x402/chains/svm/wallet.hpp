// SPDX-License-Identifier: Apache-2.0
// Keys of Solana: a seed of 32 bytes. As text base58 of seed and public key (64 bytes, as wallets
// export it), base58 of the seed alone, or Solana's JSON keypair, an array of 64 numbers; the
// public half must fit the seed. Any thread.
#pragma once

#include "x402/chains/svm/address.hpp"
#include "x402/crypto/secret.hpp"
#include "x402/schemes/wallet.hpp"

namespace x402::svm {

// The 32-byte seed in a key's text.
Result<crypto::Secret> parse_key(const crypto::Secret& text);
Result<Address> address_of_seed(const crypto::Secret& seed);

class SvmWallets final : public WalletProvider {
public:
    std::string_view family() const noexcept override;
    std::string_view default_key_variable() const noexcept override { return "X402_SVM_KEY"; }
    bool recognizes(std::string_view key_text) const noexcept override;
    Result<std::unique_ptr<Wallet>> parse(const crypto::Secret& key_text) const override;
    Result<std::unique_ptr<Wallet>> from_bytes(const crypto::Secret& key) const override;
    Result<crypto::Secret> read_bytes(const crypto::Secret& key_text) const override;
    std::string_view key_form() const noexcept override {
        return "base58 of 64 bytes, or a JSON array of 64 numbers, for a Solana key";
    }
};

}  // namespace x402::svm
