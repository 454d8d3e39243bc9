// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/search.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "x402/base/base58.hpp"
#include "x402/chains/svm/rpc_json.hpp"

namespace x402::svm {
namespace {

constexpr std::size_t kRemembered = 4'096;
constexpr std::array<std::size_t, 2> kPages = {100, 1'000};
// In one search: what is fetched stays known, so the next search goes on from there.
constexpr std::size_t kMostFetched = 200;

// The page begins at the newest; at confirmed, so that what has just landed is not overlooked.
net::RpcCall rows_question(const Wanted& wanted, std::size_t limit, bool fresh) {
    net::RpcCall question = ask_signatures_for(wanted.account, std::nullopt, limit);
    for (json::Value& each : question.params) {
        json::Object* options = each.if_object();
        if (options == nullptr) continue;
        (*options)["commitment"] = to_string(Commitment::confirmed);
        if (fresh) (*options)["minContextSlot"] = wanted.reach;
    }
    return question;
}

bool reaches_back(const Result<std::vector<SignatureRow>>& page, std::size_t limit,
                  std::int64_t since_s) {
    if (!page) return false;
    if (page->size() < limit) return true;
    const auto& oldest = page->back().time_s;
    return oldest && *oldest < since_s;
}

// Newest first, each once; what is older than the message is left out.
void add_candidates(std::span<const Result<std::vector<SignatureRow>>> pages, std::int64_t since_s,
                    std::vector<Signature>& out) {
    std::unordered_set<Signature> seen(out.begin(), out.end());
    for (const auto& page : pages) {
        if (!page) continue;
        for (const SignatureRow& row : *page) {
            if (row.time_s && *row.time_s < since_s) continue;
            // Under this no transaction lands; a local node books there what it refused.
            if (row.signature.is_zero()) continue;
            if (seen.insert(row.signature).second) out.push_back(row.signature);
        }
    }
}

template <class T, class Put>
void put_each(std::vector<ExpiryWord>& words, const std::vector<Result<T>>& answers,
              const Put& put) {
    for (std::size_t i = 0; i < words.size() && i < answers.size(); ++i) {
        if (answers[i]) put(words[i], *answers[i]);
    }
}

Task<std::vector<Result<std::int64_t>>> block_times(Rpc& rpc, std::uint64_t slot) {
    net::RpcCall question = ask_block_time(slot);
    const auto replies = co_await rpc.client().call_all(std::move(question));
    std::vector<Result<std::int64_t>> out;
    for (const auto& reply : replies) {
        if (reply) {
            out.push_back(read_block_time(*reply));
        } else {
            out.push_back(fail(reply.error()));
        }
    }
    co_return out;
}

Result<std::uint64_t> read_slot(const Result<net::RpcReply>& reply) {
    if (!reply) return fail(reply.error());
    X402_TRY(const json::Value* value, result_of(*reply));
    return number_of(*value, "a slot");
}

// The first slot that each still has. One time serves all of them: whoever has that block has
// everything after it.
Task<void> ask_kept(Rpc& rpc, std::vector<ExpiryWord>& words) {
    net::RpcCall question = ask("getFirstAvailableBlock");
    const auto replies = co_await rpc.client().call_all(std::move(question));
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < words.size() && i < replies.size(); ++i) {
        const auto first = read_slot(replies[i]);
        if (!first) continue;
        if (*first == 0) words[i].kept_since_s = 0;  // from the very beginning
        last = std::max(last, *first);
    }
    if (last == 0) co_return;
    const auto times = co_await block_times(rpc, last);
    for (std::size_t i = 0; i < words.size() && i < times.size() && i < replies.size(); ++i) {
        const auto first = read_slot(replies[i]);
        if (first && *first != 0 && times[i]) words[i].kept_since_s = *times[i];
    }
}

}  // namespace

Task<std::vector<ExpiryWord>> ask_words(Rpc& rpc, Hash32 blockhash, ExpirySpan span) {
    const auto heights = co_await rpc.height_all(Commitment::finalized);
    std::vector<ExpiryWord> words(heights.size());
    put_each(words, heights,
             [](ExpiryWord& word, const Height& height) { word.finalized = height; });
    const std::uint64_t slot = common_slot(words);
    if (slot == 0) co_return words;
    const auto times = co_await block_times(rpc, slot);
    put_each(words, times, [slot](ExpiryWord& word, std::int64_t time_s) {
        word.time = At<std::int64_t>{slot, time_s};
    });
    const auto valid = co_await rpc.blockhash_valid_all(blockhash, Commitment::finalized);
    put_each(words, valid, [](ExpiryWord& word, const At<bool>& answer) { word.valid = answer; });
    const auto now = co_await rpc.blockhash_valid_all(blockhash, Commitment::processed);
    put_each(words, now, [](ExpiryWord& word, const At<bool>& answer) { word.valid_now = answer; });
    if (!span.young()) co_await ask_kept(rpc, words);
    co_return words;
}

std::uint64_t common_slot(std::span<const ExpiryWord> words) noexcept {
    std::uint64_t slot = 0;
    for (const ExpiryWord& word : words) {
        if (!word.finalized) continue;
        slot = slot == 0 ? word.finalized->slot : std::min(slot, word.finalized->slot);
    }
    return slot;
}

void add_statuses(std::vector<ExpiryWord>& words, std::span<const Result<Rpc::Statuses>> answers) {
    for (std::size_t i = 0; i < words.size() && i < answers.size(); ++i) {
        if (!answers[i] || answers[i]->value.size() != 1) continue;
        words[i].found = At<bool>{answers[i]->slot, answers[i]->value.front().has_value()};
    }
}

Task<MessageSearch::Pages> MessageSearch::ask_rows(Wanted wanted, std::size_t limit, bool fresh) {
    net::RpcCall question = rows_question(wanted, limit, fresh);
    const auto replies = co_await rpc_.client().call_all(std::move(question));
    Pages pages;
    for (const auto& reply : replies) {
        if (reply) {
            pages.push_back(read_signatures(*reply));
        } else {
            pages.push_back(fail(reply.error()));
        }
    }
    co_return pages;
}

// Nothing: none of them carries it, or one could not be had, which `resolved` tells.
Task<std::optional<Signature>> MessageSearch::find(std::vector<Signature> candidates,
                                                   Hash32 message, Progress& progress) {
    progress.resolved = true;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto carried = co_await message_of(candidates[i], progress.fetched);
        progress.resolved = progress.resolved && carried.has_value();
        if (carried && *carried == message) co_return candidates[i];
    }
    co_return std::nullopt;
}

// Where a node must have come as far as `reach`, it is asked with that condition, which a node that
// has not refuses, and without it as well: there are nodes that take it for a filter of the rows.
Task<MessageSearch::Outcome> MessageSearch::look(Wanted wanted) {
    Outcome outcome;
    Progress progress;
    for (std::size_t i = 0; i < kPages.size(); ++i) {
        const std::size_t limit = kPages[i];
        const Pages pages = co_await ask_rows(wanted, limit, false);
        Pages fresh;
        if (wanted.reach != 0) fresh = co_await ask_rows(wanted, limit, true);
        std::vector<Signature> candidates;
        add_candidates(pages, wanted.since_s, candidates);
        add_candidates(fresh, wanted.since_s, candidates);
        const auto found = co_await find(std::move(candidates), wanted.message, progress);
        if (found) {
            outcome.signature = to_base58(found->view());
            co_return outcome;
        }
        outcome.whole.clear();
        bool more = false;
        for (std::size_t at = 0; at < pages.size(); ++at) {
            const bool conditioned =
                wanted.reach == 0 ||
                (at < fresh.size() && reaches_back(fresh[at], limit, wanted.since_s));
            const bool back = reaches_back(pages[at], limit, wanted.since_s);
            more = more || (pages[at] && !back);
            outcome.whole.push_back(back && conditioned && progress.resolved);
        }
        if (!more) break;
    }
    co_return outcome;
}

Task<std::optional<Hash32>> MessageSearch::message_of(Signature signature, std::size_t& fetched) {
    if (const auto known = remembered(signature)) co_return known;
    if (fetched >= kMostFetched) co_return std::nullopt;
    ++fetched;
    const auto message = co_await fetch(signature);
    if (message) remember(signature, *message);
    co_return message;
}

Task<std::optional<Hash32>> MessageSearch::fetch(Signature signature) {
    const std::string id = to_base58(signature.view());
    const auto is_that = [&signature](const Result<std::optional<LandedTransaction>>& answer) {
        if (!answer || !*answer) return false;
        const Transaction& transaction = (*answer)->transaction;
        return !transaction.signatures.empty() && transaction.signatures.front() == signature &&
               crypto::ed25519_verify(transaction.message_bytes, signature,
                                      transaction.fee_payer());
    };
    const auto first = co_await rpc_.transaction(id, Commitment::confirmed);
    if (is_that(first)) co_return message_hash((*first)->transaction);
    const auto all = co_await rpc_.transaction_all(id, Commitment::confirmed);
    const auto it = std::find_if(all.begin(), all.end(), is_that);
    if (it == all.end()) co_return std::nullopt;
    co_return message_hash((**it)->transaction);
}

void MessageSearch::remember(const Signature& signature, const Hash32& message) {
    const std::lock_guard lock(mutex_);
    if (!messages_.emplace(signature, message).second) return;
    order_.push_back(signature);
    if (order_.size() <= kRemembered) return;
    messages_.erase(order_.front());
    order_.pop_front();
}

std::optional<Hash32> MessageSearch::remembered(const Signature& signature) {
    const std::lock_guard lock(mutex_);
    const auto it = messages_.find(signature);
    return it == messages_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace x402::svm
