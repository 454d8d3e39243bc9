// SPDX-License-Identifier: Apache-2.0
// Web3 Secret Storage, version 3. The password becomes 32 bytes: the first 16 are the AES key, the
// last 16 go into the MAC, keccak256(last 16 || ciphertext), which alone tells a right password
// from a wrong one. The file may come from a stranger: its size, its cost and every length in it
// are capped before they are used. Any thread.
#include "x402/crypto/keystore.hpp"

#include <openssl/evp.h>

#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/base/json.hpp"
#include "x402/crypto/hash.hpp"
#include "x402/crypto/scrypt.hpp"

namespace x402::crypto {

namespace {

constexpr std::size_t kMaxFileBytes = 16 * 1024;
constexpr std::size_t kMaxSaltBytes = 256;
constexpr std::size_t kMaxKeyBytes = 256;
constexpr std::size_t kIvBytes = 16;
constexpr std::int64_t kDerivedBytes = 32;

struct Sealed {
    Bytes iv;
    Bytes ciphertext;
    Bytes mac;
};

// Counter mode: the same both ways.
Bytes aes_128_ctr(ByteView key, ByteView iv, ByteView input) {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    X402_CHECK(context != nullptr);
    Bytes out(input.size());
    int length = 0;
    const bool done =
        EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), nullptr, key.data(), iv.data()) == 1 &&
        EVP_EncryptUpdate(context, out.data(), &length, input.data(),
                          static_cast<int>(input.size())) == 1;
    EVP_CIPHER_CTX_free(context);
    X402_CHECK(done && static_cast<std::size_t>(length) == input.size());
    return out;
}

Hash32 mac_of(const Secret& derived, ByteView ciphertext) {
    Bytes text;
    text.reserve(16 + ciphertext.size());
    append(text, derived.reveal().subspan(16, 16));
    append(text, ciphertext);
    const Secret wiped(std::move(text));
    return keccak256(wiped.reveal());
}

Result<Bytes> get_hex(const json::Object& object, std::string_view key, std::string_view path) {
    X402_TRY(const std::string text, json::get_string(object, key, path));
    auto bytes = from_hex(text);
    if (!bytes)
        return fail_field(Errc::invalid, std::string(path).append(".").append(key),
                          bytes.error().detail);
    return bytes;
}

Result<std::uint64_t> get_count(const json::Object& params, std::string_view key) {
    X402_TRY(const std::int64_t value, json::get_int(params, key, "crypto.kdfparams"));
    if (value < 0)
        return fail_field(Errc::invalid, "crypto.kdfparams." + std::string(key),
                          "expected a count");
    return static_cast<std::uint64_t>(value);
}

Result<Secret> derive(const json::Object& crypto, std::string_view password) {
    X402_TRY(const std::string kdf, json::get_string(crypto, "kdf", "crypto"));
    X402_TRY(const json::Object params, json::get_object(crypto, "kdfparams", "crypto"));
    X402_TRY(const std::int64_t length, json::get_int(params, "dklen", "crypto.kdfparams"));
    X402_TRY(const Bytes salt, get_hex(params, "salt", "crypto.kdfparams"));
    if (length != kDerivedBytes) {
        return fail_field(Errc::unsupported, "crypto.kdfparams.dklen",
                          "only 32 bytes are supported");
    }
    if (salt.size() > kMaxSaltBytes) {
        return fail_field(Errc::too_large, "crypto.kdfparams.salt", "the salt is too long");
    }
    if (kdf == "scrypt") {
        X402_TRY(const std::uint64_t n, get_count(params, "n"));
        X402_TRY(const std::uint64_t r, get_count(params, "r"));
        X402_TRY(const std::uint64_t p, get_count(params, "p"));
        return scrypt(password, salt, {n, r, p});
    }
    if (kdf == "pbkdf2") {
        X402_TRY(const std::string prf, json::get_string(params, "prf", "crypto.kdfparams"));
        if (prf != "hmac-sha256") {
            return fail_field(Errc::unsupported, "crypto.kdfparams.prf",
                              "only hmac-sha256 is supported");
        }
        X402_TRY(const std::int64_t rounds, json::get_int(params, "c", "crypto.kdfparams"));
        return pbkdf2_sha256(password, salt, rounds);
    }
    return fail_field(Errc::unsupported, "crypto.kdf", "only scrypt and pbkdf2 are supported");
}

Result<Sealed> read_sealed(const json::Object& crypto) {
    X402_TRY(const std::string cipher, json::get_string(crypto, "cipher", "crypto"));
    if (cipher != "aes-128-ctr") {
        return fail_field(Errc::unsupported, "crypto.cipher", "only aes-128-ctr is supported");
    }
    X402_TRY(const json::Object params, json::get_object(crypto, "cipherparams", "crypto"));
    Sealed out;
    X402_TRY(out.iv, get_hex(params, "iv", "crypto.cipherparams"));
    X402_TRY(out.ciphertext, get_hex(crypto, "ciphertext", "crypto"));
    X402_TRY(out.mac, get_hex(crypto, "mac", "crypto"));
    if (out.iv.size() != kIvBytes) {
        return fail_field(Errc::invalid, "crypto.cipherparams.iv", "expected 16 bytes");
    }
    if (out.ciphertext.empty() || out.ciphertext.size() > kMaxKeyBytes) {
        return fail_field(Errc::invalid, "crypto.ciphertext", "expected 1 to 256 bytes");
    }
    if (out.mac.size() != Hash32::size())
        return fail_field(Errc::invalid, "crypto.mac", "expected 32 bytes");
    return out;
}

Result<json::Object> read_crypto(std::string_view text) {
    X402_TRY(const json::Object file,
             json::parse_object(text, {.max_bytes = kMaxFileBytes, .max_depth = 8}));
    X402_TRY(const std::int64_t version, json::get_int(file, "version"));
    if (version != 3) return fail_field(Errc::invalid, "version", "this is no version 3 keystore");
    // Old geth wrote the name with a capital letter.
    const bool capital =
        json::find(file, "crypto") == nullptr && json::find(file, "Crypto") != nullptr;
    return json::get_object(file, capital ? "Crypto" : "crypto");
}

// RFC 4122, 4.4.
std::string uuid_v4(Random& random) {
    auto bits = random.bytes<16>();
    bits.data[6] = static_cast<std::uint8_t>((bits.data[6] & 0x0f) | 0x40);
    bits.data[8] = static_cast<std::uint8_t>((bits.data[8] & 0x3f) | 0x80);
    std::string out = to_hex(bits.view());
    for (const std::size_t at : {20, 16, 12, 8}) out.insert(at, "-");
    return out;
}

}  // namespace

Result<std::string> keystore_encrypt(const Secret& key, std::string_view password,
                                     std::string_view address_hex, Random& random,
                                     KeystoreCost cost) {
    if (key.empty() || key.reveal().size() > kMaxKeyBytes) {
        return fail(Errc::invalid, "a key has 1 to 256 bytes");
    }
    X402_TRY(const Bytes address, from_hex(address_hex));
    const ScryptCost scrypt_cost{cost.scrypt_n, 8, 1};
    const auto salt = random.bytes<32>();
    const auto iv = random.bytes<kIvBytes>();
    X402_TRY(const Secret derived, scrypt(password, salt.view(), scrypt_cost));
    const Bytes ciphertext = aes_128_ctr(derived.reveal().first(16), iv.view(), key.reveal());

    json::Object params;
    params["dklen"] = kDerivedBytes;
    params["n"] = scrypt_cost.n;
    params["p"] = scrypt_cost.p;
    params["r"] = scrypt_cost.r;
    params["salt"] = to_hex(salt.view());
    json::Object crypto;
    crypto["cipher"] = "aes-128-ctr";
    crypto["cipherparams"] = json::Object{{"iv", to_hex(iv.view())}};
    crypto["ciphertext"] = to_hex(ciphertext);
    crypto["kdf"] = "scrypt";
    crypto["kdfparams"] = std::move(params);
    crypto["mac"] = to_hex(mac_of(derived, ciphertext).view());
    json::Object file;
    if (!address.empty()) file["address"] = to_hex(address);
    file["crypto"] = std::move(crypto);
    file["id"] = uuid_v4(random);
    file["version"] = 3;
    return json::dump(file);
}

Result<Secret> keystore_decrypt(std::string_view text, std::string_view password) {
    X402_TRY(const json::Object crypto, read_crypto(text));
    // The shape first: an unreadable file should not cost a second of derivation.
    X402_TRY(const Sealed sealed, read_sealed(crypto));
    X402_TRY(const Secret derived, derive(crypto, password));
    if (!equal_constant_time(mac_of(derived, sealed.ciphertext).view(), sealed.mac)) {
        return fail(Error{Errc::unauthorized,
                          "the password does not open this keystore",
                          {},
                          "check the password and which file it belongs to",
                          false});
    }
    return Secret(aes_128_ctr(derived.reveal().first(16), sealed.iv, sealed.ciphertext));
}

}  // namespace x402::crypto
