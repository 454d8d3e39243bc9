// SPDX-License-Identifier: Apache-2.0
// A smart wallet's transaction: its program moves the money in calls of its own, so what stands in
// the message is only held to be harmless for the fee payer; simulation has to show the transfer.
#include <algorithm>

#include "x402/chains/svm/exact/layout.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

constexpr std::uint64_t kUnits = 400'000;
constexpr std::uint64_t kPrice = 50'000;  // microlamports
constexpr std::size_t kTransfer = 2;

bool is_wallet_program(const Address& program) {
    const auto known = wallet_programs();
    return std::find(known.begin(), known.end(), program) != known.end();
}

std::optional<Refusal> check_programs(std::span<const Instruction> instructions) {
    for (std::size_t i = 0; i < instructions.size(); ++i) {
        const Address& program = instructions[i].program;
        const bool beside = program == compute_budget_program() || program == memo_program() ||
                            program == lighthouse_program();
        if (beside || is_wallet_program(program)) continue;
        return refuse(Reason::svm_wallet_program, {instruction_field(i), {}, to_text(program)});
    }
    return std::nullopt;
}

// The fee payer, and one key that stands for the wallet.
std::optional<Refusal> check_signers(const ReadPayment& read) {
    const std::size_t signers = read.transaction.message.signers;
    if (signers == 2) return std::nullopt;
    return refuse(Reason::svm_signers,
                  {"payload.transaction", "2 signers", std::to_string(signers)});
}

struct Budget {
    std::optional<std::uint32_t> units;
    std::optional<std::uint64_t> price;
};

// Nothing: it was taken in. A tag that is there twice is told once all were seen to be well formed.
std::optional<Refusal> take(const Instruction& instruction, const std::string& field,
                            Budget& budget, bool& twice) {
    constexpr std::uint8_t kLimitTag = 2;
    constexpr std::uint8_t kPriceTag = 3;
    if (instruction.data.empty()) return refuse(Reason::svm_wallet_budget_form, {field, {}, {}});
    const std::uint8_t tag = instruction.data.front();
    if (tag == kLimitTag) {
        twice = twice || budget.units;
        budget.units = read_compute_limit(instruction);
        if (budget.units) return std::nullopt;
        return refuse(Reason::svm_wallet_limit_form, {field, {}, {}});
    }
    if (tag == kPriceTag) {
        twice = twice || budget.price;
        budget.price = read_compute_price(instruction);
        if (budget.price) return std::nullopt;
        return refuse(Reason::svm_wallet_price_form, {field, {}, {}});
    }
    return refuse(Reason::svm_wallet_budget_kind,
                  {field, "tag 2 or 3", "tag " + std::to_string(tag)});
}

std::expected<Budget, Refusal> read_budget(std::span<const Instruction> instructions) {
    Budget budget;
    bool twice = false;
    for (std::size_t i = 0; i < instructions.size(); ++i) {
        if (instructions[i].program != compute_budget_program()) continue;
        auto refusal = take(instructions[i], instruction_field(i), budget, twice);
        if (refusal) return std::unexpected(std::move(*refusal));
    }
    if (!twice && budget.units && budget.price) return budget;
    return std::unexpected(
        refuse(Reason::svm_wallet_budget,
               {"payload.transaction.instructions", "limit and price once each",
                twice ? "one of them twice" : (budget.units ? "no price" : "no limit")}));
}

std::expected<Layout, Refusal> check_budget(const ReadPayment& read,
                                            std::span<const Instruction> instructions,
                                            const Bounds& bounds) {
    const auto budget = read_budget(instructions);
    if (!budget) return std::unexpected(budget.error());
    const std::uint64_t most_units = std::min(kUnits, bounds.max_compute_units);
    const std::uint64_t most_price = std::min(kPrice, bounds.max_compute_price);
    const std::string field = "payload.transaction.instructions";
    Layout layout;
    layout.compute_units = *budget->units;
    layout.compute_price = *budget->price;
    if (layout.compute_units > most_units) {
        return std::unexpected(
            refuse(Reason::svm_wallet_units_high, {field, "at most " + std::to_string(most_units),
                                                   std::to_string(layout.compute_units)}));
    }
    if (layout.compute_price > most_price) {
        return std::unexpected(
            refuse(Reason::svm_wallet_price_high,
                   {field, "at most " + std::to_string(most_price) + " microlamports",
                    std::to_string(layout.compute_price)}));
    }
    const auto fee = check_fee(read, layout, bounds, Reason::svm_wallet_price_high);
    if (!fee) return std::unexpected(fee.error());
    layout.fee = *fee;
    return layout;
}

}  // namespace

bool takes_wallets(const json::Object& extra) {
    const json::Value* features = json::find(extra, "features");
    if (features == nullptr || !features->is_object()) return false;
    const json::Value* wallets = json::find(features->get_object(), "smartWalletSupported");
    return wallets != nullptr && wallets->is_bool() && wallets->get_bool();
}

bool is_wallet_payment(const ReadPayment& read, std::span<const AccountUse> accounts) {
    const auto instructions = resolve_instructions(read.transaction.message, accounts);
    const bool plain =
        instructions.size() > kTransfer && read_transfer_checked(instructions[kTransfer]);
    return !plain && std::any_of(instructions.begin(), instructions.end(),
                                 [](const Instruction& instruction) {
                                     return is_wallet_program(instruction.program);
                                 });
}

std::expected<Layout, Refusal> check_wallet_layout(const ReadPayment& read,
                                                   std::span<const AccountUse> accounts,
                                                   const Bounds& bounds) {
    const auto instructions = resolve_instructions(read.transaction.message, accounts);
    if (auto refusal = check_signers(read)) return std::unexpected(*refusal);
    if (auto refusal = check_programs(instructions)) return std::unexpected(*refusal);
    if (const auto found = find_fee_payer(instructions, read.fee_payer)) {
        return std::unexpected(refuse(Reason::svm_wallet_fee_payer,
                                      {instruction_field(*found), {}, to_text(read.fee_payer)}));
    }
    auto layout = check_budget(read, instructions, bounds);
    if (!layout) return layout;
    if (auto refusal = check_memos(instructions, read.memo)) return std::unexpected(*refusal);
    layout->payer = payer_of(read);
    return layout;
}

}  // namespace x402::svm
