// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/exact/payload.hpp"

#include "x402/base/hex.hpp"

namespace x402::evm {
namespace {

constexpr std::string_view kPath = "payload.authorization";

std::string path_of(std::string_view key) {
    return std::string(kPath) + "." + std::string(key);
}

Result<Address> get_address(const json::Object& object, std::string_view key) {
    X402_TRY(const std::string text, json::get_string(object, key, kPath));
    auto address = parse_wire_address(text);
    if (!address) return fail_field(Errc::invalid, path_of(key), address.error().detail);
    return address;
}

Result<U256> get_number(const json::Object& object, std::string_view key) {
    X402_TRY(const std::string text, json::get_string(object, key, kPath));
    auto number = U256::from_decimal(text);
    if (!number) {
        return fail_field(Errc::invalid, path_of(key), number.error().detail,
                          "send decimal digits as text");
    }
    return number;
}

Result<Hash32> get_nonce(const json::Object& object) {
    X402_TRY(const std::string text, json::get_string(object, "nonce", kPath));
    auto nonce = fixed_from_hex0x<32>(text);
    if (!nonce)
        return fail_field(Errc::invalid, path_of("nonce"), "a nonce is 0x and 64 hex digits");
    return nonce;
}

Result<Bytes> get_signature(const json::Object& payload) {
    X402_TRY(const std::string text, json::get_string(payload, "signature", "payload"));
    constexpr std::string_view kField = "payload.signature";
    if (text.size() > 2 + 2 * kSignatureBytes) {
        return fail_field(Errc::too_large, std::string(kField), "the signature is too long");
    }
    if (!text.starts_with("0x")) {
        return fail_field(Errc::invalid, std::string(kField), "a signature is 0x and hex digits");
    }
    auto bytes = from_hex(text);
    if (!bytes) return fail_field(Errc::invalid, std::string(kField), bytes.error().detail);
    return bytes;
}

}  // namespace

Result<TransferPayload> read_transfer_payload(const json::Object& payload) {
    TransferPayload out;
    X402_TRY(const json::Object object, json::get_object(payload, "authorization", "payload"));
    X402_TRY(out.signature, get_signature(payload));
    Authorization& authorization = out.authorization;
    X402_TRY(authorization.from, get_address(object, "from"));
    X402_TRY(authorization.to, get_address(object, "to"));
    X402_TRY(authorization.value, get_number(object, "value"));
    X402_TRY(authorization.valid_after, get_number(object, "validAfter"));
    X402_TRY(authorization.valid_before, get_number(object, "validBefore"));
    X402_TRY(authorization.nonce, get_nonce(object));
    return out;
}

json::Object write(const TransferPayload& payload) {
    const Authorization& from = payload.authorization;
    json::Object authorization;
    authorization["from"] = to_checksum(from.from);
    authorization["to"] = to_checksum(from.to);
    authorization["value"] = from.value.to_decimal();
    authorization["validAfter"] = from.valid_after.to_decimal();
    authorization["validBefore"] = from.valid_before.to_decimal();
    authorization["nonce"] = to_hex0x(from.nonce.view());
    json::Object out;
    out["signature"] = to_hex0x(payload.signature);
    out["authorization"] = std::move(authorization);
    return out;
}

}  // namespace x402::evm
