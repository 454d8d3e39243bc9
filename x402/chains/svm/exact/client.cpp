// SPDX-License-Identifier: Apache-2.0
// The transaction has the form that every facilitator of this scheme takes: compute limit, compute
// price, TransferChecked, Memo; version 0, no lookup tables. The memo is the seller's, or random,
// so that two payments of the same terms under one blockhash are two.
#include "x402/chains/svm/exact/client.hpp"

#include <algorithm>

#include "x402/base/base58.hpp"
#include "x402/base/hex.hpp"
#include "x402/chains/svm/exact/facilitator.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

// Enough for a transfer of SPL Token and a random memo. Token-2022 reads its extensions, and the
// Memo program looks at each byte of a longer text.
constexpr std::uint32_t kUnits = 20'000;
constexpr std::uint32_t kUnitsOfToken2022 = 10'000;
constexpr std::uint32_t kUnitsOfMemoByte = 400;
constexpr std::size_t kRandomMemo = 16;  // bytes, twice as many characters
constexpr std::uint64_t kPrice = 1;      // microlamport a unit

std::uint32_t units_for(const Address& program, std::size_t memo) {
    std::uint32_t units = kUnits;
    if (program == token_2022_program()) units += kUnitsOfToken2022;
    constexpr std::size_t kIncluded = 2 * kRandomMemo;
    if (memo > kIncluded) units += kUnitsOfMemoByte * static_cast<std::uint32_t>(memo - kIncluded);
    return units;
}

std::optional<Refusal> check_terms(const PaymentRequirements& requirements) {
    if (requirements.scheme != kExactScheme) return refuse(Reason::unsupported_scheme);
    if (requirements.network.family() != kFamily) {
        return refuse(Reason::invalid_network,
                      {"network", "solana:*", requirements.network.text()});
    }
    const std::string fee_payer = json::text_or_empty(requirements.extra, "feePayer");
    if (!parse_address(fee_payer))
        return refuse(Reason::svm_no_fee_payer, {"extra.feePayer", "an address", fee_payer});
    if (auto refusal = check_offer(requirements)) return refusal;
    if (requirements.max_timeout_seconds > 0) return std::nullopt;
    return refuse(Reason::invalid_payment_requirements,
                  {"maxTimeoutSeconds", "a positive number",
                   std::to_string(requirements.max_timeout_seconds)});
}

std::optional<Hash32> blockhash_in(const json::Object& object) {
    const auto bytes = from_base58(json::text_or_empty(object, "recentBlockhash"));
    if (!bytes || bytes->size() != Hash32::size()) return std::nullopt;
    return Hash32::from(*bytes);
}

// One that the offer hands over spares the payer nothing else, and is the reference's choice too;
// one that cannot be read is as good as none.
Result<Hash32> choose_blockhash(const json::Object& extra, const json::Object& told) {
    if (const auto offered = blockhash_in(extra)) return *offered;
    if (const auto known = blockhash_in(told)) return *known;
    return fail_field(Errc::invalid, "recentBlockhash", "no recent blockhash is known",
                      "give the network an rpc that answers");
}

struct Terms {
    Address payer;
    Address fee_payer;
    Address pay_to;
    TransferChecked transfer;
    std::string memo;
    Hash32 blockhash;
};

Result<Address> token_program_in(const json::Object& told) {
    X402_TRY(const std::string text, json::get_string(told, kTokenProgramKey));
    X402_TRY(const Address program, parse_address(text));
    if (is_token_program(program)) return program;
    return fail_field(Errc::unsupported, "asset", "the asset belongs to no token program",
                      "choose another offer");
}

Result<std::uint8_t> decimals_in(const json::Object& told) {
    const json::Value* value = json::find(told, "decimals");
    std::uint64_t decimals = 256;
    if (value != nullptr && value->is_uint64()) decimals = value->get_uint64();
    if (value != nullptr && value->is_int64() && value->get_int64() >= 0)
        decimals = static_cast<std::uint64_t>(value->get_int64());
    if (decimals < 256) return static_cast<std::uint8_t>(decimals);
    return fail_field(Errc::invalid, "decimals", "the token's decimals are not known",
                      "give the network an rpc that answers");
}

Result<TransferChecked> transfer_for(const PaymentRequirements& requirements, const Terms& terms,
                                     const json::Object& told) {
    TransferChecked transfer;
    X402_TRY(transfer.program, token_program_in(told));
    X402_TRY(transfer.mint, parse_address(requirements.asset));
    X402_TRY(transfer.decimals, decimals_in(told));
    transfer.amount = *requirements.amount.to_u64();
    transfer.authority = terms.payer;
    transfer.source = token_account_of(terms.payer, transfer.mint, transfer.program);
    transfer.destination = token_account_of(terms.pay_to, transfer.mint, transfer.program);
    return transfer;
}

Result<Terms> read_terms(const PaymentRequirements& requirements, const Wallet& wallet,
                         const json::Object& told, Env& env) {
    Terms terms;
    const json::Object& extra = requirements.extra;
    X402_TRY(terms.payer, parse_address(wallet.address()));
    X402_TRY(terms.fee_payer, parse_address(json::text_or_empty(extra, "feePayer")));
    X402_TRY(terms.pay_to, parse_address(requirements.pay_to));
    if (terms.fee_payer == terms.payer) {
        return fail_field(Errc::refused, "extra.feePayer",
                          "the offer wants this wallet itself to pay the transaction's fee",
                          "choose an offer whose facilitator pays the fee");
    }
    if (terms.pay_to == terms.payer) {
        return fail_field(Errc::refused, "payTo", "the offer pays this wallet itself",
                          "pay from another wallet");
    }
    X402_TRY(terms.blockhash, choose_blockhash(extra, told));
    X402_TRY(terms.transfer, transfer_for(requirements, terms, told));
    terms.memo = json::text_or_empty(extra, "memo");
    if (terms.memo.empty()) terms.memo = to_hex(env.random.bytes<kRandomMemo>().view());
    return terms;
}

Transaction build(const Terms& terms) {
    const std::vector<Instruction> instructions = {
        make_compute_limit(units_for(terms.transfer.program, terms.memo.size())),
        make_compute_price(kPrice), make_transfer_checked(terms.transfer), make_memo(terms.memo)};
    return unsigned_transaction(compile(terms.fee_payer, instructions, terms.blockhash));
}

Result<void> put_signature(Transaction& transaction, const Address& signer,
                           const Bytes& signature) {
    const auto& keys = transaction.message.keys;
    const auto it = std::find(keys.begin(), keys.end(), signer);
    const auto index = static_cast<std::size_t>(it - keys.begin());
    if (index >= transaction.signatures.size() || signature.size() != Signature::size())
        return fail(Errc::internal, "the wallet's signature has no place in the transaction");
    transaction.signatures[index] = Signature::from(signature);
    return {};
}

}  // namespace

ExactClient::ExactClient() : id_(exact_scheme_id()) {}

std::expected<PaymentFacts, Refusal> ExactClient::facts(const Payment& payment) const {
    const auto read = read_payment(payment);
    if (!read) return std::unexpected(read.error());
    return facts_of(*read, payment.requirements.network);
}

std::optional<Refusal> ExactClient::cannot_pay(const PaymentRequirements& requirements) const {
    return check_terms(requirements);
}

Task<Result<json::Object>> ExactClient::sign(const PaymentRequirements& requirements,
                                             const Wallet& wallet, const json::Object& told,
                                             Env& env) const {
    if (const auto refusal = check_terms(requirements)) {
        co_return fail_field(Errc::unsupported, refusal->field, to_sentence(*refusal),
                             refusal->next);
    }
    X402_CO_TRY(const Terms terms, read_terms(requirements, wallet, told, env));
    Transaction transaction = build(terms);
    X402_CO_TRY(const Bytes signature, wallet.sign(transaction.message_bytes));
    X402_CO_TRY_VOID(put_signature(transaction, terms.payer, signature));
    json::Object payload;
    payload["transaction"] = to_base64_text(transaction);
    co_return payload;
}

}  // namespace x402::svm
