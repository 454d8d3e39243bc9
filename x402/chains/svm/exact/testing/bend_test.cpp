// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/exact/testing/bend.hpp"

#include <algorithm>

namespace x402::svm::testing {
namespace {

bool is_writable(const Message& message, std::size_t index) {
    return message.is_writable_static(index);
}

}  // namespace

Payment payment_with(const std::vector<Instruction>& instructions, const SampleOptions& options,
                     const std::vector<std::uint8_t>& more) {
    const Message message =
        compile(sample_address(options.fee_payer), instructions, options.blockhash);
    Transaction transaction = sign_as(unsigned_transaction(message), options.who);
    for (const std::uint8_t who : more) transaction = sign_as(std::move(transaction), who);
    return payment_of(transaction, options);
}

Transaction transaction_in(const Payment& payment) {
    const auto& text = payment.payload.payload.at("transaction").as_string();
    return *read_transaction_text(std::string_view(text.data(), text.size()));
}

void put_transaction(Payment& payment, const Transaction& transaction) {
    payment.payload.payload["transaction"] = to_base64_text(transaction);
}

Message look_up(Message message, const Lookup& lookup) {
    const auto it = std::find(message.keys.begin(), message.keys.end(), lookup.account);
    X402_CHECK(it != message.keys.end());
    const auto old = static_cast<std::size_t>(it - message.keys.begin());
    X402_CHECK(old >= message.signers);
    const bool writable = is_writable(message, old);
    const auto last = static_cast<std::uint8_t>(message.keys.size() - 1);
    for (CompiledInstruction& instruction : message.instructions) {
        if (instruction.program > old) --instruction.program;
        for (std::uint8_t& index : instruction.accounts) {
            if (index == old) {
                index = last;
            } else if (index > old) {
                --index;
            }
        }
    }
    if (!writable) --message.readonly_others;
    message.keys.erase(it);
    TableLookup row;
    row.table = lookup.table;
    (writable ? row.writable : row.readonly).push_back(lookup.index);
    message.lookups.push_back(row);
    return message;
}

Payment payment_by_table(const SampleOptions& options, const Lookup& lookup) {
    const Message message = look_up(sample_transaction(options).message, lookup);
    return payment_of(sign_as(unsigned_transaction(message), options.who), options);
}

}  // namespace x402::svm::testing
