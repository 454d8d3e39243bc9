// SPDX-License-Identifier: Apache-2.0
// A payer's key for one family of networks. Any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"
#include "x402/crypto/secret.hpp"

namespace x402 {

class Wallet {
public:
    virtual ~Wallet() = default;
    virtual std::string_view family() const noexcept = 0;     // "eip155"
    virtual const std::string& address() const noexcept = 0;  // canonical text
    // Signs what the family's schemes prepared: a 32-byte digest on EVM (answer r s v, 65 bytes), a
    // whole message on Solana (answer 64 bytes).
    virtual Result<Bytes> sign(ByteView prepared) const = 0;
};

// Told apart by form: 0x-hex, base58, JSON keypair. A module's provider says whether a text is its
// own.
class WalletProvider {
public:
    virtual ~WalletProvider() = default;
    virtual std::string_view family() const noexcept = 0;
    virtual std::string_view default_key_variable() const noexcept = 0;  // "X402_EVM_KEY"
    virtual bool recognizes(std::string_view key_text) const noexcept = 0;
    virtual Result<std::unique_ptr<Wallet>> parse(const crypto::Secret& key_text) const = 0;
    // From raw key bytes (a keystore). 32 random bytes are a new key, whatever the family.
    virtual Result<std::unique_ptr<Wallet>> from_bytes(const crypto::Secret& key) const = 0;
    // The raw bytes of a key text, for a keystore.
    virtual Result<crypto::Secret> read_bytes(const crypto::Secret&) const {
        return fail(Errc::unsupported, "keys of this family are not kept in keystores");
    }
    // How a key is written, for who wrote none: "0x and 64 hexadecimal digits for an EVM key".
    virtual std::string_view key_form() const noexcept { return {}; }
};

}  // namespace x402
