// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/instructions.hpp"

#include <algorithm>
#include <unordered_set>

#include "x402/base/check.hpp"
#include "x402/base/utf8.hpp"
#include "x402/chains/svm/little_endian.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

constexpr std::uint8_t kComputeLimit = 2;
constexpr std::uint8_t kComputePrice = 3;
constexpr std::uint8_t kTransferChecked = 12;
constexpr std::uint32_t kAdvanceNonce = 4;
constexpr std::size_t kTransferBytes = 1 + 8 + 1;
constexpr std::size_t kTransferAccounts = 4;

const LookupTable* find_table(std::span<const LookupTable> tables, const Address& address) {
    const auto it = std::find_if(tables.begin(), tables.end(), [&address](const LookupTable& each) {
        return each.address == address;
    });
    return it == tables.end() ? nullptr : &*it;
}

Result<void> look_up(const Message& message, std::span<const LookupTable> tables, bool writable,
                     std::vector<AccountUse>& out) {
    for (const TableLookup& lookup : message.lookups) {
        const LookupTable* table = find_table(tables, lookup.table);
        if (table == nullptr) {
            return fail(Errc::invalid, "the lookup table " + to_text(lookup.table) +
                                           " of the transaction is not known");
        }
        for (const std::uint8_t index : writable ? lookup.writable : lookup.readonly) {
            if (index >= table->entries.size()) {
                return fail(Errc::invalid, "the lookup table " + to_text(lookup.table) +
                                               " has no entry " + std::to_string(index));
            }
            out.push_back(AccountUse{table->entries[index], false, writable});
        }
    }
    return {};
}

// The tag and the number of a Compute Budget instruction, which has no accounts.
template <class T>
std::optional<T> read_budget(const Instruction& instruction, std::uint8_t tag) {
    const Bytes& data = instruction.data;
    if (instruction.program != compute_budget_program() || !instruction.accounts.empty() ||
        data.size() != 1 + sizeof(T) || data[0] != tag) {
        return std::nullopt;
    }
    return read_le<T>(ByteView(data).subspan(1));
}

template <class T>
Instruction make_budget(std::uint8_t tag, T value) {
    Instruction out{compute_budget_program(), {}, {tag}};
    append_le(out.data, value);
    return out;
}

// Every address once, with all that any use asks of it, in the order of first use.
class Uses {
public:
    void add(const AccountUse& use) {
        const auto it = std::find_if(all_.begin(), all_.end(), [&use](const AccountUse& each) {
            return each.address == use.address;
        });
        if (it == all_.end()) {
            all_.push_back(use);
            return;
        }
        it->signer = it->signer || use.signer;
        it->writable = it->writable || use.writable;
    }
    // As a header counts them. The fee payer was added first, so it stays the first.
    std::vector<AccountUse> sorted() && {
        const auto rank = [](const AccountUse& use) {
            return (use.signer ? 0 : 2) + (use.writable ? 0 : 1);
        };
        std::stable_sort(all_.begin(), all_.end(),
                         [&rank](const AccountUse& left, const AccountUse& right) {
                             return rank(left) < rank(right);
                         });
        return std::move(all_);
    }

private:
    std::vector<AccountUse> all_;
};

std::uint8_t index_of(const std::vector<Address>& keys, const Address& address) {
    const auto it = std::find(keys.begin(), keys.end(), address);
    X402_CHECK(it != keys.end());
    return static_cast<std::uint8_t>(it - keys.begin());
}

CompiledInstruction compile_one(const std::vector<Address>& keys, const Instruction& instruction) {
    CompiledInstruction out;
    out.program = index_of(keys, instruction.program);
    for (const AccountUse& use : instruction.accounts) {
        out.accounts.push_back(index_of(keys, use.address));
    }
    out.data = instruction.data;
    return out;
}

}  // namespace

// An account that is there twice could be writable in one place and readonly in another; the
// runtime refuses it, too.
Result<std::vector<AccountUse>> resolve_accounts(const Message& message,
                                                 std::span<const LookupTable> tables) {
    std::vector<AccountUse> out;
    out.reserve(message.keys.size() + message.looked_up());
    for (std::size_t i = 0; i < message.keys.size(); ++i) {
        out.push_back(
            AccountUse{message.keys[i], message.is_signer(i), message.is_writable_static(i)});
    }
    X402_TRY_VOID(look_up(message, tables, true, out));
    X402_TRY_VOID(look_up(message, tables, false, out));
    std::unordered_set<Address> seen;
    for (const AccountUse& use : out) {
        if (seen.insert(use.address).second) continue;
        return fail(Errc::invalid, "the account " + to_text(use.address) +
                                       " is looked up though the transaction has it already");
    }
    return out;
}

std::vector<Instruction> resolve_instructions(const Message& message,
                                              std::span<const AccountUse> accounts) {
    X402_CHECK(accounts.size() == message.keys.size() + message.looked_up());
    const auto at = [accounts](std::uint8_t index) -> const AccountUse& {
        X402_CHECK(index < accounts.size());
        return accounts[index];
    };
    std::vector<Instruction> out;
    out.reserve(message.instructions.size());
    for (const CompiledInstruction& each : message.instructions) {
        Instruction instruction{at(each.program).address, {}, each.data};
        instruction.accounts.reserve(each.accounts.size());
        for (const std::uint8_t index : each.accounts) instruction.accounts.push_back(at(index));
        out.push_back(std::move(instruction));
    }
    return out;
}

std::optional<std::uint32_t> read_compute_limit(const Instruction& instruction) {
    return read_budget<std::uint32_t>(instruction, kComputeLimit);
}

std::optional<std::uint64_t> read_compute_price(const Instruction& instruction) {
    return read_budget<std::uint64_t>(instruction, kComputePrice);
}

std::optional<TransferChecked> read_transfer_checked(const Instruction& instruction) {
    const Bytes& data = instruction.data;
    const std::vector<AccountUse>& accounts = instruction.accounts;
    if (!is_token_program(instruction.program) || data.size() != kTransferBytes ||
        data[0] != kTransferChecked || accounts.size() < kTransferAccounts) {
        return std::nullopt;
    }
    TransferChecked out;
    out.program = instruction.program;
    out.source = accounts[0].address;
    out.mint = accounts[1].address;
    out.destination = accounts[2].address;
    out.authority = accounts[3].address;
    out.amount = read_le<std::uint64_t>(ByteView(data).subspan(1));
    out.decimals = data.back();
    out.more_accounts = accounts.size() - kTransferAccounts;
    return out;
}

// The runtime looks at no byte after the tag, so neither may we.
bool is_advance_nonce(const Instruction& instruction) noexcept {
    return instruction.program == system_program() &&
           instruction.data.size() >= sizeof(kAdvanceNonce) &&
           read_le<std::uint32_t>(instruction.data) == kAdvanceNonce;
}

std::optional<std::string> read_memo(const Instruction& instruction) {
    if (instruction.program != memo_program()) return std::nullopt;
    const std::string_view text = as_text(instruction.data);
    if (!is_utf8(text)) return std::nullopt;
    return std::string(text);
}

Instruction make_compute_limit(std::uint32_t units) {
    return make_budget(kComputeLimit, units);
}

Instruction make_compute_price(std::uint64_t microlamports) {
    return make_budget(kComputePrice, microlamports);
}

Instruction make_transfer_checked(const TransferChecked& transfer) {
    Instruction out{transfer.program,
                    {{transfer.source, false, true},
                     {transfer.mint, false, false},
                     {transfer.destination, false, true},
                     {transfer.authority, true, false}},
                    {kTransferChecked}};
    append_le(out.data, transfer.amount);
    out.data.push_back(transfer.decimals);
    return out;
}

Instruction make_memo(std::string_view text) {
    return Instruction{memo_program(), {}, to_bytes(as_bytes(text))};
}

Message compile(const Address& fee_payer, std::span<const Instruction> instructions,
                const Hash32& blockhash) {
    Uses uses;
    uses.add(AccountUse{fee_payer, true, true});
    for (const Instruction& each : instructions) {
        for (const AccountUse& use : each.accounts) uses.add(use);
    }
    for (const Instruction& each : instructions) uses.add(AccountUse{each.program, false, false});
    const std::vector<AccountUse> accounts = std::move(uses).sorted();
    X402_CHECK(accounts.size() <= kAccounts);

    Message message;
    message.blockhash = blockhash;
    std::size_t signers = 0;
    for (const AccountUse& use : accounts) {
        message.keys.push_back(use.address);
        signers += use.signer ? 1 : 0;
        if (use.writable) continue;
        ++(use.signer ? message.readonly_signers : message.readonly_others);
    }
    // The count is a byte, of which the top bit would make another version of it.
    X402_CHECK(signers < 0x80);
    message.signers = static_cast<std::uint8_t>(signers);
    for (const Instruction& each : instructions) {
        message.instructions.push_back(compile_one(message.keys, each));
    }
    return message;
}

}  // namespace x402::svm
