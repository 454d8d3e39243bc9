// SPDX-License-Identifier: Apache-2.0
// One text for one meaning: every member is checked to be canonical, so that a transfer has a
// single hash.
#include "x402/chains/_template/transfer.hpp"

#include "x402/base/hex.hpp"
#include "x402/chains/_template/keys.hpp"
#include "x402/chains/_template/networks.hpp"
#include "x402/crypto/hash.hpp"
#include "x402/schemes/exact.hpp"

namespace x402::mychain {
namespace {

constexpr std::size_t kNonceDigits = 32;

// The reference of the network: "local".
std::string_view reference_of(std::string_view network) {
    return network.substr(network.find(':') + 1);
}

Refusal differs(Reason reason, const char* field, const std::string& expected,
                const std::string& actual) {
    return refuse(reason, {field, expected, actual});
}

}  // namespace

Hash32 Transfer::digest() const {
    const std::string message = network + "\n" + asset + "\n" + from + "\n" + to + "\n" +
                                amount.to_decimal() + "\n" + std::to_string(to_unix_ms(expires)) +
                                "\n" + nonce;
    return crypto::sha256(as_bytes(message));
}

std::string Transfer::id() const {
    return to_hex(digest().view());
}

PaymentKey Transfer::key() const {
    return PaymentKey(std::string(kFamily) + "~" + std::string(reference_of(network)) + "~" + id());
}

json::Object write(const Transfer& transfer) {
    json::Object object;
    object["asset"] = transfer.asset;
    object["from"] = transfer.from;
    object["to"] = transfer.to;
    object["amount"] = transfer.amount.to_decimal();
    object["expires"] = to_unix_ms(transfer.expires);
    object["nonce"] = transfer.nonce;
    object["signature"] = transfer.signature;
    return object;
}

Result<Transfer> read_transfer(const json::Object& object, const std::string& network) {
    constexpr std::string_view kPath = "payload";
    Transfer transfer;
    transfer.network = network;
    X402_TRY(transfer.asset, json::get_string(object, "asset", kPath));
    X402_TRY(const std::string from, json::get_string(object, "from", kPath));
    X402_TRY(transfer.from, read_address(from));
    X402_TRY(const std::string to, json::get_string(object, "to", kPath));
    X402_TRY(transfer.to, read_address(to));
    X402_TRY(const std::string amount, json::get_string(object, "amount", kPath));
    X402_TRY(transfer.amount, U256::from_decimal(amount));
    X402_TRY(const std::int64_t expires, json::get_int(object, "expires", kPath));
    transfer.expires = from_unix_ms(expires);
    X402_TRY(transfer.nonce, json::get_string(object, "nonce", kPath));
    if (transfer.nonce.size() != kNonceDigits || !from_hex(transfer.nonce)) {
        return fail_field(Errc::invalid, "payload.nonce", "a nonce is 32 hex digits");
    }
    X402_TRY(transfer.signature, json::get_string(object, "signature", kPath));
    // A line break in a member could make two transfers one message.
    if (transfer.asset.find('\n') != std::string::npos) {
        return fail_field(Errc::invalid, "payload.asset", "an asset is one line");
    }
    return transfer;
}

std::expected<Transfer, Refusal> read_payment(const Payment& payment) {
    const PaymentRequirements& asked = payment.requirements;
    if (asked.scheme != exact::kScheme || payment.payload.accepted.scheme != exact::kScheme) {
        return std::unexpected(
            refuse(Reason::unsupported_scheme, {"scheme", "exact", asked.scheme}));
    }
    if (payment.payload.accepted.network != asked.network) {
        return std::unexpected(differs(Reason::invalid_network, "network", asked.network.text(),
                                       payment.payload.accepted.network.text()));
    }
    auto transfer = read_transfer(payment.payload.payload, asked.network.text());
    if (transfer) return std::move(*transfer);
    const Error& error = transfer.error();
    return std::unexpected(refuse(Reason::invalid_payload, {error.field, error.detail, {}}));
}

Refusal refuse_own(std::string_view what, std::string message, Difference difference) {
    Refusal refusal;
    refusal.code = "invalid_exact_" + std::string(kFamily) + "_" + std::string(what);
    refusal.message = std::move(message);
    refusal.field = std::move(difference.field);
    refusal.expected = std::move(difference.expected);
    refusal.actual = std::move(difference.actual);
    refusal.next = "Sign the offer as it is.";
    return refusal;
}

std::optional<Refusal> check_terms(const Transfer& transfer, const PaymentRequirements& asked) {
    if (transfer.to != asked.pay_to) {
        return refuse_own("recipient", "The transfer pays somebody else.",
                          {"payload.to", asked.pay_to, transfer.to});
    }
    if (transfer.asset != asked.asset) {
        return differs(Reason::unsupported_asset, "payload.asset", asked.asset, transfer.asset);
    }
    if (!exact::amount_fits(transfer.amount, asked.amount, exact::AmountRule::equal)) {
        return refuse_own(
            "amount", "The signed amount is not the amount asked for.",
            {"payload.amount", asked.amount.to_decimal(), transfer.amount.to_decimal()});
    }
    return std::nullopt;
}

}  // namespace x402::mychain
