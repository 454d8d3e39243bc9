// SPDX-License-Identifier: Apache-2.0
// Key texts carry the family's name in front, so that no other family's provider takes one for its
// own.
#include "x402/chains/_template/keys.hpp"

#include <algorithm>

#include "x402/base/hex.hpp"
#include "x402/chains/_template/networks.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::mychain {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kAddressBytes = 20;
constexpr std::size_t kSignatureBytes = 65;

std::string prefix(char separator) {
    return std::string(kFamily) + separator;
}

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string address_of(const crypto::PublicKey64& key) {
    const Hash32 hash = crypto::sha256(key.view());
    return prefix('1') + to_hex(hash.view().first(kAddressBytes));
}

class KeyWallet final : public Wallet {
public:
    KeyWallet(crypto::Secret key, std::string address)
        : key_(std::move(key)), address_(std::move(address)) {}
    std::string_view family() const noexcept override { return kFamily; }
    const std::string& address() const noexcept override { return address_; }
    // `prepared` is the digest of a transfer; the answer is the signature's text.
    Result<Bytes> sign(ByteView prepared) const override {
        if (prepared.size() != Hash32::size()) return fail(Errc::invalid, "a digest has 32 bytes");
        X402_TRY(const std::string signature, sign_digest(Hash32::from(prepared), key_));
        return to_bytes(as_bytes(signature));
    }

private:
    crypto::Secret key_;
    std::string address_;
};

}  // namespace

Result<std::string> read_address(std::string_view text) {
    const std::string front = prefix('1');
    const bool fits = text.size() == front.size() + 2 * kAddressBytes && text.starts_with(front) &&
                      is_lower_hex(text.substr(front.size()));
    if (fits) return std::string(text);
    return fail_field(Errc::invalid, {},
                      "\"" + std::string(text) + "\" is no address of this chain",
                      "an address is " + front + " and 40 hex digits in lower case");
}

Result<std::string> address_of_key(const crypto::Secret& key) {
    X402_TRY(const crypto::PublicKey64 point, crypto::ecdsa_public_key(key));
    return address_of(point);
}

Result<crypto::Secret> parse_key(const crypto::Secret& text) {
    const std::string front = prefix('-');
    const std::string_view shown = text.reveal_text();
    const bool fits = shown.size() == front.size() + 2 * kKeyBytes && shown.starts_with(front);
    auto bytes = from_hex(fits ? shown.substr(front.size()) : std::string_view("?"));
    if (bytes) return crypto::Secret(std::move(*bytes));
    return fail_field(Errc::invalid, {}, "a key of this chain is " + front + " and 64 hex digits",
                      "check what the environment variable or file holds");
}

Result<std::string> sign_digest(const Hash32& digest, const crypto::Secret& key) {
    X402_TRY(const crypto::RecoverableSignature parts, crypto::ecdsa_sign(digest, key));
    return to_hex(parts.compact.view()) + (parts.recovery_id == 0 ? "00" : "01");
}

Result<std::string> recover_address(const Hash32& digest, std::string_view signature) {
    X402_TRY(const Bytes bytes, from_hex(signature));
    if (bytes.size() != kSignatureBytes || bytes.back() > 1 || !is_lower_hex(signature)) {
        return fail(Errc::invalid, "a signature is 130 hex digits in lower case");
    }
    crypto::RecoverableSignature parts;
    parts.compact = FixedBytes<64>::from(ByteView(bytes).first(64));
    parts.recovery_id = bytes.back();
    X402_TRY(const crypto::PublicKey64 point, crypto::ecdsa_recover(digest, parts));
    return address_of(point);
}

std::string_view Wallets::family() const noexcept {
    return kFamily;
}

bool Wallets::recognizes(std::string_view key_text) const noexcept {
    return key_text.starts_with(kFamily) && key_text.substr(kFamily.size()).starts_with('-');
}

Result<std::unique_ptr<Wallet>> Wallets::parse(const crypto::Secret& key_text) const {
    X402_TRY(const crypto::Secret key, parse_key(key_text));
    return from_bytes(key);
}

Result<crypto::Secret> Wallets::read_bytes(const crypto::Secret& key_text) const {
    return parse_key(key_text);
}

Result<std::unique_ptr<Wallet>> Wallets::from_bytes(const crypto::Secret& key) const {
    X402_TRY(std::string address, address_of_key(key));
    std::unique_ptr<Wallet> wallet = std::make_unique<KeyWallet>(key.clone(), std::move(address));
    return wallet;
}

}  // namespace x402::mychain
