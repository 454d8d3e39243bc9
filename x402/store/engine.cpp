// SPDX-License-Identifier: Apache-2.0
// The bridge between a coroutine and an engine's thread: the handler is posted to the executor of
// the coroutine that waits. Cancellation does not reach a write under way, for a payment's record
// may not hang between two states; it is seen at the caller's next step. Any thread.
#include "x402/store/engine.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace x402::store {

namespace {

namespace asio = boost::asio;

using Work = std::move_only_function<Result<void>(Session&)>;

// Kept by the job and by the coroutine, whichever lives longer.
struct Answer {
    Result<void> result;
};

struct Initiate {
    template <class Handler>
    void operator()(Handler handler, Engine* engine, Label label, Work work,
                    std::shared_ptr<Answer> answer) const {
        auto executor = asio::get_associated_executor(handler);
        auto guard = asio::make_work_guard(executor);
        Job job;
        job.access = label.access;
        job.name = label.name;
        job.work = std::move(work);
        job.done = [handler = std::move(handler), answer = std::move(answer),
                    guard = std::move(guard)](Result<void> result) mutable {
            answer->result = std::move(result);
            const auto where = guard.get_executor();
            // The guard travels along: once the waiter goes on, its executor may be gone before we
            // return.
            asio::post(where, [handler = std::move(handler), guard = std::move(guard)]() mutable {
                guard.reset();
                std::move(handler)();
            });
        };
        engine->submit(std::move(job));
    }
};

}  // namespace

Task<Result<void>> perform(Engine& engine, Label label, Work work) {
    const bool throwing = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    auto answer = std::make_shared<Answer>();
    Engine* const where = &engine;
    const auto token = asio::use_awaitable;
    co_await asio::async_initiate<decltype(token), void()>(Initiate{}, token, where, label,
                                                           std::move(work), answer);
    co_await asio::this_coro::throw_if_cancelled(throwing);
    co_return std::move(answer->result);
}

}  // namespace x402::store
