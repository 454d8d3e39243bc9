// SPDX-License-Identifier: Apache-2.0
// Many questions at once are few requests, and each gets its own answer.
#include "x402/chains/svm/status_reader.hpp"

#include <gtest/gtest.h>

#include "x402/base/sync.hpp"
#include "x402/chains/svm/testing/settling.hpp"
#include "x402/net/runtime.hpp"

namespace x402::svm {
namespace {

using testing::Settling;
using testing::Slotted;

// Hands a question on when it is told to.
class Gated final : public net::RpcClient {
public:
    explicit Gated(testing::FakeCluster& cluster) : cluster_(cluster) {}
    Task<Result<net::RpcReply>> call(net::RpcCall request) override {
        co_return co_await cluster_.call(std::move(request));
    }
    Task<Result<std::vector<net::RpcReply>>> batch(std::vector<net::RpcCall> calls) override {
        co_return co_await cluster_.batch(std::move(calls));
    }
    Task<std::vector<Result<net::RpcReply>>> call_all(net::RpcCall request) override {
        ++asked;
        largest = std::max(largest, request.params[0].as_array().size());
        while (!open) {
            const std::uint64_t seen = bell.count();
            if (open) break;
            const bool rung = co_await bell.wait(seen, std::chrono::seconds(10));
            EXPECT_TRUE(rung);
        }
        co_return co_await cluster_.call_all(std::move(request));
    }
    std::size_t endpoints() const noexcept override { return cluster_.endpoints(); }
    std::vector<net::RpcStats> stats() const override { return cluster_.stats(); }

    std::size_t asked = 0;
    std::size_t largest = 0;
    bool open = false;
    Bell bell;

private:
    testing::FakeCluster& cluster_;
};

struct Crowd {
    explicit Crowd(Settling& at) {
        auto owned = std::make_unique<Gated>(at.cluster);
        gate = owned.get();
        rpc = std::make_unique<Rpc>(std::move(owned));
        reader = std::make_unique<StatusReader>(*rpc);
    }
    Task<void> ask(std::size_t i, std::string id) {
        answers[i] = co_await reader->read(std::move(id));
        ++done;
        all.ring();
    }
    Task<void> ask_all(std::vector<std::string> ids) {
        answers.resize(ids.size());
        const auto executor = co_await net::this_executor();
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const std::string id = ids[i];
            net::spawn_on(executor, [this, i, id] { return ask(i, id); });
        }
        const bool rung = co_await all.wait(0, std::chrono::milliseconds(20));
        EXPECT_FALSE(rung) << "the gate is closed";
        gate->open = true;
        gate->bell.ring();
        while (done < ids.size()) {
            const std::uint64_t seen = all.count();
            if (done == ids.size()) break;
            const bool on = co_await all.wait(seen, std::chrono::seconds(10));
            if (!on) break;
        }
    }

    Gated* gate = nullptr;
    std::unique_ptr<Rpc> rpc;
    std::unique_ptr<StatusReader> reader;
    std::vector<StatusReader::Answers> answers;
    std::size_t done = 0;
    Bell all;
};

TEST(StatusReader, QuestionsThatArriveTogetherShareARequest) {
    Settling at(2);
    std::vector<std::unique_ptr<Slotted>> all;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < 300; ++i) {
        all.push_back(std::make_unique<Slotted>(at, "memo " + std::to_string(i)));
        ids.push_back(all.back()->attempt.id);
        if (i % 3 == 0) all.back()->send();
    }
    at.pass(2);
    at.cluster.endpoint(1).down = true;
    Crowd crowd(at);
    testing::run([&crowd, &ids] { return crowd.ask_all(ids); });
    ASSERT_EQ(crowd.done, ids.size());
    EXPECT_EQ(crowd.gate->asked, 3U) << "the first, 256, and the rest";
    EXPECT_EQ(crowd.gate->largest, 256U);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto& answers = crowd.answers[i];
        ASSERT_EQ(answers.size(), 2U);
        ASSERT_TRUE(answers[0]);
        ASSERT_EQ(answers[0]->value.size(), 1U);
        EXPECT_EQ(answers[0]->value[0].has_value(), i % 3 == 0) << i;
        EXPECT_FALSE(answers[1]);
    }
}

TEST(StatusReader, ANodeThatAnswersForOthersTooIsNotBelieved) {
    Settling at;
    Slotted it(at);
    at.cluster.endpoint().edits["getSignatureStatuses"] = [](const auto&, auto& answer) {
        answer->result->as_object()["value"].as_array().emplace_back(nullptr);
    };
    StatusReader reader(at.process->rpc);
    const auto answers = testing::wait_for(reader.read(it.attempt.id));
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_FALSE(answers[0]);
}

}  // namespace
}  // namespace x402::svm
