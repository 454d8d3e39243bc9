// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/testing/fake_runtime.hpp"

#include "x402/chains/svm/programs.hpp"

namespace x402::svm::testing {
namespace {

constexpr std::uint64_t kSignatureFee = 5'000;
constexpr std::size_t kAmountAt = 64;  // in a token account

// Of the token programs.
constexpr std::int64_t kInsufficient = 1;
constexpr std::int64_t kMintMismatch = 3;
constexpr std::int64_t kOwnerMismatch = 4;
constexpr std::int64_t kFrozen = 17;
constexpr std::int64_t kDecimals = 18;
constexpr std::int64_t kNoMemo = 36;

using State = FakeCluster::State;

json::Value custom(std::int64_t code) {
    json::Object out;
    out["Custom"] = code;
    return out;
}

json::Value instruction_error(std::size_t index, json::Value error) {
    json::Array pair;
    pair.emplace_back(index);
    pair.push_back(std::move(error));
    json::Object out;
    out["InstructionError"] = std::move(pair);
    return out;
}

std::optional<TokenAccount> holding_in(const State& state, const Address& address,
                                       const Address& program) {
    const auto it = state.find(address);
    if (it == state.end() || it->second.owner != program) return std::nullopt;
    const auto read = read_token_account(it->second.owner, it->second.data);
    if (!read) return std::nullopt;
    return *read;
}

void set_amount(State& state, const Address& address, std::uint64_t amount) {
    Bytes& data = state[address].data;
    for (std::size_t i = 0; i < 8; ++i) {
        data[kAmountAt + i] = static_cast<std::uint8_t>(amount >> (8 * i));
    }
}

struct Moment {
    bool signed_by_authority = false;
    bool after_memo = false;
};

// Null: the money moved.
json::Value move_tokens(State& state, const TransferChecked& transfer, const Moment& moment) {
    const auto source = holding_in(state, transfer.source, transfer.program);
    const auto destination = holding_in(state, transfer.destination, transfer.program);
    const auto account = state.find(transfer.mint);
    if (!source || !destination || account == state.end()) return "InvalidAccountData";
    const auto mint = read_mint(account->second.owner, account->second.data);
    if (!mint || mint->program != transfer.program) return "InvalidAccountData";
    if (source->mint != transfer.mint || destination->mint != transfer.mint) {
        return custom(kMintMismatch);
    }
    if (mint->decimals != transfer.decimals) return custom(kDecimals);
    if (source->owner != transfer.authority) return custom(kOwnerMismatch);
    if (!moment.signed_by_authority) return "MissingRequiredSignature";
    const bool frozen = source->state == TokenAccountState::frozen ||
                        destination->state == TokenAccountState::frozen;
    if (frozen) return custom(kFrozen);
    if (destination->requires_memo && !moment.after_memo) return custom(kNoMemo);
    if (source->amount < transfer.amount) return custom(kInsufficient);
    if (transfer.source == transfer.destination) return nullptr;
    set_amount(state, transfer.source, source->amount - transfer.amount);
    set_amount(state, transfer.destination, destination->amount + transfer.amount);
    return nullptr;
}

json::Object write_inner(const TransferChecked& transfer) {
    json::Object amount;
    amount["amount"] = std::to_string(transfer.amount);
    amount["decimals"] = transfer.decimals;
    json::Object info;
    info["authority"] = to_text(transfer.authority);
    info["destination"] = to_text(transfer.destination);
    info["mint"] = to_text(transfer.mint);
    info["source"] = to_text(transfer.source);
    info["tokenAmount"] = std::move(amount);
    json::Object parsed;
    parsed["info"] = std::move(info);
    parsed["type"] = "transferChecked";
    json::Object out;
    out["parsed"] = std::move(parsed);
    out["program"] = "spl-token";
    out["programId"] = to_text(transfer.program);
    out["stackHeight"] = 2;
    return out;
}

class Run {
public:
    Run(const Execution& run, State& state) : run_(run), state_(state) {}

    // Null: the instruction succeeded.
    json::Value instruction(const Instruction& each, std::size_t index) {
        if (each.program == compute_budget_program()) {
            const bool known = read_compute_limit(each) || read_compute_price(each);
            return known ? json::Value(nullptr) : json::Value("InvalidInstructionData");
        }
        if (each.program == memo_program()) {
            after_memo_ = true;
            return read_memo(each) ? json::Value(nullptr) : json::Value("InvalidInstructionData");
        }
        if (each.program == lighthouse_program() || is_advance_nonce(each)) return nullptr;
        const bool before_memo = !std::exchange(after_memo_, false);
        const auto wallet = run_.programs.find(each.program);
        if (wallet != run_.programs.end()) return call_wallet(wallet->second, index);
        const auto transfer = read_transfer_checked(each);
        if (!transfer) return "InvalidInstructionData";
        return move_tokens(state_, *transfer, Moment{each.accounts[3].signer, !before_memo});
    }
    json::Array inner() { return std::move(inner_); }

private:
    json::Value call_wallet(const std::vector<TransferChecked>& transfers, std::size_t index) {
        json::Array list;
        for (const TransferChecked& transfer : transfers) {
            json::Value error = move_tokens(state_, transfer, Moment{true, true});
            if (!error.is_null()) return error;
            list.emplace_back(write_inner(transfer));
        }
        json::Object group;
        group["index"] = index;
        group["instructions"] = std::move(list);
        inner_.emplace_back(std::move(group));
        return nullptr;
    }

    const Execution& run_;
    State& state_;
    bool after_memo_ = false;
    json::Array inner_;
};

}  // namespace

std::uint64_t fee_of(const Transaction& transaction) {
    std::uint64_t limit = 0;
    std::uint64_t price = 0;
    std::uint64_t others = 0;
    const std::vector<Address>& keys = transaction.message.keys;
    for (const CompiledInstruction& each : transaction.message.instructions) {
        Instruction instruction;
        if (each.program < keys.size()) instruction.program = keys[each.program];
        instruction.data = each.data;
        if (const auto units = read_compute_limit(instruction)) limit = *units;
        if (const auto units = read_compute_price(instruction)) price = *units;
        if (instruction.program != compute_budget_program()) ++others;
    }
    if (limit == 0) limit = others * 200'000;
    const std::uint64_t priority = (limit * price + 999'999) / 1'000'000;
    return kSignatureFee * transaction.message.signers + priority;
}

std::optional<std::vector<AccountUse>> accounts_of(const Transaction& transaction,
                                                   const State& state) {
    std::vector<LookupTable> tables;
    for (const TableLookup& each : transaction.message.lookups) {
        const auto it = state.find(each.table);
        if (it == state.end()) return std::nullopt;
        const auto read = read_lookup_table(it->second.owner, it->second.data);
        if (!read) return std::nullopt;
        tables.push_back(LookupTable{each.table, read->entries});
    }
    const auto accounts = resolve_accounts(transaction.message, tables);
    if (!accounts) return std::nullopt;
    return *accounts;
}

Executed execute(const Execution& run, const Transaction& transaction, State& state) {
    const auto accounts = accounts_of(transaction, state);
    if (!accounts) return {"AddressLookupTableNotFound", {}};
    const auto instructions = resolve_instructions(transaction.message, *accounts);
    State changed = state;
    Run steps(run, changed);
    std::uint64_t limit = run.units;
    for (std::size_t i = 0; i < instructions.size(); ++i) {
        const Address& program = instructions[i].program;
        const bool known = program == compute_budget_program() || program == memo_program() ||
                           program == lighthouse_program() || program == system_program() ||
                           is_token_program(program) || run.programs.contains(program);
        if (!known) return {"ProgramAccountNotFound", {}};
        if (const auto units = read_compute_limit(instructions[i])) limit = *units;
        json::Value error = steps.instruction(instructions[i], i);
        if (error.is_null() && limit < run.units) error = "ComputationalBudgetExceeded";
        if (!error.is_null()) return {instruction_error(i, std::move(error)), steps.inner()};
    }
    state = std::move(changed);
    return {nullptr, steps.inner()};
}

}  // namespace x402::svm::testing
