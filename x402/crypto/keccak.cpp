// SPDX-License-Identifier: Apache-2.0
// Keccak-f[1600], 24 rounds, written out lane by lane: OpenSSL 3.0 does not offer the original
// padding. The state is 25 lanes of 64 bits, lane x + 5y, absorbed little endian. Two buffers take
// turns, so that rho, pi and chi of a round are one pass without temporaries. Any thread.
#include "x402/crypto/keccak.hpp"

#include <bit>

#include "x402/crypto/hash.hpp"

namespace x402::crypto {

namespace {

using Lane = std::uint64_t;
using Lanes = std::array<Lane, 25>;
using Row = std::array<Lane, 5>;

constexpr std::size_t kRate = 136;

// FIPS 202, 3.2.5.
constexpr std::array<Lane, 24> kRounds = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

// FIPS 202, 3.2.4, for one row of five lanes.
inline void chi(Lane* out, const Row& b) noexcept {
    out[0] = b[0] ^ (~b[1] & b[2]);
    out[1] = b[1] ^ (~b[2] & b[3]);
    out[2] = b[2] ^ (~b[3] & b[4]);
    out[3] = b[3] ^ (~b[4] & b[0]);
    out[4] = b[4] ^ (~b[0] & b[1]);
}

inline Lane column(const Lanes& a, std::size_t x) noexcept {
    return a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
}

inline void round(const Lanes& a, Lanes& out, Lane constant) noexcept {
    using std::rotl;
    const Row c = {column(a, 0), column(a, 1), column(a, 2), column(a, 3), column(a, 4)};
    const Lane d0 = c[4] ^ rotl(c[1], 1);
    const Lane d1 = c[0] ^ rotl(c[2], 1);
    const Lane d2 = c[1] ^ rotl(c[3], 1);
    const Lane d3 = c[2] ^ rotl(c[4], 1);
    const Lane d4 = c[3] ^ rotl(c[0], 1);
    chi(&out[0], {a[0] ^ d0, rotl(a[6] ^ d1, 44), rotl(a[12] ^ d2, 43), rotl(a[18] ^ d3, 21),
                  rotl(a[24] ^ d4, 14)});
    chi(&out[5], {rotl(a[3] ^ d3, 28), rotl(a[9] ^ d4, 20), rotl(a[10] ^ d0, 3),
                  rotl(a[16] ^ d1, 45), rotl(a[22] ^ d2, 61)});
    chi(&out[10], {rotl(a[1] ^ d1, 1), rotl(a[7] ^ d2, 6), rotl(a[13] ^ d3, 25),
                   rotl(a[19] ^ d4, 8), rotl(a[20] ^ d0, 18)});
    chi(&out[15], {rotl(a[4] ^ d4, 27), rotl(a[5] ^ d0, 36), rotl(a[11] ^ d1, 10),
                   rotl(a[17] ^ d2, 15), rotl(a[23] ^ d3, 56)});
    chi(&out[20], {rotl(a[2] ^ d2, 62), rotl(a[8] ^ d3, 55), rotl(a[14] ^ d4, 39),
                   rotl(a[15] ^ d0, 41), rotl(a[21] ^ d1, 2)});
    out[0] ^= constant;
}

void permute(Lanes& lanes) noexcept {
    Lanes other;
    for (std::size_t i = 0; i < kRounds.size(); i += 2) {
        round(lanes, other, kRounds[i]);
        round(other, lanes, kRounds[i + 1]);
    }
}

void absorb(Lanes& lanes, const std::uint8_t* block) noexcept {
    static_assert(std::endian::native == std::endian::little);
    for (std::size_t i = 0; i < kRate / 8; ++i) {
        Lane lane = 0;
        std::memcpy(&lane, block + 8 * i, 8);
        lanes[i] ^= lane;
    }
    permute(lanes);
}

}  // namespace

Hash32 keccak_sponge(ByteView bytes, std::uint8_t padding) noexcept {
    Lanes lanes{};
    while (bytes.size() >= kRate) {
        absorb(lanes, bytes.data());
        bytes = bytes.subspan(kRate);
    }
    std::array<std::uint8_t, kRate> last{};
    std::copy(bytes.begin(), bytes.end(), last.begin());
    last[bytes.size()] = padding;
    last[kRate - 1] |= 0x80;
    absorb(lanes, last.data());
    Hash32 out;
    std::memcpy(out.data.data(), lanes.data(), out.size());
    return out;
}

Hash32 keccak256(ByteView bytes) noexcept {
    return keccak_sponge(bytes, 0x01);
}

}  // namespace x402::crypto
