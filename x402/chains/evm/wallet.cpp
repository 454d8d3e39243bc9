// SPDX-License-Identifier: Apache-2.0
// Key texts are decoded by hand into bytes that a Secret owns, so that no copy of a key is left
// behind. Any thread.
#include "x402/chains/evm/wallet.hpp"

#include "x402/chains/evm/networks.hpp"
#include "x402/chains/evm/signature.hpp"

namespace x402::evm {
namespace {

constexpr std::size_t kKeyBytes = 32;

int nibble_of(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string_view without_prefix(std::string_view text) noexcept {
    return text.starts_with("0x") ? text.substr(2) : text;
}

bool is_key_text(std::string_view text) noexcept {
    const std::string_view digits = without_prefix(text);
    if (digits.size() != 2 * kKeyBytes) return false;
    for (const char c : digits) {
        if (nibble_of(c) < 0) return false;
    }
    return true;
}

class EvmWallet final : public Wallet {
public:
    EvmWallet(crypto::Secret key, std::string address)
        : key_(std::move(key)), address_(std::move(address)) {}
    std::string_view family() const noexcept override { return kFamily; }
    const std::string& address() const noexcept override { return address_; }
    Result<Bytes> sign(ByteView prepared) const override {
        if (prepared.size() != Hash32::size()) {
            return fail(Errc::invalid, "an EVM wallet signs a digest of 32 bytes");
        }
        return sign_digest(Hash32::from(prepared), key_);
    }

private:
    crypto::Secret key_;
    std::string address_;
};

}  // namespace

Result<crypto::Secret> parse_key(const crypto::Secret& text) {
    const std::string_view shown = text.reveal_text();
    if (!is_key_text(shown)) {
        return fail_field(Errc::invalid, {}, "an EVM key is 0x and 64 hex digits",
                          "check what the environment variable or file holds");
    }
    const std::string_view digits = without_prefix(shown);
    Bytes bytes;
    bytes.reserve(kKeyBytes);
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        bytes.push_back(
            static_cast<std::uint8_t>(nibble_of(digits[i]) << 4 | nibble_of(digits[i + 1])));
    }
    return crypto::Secret(std::move(bytes));
}

Result<Address> address_of_key(const crypto::Secret& key) {
    X402_TRY(const crypto::PublicKey64 point, crypto::ecdsa_public_key(key));
    return address_of(point);
}

std::string_view EvmWallets::family() const noexcept {
    return kFamily;
}

bool EvmWallets::recognizes(std::string_view key_text) const noexcept {
    return is_key_text(key_text);
}

Result<std::unique_ptr<Wallet>> EvmWallets::parse(const crypto::Secret& key_text) const {
    X402_TRY(const crypto::Secret key, parse_key(key_text));
    return from_bytes(key);
}

Result<crypto::Secret> EvmWallets::read_bytes(const crypto::Secret& key_text) const {
    return parse_key(key_text);
}

Result<std::unique_ptr<Wallet>> EvmWallets::from_bytes(const crypto::Secret& key) const {
    X402_TRY(const Address address, address_of_key(key));
    std::unique_ptr<Wallet> wallet = std::make_unique<EvmWallet>(key.clone(), to_checksum(address));
    return wallet;
}

}  // namespace x402::evm
