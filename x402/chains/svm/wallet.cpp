// SPDX-License-Identifier: Apache-2.0
// Key texts are decoded by hand into bytes that a Secret owns, so that no copy of a key is left
// behind. Any thread.
#include "x402/chains/svm/wallet.hpp"

#include <algorithm>

#include "x402/chains/svm/networks.hpp"
#include "x402/crypto/ed25519.hpp"

namespace x402::svm {
namespace {

constexpr std::size_t kSeedBytes = 32;
constexpr std::size_t kPairBytes = 64;
// Base58 of 32 bytes and of 64 bytes; shorter only where they begin with zeros.
constexpr std::size_t kSeedText = 44;
constexpr std::size_t kPairText = 88;
constexpr std::size_t kHexText = 64;
constexpr std::string_view kAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

bool is_space(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_base58(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return kAlphabet.find(c) != std::string_view::npos; });
}

// 64 of these are a key of another family.
bool is_hex(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

bool is_key_text(std::string_view text) noexcept {
    text = trimmed(text);
    if (text.starts_with('[')) return true;
    if (text.size() < kSeedBytes || text.size() > kPairText || !is_base58(text)) return false;
    if (text.size() == kHexText && is_hex(text)) return false;
    return text.size() <= kSeedText || text.size() >= kPairBytes;
}

std::unexpected<Error> no_key(std::string what) {
    return fail_field(Errc::invalid, {}, std::move(what),
                      "a Solana key is base58 of 64 bytes (or of the 32-byte seed), or the JSON "
                      "array of 64 numbers that solana-keygen writes");
}

// Big-endian, as many bytes as the text has: one zero for each leading '1', then the number's own.
// The buffer never grows, so nothing of it stays behind anywhere.
Result<crypto::Secret> decode_base58(std::string_view text) {
    Bytes bytes(kPairBytes, 0);
    std::size_t used = 0;
    bool fits = true;
    for (const char c : text) {
        auto carry = static_cast<std::uint32_t>(kAlphabet.find(c));
        std::size_t i = 0;
        for (; i < kPairBytes && (carry != 0 || i < used); ++i) {
            carry += 58U * bytes[kPairBytes - 1 - i];
            bytes[kPairBytes - 1 - i] = static_cast<std::uint8_t>(carry & 0xFFU);
            carry >>= 8U;
        }
        used = i;
        fits = fits && carry == 0;
    }
    const std::size_t zeros = std::min(text.find_first_not_of('1'), text.size());
    const std::size_t length = zeros + used;
    crypto::Secret whole(std::move(bytes));
    if (!fits || (length != kSeedBytes && length != kPairBytes)) {
        return no_key("this base58 text holds neither 32 nor 64 bytes");
    }
    const ByteView tail = whole.reveal().subspan(kPairBytes - length);
    return crypto::Secret(to_bytes(tail));
}

class JsonNumbers {
public:
    explicit JsonNumbers(std::string_view text) noexcept : text_(text) {}

    // Reads "[1, 2, ...]" into `out`; false where it is anything else.
    bool read(Bytes& out) {
        if (!take('[')) return false;
        for (std::size_t i = 0; i < kPairBytes; ++i) {
            if (i > 0 && !take(',')) return false;
            std::uint8_t number = 0;
            if (!take_number(number)) return false;
            out.push_back(number);
        }
        return take(']') && at_ == text_.size();
    }

private:
    void skip() noexcept {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }
    bool take(char c) noexcept {
        skip();
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool take_number(std::uint8_t& out) noexcept {
        skip();
        const std::size_t begin = at_;
        unsigned value = 0;
        while (at_ < text_.size() && is_digit(text_[at_]) && at_ - begin < 3) {
            value = value * 10 + static_cast<unsigned>(text_[at_] - '0');
            ++at_;
        }
        const std::size_t digits = at_ - begin;
        const bool leading_zero = digits > 1 && text_[begin] == '0';
        if (digits == 0 || leading_zero || value > 255) return false;
        out = static_cast<std::uint8_t>(value);
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

Result<crypto::Secret> decode_json(std::string_view text) {
    Bytes bytes;
    bytes.reserve(kPairBytes);
    const bool read = JsonNumbers(text).read(bytes);
    crypto::Secret whole(std::move(bytes));
    if (!read) return no_key("this JSON is no array of 64 numbers from 0 to 255");
    return whole;
}

// Of a seed, or of a seed and its public key.
Result<crypto::Secret> seed_of(const crypto::Secret& key) {
    const ByteView bytes = key.reveal();
    if (bytes.size() != kSeedBytes && bytes.size() != kPairBytes) {
        return no_key("a Solana key has 32 bytes, or 64 with its public half");
    }
    crypto::Secret seed(to_bytes(bytes.first(kSeedBytes)));
    X402_TRY(const crypto::Ed25519Public address, crypto::ed25519_public_key(seed));
    const bool pair = bytes.size() == kPairBytes;
    if (pair && !equal_constant_time(bytes.subspan(kSeedBytes), address.view())) {
        return no_key("the public half of this key does not belong to its secret half");
    }
    return seed;
}

class SvmWallet final : public Wallet {
public:
    SvmWallet(crypto::Secret seed, std::string address)
        : seed_(std::move(seed)), address_(std::move(address)) {}
    std::string_view family() const noexcept override { return kFamily; }
    const std::string& address() const noexcept override { return address_; }
    Result<Bytes> sign(ByteView prepared) const override {
        X402_TRY(const crypto::Ed25519Signature signature, crypto::ed25519_sign(prepared, seed_));
        return to_bytes(signature.view());
    }

private:
    crypto::Secret seed_;
    std::string address_;
};

}  // namespace

Result<crypto::Secret> parse_key(const crypto::Secret& text) {
    const std::string_view shown = trimmed(text.reveal_text());
    if (!is_key_text(shown)) return no_key("this is no Solana key");
    X402_TRY(const crypto::Secret key,
             shown.starts_with('[') ? decode_json(shown) : decode_base58(shown));
    return seed_of(key);
}

Result<Address> address_of_seed(const crypto::Secret& seed) {
    return crypto::ed25519_public_key(seed);
}

std::string_view SvmWallets::family() const noexcept {
    return kFamily;
}

bool SvmWallets::recognizes(std::string_view key_text) const noexcept {
    return is_key_text(key_text);
}

Result<std::unique_ptr<Wallet>> SvmWallets::parse(const crypto::Secret& key_text) const {
    X402_TRY(const crypto::Secret seed, parse_key(key_text));
    return from_bytes(seed);
}

Result<crypto::Secret> SvmWallets::read_bytes(const crypto::Secret& key_text) const {
    return parse_key(key_text);
}

Result<std::unique_ptr<Wallet>> SvmWallets::from_bytes(const crypto::Secret& key) const {
    X402_TRY(crypto::Secret seed, seed_of(key));
    X402_TRY(const Address address, address_of_seed(seed));
    std::unique_ptr<Wallet> wallet = std::make_unique<SvmWallet>(std::move(seed), to_text(address));
    return wallet;
}

}  // namespace x402::svm
