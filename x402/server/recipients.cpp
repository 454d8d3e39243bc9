// SPDX-License-Identifier: Apache-2.0
// All are asked at once; whoever has not answered in time is left behind. See recipients.hpp.
#include "x402/server/recipients.hpp"

#include <algorithm>
#include <memory>
#include <mutex>

#include "x402/base/sync.hpp"

namespace x402::server {
namespace {

using Answer = Result<std::optional<Refusal>>;

struct Question {
    Chain* chain = nullptr;
    std::string pay_to;
    AssetInfo asset;
    std::string where;
    std::optional<Answer> answer;
};

// Shared with the questions that are still under way when nobody waits any more.
struct Round {
    std::mutex mutex;
    Bell bell;
    std::vector<Question> questions;
    std::size_t left = 0;
};

Chain* find_chain(const std::vector<Chain*>& chains, const ChainId& network) {
    const auto found = std::find_if(chains.begin(), chains.end(),
                                    [&](Chain* each) { return each->id() == network; });
    return found == chains.end() ? nullptr : *found;
}

void add_question(Round& round, Question question) {
    const auto same = [&](const Question& each) {
        return each.chain == question.chain && each.pay_to == question.pay_to &&
               each.asset.address == question.asset.address;
    };
    auto& questions = round.questions;
    if (std::any_of(questions.begin(), questions.end(), same)) return;
    questions.push_back(std::move(question));
}

Task<void> ask(std::shared_ptr<Round> round, std::size_t at) {
    const Question& question = round->questions[at];
    Answer answer = co_await question.chain->cannot_receive(question.pay_to, question.asset);
    {
        const std::scoped_lock lock(round->mutex);
        round->questions[at].answer = std::move(answer);
        --round->left;
    }
    round->bell.ring();
}

Task<void> wait_for_all(std::shared_ptr<Round> round, Duration limit) {
    for (;;) {
        const std::uint64_t seen = round->bell.count();
        {
            const std::scoped_lock lock(round->mutex);
            if (round->left == 0) co_return;
        }
        const bool rung = co_await round->bell.wait(seen, limit);
        if (!rung) co_return;
    }
}

Error fault_of(const Question& question, const Refusal& refusal) {
    return fail_field(Errc::invalid, "pay_to",
                      question.where + ": money for " + question.pay_to + " on " +
                          question.chain->id().text() + " would not arrive: " + refusal.message,
                      refusal.next)
        .error();
}

}  // namespace

Task<RecipientFindings> check_recipients(const Config& config, std::vector<Chain*> chains,
                                         net::Executor executor, Duration limit) {
    const auto round = std::make_shared<Round>();
    for (const RouteConfig& route : config.routes) {
        for (const OfferConfig& offer : route.offers) {
            Chain* chain = find_chain(chains, offer.asset.id.network);
            if (chain != nullptr)
                add_question(*round, {chain, offer.pay_to, offer.asset, route.where, {}});
        }
    }
    round->left = round->questions.size();
    for (std::size_t at = 0; at < round->questions.size(); ++at)
        net::spawn_on(executor, [round, at] { return ask(round, at); });
    co_await wait_for_all(round, limit);
    RecipientFindings findings;
    const std::scoped_lock lock(round->mutex);
    for (const Question& question : round->questions) {
        const std::string who = question.chain->id().text();
        if (question.answer && *question.answer) {
            const auto& refusal = **question.answer;
            if (refusal) findings.faults.push_back(fault_of(question, *refusal));
            continue;
        }
        const std::string why = question.answer ? ": " + question.answer->error().detail : "";
        findings.unasked.push_back("whether money for " + question.pay_to + " on " + who +
                                   " would arrive could not be asked" + why);
    }
    co_return findings;
}

}  // namespace x402::server
