// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/rpc.hpp"

namespace x402::svm {
namespace {

constexpr std::size_t kMostAsked = 100;  // accounts in one question

// Each endpoint's answer or error, read the same way.
template <class Read>
auto read_each(const std::vector<Result<net::RpcReply>>& replies, const Read& read) {
    std::vector<decltype(read(std::declval<const net::RpcReply&>()))> out;
    out.reserve(replies.size());
    for (const auto& reply : replies) {
        if (reply) {
            out.push_back(read(*reply));
        } else {
            out.push_back(fail(reply.error()));
        }
    }
    return out;
}

}  // namespace

SentAnswer fold_sent(const std::vector<Result<net::RpcReply>>& replies) {
    SentAnswer folded{Sent::refused, {}};
    bool any = false;
    for (const auto& reply : replies) {
        SentAnswer answer = read_sent(reply);
        if (answer.sent == Sent::accepted) return answer;
        const bool weaker = answer.sent == Sent::unknown && folded.sent != Sent::unknown;
        if (!any || weaker) folded = std::move(answer);
        any = true;
    }
    if (!any) return {Sent::unknown, "no endpoint was asked"};
    return folded;
}

Task<Result<At<LatestBlockhash>>> Rpc::latest_blockhash(Commitment commitment) {
    net::RpcCall question = ask_latest_blockhash(commitment);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_latest_blockhash(reply);
}

Task<Result<At<bool>>> Rpc::blockhash_valid(Hash32 blockhash, Commitment commitment) {
    net::RpcCall question = ask_blockhash_valid(blockhash, commitment);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_blockhash_valid(reply);
}

Task<Result<Height>> Rpc::height(Commitment commitment) {
    net::RpcCall question = ask_epoch_info(commitment);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    X402_CO_TRY(const Height told, read_epoch_info(reply));
    if (commitment != Commitment::finalized) co_return told;
    net::RpcCall second = ask_slot(commitment);
    X402_CO_TRY(const net::RpcReply answer, co_await client_->call(std::move(second)));
    X402_CO_TRY(const std::uint64_t slot, read_number(answer));
    co_return height_by(told, slot);
}

Task<Result<std::int64_t>> Rpc::block_time(std::uint64_t slot) {
    net::RpcCall question = ask_block_time(slot);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_block_time(reply);
}

Task<Result<At<std::vector<std::optional<Account>>>>> Rpc::accounts(std::vector<Address> addresses,
                                                                    Commitment commitment) {
    if (addresses.size() > kMostAsked) {
        co_return fail(Errc::too_large, "too many accounts for one question");
    }
    net::RpcCall question = ask_accounts(addresses, commitment);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_accounts(reply, addresses.size());
}

Task<Result<At<SimulationAnswer>>> Rpc::simulate(SimulationRequest request) {
    net::RpcCall question =
        ask_simulation(request.transaction, request.watched, request.commitment);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_simulation(reply, request.accounts, request.watched.size());
}

Task<Result<std::optional<LandedTransaction>>> Rpc::transaction(std::string signature,
                                                                Commitment commitment) {
    net::RpcCall question = ask_transaction(signature, commitment);
    X402_CO_TRY(const net::RpcReply reply, co_await client_->call(std::move(question)));
    co_return read_transaction(reply);
}

Task<std::vector<Result<std::string>>> Rpc::genesis_hash_all() {
    net::RpcCall question = ask("getGenesisHash");
    const auto replies = co_await client_->call_all(std::move(question));
    co_return read_each(replies, [](const net::RpcReply& reply) { return read_text(reply); });
}

Task<std::vector<Result<At<bool>>>> Rpc::blockhash_valid_all(Hash32 blockhash,
                                                             Commitment commitment) {
    net::RpcCall question = ask_blockhash_valid(blockhash, commitment);
    const auto replies = co_await client_->call_all(std::move(question));
    co_return read_each(replies,
                        [](const net::RpcReply& reply) { return read_blockhash_valid(reply); });
}

Task<std::vector<Result<Height>>> Rpc::height_all(Commitment commitment) {
    net::RpcCall question = ask_epoch_info(commitment);
    const auto replies = co_await client_->call_all(std::move(question));
    auto out =
        read_each(replies, [](const net::RpcReply& reply) { return read_epoch_info(reply); });
    if (commitment != Commitment::finalized) co_return out;
    net::RpcCall second = ask_slot(commitment);
    const auto answers = co_await client_->call_all(std::move(second));
    const auto slots =
        read_each(answers, [](const net::RpcReply& reply) { return read_number(reply); });
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (!out[i]) continue;
        if (i < slots.size() && slots[i]) {
            out[i] = height_by(*out[i], *slots[i]);
        } else {
            out[i] = fail(Errc::unavailable, "the endpoint does not tell its final slot");
        }
    }
    co_return out;
}

Task<std::vector<Result<Rpc::Statuses>>> Rpc::statuses_all(std::vector<std::string> signatures) {
    net::RpcCall question = ask_statuses(signatures);
    const auto replies = co_await client_->call_all(std::move(question));
    const std::size_t asked = signatures.size();
    co_return read_each(
        replies, [asked](const net::RpcReply& reply) { return read_statuses(reply, asked); });
}

Task<std::vector<Result<std::optional<LandedTransaction>>>> Rpc::transaction_all(
    std::string signature, Commitment commitment) {
    net::RpcCall question = ask_transaction(signature, commitment);
    const auto replies = co_await client_->call_all(std::move(question));
    co_return read_each(replies,
                        [](const net::RpcReply& reply) { return read_transaction(reply); });
}

Task<std::vector<Result<std::vector<SignatureRow>>>> Rpc::signatures_for_all(
    Address address, std::optional<std::string> before, std::size_t limit) {
    net::RpcCall question = ask_signatures_for(address, before, limit);
    const auto replies = co_await client_->call_all(std::move(question));
    co_return read_each(replies, [](const net::RpcReply& reply) { return read_signatures(reply); });
}

Task<SentAnswer> Rpc::send(std::string base64) {
    net::RpcCall question = ask_send(base64);
    // Once one node has taken it, one that hangs must not hold the settlement up.
    question.fan_out_wait = std::chrono::seconds(3);
    const auto replies = co_await client_->call_all(std::move(question));
    co_return fold_sent(replies);
}

}  // namespace x402::svm
