// SPDX-License-Identifier: Apache-2.0
// derived = sha256(seeds, bump, program, "ProgramDerivedAddress"), where that is no point of the
// curve: then no key can sign for it.
#include "x402/chains/svm/address.hpp"

#include "x402/base/base58.hpp"
#include "x402/base/check.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/crypto/ed25519.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::svm {
namespace {

constexpr std::size_t kShortestText = 32;  // each zero byte is one digit
constexpr std::size_t kLongestText = 44;
constexpr std::size_t kSeedBytes = 32;
constexpr std::size_t kSeeds = 15;  // the bump is the sixteenth
constexpr std::string_view kMarker = "ProgramDerivedAddress";

std::unexpected<Error> no_address(std::string why) {
    return fail_field(Errc::invalid, {}, "this is no Solana address: " + std::move(why),
                      "an address is 32 bytes in base58, 32 to 44 characters whose case matters");
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
    if (text.size() < kShortestText || text.size() > kLongestText) {
        return no_address("it has " + std::to_string(text.size()) + " characters");
    }
    const auto bytes = from_base58(text);
    if (!bytes) return no_address(bytes.error().detail);
    if (bytes->size() != Address::size()) {
        return no_address("it holds " + std::to_string(bytes->size()) + " bytes");
    }
    return Address::from(*bytes);
}

std::string to_text(const Address& address) {
    return to_base58(address.view());
}

Address address_of_literal(std::string_view text) {
    const auto address = parse_address(text);
    X402_CHECK(address.has_value());
    return *address;
}

std::optional<DerivedAddress> derive_address(std::span<const ByteView> seeds,
                                             const Address& program) {
    if (seeds.size() > kSeeds) return std::nullopt;
    Bytes hashed;
    for (const ByteView seed : seeds) {
        if (seed.size() > kSeedBytes) return std::nullopt;
        append(hashed, seed);
    }
    const std::size_t bump_at = hashed.size();
    hashed.push_back(0);
    append(hashed, program.view());
    append(hashed, as_bytes(kMarker));
    for (int bump = 255; bump >= 0; --bump) {
        hashed[bump_at] = static_cast<std::uint8_t>(bump);
        const Address address = crypto::sha256(hashed);
        if (crypto::is_on_ed25519(address)) continue;
        return DerivedAddress{address, static_cast<std::uint8_t>(bump)};
    }
    return std::nullopt;
}

Address token_account_of(const Address& owner, const Address& mint, const Address& token_program) {
    const ByteView seeds[] = {owner.view(), token_program.view(), mint.view()};
    const auto derived = derive_address(seeds, token_account_program());
    // Each of 256 tries fails with probability one half.
    X402_CHECK(derived.has_value());
    return derived->address;
}

}  // namespace x402::svm
