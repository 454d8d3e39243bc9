// SPDX-License-Identifier: Apache-2.0
// One file, one writer thread, one reader thread. Writes that are waiting when the writer comes
// round share one commit, each in a savepoint of its own, so one that is refused does not undo its
// neighbours. When the commit has reached the disk all of them are answered. Reads have a
// connection of their own and see every commit that was answered before they were asked. Any
// thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "x402/store/engine.hpp"
#include "x402/store/sqlite/lock_file.hpp"
#include "x402/store/sqlite/migrations.hpp"

namespace x402::store::sqlite {

struct EngineOptions {
    std::string path;
    const Schema* schema = nullptr;
    std::string role;     // of a file with one owner: written into its lock
    bool shared = false;  // by many processes: no lock, no fence
    Instant now{};
};

struct EngineCounts {
    std::uint64_t operations = 0;  // writes that were durable
    std::uint64_t commits = 0;
};

class SqliteEngine final : public Engine {
public:
    // Takes the lock, brings the file to the present schema and raises the fence.
    static Result<std::unique_ptr<SqliteEngine>> open(const EngineOptions& options);
    // Does what was submitted before, then ends its threads.
    ~SqliteEngine() override;

    // Errc::unavailable when kStoreQueue jobs wait already, and after the disk failed in a commit:
    // whether that commit will be found after a restart is unknown, so nothing may be built on this
    // connection any more.
    void submit(Job job) override;
    std::uint64_t fence() const noexcept;
    EngineCounts counts() const noexcept;

private:
    struct State;
    explicit SqliteEngine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace x402::store::sqlite
