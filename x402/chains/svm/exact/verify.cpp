// SPDX-License-Identifier: Apache-2.0
// What the facilitator asks its nodes about one payment. Cheap checks come first, and nothing is
// asked of a node for a payment that its own bytes refuse.
//
// A blockhash that a node does not know has expired, or that node is behind. So every endpoint is
// asked, and all of them once more after a moment, before the payer hears of it.
#include <algorithm>

#include "x402/chains/svm/accounts.hpp"
#include "x402/chains/svm/exact/facilitator.hpp"
#include "x402/chains/svm/networks.hpp"

namespace x402::svm {
namespace {

// The state that a payment is judged by, and the reference judges by: young enough to know the
// payer's blockhash, old enough not to be rolled back.
constexpr Commitment kState = Commitment::confirmed;
constexpr Duration kPause{400};  // about a slot
constexpr int kLooks = 3;

Refusal table_refusal(std::size_t index, std::string actual) {
    return refuse(Reason::svm_wallet_tables,
                  {"payload.transaction.addressTableLookups[" + std::to_string(index) + "]",
                   "an active lookup table", std::move(actual)});
}

std::expected<std::vector<LookupTable>, Refusal> read_tables(
    const Message& message, std::span<const std::optional<Account>> accounts) {
    std::vector<LookupTable> out;
    for (std::size_t i = 0; i < message.lookups.size(); ++i) {
        const Address& address = message.lookups[i].table;
        if (!accounts[i])
            return std::unexpected(table_refusal(i, "no account at " + to_text(address)));
        auto table = read_lookup_table(accounts[i]->owner, accounts[i]->data);
        if (!table) return std::unexpected(table_refusal(i, "no table at " + to_text(address)));
        if (!table->active)
            return std::unexpected(table_refusal(i, to_text(address) + ", which is being closed"));
        out.push_back({address, std::move(table->entries)});
    }
    return out;
}

// The first that knows the blockhash; else that nobody of those who answered does.
Result<SimulationAnswer> fold_simulations(std::span<const Result<net::RpcReply>> replies,
                                          const Rpc::SimulationRequest& request) {
    Result<SimulationAnswer> folded = fail(Errc::unavailable, "no endpoint simulates");
    for (const auto& reply : replies) {
        if (!reply) continue;
        auto answer = read_simulation(*reply, request.accounts, request.watched.size());
        if (!answer) continue;
        folded = std::move(answer->value);
        if (!folded->blockhash_unknown) break;
    }
    return folded;
}

// A looked-up account that the message names already cannot be resolved; that it is one of ours is
// told first.
std::optional<Refusal> find_ours(const Message& message, std::span<const LookupTable> tables,
                                 std::span<const Address> ours) {
    for (std::size_t i = 0; i < message.lookups.size(); ++i) {
        for (const Bytes* indices : {&message.lookups[i].writable, &message.lookups[i].readonly}) {
            for (const std::uint8_t index : *indices) {
                const auto& entries = tables[i].entries;
                if (index >= entries.size()) continue;
                if (std::find(ours.begin(), ours.end(), entries[index]) == ours.end()) continue;
                return refuse(Reason::svm_fee_payer_transfers,
                              {"payload.transaction.addressTableLookups[" + std::to_string(i) + "]",
                               "accounts of others", to_text(entries[index])});
            }
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> highest_from(const std::vector<Result<Height>>& heights,
                                          std::uint64_t slot) {
    std::optional<std::uint64_t> highest;
    for (const auto& height : heights) {
        if (!height || height->slot < slot) continue;
        highest = std::max(highest.value_or(0), height->height);
    }
    return highest;
}

}  // namespace

Task<Result<ExactFacilitator::Resolved>> ExactFacilitator::resolve(const Message& message) const {
    std::vector<LookupTable> tables;
    if (!message.lookups.empty()) {
        std::vector<Address> addresses;
        for (const TableLookup& lookup : message.lookups) addresses.push_back(lookup.table);
        X402_CO_TRY(const auto told, co_await services_.rpc.accounts(addresses, kState));
        auto read_all = read_tables(message, told.value);
        if (!read_all) co_return Resolved(std::unexpected(read_all.error()));
        tables = std::move(*read_all);
    }
    if (auto refusal = find_ours(message, tables, ours_))
        co_return Resolved(std::unexpected(std::move(*refusal)));
    auto accounts = resolve_accounts(message, tables);
    if (!accounts) {
        co_return Resolved(std::unexpected(
            refuse(Reason::svm_wallet_tables, {"payload.transaction.addressTableLookups",
                                               "accounts that the tables hold, each named once",
                                               {}})));
    }
    co_return Resolved(std::move(*accounts));
}

// Which path, and that path's layout. None of our signers may stand in any instruction, whichever
// of them pays the fee.
std::optional<Refusal> ExactFacilitator::check_instructions(Sound& sound) const {
    const bool wallet = settings_.smart_wallets && is_wallet_payment(sound.read, sound.accounts);
    sound.path = wallet ? TransferPath::wallet : TransferPath::plain;
    auto layout = wallet ? check_wallet_layout(sound.read, sound.accounts, settings_.bounds)
                         : check_layout(sound.read, sound.accounts, settings_.bounds);
    if (!layout) return layout.error();
    sound.layout = std::move(*layout);
    const auto instructions = resolve_instructions(sound.read.transaction.message, sound.accounts);
    for (const Instruction& instruction : instructions) {
        for (const AccountUse& use : instruction.accounts) {
            if (std::find(ours_.begin(), ours_.end(), use.address) == ours_.end()) continue;
            return refuse(wallet ? Reason::svm_wallet_fee_payer : Reason::svm_fee_payer_transfers,
                          {"payload.transaction.instructions", {}, to_text(use.address)});
        }
    }
    return std::nullopt;
}

Task<Result<ExactFacilitator::Examined>> ExactFacilitator::examine(ReadPayment read) const {
    Sound sound;
    sound.read = std::move(read);
    if (!services_.mints.allowed(sound.read.mint)) {
        co_return Examined(std::unexpected(
            refuse(Reason::unsupported_asset, {"asset", {}, to_text(sound.read.mint)})));
    }
    X402_CO_TRY(Resolved accounts, co_await resolve(sound.read.transaction.message));
    if (!accounts) co_return Examined(std::unexpected(accounts.error()));
    sound.accounts = std::move(*accounts);
    if (auto refusal = check_instructions(sound)) co_return Examined(std::unexpected(*refusal));
    X402_CO_TRY(sound.mint, co_await services_.mints.facts(sound.read.mint));
    if (auto refusal = check_mint(sound)) co_return Examined(std::unexpected(*refusal));
    co_return Examined(std::move(sound));
}

Task<Result<SimulationAnswer>> ExactFacilitator::simulate(const Sound& sound) const {
    Rpc::SimulationRequest request;
    request.transaction = to_base64_text(sound.read.transaction);
    request.accounts = sound.accounts;
    request.watched = watched_accounts(sound);
    request.commitment = kState;
    X402_CO_TRY(At<SimulationAnswer> told, co_await services_.rpc.simulate(request));
    SimulationAnswer answer = std::move(told.value);
    for (int look = 1; answer.blockhash_unknown && look < kLooks; ++look) {
        if (look > 1) {
            const bool slept = co_await services_.clock.sleep(kPause);
            if (!slept) co_return fail(Errc::cancelled);
        }
        net::RpcCall question =
            ask_simulation(request.transaction, request.watched, request.commitment);
        const auto replies = co_await services_.rpc.client().call_all(std::move(question));
        X402_CO_TRY(answer, fold_simulations(replies, request));
    }
    co_return answer;
}

Task<Result<ExactFacilitator::MaybeRefusal>> ExactFacilitator::try_out(const Sound& sound) const {
    X402_CO_TRY(const SimulationAnswer answer, co_await simulate(sound));
    if (!answer.error) co_return judge_success(sound, answer, answer.accounts_after, ours_);
    std::vector<std::optional<Account>> now;
    if (!answer.blockhash_unknown) {
        const std::vector<Address> watched = watched_accounts(sound);
        X402_CO_TRY(auto told, co_await services_.rpc.accounts(watched, kState));
        now = std::move(told.value);
    }
    co_return judge_failure(sound, answer, now);
}

// A blockhash that was valid at a slot belongs to a block no higher than that slot's, and is taken
// for 150 blocks after its own. So the height is asked after the validity, counts only where it is
// of that slot or a later one, and of several endpoints the highest is believed: too high costs a
// moment, too low would call a payment dead that can still land.
Task<std::optional<std::uint64_t>> ExactFacilitator::last_height(Hash32 blockhash) const {
    const auto valid = co_await services_.rpc.blockhash_valid(blockhash, kState);
    if (!valid || !valid->value) co_return std::nullopt;
    for (int look = 1; look <= kLooks; ++look) {
        const auto heights = co_await services_.rpc.height_all(kState);
        const auto highest = highest_from(heights, valid->slot);
        if (highest) co_return *highest + kBlockhashBlocks;
        // Another node behind the same address, a slot or two behind the one that knew it.
        if (look == kLooks) break;
        const bool slept = co_await services_.clock.sleep(kPause);
        if (!slept) break;
    }
    co_return std::nullopt;
}

}  // namespace x402::svm
