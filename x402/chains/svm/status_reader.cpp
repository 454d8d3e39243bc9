// SPDX-License-Identifier: Apache-2.0
// There is no loop of its own: whoever comes when no request is under way leads a group, answers
// it, and wakes the next leader. A leader that is cancelled fails its group, so nobody waits for an
// answer that never comes. Waiters are shared between the waiting coroutine and the group it was
// taken into: hence shared_ptr.
#include "x402/chains/svm/status_reader.hpp"

#include <optional>

#include "x402/base/sync.hpp"

namespace x402::svm {
namespace {

constexpr std::size_t kMostSignatures = 256;  // of one getSignatureStatuses
constexpr std::size_t kMostWaiting = 4'096;
constexpr auto kLongestWait = std::chrono::seconds(60);
// Once one endpoint has told, one that hangs must not hold up what has landed: its silence here is
// evidence of nothing.
constexpr auto kOthersWait = std::chrono::seconds(1);

// The one answer of a group's that is about the signature at this place.
StatusReader::Answers cut(const StatusReader::Answers& all, std::size_t at) {
    StatusReader::Answers out;
    for (const auto& answer : all) {
        if (answer) {
            out.push_back(Rpc::Statuses{answer->slot, {answer->value[at]}});
        } else {
            out.push_back(fail(answer.error()));
        }
    }
    return out;
}

StatusReader::Answers read_all(const std::vector<Result<net::RpcReply>>& replies,
                               std::size_t asked) {
    StatusReader::Answers out;
    for (const auto& reply : replies) {
        if (reply) {
            out.push_back(read_statuses(*reply, asked));
        } else {
            out.push_back(fail(reply.error()));
        }
    }
    return out;
}

}  // namespace

struct StatusReader::Waiter {
    std::string signature;
    std::optional<Answers> answer;  // guarded by the reader's mutex
    Bell bell;
};

// The group a leader answers. When it dies without an answer the members learn that.
class StatusReader::Group {
public:
    Group(StatusReader& reader, Members members) : reader_(reader), members_(std::move(members)) {}
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    ~Group() {
        if (!settled_) settle(reader_.failed(Error{Errc::interrupted, "cancelled", {}, {}, true}));
    }

    std::vector<std::string> signatures() const {
        std::vector<std::string> out;
        for (const auto& member : members_) out.push_back(member->signature);
        return out;
    }

    void settle(const Answers& answers) {
        settled_ = true;
        std::shared_ptr<Waiter> next;
        {
            const std::lock_guard lock(reader_.mutex_);
            for (std::size_t i = 0; i < members_.size(); ++i) {
                members_[i]->answer.emplace(cut(answers, i));
            }
            reader_.under_way_ = false;
            if (!reader_.waiting_.empty()) next = reader_.waiting_.front();
        }
        for (const auto& member : members_) member->bell.ring();
        if (next) next->bell.ring();
    }

private:
    StatusReader& reader_;
    Members members_;
    bool settled_ = false;
};

// Whoever leaves without having been answered (out of time, cancelled) leaves the queue too, and
// wakes the next, who might have been waiting for him to lead.
class StatusReader::Ticket {
public:
    Ticket(StatusReader& reader, std::shared_ptr<Waiter> waiter)
        : reader_(reader), waiter_(std::move(waiter)) {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {
        std::shared_ptr<Waiter> next;
        {
            const std::lock_guard lock(reader_.mutex_);
            if (waiter_->answer) return;
            std::erase(reader_.waiting_, waiter_);
            if (!reader_.under_way_ && !reader_.waiting_.empty()) next = reader_.waiting_.front();
        }
        if (next) next->bell.ring();
    }

private:
    StatusReader& reader_;
    std::shared_ptr<Waiter> waiter_;
};

StatusReader::Answers StatusReader::failed(const Error& error) const {
    Answers out;
    for (std::size_t i = 0; i < rpc_.client().endpoints(); ++i) out.push_back(fail(error));
    return out;
}

bool StatusReader::is_answered(const Waiter& waiter) {
    const std::lock_guard lock(mutex_);
    return waiter.answer.has_value();
}

Task<void> StatusReader::lead() {
    Members members;
    {
        const std::lock_guard lock(mutex_);
        if (under_way_ || waiting_.empty()) co_return;
        while (!waiting_.empty() && members.size() < kMostSignatures) {
            members.push_back(std::move(waiting_.front()));
            waiting_.pop_front();
        }
        under_way_ = true;
    }
    Group group(*this, std::move(members));
    const std::vector<std::string> signatures = group.signatures();
    net::RpcCall question = ask_statuses(signatures);
    question.fan_out_wait = kOthersWait;
    const auto replies = co_await rpc_.client().call_all(std::move(question));
    group.settle(read_all(replies, signatures.size()));
}

Task<StatusReader::Answers> StatusReader::read(std::string signature) {
    auto waiter = std::make_shared<Waiter>();
    waiter->signature = std::move(signature);
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= kMostWaiting)
            co_return failed(Error{Errc::unavailable, "too many questions wait", {}, {}, true});
        waiting_.push_back(waiter);
    }
    const Ticket ticket(*this, waiter);
    for (;;) {
        const std::uint64_t seen = waiter->bell.count();
        co_await lead();
        if (is_answered(*waiter)) break;
        const bool rung = co_await waiter->bell.wait(seen, kLongestWait);
        if (is_answered(*waiter)) break;
        if (!rung) co_return failed(Error{Errc::timeout, "no answer in time", {}, {}, true});
    }
    // Nobody writes the answer a second time, so it can be taken without the lock.
    co_return std::move(*waiter->answer);
}

}  // namespace x402::svm
