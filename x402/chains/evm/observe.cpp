// SPDX-License-Identifier: Apache-2.0
// What became of a slot. A receipt of any attempt decides. "Dead" is the dangerous answer, because
// the payment is then free to be sent in another slot: it takes a finalized account state beyond
// the nonce, and the word of every endpoint that answers that none of the attempts was mined.
#include "x402/base/hex.hpp"
#include "x402/base/log.hpp"
#include "x402/chains/evm/network.hpp"
#include "x402/chains/evm/slots.hpp"

namespace x402::evm {
namespace {

// One request asks for all receipts of a slot and two numbers.
constexpr std::size_t kMostReceipts = 254;
static_assert(kMostAttempts <= kMostReceipts);

Seen state_only(SeenState state) {
    Seen seen;
    seen.state = state;
    return seen;
}

struct FirstLook {
    std::optional<Receipt> receipt;
    std::uint64_t latest = 0;
    std::uint64_t nonce = 0;
};

Result<FirstLook> read_first_look(const std::vector<net::RpcReply>& replies,
                                  std::span<const std::string> ids) {
    FirstLook look;
    const std::size_t attempts = replies.size() - 2;
    for (std::size_t i = 0; i < attempts; ++i) {
        X402_TRY(auto receipt, read_receipt(replies[i]));
        if (!receipt) continue;
        if (to_hex0x(receipt->transaction.view()) != ids[i]) {
            return fail(Errc::bad_peer, "a receipt of another transaction");
        }
        look.receipt = std::move(*receipt);
    }
    X402_TRY(look.latest, read_number(replies[attempts]));
    X402_TRY(look.nonce, read_number(replies[attempts + 1]));
    return look;
}

}  // namespace

SeenState judge_slot(const SlotEvidence& evidence) noexcept {
    if (evidence.has_receipt) return evidence.confirmed ? SeenState::mined : SeenState::waiting;
    if (evidence.trouble) return SeenState::unknown;
    if (evidence.nonce_passed && evidence.absent_everywhere) return SeenState::dead;
    return SeenState::waiting;
}

std::vector<Part> parts_of(std::span<const TransferAction> actions, const Receipt& receipt) {
    const auto proofs = cut_logs(actions, receipt.logs);
    std::vector<Part> parts;
    for (const TransferProof& proof : proofs) {
        Part part;
        // Inside a group a call that failed leaves no trace but the absence of its log.
        part.executed = receipt.ok && (actions.size() == 1 || proof.used.has_value());
        part.body = write(proof);
        part.body["transaction"] = to_hex0x(receipt.transaction.view());
        parts.push_back(std::move(part));
    }
    return parts;
}

Task<Result<bool>> EvmNetwork::is_confirmed(Receipt receipt, std::uint64_t latest) {
    const std::uint64_t needed = options_.settings.confirmations;
    if (needed <= 1) co_return true;
    if (latest < receipt.block || latest - receipt.block + 1 < needed) co_return false;
    X402_CO_TRY(const Block block, co_await rpc_.block(block_tag(receipt.block)));
    co_return block.hash == receipt.block_hash;
}

Task<Result<bool>> EvmNetwork::is_absent_everywhere(std::vector<std::string> attempts) {
    for (const std::string& attempt : attempts) {
        net::RpcCall question = ask_receipt(attempt);
        const auto replies = co_await rpc_.client().call_all(std::move(question));
        bool anybody = false;
        for (const auto& reply : replies) {
            if (!reply) continue;
            X402_CO_TRY(const auto receipt, read_receipt(*reply));
            if (receipt) co_return false;
            anybody = true;
        }
        if (!anybody) co_return fail(Errc::unreachable, "no endpoint answered");
    }
    co_return true;
}

Task<Result<Seen>> EvmNetwork::observe_missing(Address signer, std::uint64_t nonce,
                                               std::vector<std::string> attempts) {
    X402_CO_TRY(std::string tag, co_await rpc_.final_tag());
    X402_CO_TRY(const std::uint64_t final_nonce, co_await rpc_.nonce(signer, std::move(tag)));
    SlotEvidence evidence;
    evidence.nonce_passed = final_nonce > nonce;
    if (evidence.nonce_passed) {
        X402_CO_TRY(evidence.absent_everywhere, co_await is_absent_everywhere(std::move(attempts)));
    }
    co_return state_only(judge_slot(evidence));
}

Task<Result<Seen>> EvmNetwork::observe(const Slot& slot, std::span<const Action> actions,
                                       std::span<const Attempt> attempts) {
    X402_CO_TRY(const std::uint64_t nonce, nonce_of(slot));
    X402_CO_TRY(const Address signer, parse_wire_address(slot.signer));
    if (attempts.size() > kMostReceipts)
        co_return fail(Errc::too_large, "the slot has too many attempts");
    std::vector<TransferAction> read;
    for (const Action& action : actions) {
        X402_CO_TRY(TransferAction each, read_action(action.body));
        read.push_back(std::move(each));
    }
    std::vector<net::RpcCall> calls;
    std::vector<std::string> ids;
    for (const Attempt& attempt : attempts) {
        ids.push_back(attempt.id);
        calls.push_back(ask_receipt(attempt.id));
    }
    calls.push_back(ask("eth_blockNumber"));
    calls.push_back(ask_nonce(signer, "latest"));
    const auto replies = co_await rpc_.batch(std::move(calls));
    if (!replies) co_return state_only(SeenState::unknown);
    auto look = read_first_look(*replies, ids);
    if (!look) co_return state_only(SeenState::unknown);
    if (!look->receipt) {
        if (look->nonce <= nonce) co_return state_only(SeenState::waiting);
        auto missing = co_await observe_missing(signer, nonce, std::move(ids));
        if (!missing) co_return state_only(SeenState::unknown);
        co_return missing;
    }
    const Receipt receipt = std::move(*look->receipt);
    const auto confirmed = co_await is_confirmed(receipt, look->latest);
    if (!confirmed) co_return state_only(SeenState::unknown);
    SlotEvidence evidence;
    evidence.has_receipt = true;
    evidence.confirmed = *confirmed;
    Seen seen = state_only(judge_slot(evidence));
    if (seen.state != SeenState::mined) co_return seen;
    seen.attempt = to_hex0x(receipt.transaction.view());
    seen.parts = parts_of(read, receipt);
    seen.block = receipt.block;
    seen.cost = Cost{receipt.cost, "wei"};
    co_return seen;
}

}  // namespace x402::evm
