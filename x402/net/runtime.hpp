// SPDX-License-Identifier: Apache-2.0
// One io_context a core, each run by one thread. A coroutine stays on the core it was spawned on.
// Start-up and shutdown are the owner's; spawn is for any thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>

#include "x402/base/task.hpp"

namespace x402::net {

using Executor = boost::asio::any_io_executor;

class Runtime {
public:
    explicit Runtime(std::size_t threads);
    ~Runtime();  // stops and joins
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    std::size_t cores() const noexcept;
    Executor core(std::size_t index) const noexcept;
    // Starts a coroutine there and lets it run by itself; an exception that leaves it ends the
    // process.
    void spawn(std::size_t core_index, std::function<Task<void>()> start);
    // Runs until stop(). The calling thread serves core 0.
    void run();
    // Starts all threads and returns.
    void start();
    void stop();
    // Stops, joins the threads, and destroys every coroutine that is still suspended, so that what
    // they refer to may go next. Threads that only post (a store's, an HTTP client's) may go on
    // doing so until the runtime dies. Not from one of its own threads.
    void end();
    // Calls back on core 0 for each SIGHUP, SIGTERM or SIGINT.
    void on_signal(std::function<void(int)> handler);

private:
    struct State;
    std::unique_ptr<State> state_;
};

// Starts a coroutine on an executor and lets it run by itself.
void spawn_on(const Executor& executor, std::function<Task<void>()> start);
// The executor of the calling coroutine.
Task<Executor> this_executor();
// Runs `start` to its end on another executor, then goes on where it was called.
Task<void> run_on(Executor executor, std::function<Task<void>()> start);
// Blocks the calling thread, which must not be one of a runtime's, until the coroutine has ended.
void run_blocking(std::function<Task<void>()> start);

}  // namespace x402::net
