// SPDX-License-Identifier: Apache-2.0
// There is no loop of its own: whoever comes when no read is under way leads a group, answers it,
// and wakes the next leader. A leader that is cancelled fails its group, so nobody waits for an
// answer that never comes. Waiters are shared between the waiting coroutine and the group it was
// taken into: hence shared_ptr.
#include "x402/chains/evm/shared_reader.hpp"

#include "x402/base/check.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/sync.hpp"

namespace x402::evm {
namespace {

constexpr std::size_t kMostReads = 4;
constexpr std::size_t kMostCalls = 256;  // of one JSON-RPC batch
constexpr std::size_t kMostWaiting = 4'096;
constexpr std::size_t kMostUnderWay = 4;  // while full groups wait
constexpr auto kLongestWait = std::chrono::seconds(30);

std::size_t calls_in(const ReadRequest& request) noexcept {
    return request.reads.size() + (request.simulation ? 1 : 0) + (request.code_of ? 1 : 0);
}

// A payer's own contract decides what a call costs and how much it answers: both are bounded by
// gas.
constexpr std::uint64_t kReadGas = 500'000;

net::RpcCall ask_contract(const ContractCall& call, std::optional<std::uint64_t> gas) {
    CallRequest request;
    request.to = call.to;
    request.data = call.data;
    request.gas = gas;
    return ask_call(request, "latest");
}

// Replies of a plain batch, in the order: reads, simulation, code.
Result<ReadAnswer> collect(const ReadRequest& request, std::span<const net::RpcReply> replies) {
    ReadAnswer answer;
    std::size_t at = 0;
    for (std::size_t i = 0; i < request.reads.size(); ++i) {
        X402_TRY(CallAnswer read, read_call(replies[at++]));
        answer.reads.push_back(std::move(read));
    }
    if (request.simulation) {
        X402_TRY(answer.simulation, read_call(replies[at++]));
    }
    if (request.code_of) {
        X402_TRY(const Bytes code, read_bytes(replies[at++]));
        answer.has_code = !code.empty();
    }
    return answer;
}

void put_calls(const ReadRequest& request, std::vector<net::RpcCall>& calls) {
    for (const ContractCall& read : request.reads) calls.push_back(ask_contract(read, kReadGas));
    if (request.simulation)
        calls.push_back(ask_contract(*request.simulation, request.simulation_gas));
    if (request.code_of) calls.push_back(ask_code(*request.code_of));
}

}  // namespace

struct SharedReader::Waiter {
    ReadRequest request;
    std::optional<Result<ReadAnswer>> answer;  // guarded by the reader's mutex
    Bell bell;
};

// The group a leader answers. When it dies without an answer the members learn that.
class SharedReader::Group {
public:
    Group(SharedReader& reader, Members members) : reader_(reader), members_(std::move(members)) {}
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    ~Group() { settle(fail(Errc::interrupted, "the shared read was cancelled")); }

    const Members& members() const noexcept { return members_; }

    void settle(Result<std::vector<ReadAnswer>> answers) {
        if (settled_) return;
        settled_ = true;
        std::shared_ptr<Waiter> next;
        {
            const std::lock_guard lock(reader_.mutex_);
            for (std::size_t i = 0; i < members_.size(); ++i) {
                if (answers) {
                    members_[i]->answer.emplace(std::move((*answers)[i]));
                } else {
                    members_[i]->answer.emplace(fail(answers.error()));
                }
            }
            --reader_.under_way_;
            if (!reader_.waiting_.empty()) next = reader_.waiting_.front();
        }
        for (const auto& member : members_) member->bell.ring();
        if (next) next->bell.ring();
    }

private:
    SharedReader& reader_;
    Members members_;
    bool settled_ = false;
};

// Whoever leaves without having been answered (out of time, cancelled) leaves the queue too, and
// wakes the next, who might have been waiting for him to lead.
class SharedReader::Ticket {
public:
    Ticket(SharedReader& reader, std::shared_ptr<Waiter> waiter)
        : reader_(reader), waiter_(std::move(waiter)) {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {
        std::shared_ptr<Waiter> next;
        {
            const std::lock_guard lock(reader_.mutex_);
            if (waiter_->answer) return;
            std::erase(reader_.waiting_, waiter_);
            if (reader_.may_start()) next = reader_.waiting_.front();
        }
        if (next) next->bell.ring();
    }

private:
    SharedReader& reader_;
    std::shared_ptr<Waiter> waiter_;
};

SharedReader::SharedReader(Rpc& rpc) noexcept : rpc_(rpc) {}
SharedReader::~SharedReader() = default;

void SharedReader::use_multicall(bool there) noexcept {
    multicall_ = there;
}

bool SharedReader::may_start() const noexcept {
    if (waiting_.empty()) return false;
    if (under_way_ == 0) return true;
    return under_way_ < kMostUnderWay && waiting_.size() >= limits::kBatchedVerifies;
}

bool SharedReader::is_answered(const Waiter& waiter) {
    const std::lock_guard lock(mutex_);
    return waiter.answer.has_value();
}

// All of a group are of the first one's kind; the others keep their places.
SharedReader::Members SharedReader::take_group() {
    Members group;
    std::deque<std::shared_ptr<Waiter>> left;
    const bool apart = !waiting_.empty() && waiting_.front()->request.apart;
    std::size_t calls = 0;
    for (auto& waiter : waiting_) {
        const std::size_t more = calls_in(waiter->request);
        const bool fits = group.empty() ||
                          (group.size() < limits::kBatchedVerifies && calls + more <= kMostCalls);
        if (fits && waiter->request.apart == apart) {
            calls += more;
            group.push_back(std::move(waiter));
        } else {
            left.push_back(std::move(waiter));
        }
    }
    waiting_ = std::move(left);
    return group;
}

Task<void> SharedReader::lead() {
    Members members;
    {
        const std::lock_guard lock(mutex_);
        if (!may_start()) co_return;
        members = take_group();
        ++under_way_;
    }
    Group group(*this, std::move(members));
    const bool apart = !group.members().empty() && group.members().front()->request.apart;
    if (multicall_ && !apart && group.members().size() > 1) {
        auto answers = co_await ask_aggregate(group.members());
        group.settle(std::move(answers));
    } else {
        auto answers = co_await ask_each(group.members());
        group.settle(std::move(answers));
    }
}

Task<Result<ReadAnswer>> SharedReader::read(ReadRequest request) {
    X402_CHECK(request.reads.size() <= kMostReads);
    auto waiter = std::make_shared<Waiter>();
    waiter->request = std::move(request);
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= kMostWaiting) {
            co_return fail(Errc::unavailable, "too many reads of the chain are waiting");
        }
        waiting_.push_back(waiter);
    }
    const Ticket ticket(*this, waiter);
    for (;;) {
        const std::uint64_t seen = waiter->bell.count();
        co_await lead();
        if (is_answered(*waiter)) break;
        const bool rung = co_await waiter->bell.wait(seen, kLongestWait);
        if (is_answered(*waiter)) break;
        if (!rung) co_return fail(Errc::timeout, "the chain could not be read in time");
    }
    // Nobody writes the answer a second time, so it can be taken without the lock.
    co_return std::move(*waiter->answer);
}

Task<Result<ReadAnswer>> SharedReader::read_alone(ReadRequest request) {
    std::vector<net::RpcCall> calls;
    put_calls(request, calls);
    if (calls.empty()) co_return ReadAnswer{};
    X402_CO_TRY(const auto replies, co_await rpc_.batch(std::move(calls)));
    co_return collect(request, replies);
}

Task<Result<std::vector<ReadAnswer>>> SharedReader::ask_each(Members group) {
    std::vector<net::RpcCall> calls;
    for (const auto& waiter : group) put_calls(waiter->request, calls);
    if (calls.empty()) co_return std::vector<ReadAnswer>(group.size());
    X402_CO_TRY(const auto replies, co_await rpc_.batch(std::move(calls)));
    std::span<const net::RpcReply> rest(replies);
    std::vector<ReadAnswer> out;
    for (const auto& waiter : group) {
        X402_CO_TRY(ReadAnswer answer, collect(waiter->request, rest));
        rest = rest.subspan(calls_in(waiter->request));
        out.push_back(std::move(answer));
    }
    co_return out;
}

// Reads of all, then simulations of all, in one call; the codes beside it in the same request.
Task<Result<std::vector<ReadAnswer>>> SharedReader::ask_aggregate(Members group) {
    std::vector<ContractCall> inner;
    for (const auto& waiter : group) {
        for (const ContractCall& read : waiter->request.reads) inner.push_back(read);
    }
    for (const auto& waiter : group) {
        if (waiter->request.simulation) inner.push_back(*waiter->request.simulation);
    }
    if (inner.empty()) co_return co_await ask_each(std::move(group));
    const ContractCall whole{multicall_address(), encode_aggregate(inner)};
    std::vector<net::RpcCall> calls;
    calls.push_back(ask_contract(whole, {}));
    for (const auto& waiter : group) {
        if (waiter->request.code_of) calls.push_back(ask_code(*waiter->request.code_of));
    }
    X402_CO_TRY(const auto replies, co_await rpc_.batch(std::move(calls)));
    X402_CO_TRY(const CallAnswer all, read_call(replies[0]));
    // One call may have eaten the gas of all: then everybody is asked about by himself.
    if (!all.ok) co_return co_await ask_each(std::move(group));
    X402_CO_TRY(auto answers, decode_aggregate(all.data, inner.size()));
    std::vector<ReadAnswer> out(group.size());
    std::size_t at = 0;
    for (std::size_t i = 0; i < group.size(); ++i) {
        out[i].shared = true;
        for (std::size_t k = 0; k < group[i]->request.reads.size(); ++k) {
            out[i].reads.push_back(std::move(answers[at++]));
        }
    }
    std::size_t code_at = 1;
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (group[i]->request.simulation) out[i].simulation = std::move(answers[at++]);
        if (!group[i]->request.code_of) continue;
        X402_CO_TRY(const Bytes code, read_bytes(replies[code_at++]));
        out[i].has_code = !code.empty();
    }
    co_return out;
}

}  // namespace x402::evm
