// SPDX-License-Identifier: Apache-2.0
// Questions for the state of single transactions that arrive together share one request: one for
// all that are in flight, not one each, whatever they are. A group forms while the previous request
// is under way; a question that finds nobody before it leaves at once. Any thread.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "x402/chains/svm/rpc.hpp"

namespace x402::svm {

class StatusReader {
public:
    // `rpc` outlives the reader.
    explicit StatusReader(Rpc& rpc) noexcept : rpc_(rpc) {}

    using Answers = std::vector<Result<Rpc::Statuses>>;
    // As Rpc::statuses_all() of this one signature: asked after the call, of every endpoint. Once
    // one has answered, the others have a second; for a proof that nothing has landed that is too
    // short.
    Task<Answers> read(std::string signature);

private:
    struct Waiter;
    class Group;
    class Ticket;
    using Members = std::vector<std::shared_ptr<Waiter>>;
    Task<void> lead();
    bool is_answered(const Waiter& waiter);
    Answers failed(const Error& error) const;

    Rpc& rpc_;
    std::mutex mutex_;
    std::deque<std::shared_ptr<Waiter>> waiting_;
    bool under_way_ = false;
};

}  // namespace x402::svm
