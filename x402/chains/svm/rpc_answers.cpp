// SPDX-License-Identifier: Apache-2.0
// The two answers that prove something about money: what a transaction did, and what it would do.
#include <algorithm>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/rpc_json.hpp"

namespace x402::svm {
namespace {

// Instructions of one transaction, inner ones included, as the network itself limits them, and
// more.
constexpr std::size_t kMostOuter = 64;
constexpr std::size_t kLongestInstruction = 10 * 1024;

// Absent or null: nothing.
Result<const json::Array*> optional_array(const json::Object& object, std::string_view key,
                                          std::size_t most) {
    const json::Value* value = json::find(object, key);
    if (value == nullptr) return static_cast<const json::Array*>(nullptr);
    return array_of(*value, key, most);
}

Result<void> append_addresses(const json::Object& object, std::string_view key,
                              std::size_t expected, std::vector<Address>& out) {
    X402_TRY(const json::Array* list, optional_array(object, key, kMostAccounts));
    const std::size_t count = list == nullptr ? 0 : list->size();
    if (count != expected) return nonsense("another number of looked-up accounts");
    if (list == nullptr) return {};
    for (const json::Value& each : *list) {
        X402_TRY(const std::string_view text, text_of(each, "a looked-up account"));
        X402_TRY(const Address address, address_of_text(text));
        out.push_back(address);
    }
    return {};
}

// Legacy transactions have no loadedAddresses, and some nodes leave them out where they are empty.
Result<std::vector<Address>> accounts_of(const Message& message, const json::Object& meta) {
    std::size_t writable = 0;
    std::size_t readonly = 0;
    for (const TableLookup& each : message.lookups) {
        writable += each.writable.size();
        readonly += each.readonly.size();
    }
    std::vector<Address> out = message.keys;
    const json::Value* loaded = json::find(meta, "loadedAddresses");
    const json::Object none;
    const json::Object* object = &none;
    if (loaded != nullptr) {
        X402_TRY(object, object_of(*loaded, "loadedAddresses"));
    }
    X402_TRY_VOID(append_addresses(*object, "writable", writable, out));
    X402_TRY_VOID(append_addresses(*object, "readonly", readonly, out));
    return out;
}

Result<TokenBalance> balance_of(const json::Value& value, std::size_t accounts) {
    X402_TRY(const json::Object* object, object_of(value, "a token balance"));
    TokenBalance out;
    X402_TRY(const std::uint64_t index, member_number(*object, "accountIndex"));
    if (index >= accounts) return nonsense("a token balance of no account");
    out.account = static_cast<std::size_t>(index);
    X402_TRY(out.mint, member_address(*object, "mint"));
    if (json::find(*object, "owner") != nullptr) {
        X402_TRY(out.owner, member_address(*object, "owner"));
    }
    const json::Value* ui = json::find(*object, "uiTokenAmount");
    if (ui == nullptr) return nonsense("a token balance without an amount");
    X402_TRY(const json::Object* told, object_of(*ui, "an amount"));
    X402_TRY(const std::string_view text, member_text(*told, "amount"));
    X402_TRY(out.amount, amount_of_text(text));
    return out;
}

Result<std::vector<TokenBalance>> balances_of(const json::Object& meta, std::string_view key,
                                              std::size_t accounts) {
    X402_TRY(const json::Array* list, optional_array(meta, key, kMostAccounts));
    std::vector<TokenBalance> out;
    if (list == nullptr) return out;
    for (const json::Value& each : *list) {
        X402_TRY(TokenBalance balance, balance_of(each, accounts));
        const bool twice = std::any_of(
            out.begin(), out.end(),
            [&balance](const TokenBalance& other) { return other.account == balance.account; });
        if (twice) return nonsense("two balances of one account");
        out.push_back(std::move(balance));
    }
    return out;
}

const TokenBalance* find_balance(const std::vector<TokenBalance>& list, std::size_t account) {
    const auto it = std::find_if(list.begin(), list.end(), [account](const TokenBalance& each) {
        return each.account == account;
    });
    return it == list.end() ? nullptr : &*it;
}

// {"type": "transferChecked", "info": {...}}, as nodes parse what they know. Nothing: another one.
Result<std::optional<TransferChecked>> parsed_transfer(const Address& program,
                                                       const json::Value& parsed) {
    std::optional<TransferChecked> none;
    // A memo is parsed to its text.
    if (!parsed.is_object() || !is_token_program(program)) return none;
    const json::Object& object = parsed.get_object();
    if (json::text_or_empty(object, "type") != "transferChecked") return none;
    const json::Value* value = json::find(object, "info");
    if (value == nullptr) return nonsense("a transfer says nothing of itself");
    X402_TRY(const json::Object* info, object_of(*value, "a transfer"));
    TransferChecked out;
    out.program = program;
    X402_TRY(out.source, member_address(*info, "source"));
    X402_TRY(out.mint, member_address(*info, "mint"));
    X402_TRY(out.destination, member_address(*info, "destination"));
    const bool multisig = json::find(*info, "multisigAuthority") != nullptr;
    X402_TRY(out.authority, member_address(*info, multisig ? "multisigAuthority" : "authority"));
    X402_TRY(const json::Array* signers, optional_array(*info, "signers", kMostAccounts));
    out.more_accounts = signers == nullptr ? 0 : signers->size();
    const json::Value* amount = json::find(*info, "tokenAmount");
    if (amount == nullptr) return nonsense("a transfer without an amount");
    X402_TRY(const json::Object* told, object_of(*amount, "an amount"));
    X402_TRY(const std::string_view text, member_text(*told, "amount"));
    X402_TRY(out.amount, amount_of_text(text));
    X402_TRY(const std::uint64_t decimals, member_number(*told, "decimals"));
    if (decimals > 255) return nonsense("too many decimals");
    out.decimals = static_cast<std::uint8_t>(decimals);
    return std::optional<TransferChecked>(out);
}

Result<Bytes> instruction_data(const json::Object& object) {
    X402_TRY(const std::string_view text, member_text(object, "data"));
    // Only short data can be a transfer, and base58 is costly.
    if (text.size() > kLongestInstruction) return nonsense("an instruction is too long");
    if (text.size() > kBase58Bytes) return Bytes{};
    auto bytes = from_base58(text);
    if (!bytes) return nonsense("an instruction's data is no base58");
    return bytes;
}

Result<AccountUse> named_account(const json::Value& value) {
    X402_TRY(const std::string_view text, text_of(value, "an account"));
    X402_TRY(const Address address, address_of_text(text));
    return AccountUse{address, false, false};
}

Result<AccountUse> indexed_account(const json::Value& value, std::span<const AccountUse> accounts) {
    X402_TRY(const std::uint64_t index, number_of(value, "an account's index"));
    if (index >= accounts.size()) return nonsense("an instruction of no account");
    return accounts[static_cast<std::size_t>(index)];
}

// Accounts by index, or by name where a node could not parse the instruction.
Result<Instruction> raw_instruction(const json::Object& object,
                                    std::span<const AccountUse> accounts) {
    Instruction out;
    const json::Value* index = json::find(object, "programIdIndex");
    if (index != nullptr) {
        X402_TRY(const AccountUse program, indexed_account(*index, accounts));
        out.program = program.address;
    } else {
        X402_TRY(out.program, member_address(object, "programId"));
    }
    X402_TRY(const json::Array* list, optional_array(object, "accounts", kMostAccounts));
    if (list == nullptr) return nonsense("an instruction without accounts");
    for (const json::Value& each : *list) {
        if (each.is_string()) {
            X402_TRY(const AccountUse use, named_account(each));
            out.accounts.push_back(use);
        } else {
            X402_TRY(const AccountUse use, indexed_account(each, accounts));
            out.accounts.push_back(use);
        }
    }
    X402_TRY(out.data, instruction_data(object));
    return out;
}

Result<std::optional<TransferChecked>> inner_transfer(const json::Value& value,
                                                      std::span<const AccountUse> accounts) {
    X402_TRY(const json::Object* object, object_of(value, "an instruction"));
    if (const json::Value* parsed = json::find(*object, "parsed")) {
        X402_TRY(const Address program, member_address(*object, "programId"));
        return parsed_transfer(program, *parsed);
    }
    X402_TRY(const Instruction instruction, raw_instruction(*object, accounts));
    return read_transfer_checked(instruction);
}

Result<void> read_inner(const json::Object& value, std::span<const AccountUse> accounts,
                        SimulationAnswer& out) {
    X402_TRY(const json::Array* groups, optional_array(value, "innerInstructions", kMostOuter));
    if (groups == nullptr) return {};
    out.has_inner = true;
    for (const json::Value& each : *groups) {
        X402_TRY(const json::Object* group, object_of(each, "inner instructions"));
        X402_TRY(const json::Array* list, optional_array(*group, "instructions", kMostInner));
        if (list == nullptr) return nonsense("inner instructions without any");
        for (const json::Value& instruction : *list) {
            X402_TRY(const auto transfer, inner_transfer(instruction, accounts));
            if (transfer) out.transfers.push_back(*transfer);
        }
    }
    return {};
}

Result<void> read_watched(const json::Object& value, std::size_t watched, SimulationAnswer& out) {
    if (watched == 0) return {};
    X402_TRY(const json::Array* list, optional_array(value, "accounts", watched));
    if (list == nullptr) {
        if (!out.error) return nonsense("the accounts afterwards are not told");
        out.accounts_after.resize(watched);
        out.lamports_after.resize(watched);
        return {};
    }
    if (list->size() != watched) return nonsense("another number of accounts afterwards");
    for (const json::Value& each : *list) {
        X402_TRY(auto account, account_of(each));
        out.lamports_after.push_back(account ? std::optional(account->lamports) : std::nullopt);
        out.accounts_after.push_back(std::move(account));
    }
    return {};
}

// For a log line of ours; never evidence.
std::vector<std::string> logs_of(const json::Object& value) {
    std::vector<std::string> out;
    const json::Value* logs = json::find(value, "logs");
    if (logs == nullptr || !logs->is_array()) return out;
    for (const json::Value& each : logs->get_array()) {
        if (out.size() == kMostLogs) break;
        if (!each.is_string()) continue;
        const auto& text = each.get_string();
        out.emplace_back(std::string_view(text.data(), std::min(text.size(), kLongestLog)));
    }
    return out;
}

}  // namespace

std::optional<U256> LandedTransaction::credited(const Address& token_account,
                                                const Address& mint) const {
    const auto it = std::find(accounts.begin(), accounts.end(), token_account);
    if (it == accounts.end()) return U256(0);
    const auto index = static_cast<std::size_t>(it - accounts.begin());
    const TokenBalance* later = find_balance(after, index);
    if (later == nullptr || later->mint != mint) return std::nullopt;
    // A node that tells no balance from before at all must not turn the whole balance into a
    // payment; one that tells others says that this account was made by the transaction.
    const TokenBalance* earlier = find_balance(before, index);
    if (earlier == nullptr && before.empty()) return std::nullopt;
    if (earlier != nullptr && earlier->mint != mint) return std::nullopt;
    const std::uint64_t had = earlier == nullptr ? 0 : earlier->amount;
    return U256(later->amount > had ? later->amount - had : 0);
}

Result<std::optional<LandedTransaction>> read_transaction(const net::RpcReply& reply) {
    X402_TRY(const json::Value* value, result_of(reply));
    if (value->is_null()) return std::optional<LandedTransaction>{};
    X402_TRY(const json::Object* object, object_of(*value, "a transaction"));
    LandedTransaction out;
    X402_TRY(out.slot, member_number(*object, "slot"));
    X402_TRY(out.time_s, member_time(*object, "blockTime"));
    const json::Value* encoded = json::find(*object, "transaction");
    if (encoded == nullptr) return nonsense("a transaction without its bytes");
    X402_TRY(const Bytes wire, encoded_of(*encoded, kTransactionBytes));
    auto transaction = read_transaction(ByteView(wire));
    if (!transaction) return nonsense("a transaction's bytes are none");
    out.transaction = std::move(*transaction);
    const json::Value* meta = json::find(*object, "meta");
    if (meta == nullptr) {
        return fail(Errc::unavailable, "the node does not tell what the transaction did");
    }
    X402_TRY(const json::Object* told, object_of(*meta, "meta"));
    X402_TRY(out.failed, has_error(*told));
    X402_TRY(out.fee, member_number(*told, "fee"));
    X402_TRY(out.accounts, accounts_of(out.transaction.message, *told));
    const std::size_t accounts = out.accounts.size();
    X402_TRY(out.before, balances_of(*told, "preTokenBalances", accounts));
    X402_TRY(out.after, balances_of(*told, "postTokenBalances", accounts));
    return std::optional<LandedTransaction>(std::move(out));
}

Result<At<SimulationAnswer>> read_simulation(const net::RpcReply& reply,
                                             std::span<const AccountUse> accounts,
                                             std::size_t watched) {
    X402_TRY(const Context context, context_of(reply));
    X402_TRY(const json::Object* value, object_of(*context.value, "a simulation"));
    At<SimulationAnswer> out;
    out.slot = context.slot;
    X402_TRY(const bool failed, has_error(*value));
    if (failed) {
        const json::Value& error = value->at("err");
        out.value.blockhash_unknown =
            error.is_string() && error.get_string() == "BlockhashNotFound";
        out.value.error = json::dump(error).substr(0, kLongestError);
    }
    if (json::find(*value, "unitsConsumed") != nullptr) {
        X402_TRY(out.value.units, member_number(*value, "unitsConsumed"));
    }
    out.value.logs = logs_of(*value);
    X402_TRY_VOID(read_inner(*value, accounts, out.value));
    X402_TRY_VOID(read_watched(*value, watched, out.value));
    return out;
}

}  // namespace x402::svm
