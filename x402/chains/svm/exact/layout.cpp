// SPDX-License-Identifier: Apache-2.0
// The plain transfer: rows 6 to 12. A compute budget instruction that is there twice has no place
// where it could stand, so the order of the instructions is the check against it.
#include "x402/chains/svm/exact/layout.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

constexpr std::size_t kFewest = 3;
constexpr std::size_t kMost = 7;
constexpr std::size_t kTransfer = 2;     // its place
constexpr std::size_t kOwnAccounts = 4;  // source, mint, destination, authority

std::optional<Refusal> check_count(std::span<const Instruction> instructions) {
    const std::size_t count = instructions.size();
    if (count >= kFewest && count <= kMost) return std::nullopt;
    return refuse(Reason::svm_instruction_count,
                  {"payload.transaction.instructions", "3 to 7", std::to_string(count)});
}

std::expected<void, Refusal> check_budget(const ReadPayment& read,
                                          std::span<const Instruction> instructions,
                                          const Bounds& bounds, Layout& layout) {
    const auto units = read_compute_limit(instructions[0]);
    if (!units) {
        return std::unexpected(refuse(Reason::svm_compute_limit, {instruction_field(0), {}, {}}));
    }
    layout.compute_units = *units;
    if (*units > bounds.max_compute_units) {
        return std::unexpected(
            refuse(Reason::svm_compute_limit_high,
                   {instruction_field(0), "at most " + std::to_string(bounds.max_compute_units),
                    std::to_string(*units)}));
    }
    const auto price = read_compute_price(instructions[1]);
    if (!price) {
        return std::unexpected(refuse(Reason::svm_compute_price, {instruction_field(1), {}, {}}));
    }
    layout.compute_price = *price;
    if (*price > bounds.max_compute_price) {
        return std::unexpected(
            refuse(Reason::svm_compute_price_high,
                   {instruction_field(1),
                    "at most " + std::to_string(bounds.max_compute_price) + " microlamports",
                    std::to_string(*price)}));
    }
    const auto fee = check_fee(read, layout, bounds, Reason::svm_compute_price_high);
    if (!fee) return std::unexpected(fee.error());
    layout.fee = *fee;
    return {};
}

std::optional<Refusal> check_fee_payer(const ReadPayment& read,
                                       std::span<const Instruction> instructions,
                                       const TransferChecked& transfer) {
    if (const auto found = find_fee_payer(instructions, read.fee_payer)) {
        return refuse(Reason::svm_fee_payer_transfers,
                      {instruction_field(*found), {}, to_text(read.fee_payer)});
    }
    // Tokens of the fee payer's that somebody else may move, and money that comes back to it.
    const bool pays =
        transfer.source == token_account_of(read.fee_payer, read.mint, transfer.program);
    if (!pays && read.pay_to != read.fee_payer) return std::nullopt;
    return refuse(Reason::svm_fee_payer_transfers,
                  {pays ? instruction_field(kTransfer) + ".source" : "payTo",
                   "an account of somebody else", to_text(pays ? transfer.source : read.pay_to)});
}

bool is_listed(std::span<const AccountUse> accounts, const Address& address) {
    return std::any_of(accounts.begin(), accounts.end(),
                       [&address](const AccountUse& use) { return use.address == address; });
}

// The owner signs, or, where it is a multisig, its keys do; and nobody else does. All signatures
// were checked before.
std::optional<Refusal> check_owner(const ReadPayment& read, const Instruction& instruction) {
    const auto accounts = std::span<const AccountUse>(instruction.accounts);
    const auto keys = accounts.subspan(kOwnAccounts);
    const AccountUse& authority = accounts[kOwnAccounts - 1];
    const std::string field = instruction_field(kTransfer);
    const bool all_sign =
        std::all_of(keys.begin(), keys.end(), [](const AccountUse& use) { return use.signer; });
    if (!all_sign || (keys.empty() && !authority.signer)) {
        return refuse(Reason::svm_signature,
                      {field, "signed by the owner of the tokens", to_text(authority.address)});
    }
    const Message& message = read.transaction.message;
    for (std::size_t i = 1; i < message.signers; ++i) {
        const Address& signer = message.keys[i];
        if (signer == authority.address || is_listed(keys, signer)) continue;
        return refuse(
            Reason::svm_signers,
            {"payload.transaction.signatures[" + std::to_string(i) + "]", {}, to_text(signer)});
    }
    return std::nullopt;
}

std::optional<Refusal> check_terms(const ReadPayment& read, const TransferChecked& transfer) {
    const std::string field = instruction_field(kTransfer);
    if (transfer.mint != read.mint) {
        return refuse(Reason::svm_mint,
                      {field + ".mint", to_text(read.mint), to_text(transfer.mint)});
    }
    const Address wanted = token_account_of(read.pay_to, read.mint, transfer.program);
    if (transfer.destination != wanted) {
        return refuse(Reason::svm_recipient,
                      {field + ".destination", to_text(wanted), to_text(transfer.destination)});
    }
    if (transfer.source == wanted) {
        return refuse(
            Reason::svm_recipient,
            {field + ".source", "another account than the destination", to_text(transfer.source)});
    }
    if (transfer.amount != read.amount) {
        return refuse(Reason::svm_amount, {field + ".amount", std::to_string(read.amount),
                                           std::to_string(transfer.amount)});
    }
    return std::nullopt;
}

std::optional<Refusal> check_rest(std::span<const Instruction> instructions) {
    constexpr std::array kUnknown = {Reason::svm_unknown_fourth, Reason::svm_unknown_fifth,
                                     Reason::svm_unknown_sixth, Reason::svm_unknown_seventh};
    for (std::size_t i = kFewest; i < instructions.size(); ++i) {
        const Address& program = instructions[i].program;
        if (program == memo_program() || program == lighthouse_program()) continue;
        return refuse(kUnknown[i - kFewest], {instruction_field(i), {}, to_text(program)});
    }
    return std::nullopt;
}

// The accounts that change must be writable, or the transfer fails and costs its fee.
std::optional<TransferChecked> transfer_at(const Instruction& instruction) {
    auto transfer = read_transfer_checked(instruction);
    if (!transfer) return std::nullopt;
    const bool writable = instruction.accounts[0].writable && instruction.accounts[2].writable;
    return writable ? transfer : std::nullopt;
}

// Of accounts that tables hold nothing is known here; a zero address stands for them.
std::optional<Refusal> check_known_terms(const ReadPayment& read) {
    auto transfer = signed_transfer(read.transaction.message);
    if (!transfer) return std::nullopt;
    if (transfer->mint.is_zero()) transfer->mint = read.mint;
    if (transfer->destination.is_zero()) {
        transfer->destination = token_account_of(read.pay_to, read.mint, transfer->program);
    }
    return check_terms(read, *transfer);
}

}  // namespace

std::string instruction_field(std::size_t index) {
    return "payload.transaction.instructions[" + std::to_string(index) + "]";
}

std::optional<std::size_t> find_fee_payer(std::span<const Instruction> instructions,
                                          const Address& fee_payer) {
    for (std::size_t i = 0; i < instructions.size(); ++i) {
        const Instruction& instruction = instructions[i];
        if (instruction.program == fee_payer || is_listed(instruction.accounts, fee_payer))
            return i;
    }
    return std::nullopt;
}

std::expected<std::uint64_t, Refusal> check_fee(const ReadPayment& read, const Layout& layout,
                                                const Bounds& bounds, Reason high) {
    const std::size_t signers = read.transaction.message.signers;
    const auto fee = fee_of(signers, layout.compute_units, layout.compute_price);
    if (fee && *fee <= bounds.max_fee) return *fee;
    const auto base = fee_of(signers, 0, 0);
    const bool by_signers = base && *base > bounds.max_fee;
    return std::unexpected(refuse(
        by_signers ? Reason::svm_signers : high,
        {"payload.transaction", "a fee of at most " + std::to_string(bounds.max_fee) + " lamports",
         fee ? std::to_string(*fee) : "more than any account holds"}));
}

std::optional<Refusal> check_memos(std::span<const Instruction> instructions,
                                   const std::optional<std::string>& memo) {
    if (!memo) return std::nullopt;
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < instructions.size(); ++i) {
        if (instructions[i].program == memo_program()) found.push_back(i);
    }
    if (found.size() != 1) {
        return refuse(Reason::svm_memo_count, {"payload.transaction.instructions", "one memo",
                                               std::to_string(found.size())});
    }
    if (read_memo(instructions[found.front()]) == memo) return std::nullopt;
    return refuse(Reason::svm_memo, {instruction_field(found.front()), *memo, "another text"});
}

std::expected<Layout, Refusal> check_layout(const ReadPayment& read,
                                            std::span<const AccountUse> accounts,
                                            const Bounds& bounds) {
    const auto instructions = resolve_instructions(read.transaction.message, accounts);
    if (auto refusal = check_count(instructions)) return std::unexpected(*refusal);
    Layout layout;
    const auto budget = check_budget(read, instructions, bounds, layout);
    if (!budget) return std::unexpected(budget.error());
    const auto transfer = transfer_at(instructions[kTransfer]);
    if (!transfer) {
        return std::unexpected(
            refuse(Reason::svm_no_transfer, {instruction_field(kTransfer), {}, {}}));
    }
    layout.transfer = *transfer;
    layout.payer = payer_of(read);
    if (auto refusal = check_fee_payer(read, instructions, *transfer))
        return std::unexpected(*refusal);
    if (auto refusal = check_owner(read, instructions[kTransfer])) return std::unexpected(*refusal);
    if (auto refusal = check_terms(read, *transfer)) return std::unexpected(*refusal);
    if (auto refusal = check_rest(instructions)) return std::unexpected(*refusal);
    if (auto refusal = check_memos(instructions, read.memo)) return std::unexpected(*refusal);
    return layout;
}

std::optional<Refusal> check_without_tables(const ReadPayment& read, bool wallets) {
    const Message& message = read.transaction.message;
    const std::vector<AccountUse> accounts = known_accounts(message);
    if (wallets && is_wallet_payment(read, accounts)) return std::nullopt;
    if (!message.lookups.empty()) return check_known_terms(read);
    constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
    const auto layout = check_layout(read, accounts, Bounds{kAny, kAny, kAny});
    if (!layout) return layout.error();
    return std::nullopt;
}

}  // namespace x402::svm
