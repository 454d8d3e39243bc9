// SPDX-License-Identifier: Apache-2.0
// Key derivation from a password: scrypt (RFC 7914) and PBKDF2 with HMAC-SHA-256 (RFC 8018), with
// caps for parameters that come out of a file, since memory and time are the file's to choose
// otherwise. Any thread; slow on purpose, so never on a thread that serves.
#pragma once

#include <string_view>

#include "x402/base/result.hpp"
#include "x402/crypto/secret.hpp"

namespace x402::crypto {

struct ScryptCost {
    std::uint64_t n = 0;
    std::uint64_t r = 0;
    std::uint64_t p = 0;
};

inline constexpr std::uint64_t kMaxScryptN = 1 << 20;
inline constexpr std::uint64_t kMaxScryptMemory = 1ULL << 30;  // 128 n r, in bytes
inline constexpr std::uint64_t kMaxScryptWork = 1ULL << 24;  // n r p; geth's standard file has 2^21
inline constexpr std::int64_t kMaxPbkdf2Rounds =
    10'000'000;  // geth's vectors and MetaMask stay below 10^6
inline constexpr std::size_t kMaxPasswordBytes = 4096;

// 32 bytes. Errc::invalid for what is no cost at all, Errc::too_large beyond the caps.
Result<Secret> scrypt(std::string_view password, ByteView salt, const ScryptCost& cost);
Result<Secret> pbkdf2_sha256(std::string_view password, ByteView salt, std::int64_t rounds);

// The same without OpenSSL's core, which refuses n >= 2^(16 r) although files with n = 2^18, r = 1
// are common (Python's eth-keyfile wrote them for years). `cost` was checked; used for those, and
// compared in tests.
Result<Secret> scrypt_own(std::string_view password, ByteView salt, const ScryptCost& cost);

}  // namespace x402::crypto
