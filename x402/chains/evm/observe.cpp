// SPDX-License-Identifier: Apache-2.0
// What became of a slot. A receipt of any attempt decides. What was paid is told as soon as it is
// mined; the negative answers, after which the payment may be sent anew, take more: that a part was
// not paid is final only below the finalized block and where no endpoint shows anything else, and
// "dead" takes an endpoint that is itself past the slot and veto of none.
#include <algorithm>

#include "x402/base/hex.hpp"
#include "x402/base/log.hpp"
#include "x402/chains/evm/absence.hpp"
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
        if (look.receipt) return fail(Errc::bad_peer, "two receipts for one nonce");
        look.receipt = std::move(*receipt);
    }
    X402_TRY(look.latest, read_number(replies[attempts]));
    X402_TRY(look.nonce, read_number(replies[attempts + 1]));
    return look;
}

// For each action whether the receipt proves that it was paid.
std::vector<bool> paid_parts(std::span<const TransferAction> actions, const Receipt& receipt) {
    std::vector<bool> paid;
    for (const TransferProof& proof : cut_logs(actions, receipt.logs)) {
        paid.push_back(receipt.ok && proof.used && proof.transfer);
    }
    return paid;
}

bool all_paid(std::span<const TransferAction> actions, const Receipt& receipt) {
    const std::vector<bool> paid = paid_parts(actions, receipt);
    return std::find(paid.begin(), paid.end(), false) == paid.end();
}

// Whether another endpoint's word is a different story of the same slot. Having nothing to show is
// none: it may be behind.
bool tells_otherwise(const Result<net::RpcReply>& reply, const Receipt& receipt,
                     std::span<const TransferAction> actions) {
    if (!reply || reply->error) return false;
    const auto other = read_receipt(*reply);
    if (!other) return true;
    if (!*other) return false;
    return (*other)->transaction != receipt.transaction ||
           (*other)->block_hash != receipt.block_hash ||
           paid_parts(actions, **other) != paid_parts(actions, receipt);
}

bool has_nothing(const net::RpcReply& reply) noexcept {
    return !reply.error && reply.result && reply.result->is_null();
}

// What an endpoint that seemed to be past the slot says of one attempt.
EndpointWord with_answer(EndpointWord before, const Result<net::RpcReply>& reply) {
    if (before == EndpointWord::receipt) return before;
    const bool answered = reply && !reply->error;
    if (answered && !has_nothing(*reply)) return EndpointWord::receipt;
    if (!answered && before == EndpointWord::absent) return EndpointWord::silent;
    return before;
}

}  // namespace

SeenState judge_absence(std::span<const EndpointWord> words) noexcept {
    const auto any = [words](EndpointWord word) {
        return std::find(words.begin(), words.end(), word) != words.end();
    };
    if (any(EndpointWord::receipt)) return SeenState::waiting;
    if (any(EndpointWord::absent)) return SeenState::dead;
    return any(EndpointWord::silent) ? SeenState::unknown : SeenState::waiting;
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

// Errc::conflict where the finalized chain has another block in the receipt's place.
Task<Result<bool>> EvmNetwork::is_below_final(Receipt receipt) {
    X402_CO_TRY(Block at, co_await rpc_.finalized());
    if (receipt.block > at.number) co_return false;
    if (receipt.block < at.number) {
        X402_CO_TRY(at, co_await rpc_.block(block_tag(receipt.block)));
    }
    if (at.hash == receipt.block_hash) co_return true;
    co_return fail(Errc::conflict, "the receipt is of a block that the chain does not have");
}

// One endpoint of several may lie, or serve a fork. Asked only where it matters: before a payment
// is called failed.
Task<bool> EvmNetwork::is_disputed(Receipt receipt, Actions actions,
                                   std::vector<std::string> attempts) {
    if (rpc_.client().endpoints() < 2) co_return false;
    for (const std::string& attempt : attempts) {
        net::RpcCall question = ask_receipt(attempt);
        const auto replies = co_await rpc_.client().call_all(std::move(question));
        for (const auto& reply : replies) {
            if (!tells_otherwise(reply, receipt, actions)) continue;
            log::warn("endpoints_disagree",
                      {{"network", options_.network.text()}, {"transaction", attempt}});
            co_return true;
        }
    }
    co_return false;
}

Task<Result<Seen>> EvmNetwork::observe_missing(Address signer, std::uint64_t nonce,
                                               std::vector<std::string> attempts) {
    std::vector<EndpointWord> words;
    const auto nonces = co_await rpc_.final_nonces(signer);
    for (const auto& each : nonces) {
        words.push_back(!each            ? EndpointWord::silent
                        : *each <= nonce ? EndpointWord::behind
                                         : EndpointWord::absent);
    }
    const auto is_candidate = [](EndpointWord word) { return word == EndpointWord::absent; };
    if (std::none_of(words.begin(), words.end(), is_candidate)) {
        co_return state_only(judge_absence(words));
    }
    net::RpcCall chain = ask("eth_chainId");
    const auto chains = co_await rpc_.client().call_all(std::move(chain));
    for (std::size_t i = 0; i < words.size() && i < chains.size(); ++i) {
        const auto number = chains[i] ? read_number(*chains[i]) : fail(chains[i].error());
        if (!number || *number != options_.chain_id) words[i] = EndpointWord::silent;
    }
    for (const std::string& attempt : attempts) {
        net::RpcCall question = ask_receipt(attempt);
        const auto replies = co_await rpc_.client().call_all(std::move(question));
        for (std::size_t i = 0; i < words.size() && i < replies.size(); ++i) {
            words[i] = with_answer(words[i], replies[i]);
        }
    }
    const SeenState state = judge_absence(words);
    if (std::find(words.begin(), words.end(), EndpointWord::receipt) != words.end()) {
        log::warn("endpoints_disagree",
                  {{"network", options_.network.text()}, {"nonce", std::to_string(nonce)}});
    }
    co_return state_only(state);
}

Task<Result<Seen>> EvmNetwork::observe_mined(Receipt receipt, Actions actions,
                                             std::vector<std::string> attempts) {
    Seen seen = state_only(SeenState::mined);
    seen.attempt = to_hex0x(receipt.transaction.view());
    seen.parts = parts_of(actions, receipt);
    seen.block = receipt.block;
    seen.cost = Cost{receipt.cost, "wei"};
    if (all_paid(actions, receipt)) co_return seen;
    const auto below = co_await is_below_final(receipt);
    if (!below && below.error().code == Errc::conflict) co_return state_only(SeenState::unknown);
    seen.final = below && *below;
    if (!seen.final) co_return seen;
    const bool disputed =
        co_await is_disputed(std::move(receipt), std::move(actions), std::move(attempts));
    seen.final = !disputed;
    co_return seen;
}

Task<Result<Seen>> EvmNetwork::observe(const Slot& slot, std::span<const Action> actions,
                                       std::span<const Attempt> attempts) {
    X402_CO_TRY(const std::uint64_t nonce, nonce_of(slot));
    X402_CO_TRY(const Address signer, parse_wire_address(slot.signer));
    if (attempts.size() > kMostReceipts)
        co_return fail(Errc::too_large, "the slot has too many attempts");
    Actions read;
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
    const auto confirmed = co_await is_confirmed(*look->receipt, look->latest);
    if (!confirmed) co_return state_only(SeenState::unknown);
    if (!*confirmed) co_return state_only(SeenState::waiting);
    co_return co_await observe_mined(std::move(*look->receipt), std::move(read), std::move(ids));
}

}  // namespace x402::evm
