// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/testing/samples.hpp"

#include <algorithm>

#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/wallet.hpp"
#include "x402/net/runtime.hpp"

namespace x402::svm::testing {
namespace {

const Address& program_of(const SampleOptions& options) {
    return options.token_program.is_zero() ? token_program() : options.token_program;
}

}  // namespace

crypto::Secret sample_seed(std::uint8_t who) {
    Bytes seed(32, 0x22);
    seed[31] = who;
    return crypto::Secret(std::move(seed));
}

Address sample_address(std::uint8_t who) {
    return *address_of_seed(sample_seed(who));
}

Address address_at(std::string_view text) {
    return address_of_literal(text);
}

TransferChecked sample_transfer(const SampleOptions& options) {
    const Address& program = program_of(options);
    TransferChecked transfer;
    transfer.program = program;
    transfer.authority = sample_address(options.who);
    transfer.mint = options.mint;
    transfer.source = token_account_of(transfer.authority, options.mint, program);
    transfer.destination = token_account_of(options.pay_to, options.mint, program);
    transfer.amount = options.amount;
    transfer.decimals = options.decimals;
    return transfer;
}

std::vector<Instruction> sample_instructions(const SampleOptions& options) {
    return {make_compute_limit(options.units), make_compute_price(options.price),
            make_transfer_checked(sample_transfer(options)), make_memo(options.memo)};
}

Transaction sign_as(Transaction transaction, std::uint8_t who) {
    const Address signer = sample_address(who);
    const auto signature = crypto::ed25519_sign(transaction.message_bytes, sample_seed(who));
    X402_CHECK(signature.has_value());
    for (std::size_t i = 0; i < transaction.signatures.size(); ++i) {
        if (transaction.message.keys[i] == signer) transaction.signatures[i] = *signature;
    }
    return transaction;
}

Transaction sample_transaction(const SampleOptions& options) {
    const Message message =
        compile(sample_address(options.fee_payer), sample_instructions(options), options.blockhash);
    return sign_as(unsigned_transaction(message), options.who);
}

Payment payment_of(const Transaction& transaction, const SampleOptions& options) {
    Payment payment;
    PaymentRequirements& asked = payment.requirements;
    asked.scheme = "exact";
    asked.network = *ChainId::parse(kDevnet);
    asked.amount = U256(options.amount);
    asked.asset = to_text(options.mint);
    asked.pay_to = to_text(options.pay_to);
    asked.max_timeout_seconds = 60;
    asked.extra["feePayer"] = to_text(sample_address(options.fee_payer));
    payment.payload.accepted = asked;
    payment.payload.payload["transaction"] = to_base64_text(transaction);
    return payment;
}

Payment sample_payment(const SampleOptions& options) {
    return payment_of(sample_transaction(options), options);
}

void run(std::function<Task<void>()> start) {
    net::run_blocking(std::move(start));
}

}  // namespace x402::svm::testing
