// SPDX-License-Identifier: Apache-2.0
// Solana's wire transactions and messages: what is read is written back byte for byte (one text for
// one meaning), its indices all point at something, and any tables resolve it or are refused.
#include <unordered_set>

#include "x402/base/base64.hpp"
#include "x402/base/check.hpp"
#include "x402/chains/svm/instructions.hpp"
#include "x402/crypto/hash.hpp"

namespace {

using x402::ByteView;
using x402::svm::AccountUse;
using x402::svm::Address;
using x402::svm::LookupTable;
using x402::svm::Message;

// Tables of that message whose lengths and entries come from the input: too short ones, and entries
// that stand in the message already, among them.
std::vector<LookupTable> tables_of(const Message& message, ByteView input) {
    std::vector<LookupTable> out;
    std::size_t at = 0;
    const auto next = [&] { return input[at++ % input.size()]; };
    for (const auto& lookup : message.lookups) {
        LookupTable table{lookup.table, {}};
        table.entries.resize(std::size_t{next()} + 1);
        for (std::size_t i = 0; i < table.entries.size(); ++i) {
            Address& entry = table.entries[i];
            entry.data[0] = static_cast<std::uint8_t>(i);
            entry.data[1] = static_cast<std::uint8_t>(out.size());
            entry.data[31] = 1;
        }
        if (next() % 4 == 0) table.entries[next() % table.entries.size()] = message.keys.back();
        if (next() % 8 != 0) out.push_back(std::move(table));
    }
    return out;
}

void check_accounts(const Message& message, const std::vector<AccountUse>& accounts) {
    X402_CHECK(accounts.size() == message.keys.size() + message.looked_up());
    X402_CHECK(accounts.size() <= x402::svm::kAccounts);
    X402_CHECK(accounts.front().signer && accounts.front().writable);
    std::unordered_set<Address> seen;
    for (std::size_t i = 0; i < accounts.size(); ++i) {
        X402_CHECK(seen.insert(accounts[i].address).second);
        X402_CHECK(accounts[i].signer == (i < message.signers));
    }
    const auto instructions = x402::svm::resolve_instructions(message, accounts);
    X402_CHECK(instructions.size() == message.instructions.size());
    for (const auto& each : instructions) X402_CHECK(each.program != message.keys.front());
}

void check_message(const Message& message, ByteView input) {
    X402_CHECK(x402::svm::write(message) == x402::to_bytes(input));
    // Whatever message is read has room for its signatures.
    const auto wire = x402::svm::write(x402::svm::unsigned_transaction(message));
    const auto back = x402::svm::read_transaction(wire);
    X402_CHECK(back && back->message == message && x402::svm::write(*back) == wire);
    const auto tables = tables_of(message, input);
    const auto accounts = x402::svm::resolve_accounts(message, tables);
    if (accounts) check_accounts(message, *accounts);
    X402_CHECK(accounts || !message.lookups.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView input(data, size);
    if (const auto message = x402::svm::read_message(input)) check_message(*message, input);
    if (const auto got = x402::svm::read_transaction(input)) {
        X402_CHECK(x402::svm::write(*got) == x402::to_bytes(input));
        X402_CHECK(got->signatures.size() == got->message.signers);
        X402_CHECK(x402::svm::message_hash(*got) == x402::crypto::sha256(got->message_bytes));
        const auto text = x402::svm::to_base64_text(*got);
        X402_CHECK(x402::svm::read_transaction_text(text)->message == got->message);
        check_message(got->message, got->message_bytes);
    }
    if (const auto got = x402::svm::read_transaction_text(x402::as_text(input))) {
        check_message(got->message, got->message_bytes);
    }
    return 0;
}
