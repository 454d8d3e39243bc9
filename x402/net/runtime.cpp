// SPDX-License-Identifier: Apache-2.0
// The threads under everything. A context is told that one thread runs it, which spares Asio its
// wake-ups within that thread; posting from other threads stays safe.
#include "x402/net/runtime.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <exception>
#include <thread>
#include <vector>

#include "x402/base/check.hpp"
#include "x402/base/log.hpp"

namespace x402::net {
namespace asio = boost::asio;
namespace {

class Context : public asio::io_context {
public:
    // A timer brings the reactor along, so that a thread without work waits there. Without one it
    // would wait on a condition variable, which Asio signals after its unlock: the context may be
    // gone by then when the posted work was the last, as in run_blocking.
    Context() : asio::io_context(1) { const asio::steady_timer starts_the_reactor(*this); }
    // Destroys the pending coroutines but leaves the services, which coroutines of other cores may
    // still use.
    using asio::execution_context::shutdown;
};

using WorkGuard = asio::executor_work_guard<asio::io_context::executor_type>;

// Going on after an unknown exception could lose the state of a payment; the journal survives a
// restart.
void end_process_if(const std::exception_ptr& failure) noexcept {
    if (!failure) return;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        log::error("coroutine_threw", {{"what", error.what()}});
    } catch (...) {
        log::error("coroutine_threw", {{"what", "not an exception of the standard library"}});
    }
    std::abort();
}

// Keeps the callable alive until the coroutine it made has ended.
Task<void> run_started(std::function<Task<void>()> start) {
    co_await start();
}

}  // namespace

struct Runtime::State {
    std::vector<std::unique_ptr<Context>> contexts;
    std::vector<WorkGuard> guards;
    std::vector<std::thread> threads;
    std::unique_ptr<asio::signal_set> signals;
    std::function<void(int)> signal_handler;

    void run_thread(std::size_t index) noexcept { contexts[index]->run(); }

    void start_threads(std::size_t first) {
        X402_CHECK(threads.empty());
        for (std::size_t i = first; i < contexts.size(); ++i) {
            threads.emplace_back([this, i] { run_thread(i); });
        }
    }

    void wait_signal() {
        signals->async_wait([this](const boost::system::error_code& error, int number) {
            if (error) return;
            signal_handler(number);
            wait_signal();
        });
    }
};

Runtime::Runtime(std::size_t threads) : state_(std::make_unique<State>()) {
    X402_CHECK(threads > 0);
    for (std::size_t i = 0; i < threads; ++i) {
        state_->contexts.push_back(std::make_unique<Context>());
        state_->guards.emplace_back(asio::make_work_guard(*state_->contexts.back()));
    }
}

Runtime::~Runtime() {
    end();
}

void Runtime::end() {
    stop();
    for (std::thread& thread : state_->threads) thread.join();
    state_->threads.clear();
    state_->signals.reset();
    state_->guards.clear();
    for (const auto& context : state_->contexts) context->shutdown();
}

std::size_t Runtime::cores() const noexcept {
    return state_->contexts.size();
}

Executor Runtime::core(std::size_t index) const noexcept {
    X402_CHECK(index < state_->contexts.size());
    return state_->contexts[index]->get_executor();
}

void Runtime::spawn(std::size_t core_index, std::function<Task<void>()> start) {
    spawn_on(core(core_index), std::move(start));
}

void Runtime::run() {
    state_->start_threads(1);
    state_->run_thread(0);
}

void Runtime::start() {
    state_->start_threads(0);
}

void Runtime::stop() {
    for (const auto& context : state_->contexts) context->stop();
}

void Runtime::on_signal(std::function<void(int)> handler) {
    X402_CHECK(!state_->signals);
    state_->signal_handler = std::move(handler);
    state_->signals =
        std::make_unique<asio::signal_set>(*state_->contexts[0], SIGHUP, SIGTERM, SIGINT);
    state_->wait_signal();
}

void spawn_on(const Executor& executor, std::function<Task<void>()> start) {
    asio::co_spawn(executor, run_started(std::move(start)),
                   [](const std::exception_ptr& failure) { end_process_if(failure); });
}

Task<Executor> this_executor() {
    co_return co_await asio::this_coro::executor;
}

Task<void> run_on(Executor executor, std::function<Task<void>()> start) {
    co_await asio::co_spawn(executor, run_started(std::move(start)), asio::use_awaitable);
}

void run_blocking(std::function<Task<void>()> start) {
    // Another thread that has just posted the last completion may still be inside the call that
    // posted it, and touches the context on its way out. So a context that has done its work is
    // kept until a few more have.
    constexpr std::size_t kRetired = 8;
    thread_local std::deque<std::unique_ptr<Context>> retired;
    auto context = std::make_unique<Context>();
    asio::co_spawn(context->get_executor(), run_started(std::move(start)),
                   [&context](const std::exception_ptr& failure) {
                       end_process_if(failure);
                       // What the coroutine left behind, such as an idle timer, must not hold the
                       // caller.
                       context->stop();
                   });
    context->run();
    context->shutdown();
    retired.push_back(std::move(context));
    if (retired.size() > kRetired) retired.pop_front();
}

}  // namespace x402::net
