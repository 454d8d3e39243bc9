// SPDX-License-Identifier: Apache-2.0
// Where an operation runs. A coroutine hands a job to the engine and goes on, on its own executor,
// once the job's transaction is durable. A job owns all it needs, so it is done whole even when the
// waiter was cancelled meanwhile. An engine outlives the coroutines that call it; the executors of
// those that wait outlive the engine. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "x402/base/check.hpp"
#include "x402/base/result.hpp"
#include "x402/base/task.hpp"
#include "x402/store/rows.hpp"

namespace x402::store {

enum class Access { read, write };

// What an operation is called, in the store's own words: for messages, and for tests that kill a
// process at every kind of write. A literal; a read needs none.
struct Label {
    Label(Access how, std::string_view what = {}) : access(how), name(what) {}
    Access access;
    std::string_view name;
};

struct Job {
    Access access = Access::write;
    std::string_view name;
    // Runs inside a transaction; an error undoes what this job wrote, and nothing else.
    std::move_only_function<Result<void>(Session&)> work;
    // Called exactly once, on any thread, when the outcome is durable.
    std::move_only_function<void(Result<void>)> done;
};

class Engine {
public:
    virtual ~Engine() = default;
    virtual void submit(Job job) = 0;
};

// Suspends until the engine is done with the work.
Task<Result<void>> perform(Engine& engine, Label label,
                           std::move_only_function<Result<void>(Session&)> work);

// The same for an operation with a value: Result<T>(Session&).
template <class T, class Operation>
Task<Result<T>> run(Engine& engine, Label label, Operation operation) {
    // Shared with the job, which may outlive this coroutine.
    auto value = std::make_shared<std::optional<T>>();
    std::move_only_function<Result<void>(Session&)> work =
        [value, operation = std::move(operation)](Session& session) mutable -> Result<void> {
        X402_TRY(*value, operation(session));
        return {};
    };
    const Result<void> done = co_await perform(engine, label, std::move(work));
    if (!done) co_return fail(done.error());
    X402_CHECK(value->has_value());
    co_return std::move(**value);
}

}  // namespace x402::store
