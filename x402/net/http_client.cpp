// SPDX-License-Identifier: Apache-2.0
// libcurl's multi interface on an io_context of its own, run by one thread. Everything below
// `Engine` is touched by that thread only; callers hand a job over and are resumed on their own
// executor.
#include "x402/net/http_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <deque>
#include <functional>
#include <thread>
#include <unordered_map>

#include "x402/base/check.hpp"
#include "x402/net/curl_job.hpp"
#include "x402/net/http1.hpp"
#include "x402/net/ssrf_guard.hpp"

namespace x402::net {
namespace asio = boost::asio;
namespace {

using boost::system::error_code;
using Answered = std::move_only_function<void(Result<ClientResponse>)>;

constexpr std::size_t kInFlight = 1024;
constexpr std::size_t kQueued = 8192;
constexpr std::size_t kSpareHandles = 64;
constexpr long kCachedConnections = 256;

struct Job : curl::Job {
    asio::any_io_executor executor;
    Answered answered;
    asio::cancellation_slot slot;  // of the caller: touched on its executor only
};

void answer(Job& job, Result<ClientResponse> result) {
    asio::post(job.executor, [answered = std::move(job.answered), slot = job.slot,
                              result = std::move(result)]() mutable {
        // A later cancellation is no longer this request's, and the client may be gone by then.
        if (slot.is_connected()) slot.clear();
        answered(std::move(result));
    });
}

// OpenSSL writes to a socket without MSG_NOSIGNAL, and the signal would end the process.
void block_broken_pipes() noexcept {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

// One of libcurl's sockets, watched until libcurl lets go of it. Shared with the waits that are
// under way.
struct Watch {
    Watch(asio::io_context& context, curl_socket_t socket)
        : descriptor(context, socket), fd(socket) {}
    asio::posix::stream_descriptor descriptor;
    curl_socket_t fd;
    int wanted = 0;
    bool reading = false;
    bool writing = false;
    bool gone = false;
};

class Engine {
public:
    Engine();
    ~Engine();
    void submit(std::unique_ptr<Job> job);
    void cancel(std::uint64_t id);
    std::uint64_t next_id() noexcept { return ++last_id_; }

private:
    static int on_socket(CURL*, curl_socket_t socket, int what, void* user, void* assigned);
    static int on_timer(CURLM*, long timeout_ms, void* user);
    void accept(std::unique_ptr<Job> job);
    void launch(std::unique_ptr<Job> job);
    void launch_queued();
    void watch(const std::shared_ptr<Watch>& watched);
    void act(curl_socket_t socket, int events);
    void reap();
    void finish(CURL* easy, CURLcode code);
    std::unique_ptr<Job> take(std::uint64_t id);
    void withdraw(std::uint64_t id);
    void shut_down();
    CURL* new_handle();
    void keep_handle(Job& job);

    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard_{context_.get_executor()};
    asio::steady_timer timer_{context_};
    CURLM* multi_ = nullptr;
    std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Job>> running_;
    std::deque<std::unique_ptr<Job>> queued_;
    std::vector<CURL*> spare_;
    std::atomic<std::uint64_t> last_id_{0};
    bool closed_ = false;
    std::thread thread_;
};

Engine::Engine() {
    X402_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    multi_ = curl_multi_init();
    X402_CHECK(multi_ != nullptr);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Engine::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Engine::on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kCachedConnections);
    thread_ = std::thread([this]() noexcept {
        block_broken_pipes();
        context_.run();
    });
}

// NOLINTNEXTLINE(bugprone-exception-escape): post throws only where memory ran out
Engine::~Engine() {
    asio::post(context_, [this] { shut_down(); });
    thread_.join();
    for (CURL* easy : spare_) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);
    for (auto& [fd, watched] : watches_) {
        if (!watched->gone) watched->descriptor.release();
    }
    curl_global_cleanup();
}

void Engine::shut_down() {
    closed_ = true;
    while (!queued_.empty()) {
        answer(*queued_.front(), fail(Errc::cancelled, "the client is closing"));
        queued_.pop_front();
    }
    while (!running_.empty()) withdraw(running_.begin()->first);
    context_.stop();
}

void Engine::submit(std::unique_ptr<Job> job) {
    asio::post(context_, [this, job = std::move(job)]() mutable { accept(std::move(job)); });
}

void Engine::cancel(std::uint64_t id) {
    asio::post(context_, [this, id] { withdraw(id); });
}

void Engine::accept(std::unique_ptr<Job> job) {
    if (closed_) return answer(*job, fail(Errc::cancelled, "the client is closing"));
    if (running_.size() < kInFlight) return launch(std::move(job));
    if (queued_.size() >= kQueued) {
        return answer(*job, fail(Errc::unreachable, "too many requests are waiting to be sent"));
    }
    queued_.push_back(std::move(job));
}

void Engine::launch(std::unique_ptr<Job> job) {
    const auto left = std::chrono::ceil<Duration>(job->deadline - std::chrono::steady_clock::now());
    if (left <= Duration{0}) {
        return answer(
            *job, fail(Errc::unreachable, "the time was over before the request could be sent"));
    }
    job->easy = new_handle();
    curl::set_up(*job, left);
    Job& kept = *job;
    running_.emplace(kept.id, std::move(job));
    X402_CHECK(curl_multi_add_handle(multi_, kept.easy) == CURLM_OK);
}

void Engine::launch_queued() {
    while (!queued_.empty() && running_.size() < kInFlight) {
        std::unique_ptr<Job> job = std::move(queued_.front());
        queued_.pop_front();
        launch(std::move(job));
    }
}

CURL* Engine::new_handle() {
    if (!spare_.empty()) {
        CURL* const easy = spare_.back();
        spare_.pop_back();
        return easy;
    }
    CURL* const easy = curl_easy_init();
    X402_CHECK(easy != nullptr);
    return easy;
}

void Engine::keep_handle(Job& job) {
    curl_multi_remove_handle(multi_, job.easy);
    curl_easy_reset(job.easy);
    curl_slist_free_all(job.headers);
    job.headers = nullptr;
    if (spare_.size() < kSpareHandles) {
        spare_.push_back(job.easy);
    } else {
        curl_easy_cleanup(job.easy);
    }
    job.easy = nullptr;
}

std::unique_ptr<Job> Engine::take(std::uint64_t id) {
    const auto found = running_.find(id);
    if (found == running_.end()) return nullptr;
    std::unique_ptr<Job> job = std::move(found->second);
    running_.erase(found);
    return job;
}

void Engine::withdraw(std::uint64_t id) {
    std::unique_ptr<Job> job = take(id);
    if (job) {
        keep_handle(*job);
    } else {
        const auto found = std::find_if(queued_.begin(), queued_.end(),
                                        [id](const auto& q) { return q->id == id; });
        if (found == queued_.end()) return;
        job = std::move(*found);
        queued_.erase(found);
    }
    answer(*job, fail(Errc::cancelled, "the request was cancelled"));
    if (!closed_) launch_queued();
}

void Engine::finish(CURL* easy, CURLcode code) {
    char* user = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &user);
    const std::unique_ptr<Job> job = take(reinterpret_cast<curl::Job*>(user)->id);
    X402_CHECK(job != nullptr);
    Result<ClientResponse> outcome = curl::read_outcome(*job, code);
    keep_handle(*job);
    answer(*job, std::move(outcome));
}

void Engine::act(curl_socket_t socket, int events) {
    int still_running = 0;
    curl_multi_socket_action(multi_, socket, events, &still_running);
    reap();
}

void Engine::reap() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        // Copied: the message dies with the handle's removal.
        CURL* const easy = message->easy_handle;
        const CURLcode code = message->data.result;
        finish(easy, code);
    }
    launch_queued();
}

int Engine::on_timer(CURLM*, long timeout_ms, void* user) {
    auto& engine = *static_cast<Engine*>(user);
    engine.timer_.cancel();
    if (timeout_ms < 0) return 0;
    engine.timer_.expires_after(std::chrono::milliseconds{timeout_ms});
    engine.timer_.async_wait([&engine](const error_code& error) {
        if (!error) engine.act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
}

int Engine::on_socket(CURL*, curl_socket_t socket, int what, void* user, void*) {
    auto& engine = *static_cast<Engine*>(user);
    const auto found = engine.watches_.find(socket);
    if (what == CURL_POLL_REMOVE) {
        if (found == engine.watches_.end()) return 0;
        found->second->gone = true;
        found->second->descriptor.release();  // libcurl closes it
        engine.watches_.erase(found);
        return 0;
    }
    std::shared_ptr<Watch> watched;
    if (found == engine.watches_.end()) {
        watched = std::make_shared<Watch>(engine.context_, socket);
        engine.watches_.emplace(socket, watched);
    } else {
        watched = found->second;
    }
    watched->wanted = what;
    engine.watch(watched);
    return 0;
}

void Engine::watch(const std::shared_ptr<Watch>& watched) {
    using Descriptor = asio::posix::stream_descriptor;
    if ((watched->wanted & CURL_POLL_IN) != 0 && !watched->reading) {
        watched->reading = true;
        watched->descriptor.async_wait(
            Descriptor::wait_read, [this, watched](const error_code& error) {
                watched->reading = false;
                if (watched->gone || error == asio::error::operation_aborted) return;
                if ((watched->wanted & CURL_POLL_IN) != 0) act(watched->fd, CURL_CSELECT_IN);
                if (!watched->gone) watch(watched);
            });
    }
    if ((watched->wanted & CURL_POLL_OUT) != 0 && !watched->writing) {
        watched->writing = true;
        watched->descriptor.async_wait(
            Descriptor::wait_write, [this, watched](const error_code& error) {
                watched->writing = false;
                if (watched->gone || error == asio::error::operation_aborted) return;
                if ((watched->wanted & CURL_POLL_OUT) != 0) act(watched->fd, CURL_CSELECT_OUT);
                if (!watched->gone) watch(watched);
            });
    }
}

Result<void> check_request(const ClientRequest& request) {
    if (!http1::is_token(request.method))
        return fail_field(Errc::invalid, "method", "this is no HTTP method");
    for (const Header& header : request.headers.list()) {
        if (http1::is_token(header.name) && http1::is_field_value(header.value)) continue;
        return fail_field(Errc::invalid, "headers",
                          "a header has a name or value that HTTP cannot carry");
    }
    return {};
}

class CurlClient final : public HttpClient {
public:
    explicit CurlClient(HttpClientOptions options) : options_(std::move(options)) {}

    Task<Result<ClientResponse>> fetch(ClientRequest request) override {
        X402_CO_TRY_VOID(check_request(request));
        X402_CO_TRY(const UrlParts parts, split_url(request.url));
        auto job = std::make_unique<Job>();
        job->id = engine_.next_id();
        job->ca_file = options_.ca_file;
        job->loopback = is_loopback_host(parts.host);
        job->deadline = std::chrono::steady_clock::now() + request.timeout;
        job->request = std::move(request);
        const auto start = [this](auto handler, std::unique_ptr<Job> started) {
            begin(std::move(handler), std::move(started));
        };
        co_return co_await asio::async_initiate<const asio::use_awaitable_t<>,
                                                void(Result<ClientResponse>)>(
            start, asio::use_awaitable, std::move(job));
    }

private:
    template <class Handler>
    void begin(Handler handler, std::unique_ptr<Job> job) {
        job->executor = asio::get_associated_executor(handler);
        job->slot = asio::get_associated_cancellation_slot(handler);
        if (job->slot.is_connected()) {
            job->slot.assign([this, id = job->id](asio::cancellation_type) { engine_.cancel(id); });
        }
        job->answered = std::move(handler);
        engine_.submit(std::move(job));
    }

    HttpClientOptions options_;
    Engine engine_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options) {
    return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace x402::net
