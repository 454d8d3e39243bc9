// SPDX-License-Identifier: Apache-2.0
// Solana's instructions: what is decoded is exactly what is made of it again, and a message that is
// compiled of any instructions reads back with each of them in it.
//
// Input: bytes taken one after another; an instruction is program, count of accounts, their
// addresses and roles, count of data, data.
#include "x402/base/check.hpp"
#include "x402/chains/svm/instructions.hpp"
#include "x402/chains/svm/programs.hpp"

namespace {

using x402::svm::AccountUse;
using x402::svm::Address;
using x402::svm::Instruction;

class Input {
public:
    explicit Input(x402::ByteView bytes) : left_(bytes) {}
    bool empty() const { return left_.empty(); }
    std::uint8_t byte() {
        if (left_.empty()) return 0;
        const std::uint8_t out = left_[0];
        left_ = left_.subspan(1);
        return out;
    }
    Instruction instruction() {
        Instruction out{program(byte()), {}, {}};
        out.accounts.resize(byte() % 8);
        for (AccountUse& each : out.accounts) {
            each.address.data[0] = static_cast<std::uint8_t>(byte() % 32);
            const std::uint8_t role = byte();
            each.signer = (role & 1) != 0;
            each.writable = (role & 2) != 0;
        }
        const std::size_t size = std::min<std::size_t>(byte(), left_.size());
        out.data = x402::to_bytes(left_.first(size));
        left_ = left_.subspan(size);
        return out;
    }

private:
    static Address program(std::uint8_t choice) {
        switch (choice % 8) {
            case 0:
                return x402::svm::compute_budget_program();
            case 1:
                return x402::svm::token_program();
            case 2:
                return x402::svm::token_2022_program();
            case 3:
                return x402::svm::memo_program();
            case 4:
                return x402::svm::system_program();
            default:
                Address out;
                out.data[0] = choice;
                return out;
        }
    }
    x402::ByteView left_;
};

void check_decoders(const Instruction& instruction) {
    int meanings = 0;
    if (const auto limit = x402::svm::read_compute_limit(instruction)) {
        ++meanings;
        X402_CHECK(x402::svm::make_compute_limit(*limit).data == instruction.data);
    }
    if (const auto price = x402::svm::read_compute_price(instruction)) {
        ++meanings;
        X402_CHECK(x402::svm::make_compute_price(*price).data == instruction.data);
    }
    if (const auto transfer = x402::svm::read_transfer_checked(instruction)) {
        ++meanings;
        const Instruction made = x402::svm::make_transfer_checked(*transfer);
        X402_CHECK(made.program == instruction.program && made.data == instruction.data);
        X402_CHECK(made.accounts.size() + transfer->more_accounts == instruction.accounts.size());
        for (std::size_t i = 0; i < made.accounts.size(); ++i) {
            X402_CHECK(made.accounts[i].address == instruction.accounts[i].address);
        }
    }
    if (const auto memo = x402::svm::read_memo(instruction)) {
        ++meanings;
        X402_CHECK(x402::svm::make_memo(*memo).data == instruction.data);
    }
    meanings += x402::svm::is_advance_nonce(instruction) ? 1 : 0;
    X402_CHECK(meanings <= 1);
}

void check_same(const std::vector<Instruction>& asked, const std::vector<Instruction>& got) {
    X402_CHECK(asked.size() == got.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
        X402_CHECK(got[i].program == asked[i].program && got[i].data == asked[i].data);
        X402_CHECK(got[i].accounts.size() == asked[i].accounts.size());
        for (std::size_t k = 0; k < asked[i].accounts.size(); ++k) {
            const AccountUse& want = asked[i].accounts[k];
            const AccountUse& have = got[i].accounts[k];
            X402_CHECK(have.address == want.address);
            X402_CHECK((have.signer || !want.signer) && (have.writable || !want.writable));
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(x402::ByteView(data, size));
    Address fee_payer;
    fee_payer.data[0] = static_cast<std::uint8_t>(input.byte() % 32);
    bool calls_fee_payer = false;
    std::vector<Instruction> asked;
    while (!input.empty() && asked.size() < 16) {
        asked.push_back(input.instruction());
        check_decoders(asked.back());
        calls_fee_payer = calls_fee_payer || asked.back().program == fee_payer;
    }
    const auto message = x402::svm::compile(fee_payer, asked, {});
    const auto transaction = x402::svm::unsigned_transaction(message);
    const bool fits = x402::svm::write(transaction).size() <= x402::svm::kTransactionBytes;
    const auto read = x402::svm::read_message(transaction.message_bytes);
    X402_CHECK(read.has_value() == (fits && !calls_fee_payer));
    if (!read) return 0;
    X402_CHECK(*read == message && read->keys.front() == fee_payer);
    const auto accounts = x402::svm::resolve_accounts(*read, {});
    X402_CHECK(accounts.has_value());
    check_same(asked, x402::svm::resolve_instructions(*read, *accounts));
    return 0;
}
