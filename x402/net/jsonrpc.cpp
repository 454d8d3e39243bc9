// SPDX-License-Identifier: Apache-2.0
// Who is asked when, and what an answer means. The judgement of one HTTP answer is a pure function;
// which endpoint rests until when stands under one mutex, never held across a wait.
#include "x402/net/jsonrpc.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "x402/base/check.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/sync.hpp"
#include "x402/net/runtime.hpp"
#include "x402/net/ssrf_guard.hpp"

namespace x402::net {
namespace {

constexpr std::size_t kBatchCalls = 256;
constexpr std::size_t kEndpoints = 16;
constexpr std::size_t kGatheringCalls = 256;  // of call_all, to one endpoint, at once
constexpr Duration kFirstRest{1'000};
constexpr Duration kLongestRest{60'000};

struct Endpoint {
    std::string url;
    std::string origin;
    std::uint64_t ok = 0;
    std::uint64_t failed = 0;
    Duration rest{0};           // how long it rests after its next failure is twice this
    Duration resting_until{0};  // of Clock::steady
    std::size_t gathering = 0;  // calls of call_all under way
};

json::Object call_object(const RpcCall& call, std::int64_t id) {
    json::Object object;
    object["jsonrpc"] = "2.0";
    object["id"] = id;
    object["method"] = call.method;
    object["params"] = call.params;
    return object;
}

std::unexpected<Error> nonsense(const char* what) {
    return fail(Errc::bad_peer, what);
}

// JSON-RPC 2.0 section 5: a result or an error, never both. Some nodes send the other one as null.
Result<RpcReply> read_reply(const json::Object& object) {
    const json::Value* error = object.if_contains("error");
    const json::Value* result = object.if_contains("result");
    RpcReply reply;
    if (error && !error->is_null()) {
        if (!error->is_object()) return nonsense("the node's error is no object");
        const json::Object& said = error->get_object();
        RpcError read;
        X402_TRY(read.code, json::get_int(said, "code", "error"));
        read.message = json::text_or_empty(said, "message");
        if (const json::Value* data = json::find(said, "data")) read.data = *data;
        reply.error = std::move(read);
        return reply;
    }
    if (!result) return nonsense("the node answered with neither a result nor an error");
    reply.result = *result;
    return reply;
}

std::optional<std::int64_t> id_of(const json::Object& object) {
    const json::Value* id = object.if_contains("id");
    if (!id) return std::nullopt;
    if (id->is_int64()) return id->get_int64();
    if (id->is_uint64()) return static_cast<std::int64_t>(id->get_uint64());
    return std::nullopt;
}

Result<std::vector<RpcReply>> read_one(const json::Value& value, std::int64_t first_id) {
    if (!value.is_object()) return nonsense("the node's answer is no object");
    const json::Object& object = value.get_object();
    X402_TRY(RpcReply reply, read_reply(object));
    // A node that could not even read the request answers with id null.
    if (id_of(object) != first_id && !reply.error)
        return nonsense("the node's answer has another id");
    std::vector<RpcReply> replies;
    replies.push_back(std::move(reply));
    return replies;
}

// Answers to a batch come in any order (section 6), each exactly once.
Result<std::vector<RpcReply>> read_many(const json::Value& value, std::int64_t first_id,
                                        std::size_t count) {
    if (!value.is_array()) return nonsense("the node's answer to a batch is no list");
    if (value.get_array().size() != count) return nonsense("the node left out answers of a batch");
    std::vector<std::optional<RpcReply>> placed(count);
    for (const json::Value& item : value.get_array()) {
        if (!item.is_object()) return nonsense("an answer in a batch is no object");
        const auto id = id_of(item.get_object());
        if (!id || *id < first_id) return nonsense("an answer in a batch has no id of ours");
        const auto at = static_cast<std::size_t>(*id - first_id);
        if (at >= count || placed[at]) return nonsense("an answer in a batch has no id of ours");
        X402_TRY(placed[at], read_reply(item.get_object()));
    }
    std::vector<RpcReply> replies;
    for (auto& reply : placed) replies.push_back(std::move(*reply));
    return replies;
}

// What a node said itself counts, whatever status it chose below 500; anything else is trouble on
// the way.
Result<std::vector<RpcReply>> judge(const ClientResponse& response, std::int64_t first_id,
                                    std::size_t count, bool batch) {
    const std::string status = "HTTP " + std::to_string(response.status);
    if (response.status == 429 || response.status >= 500) return fail(Errc::unavailable, status);
    const bool good = response.status >= 200 && response.status < 300;
    json::ParseOptions options;
    options.max_bytes = limits::kRpcAnswerBytes;
    const auto value = json::parse(response.body, options);
    if (!value) return fail(good ? Errc::bad_peer : Errc::unavailable, status + ", and no JSON");
    auto replies = batch ? read_many(*value, first_id, count) : read_one(*value, first_id);
    const bool negative = replies && !batch && replies->front().error;
    if (!good && !negative) return fail(Errc::unavailable, status);
    return replies;
}

bool may_have_acted(Errc code) noexcept {
    return code == Errc::interrupted || code == Errc::timeout || code == Errc::bad_peer ||
           code == Errc::too_large;
}

struct Asked {
    std::string body;
    std::int64_t first_id = 0;
    std::size_t count = 1;
    bool batch = false;
};

// What the client is, shared with the calls that it no longer waits for and that may outlive it.
class Core : public std::enable_shared_from_this<Core> {
public:
    Core(RpcOptions options, std::vector<Endpoint> endpoints, HttpClient& http, Env env)
        : options_(std::move(options)), http_(http), env_(env), endpoints_(std::move(endpoints)) {}

    // After this nothing outside is touched any more: whatever the client was given may go.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }

    Task<Result<RpcReply>> call(RpcCall request) {
        const Asked asked = ask(request);
        X402_CO_TRY(auto replies, co_await try_all(asked));
        co_return std::move(replies.front());
    }

    Task<Result<std::vector<RpcReply>>> batch(std::vector<RpcCall> calls) {
        X402_CHECK(!calls.empty() && calls.size() <= kBatchCalls);
        Asked asked;
        asked.count = calls.size();
        asked.batch = true;
        asked.first_id = take_ids(calls.size());
        json::Array list;
        for (const RpcCall& one : calls) {
            list.emplace_back(
                call_object(one, asked.first_id + static_cast<std::int64_t>(list.size())));
        }
        asked.body = json::dump(json::Value(std::move(list)));
        co_return co_await try_all(asked);
    }

    Task<std::vector<Result<RpcReply>>> call_all(RpcCall request);

    std::size_t endpoints() const noexcept { return endpoints_.size(); }

    std::vector<RpcStats> stats() const {
        const Duration now = env_.clock.steady();
        const std::lock_guard lock(mutex_);
        std::vector<RpcStats> all;
        for (const Endpoint& endpoint : endpoints_) {
            all.push_back(
                {endpoint.origin, endpoint.ok, endpoint.failed, endpoint.resting_until > now});
        }
        return all;
    }

private:
    struct Gathering;
    struct Place;
    static Task<void> gather_one(std::shared_ptr<Place> place, std::shared_ptr<const Asked> asked,
                                 std::shared_ptr<Gathering> into);
    Task<Result<std::vector<RpcReply>>> try_one(const Asked& asked, std::size_t index,
                                                Duration wait);
    Task<Result<std::vector<RpcReply>>> try_all(const Asked& asked);

    std::int64_t take_ids(std::size_t count) {
        return next_id_.fetch_add(static_cast<std::int64_t>(count), std::memory_order_relaxed);
    }
    Asked ask(const RpcCall& call) {
        Asked asked;
        asked.first_id = take_ids(1);
        asked.body = json::dump(call_object(call, asked.first_id));
        return asked;
    }

    // Healthy ones in the order of the configuration, then the resting ones.
    std::vector<std::size_t> order() const {
        const Duration now = env_.clock.steady();
        const std::lock_guard lock(mutex_);
        std::vector<std::size_t> all;
        for (const bool resting : {false, true}) {
            for (std::size_t i = 0; i < endpoints_.size(); ++i) {
                if ((endpoints_[i].resting_until > now) == resting) all.push_back(i);
            }
        }
        return all;
    }

    bool closed() const {
        const std::lock_guard lock(mutex_);
        return closed_;
    }

    // Holds one of the places for calls to an endpoint that nobody may wait for; also when its
    // frame dies unresumed.
    struct Place {
        Place(std::shared_ptr<Core> owner, std::size_t at) : core(std::move(owner)), index(at) {}
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place() {
            const std::lock_guard lock(core->mutex_);
            --core->endpoints_[index].gathering;
        }
        std::shared_ptr<Core> core;
        std::size_t index;
    };
    // Empty when too many are under way.
    std::shared_ptr<Place> enter(std::size_t index) {
        {
            const std::lock_guard lock(mutex_);
            if (endpoints_[index].gathering >= kGatheringCalls) return nullptr;
            ++endpoints_[index].gathering;
        }
        return std::make_shared<Place>(shared_from_this(), index);
    }

    void note(std::size_t index, bool good) {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        const Duration now = env_.clock.steady();
        Endpoint& endpoint = endpoints_[index];
        if (good) {
            ++endpoint.ok;
            endpoint.rest = endpoint.resting_until = Duration{0};
            return;
        }
        ++endpoint.failed;
        // Requests that were under way together are one failure, not many.
        if (endpoint.resting_until > now) return;
        endpoint.rest = std::clamp(2 * endpoint.rest, kFirstRest, kLongestRest);
        endpoint.resting_until = now + endpoint.rest;
    }

    const RpcOptions options_;
    HttpClient& http_;
    Env env_;
    std::atomic<std::int64_t> next_id_{1};
    mutable std::mutex mutex_;
    bool closed_ = false;
    std::vector<Endpoint> endpoints_;  // their number and URLs never change
};

Task<Result<std::vector<RpcReply>>> Core::try_one(const Asked& asked, std::size_t index,
                                                  Duration wait) {
    if (closed()) co_return fail(Errc::cancelled, "the client is gone");
    ClientRequest request;
    request.method = "POST";
    request.url = endpoints_[index].url;
    request.headers.add("Content-Type", "application/json");
    request.body = asked.body;
    request.timeout = wait;
    request.connect_timeout = std::min(request.connect_timeout, wait);
    const auto response = co_await http_.fetch(std::move(request));
    Result<std::vector<RpcReply>> replies =
        response ? judge(*response, asked.first_id, asked.count, asked.batch)
                 : Result<std::vector<RpcReply>>{fail(response.error())};
    const bool cancelled = !replies && replies.error().code == Errc::cancelled;
    // A stranger's contract may choose how much it answers: that says nothing of the endpoint.
    const bool oversize = !replies && replies.error().code == Errc::too_large;
    if (!cancelled && !oversize) note(index, replies.has_value());
    if (replies) co_return replies;
    // The URL's path often holds a key: the error names the origin only.
    Error error = replies.error();
    error.detail = endpoints_[index].origin + ": " + error.detail;
    co_return fail(std::move(error));
}

Task<Result<std::vector<RpcReply>>> Core::try_all(const Asked& asked) {
    const Duration until = env_.clock.steady() + options_.total;
    const std::vector<std::size_t> turns = order();
    Error last{Errc::unreachable, "no endpoint", {}, {}, true};
    bool ambiguous = false;
    for (const std::size_t index : turns) {
        const Duration left = until - env_.clock.steady();
        if (left <= Duration{0}) break;
        auto replies = co_await try_one(asked, index, std::min(options_.timeout, left));
        if (replies) co_return replies;
        last = replies.error();
        if (last.code == Errc::cancelled) break;
        ambiguous = ambiguous || may_have_acted(last.code);
    }
    // A later endpoint's clear refusal does not unsay that an earlier one may have taken the call.
    if (ambiguous && !may_have_acted(last.code)) last.code = Errc::interrupted;
    co_return fail(std::move(last));
}

struct Core::Gathering {
    std::mutex mutex;
    std::vector<std::optional<Result<RpcReply>>> replies;
    std::size_t missing = 0;
    bool answered = false;  // one of them by what a node said
    Bell bell;

    void put(std::size_t index, Result<RpcReply> reply) {
        {
            const std::lock_guard lock(mutex);
            answered = answered || reply.has_value();
            replies[index].emplace(std::move(reply));
            --missing;
        }
        bell.ring();
    }
};

Task<void> Core::gather_one(std::shared_ptr<Place> place, std::shared_ptr<const Asked> asked,
                            std::shared_ptr<Gathering> into) {
    auto replies =
        co_await place->core->try_one(*asked, place->index, place->core->options_.timeout);
    into->put(place->index, replies ? Result<RpcReply>{std::move(replies->front())}
                                    : Result<RpcReply>{fail(replies.error())});
}

Task<std::vector<Result<RpcReply>>> Core::call_all(RpcCall request) {
    const auto asked = std::make_shared<const Asked>(ask(request));
    const auto all = std::make_shared<Gathering>();
    all->replies.resize(endpoints_.size());
    all->missing = endpoints_.size();
    const Executor executor = co_await this_executor();
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
        auto place = enter(i);
        if (!place) {
            all->put(i, fail(Errc::unreachable,
                             endpoints_[i].origin + ": too many calls are under way"));
            continue;
        }
        spawn_on(executor, [place, asked, all] { return gather_one(place, asked, all); });
    }
    // Every request has a deadline of its own; the margin only covers a machine that is very busy.
    Duration until = env_.clock.steady() + 2 * options_.timeout;
    bool hurried = request.fan_out_wait == Duration{0};
    for (;;) {
        const std::uint64_t seen = all->bell.count();
        {
            const std::lock_guard lock(all->mutex);
            if (all->missing == 0) break;
            if (!hurried && all->answered) {
                until = std::min(until, env_.clock.steady() + request.fan_out_wait);
                hurried = true;
            }
        }
        const Duration left = until - env_.clock.steady();
        const bool rung = co_await all->bell.wait(seen, left);
        if (!rung) break;
    }
    const std::lock_guard lock(all->mutex);
    std::vector<Result<RpcReply>> out;
    for (auto& reply : all->replies) {
        out.push_back(reply ? std::move(*reply)
                            : Result<RpcReply>{fail(Errc::timeout, "no answer in time")});
    }
    co_return out;
}

class Client final : public RpcClient {
public:
    explicit Client(std::shared_ptr<Core> core) : core_(std::move(core)) {}
    ~Client() override { core_->close(); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    Task<Result<RpcReply>> call(RpcCall request) override {
        return core_->call(std::move(request));
    }
    Task<Result<std::vector<RpcReply>>> batch(std::vector<RpcCall> calls) override {
        return core_->batch(std::move(calls));
    }
    Task<std::vector<Result<RpcReply>>> call_all(RpcCall request) override {
        return core_->call_all(std::move(request));
    }
    std::size_t endpoints() const noexcept override { return core_->endpoints(); }
    std::vector<RpcStats> stats() const override { return core_->stats(); }

private:
    std::shared_ptr<Core> core_;
};

}  // namespace

Result<std::unique_ptr<RpcClient>> make_rpc_client(RpcOptions options, HttpClient& http, Env env) {
    if (options.urls.empty() || options.urls.size() > kEndpoints) {
        return fail_field(Errc::invalid, "rpc", "between 1 and 16 endpoints are needed");
    }
    std::vector<Endpoint> endpoints;
    for (const std::string& url : options.urls) {
        X402_TRY(const UrlParts parts, split_url(url));
        Endpoint endpoint;
        endpoint.url = url;
        endpoint.origin = parts.origin();
        endpoints.push_back(std::move(endpoint));
    }
    return std::make_unique<Client>(
        std::make_shared<Core>(std::move(options), std::move(endpoints), http, env));
}

}  // namespace x402::net
