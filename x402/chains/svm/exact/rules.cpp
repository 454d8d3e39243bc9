// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/exact/rules.hpp"

#include <algorithm>

#include "x402/base/hex.hpp"
#include "x402/base/utf8.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

constexpr std::string_view kTransaction = "payload.transaction";

Difference differs(std::string field, std::string expected, std::string actual) {
    return Difference{std::move(field), std::move(expected), std::move(actual)};
}

std::optional<Refusal> check_scheme(const Payment& payment) {
    const std::string& signed_for = payment.payload.accepted.scheme;
    const std::string& asked = payment.requirements.scheme;
    if (asked == kExactScheme && signed_for == kExactScheme) return std::nullopt;
    const bool asked_is_right = asked == kExactScheme;
    return refuse(Reason::svm_scheme, differs("scheme", std::string(kExactScheme),
                                              asked_is_right ? signed_for : asked));
}

std::optional<Refusal> check_network(const Payment& payment) {
    const ChainId& signed_for = payment.payload.accepted.network;
    const ChainId& asked = payment.requirements.network;
    if (signed_for == asked && asked.family() == kFamily) return std::nullopt;
    return refuse(Reason::svm_network, differs("network", asked.text(), signed_for.text()));
}

std::optional<Refusal> check_memo(const json::Object& extra) {
    const json::Value* memo = json::find(extra, "memo");
    if (memo == nullptr) return std::nullopt;
    const auto* text = memo->if_string();
    const std::string_view view = text ? std::string_view(*text) : std::string_view();
    if (text != nullptr && view.size() <= kMemoBytes && is_utf8(view)) return std::nullopt;
    return refuse(Reason::invalid_payment_requirements,
                  differs("extra.memo", "text of at most " + std::to_string(kMemoBytes) + " bytes",
                          text == nullptr ? "no text" : std::to_string(view.size()) + " bytes"));
}

// Not there and empty are the same, as for the reference.
std::optional<std::string> memo_of(const json::Object& extra) {
    std::string memo = json::text_or_empty(extra, "memo");
    if (memo.empty()) return std::nullopt;
    return memo;
}

std::expected<Transaction, Refusal> read_payload(const json::Object& payload) {
    const json::Value* value = json::find(payload, "transaction");
    const auto* text = value == nullptr ? nullptr : value->if_string();
    if (text == nullptr) {
        return std::unexpected(
            refuse(Reason::svm_transaction, differs(std::string(kTransaction), "base64 text", {})));
    }
    auto transaction = read_transaction_text(std::string_view(*text));
    if (transaction) return std::move(*transaction);
    return std::unexpected(refuse(Reason::svm_decode, differs(std::string(kTransaction), {}, {})));
}

// The fee payer's own signature is left out: it is made when the payment is settled.
std::optional<Refusal> check_signatures(const Transaction& transaction) {
    const Message& message = transaction.message;
    if (message.signers < 2) {
        return refuse(Reason::svm_signature,
                      differs(std::string(kTransaction), "the payer's signature", "none"));
    }
    for (std::size_t i = 1; i < message.signers; ++i) {
        const auto& signature = transaction.signatures[i];
        if (crypto::ed25519_verify(transaction.message_bytes, signature, message.keys[i])) continue;
        return refuse(
            Reason::svm_signature,
            differs(std::string(kTransaction) + ".signatures[" + std::to_string(i) + "]",
                    "by " + to_text(message.keys[i]), signature.is_zero() ? "none" : "another"));
    }
    return std::nullopt;
}

std::optional<Refusal> check_signers(const Transaction& transaction, const Address& fee_payer) {
    if (transaction.fee_payer() != fee_payer) {
        return refuse(
            Reason::svm_fee_payer_mismatch,
            differs("extra.feePayer", to_text(transaction.fee_payer()), to_text(fee_payer)));
    }
    return check_signatures(transaction);
}

bool has_durable_nonce(const Message& message) {
    if (message.instructions.empty()) return false;
    const auto instructions = resolve_instructions(message, known_accounts(message));
    return is_advance_nonce(instructions.front());
}

}  // namespace

std::expected<Address, Refusal> read_fee_payer(const Payment& payment) {
    if (auto refusal = check_scheme(payment)) return std::unexpected(*refusal);
    if (auto refusal = check_network(payment)) return std::unexpected(*refusal);
    const std::string text = json::text_or_empty(payment.requirements.extra, "feePayer");
    const auto fee_payer = parse_address(text);
    if (fee_payer) return *fee_payer;
    return std::unexpected(
        refuse(Reason::svm_no_fee_payer, differs("extra.feePayer", "an address", text)));
}

std::optional<Refusal> check_offer(const PaymentRequirements& requirements) {
    constexpr Reason kBad = Reason::invalid_payment_requirements;
    if (!parse_address(requirements.asset))
        return refuse(kBad, differs("asset", "the address of a mint", requirements.asset));
    if (!parse_address(requirements.pay_to))
        return refuse(kBad, differs("payTo", "an address", requirements.pay_to));
    if (requirements.amount.is_zero()) return refuse(kBad, differs("amount", "more than 0", "0"));
    if (!requirements.amount.to_u64()) {
        return refuse(kBad, differs("amount", "at most 18446744073709551615",
                                    requirements.amount.to_decimal()));
    }
    return check_memo(requirements.extra);
}

std::expected<ReadPayment, Refusal> read_payment(const Payment& payment) {
    const auto fee_payer = read_fee_payer(payment);
    if (!fee_payer) return std::unexpected(fee_payer.error());
    const PaymentRequirements& requirements = payment.requirements;
    if (auto refusal = check_offer(requirements)) return std::unexpected(*refusal);
    ReadPayment out;
    out.fee_payer = *fee_payer;
    out.mint = *parse_address(requirements.asset);
    out.pay_to = *parse_address(requirements.pay_to);
    out.amount = *requirements.amount.to_u64();
    out.memo = memo_of(requirements.extra);
    auto transaction = read_payload(payment.payload.payload);
    if (!transaction) return std::unexpected(transaction.error());
    out.transaction = std::move(*transaction);
    if (auto refusal = check_signers(out.transaction, out.fee_payer))
        return std::unexpected(*refusal);
    if (has_durable_nonce(out.transaction.message)) {
        return std::unexpected(refuse(Reason::svm_durable_nonce,
                                      differs(std::string(kTransaction) + ".instructions[0]",
                                              "SetComputeUnitLimit", "AdvanceNonceAccount")));
    }
    out.hash = message_hash(out.transaction);
    return out;
}

std::optional<std::uint64_t> fee_of(std::size_t signers, std::uint64_t units, std::uint64_t price) {
    constexpr std::uint64_t kSignatureFee = 5'000;
    constexpr std::uint64_t kMicro = 1'000'000;
    const auto micro = U256(units).checked_mul(U256(price));
    if (!micro) return std::nullopt;
    const U256 priority = micro->saturating_add(U256(kMicro - 1)).divide(U256(kMicro)).quotient;
    return priority.saturating_add(U256(kSignatureFee * signers)).to_u64();
}

std::vector<AccountUse> known_accounts(const Message& message) {
    std::vector<AccountUse> out;
    out.reserve(message.keys.size() + message.looked_up());
    for (std::size_t i = 0; i < message.keys.size(); ++i) {
        out.push_back({message.keys[i], message.is_signer(i), message.is_writable_static(i)});
    }
    out.resize(message.keys.size() + message.looked_up());
    return out;
}

std::optional<TransferChecked> signed_transfer(const Message& message) {
    constexpr std::size_t kPlace = 2;
    if (message.instructions.size() <= kPlace) return std::nullopt;
    return read_transfer_checked(resolve_instructions(message, known_accounts(message))[kPlace]);
}

Address payer_of(const ReadPayment& read) {
    const Message& message = read.transaction.message;
    const auto transfer = signed_transfer(message);
    if (transfer && !transfer->authority.is_zero()) return transfer->authority;
    return message.keys[1];
}

PaymentFacts facts_of(const ReadPayment& read, const ChainId& network) {
    PaymentFacts facts;
    facts.key = key_of(network, read.hash);
    facts.payer = to_text(payer_of(read));
    const auto transfer = signed_transfer(read.transaction.message);
    facts.amount = U256(transfer ? transfer->amount : read.amount);
    facts.usable_for = kLifetime;
    return facts;
}

PaymentKey key_of(const ChainId& network, const Hash32& hash) {
    std::string reference(network.reference());
    std::transform(reference.begin(), reference.end(), reference.begin(), [](char letter) {
        const bool upper = letter >= 'A' && letter <= 'Z';
        return upper ? static_cast<char>(letter - 'A' + 'a') : letter;
    });
    return PaymentKey("svm~" + reference + "~" + slot_key_of(hash));
}

std::string slot_key_of(const Hash32& hash) {
    return to_hex(hash.view());
}

}  // namespace x402::svm
