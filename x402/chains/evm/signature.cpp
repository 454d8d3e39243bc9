// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/signature.hpp"

namespace x402::evm {

Result<Address> recover_signer(const Hash32& digest, ByteView signature) {
    if (signature.size() != kPlainSignatureBytes) {
        return fail(Errc::invalid, "a plain signature has 65 bytes");
    }
    const std::uint8_t v = signature[64];
    if (v != 27 && v != 28) return fail(Errc::invalid, "the last byte of a signature is 27 or 28");
    crypto::RecoverableSignature parts;
    parts.compact = FixedBytes<64>::from(signature.first(64));
    parts.recovery_id = v - 27;
    X402_TRY(const crypto::PublicKey64 key, crypto::ecdsa_recover(digest, parts));
    return address_of(key);
}

Result<Bytes> sign_digest(const Hash32& digest, const crypto::Secret& key) {
    X402_TRY(const crypto::RecoverableSignature parts, crypto::ecdsa_sign(digest, key));
    Bytes out = to_bytes(parts.compact.view());
    out.push_back(static_cast<std::uint8_t>(27 + parts.recovery_id));
    return out;
}

bool is_counterfactual(ByteView signature) noexcept {
    if (signature.size() < 32) return false;
    const ByteView tail = signature.last(32);
    for (std::size_t i = 0; i < tail.size(); ++i) {
        if (tail[i] != (i % 2 == 0 ? 0x64 : 0x92)) return false;
    }
    return true;
}

}  // namespace x402::evm
