// SPDX-License-Identifier: Apache-2.0
// Answers of Solana nodes: whatever a node says, it is read or refused, and what is read keeps its
// promises about sizes. Input: one JSON text, taken as a result and as an error's data.
#include "x402/base/check.hpp"
#include "x402/chains/svm/rpc_json.hpp"

namespace {

using namespace x402::svm;

constexpr std::size_t kAsked = 2;

std::vector<AccountUse> some_accounts() {
    std::vector<AccountUse> out(8);
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i].address.data[0] = static_cast<std::uint8_t>(i);
    }
    return out;
}

void check_landed(const LandedTransaction& landed) {
    const std::size_t accounts = landed.accounts.size();
    X402_CHECK(accounts >= landed.transaction.message.keys.size());
    X402_CHECK(write(landed.transaction).size() <= kTransactionBytes);
    for (const auto* list : {&landed.before, &landed.after}) {
        for (const TokenBalance& each : *list) X402_CHECK(each.account < accounts);
    }
    for (const TokenBalance& each : landed.after) {
        const auto grown = landed.credited(landed.accounts[each.account], each.mint);
        X402_CHECK(!grown || *grown <= x402::U256(each.amount));
    }
}

void check_simulation(const SimulationAnswer& answer) {
    X402_CHECK(answer.accounts_after.size() == kAsked && answer.lamports_after.size() == kAsked);
    X402_CHECK(answer.logs.size() <= kMostLogs);
    X402_CHECK(!answer.blockhash_unknown || answer.error);
    X402_CHECK(answer.has_inner || answer.transfers.empty());
}

void read_all(const x402::net::RpcReply& reply) {
    static_cast<void>(read_text(reply));
    static_cast<void>(read_number(reply));
    static_cast<void>(read_latest_blockhash(reply));
    static_cast<void>(read_blockhash_valid(reply));
    static_cast<void>(read_block_time(reply));
    static_cast<void>(read_sent(reply));
    if (const auto read = read_epoch_info(reply)) X402_CHECK(read->height <= read->slot);
    if (const auto read = read_accounts(reply, kAsked)) {
        X402_CHECK(read->value.size() == kAsked);
        for (const auto& each : read->value) {
            X402_CHECK(!each || each->data.size() <= kMostAccountBytes);
        }
    }
    if (const auto read = read_statuses(reply, kAsked)) X402_CHECK(read->value.size() == kAsked);
    if (const auto read = read_signatures(reply)) X402_CHECK(read->size() <= kMostSignatures);
    const std::vector<AccountUse> accounts = some_accounts();
    if (const auto read = read_simulation(reply, accounts, kAsked)) check_simulation(read->value);
    const auto landed = read_transaction(reply);
    if (landed && *landed) check_landed(**landed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto value = x402::json::parse(text);
    if (!value) return 0;
    x402::net::RpcReply reply;
    reply.result = *value;
    read_all(reply);
    x402::net::RpcReply error;
    error.error = x402::net::RpcError{-32002, "Transaction simulation failed", *value};
    read_all(error);
    return 0;
}
